"""The paper's claims C1 to C16: what was published, what we measured, and whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnn_capacity.report import capacity_claims, task_claims
from rnn_capacity.report.measures import capacity_rows, loss_name, trained
from rnn_capacity.report.published import published
from rnn_capacity.report.results import PROTOCOLS, Rows, commands, select
from rnn_capacity.report.verdicts import Finding, Verdict

CAPACITY: dict[str, Callable[[Rows], Finding]] = {
    "C1": capacity_claims.linear,
    "C2": capacity_claims.level,
    "C3": capacity_claims.small_factor,
    "C4": capacity_claims.order_of_cells,
    "C5": capacity_claims.irnn_lowest,
    "C6": capacity_claims.relu_level,
    "C7": capacity_claims.depth_independent,
    "C8": capacity_claims.saturates,
    "C9": capacity_claims.best_samples,
}
"""The claims on capacity, which are judged by both protocols."""

OTHERS: dict[str, Callable[[Rows], Finding]] = {
    "C10": task_claims.memory_theory,
    "C11": task_claims.text_by_parameters,
    "C12": task_claims.function_by_parameters,
    "C13": task_claims.plain_cells_hardest,
    "C14": task_claims.easiest_cells,
    "C15": task_claims.irnn_infeasible,
    "C16": task_claims.reproducible,
}
"""The claims on the other tasks."""

LOSSES = ("cross-entropy", "generalized cross-entropy")
"""The losses of the two protocols."""


@dataclass(frozen=True)
class Claim:
    """A claim of the paper beside what we measured.

    Example:
        >>> claim = Claim("C1", "linear", "R² ≥ 0.98", "linear", "", "smallest R²", 0.99, 0.985, 0.995, "holds")
        >>> claim.verdict
        'holds'
    """

    key: str
    """C1 to C16."""

    claim: str
    """What is claimed."""

    rule: str
    """When it holds."""

    published: str
    """What the paper has, and where."""

    protocol: str
    """For capacity, by which protocol ours was measured; else empty."""

    quantity: str
    """What the measured value is."""

    measured: float | None
    """The measured value; None without data."""

    low: float | None
    """Lower end of its 95 % interval."""

    high: float | None
    """Upper end of its 95 % interval."""

    verdict: Verdict
    """Whether it holds by its rule."""

    missing: str = ""
    """What the rule asks for and no study has measured."""

    trials: int = 0
    """Trials behind it."""

    command: str = ""
    """Command that runs them again, or, without any, that would measure it."""


def judge(rows: Rows) -> list[Claim]:
    """Judge the paper's claims by our results; those on capacity by both protocols.

    Args:
        rows: All rows; the authors' are left out.

    Returns:
        The claims, in order.

    Example:
        >>> claims = judge([])
        >>> len({claim.key for claim in claims}), {claim.verdict for claim in claims}
        (16, {'not enough data'})
    """
    return [claim for key in (*CAPACITY, *OTHERS) for claim in judge_claim(key, rows)]


def judge_claim(key: str, rows: Rows) -> list[Claim]:
    """Judge one claim by our results: by each protocol if it is on capacity."""
    ours = trained(select(rows, source="ours"))
    if key in OTHERS:
        return [judged(key, OTHERS[key](ours))]
    claims = []
    for protocol, loss in zip(PROTOCOLS, LOSSES, strict=True):
        chosen = capacity_rows(ours, protocol)
        if key == "C8":  # steps vary, so that the loss alone tells the protocols apart
            chosen = [row for row in capacity_rows(ours) if loss_name(row) == loss]
        claims.append(judged(key, CAPACITY[key](chosen), protocol))
    return claims


def judged(key: str, finding: Finding, protocol: str = "") -> Claim:
    """Return the claim with what was measured for it."""
    facts = published()["claims"][key]
    first = finding.conditions[0].estimate if finding.conditions else None
    example = published()["commands"][facts["command"] + (" best" if protocol == PROTOCOLS[1] else "")]
    return Claim(
        key,
        facts["claim"],
        facts["rule"],
        facts["published"],
        protocol,
        finding.quantity,
        None if first is None else first.value,
        None if first is None else first.low,
        None if first is None else first.high,
        finding.verdict,
        finding.missing,
        len(finding.rows) if first is not None else 0,
        (commands(finding.rows) if first is not None else "") or example,
    )
