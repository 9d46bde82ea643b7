"""The paper's claims C1 to C16, each with the published result, our measurement and a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnn_capacity.report import capacity_claims, task_claims
from rnn_capacity.report.measures import capacity_rows, loss_name, trained
from rnn_capacity.report.published import published
from rnn_capacity.report.results import LOSSES, PROTOCOLS, Rows, commands, select
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
"""Functions that judge the claims on capacity, once for each of the two protocols (`PROTOCOLS`)."""

OTHERS: dict[str, Callable[[Rows], Finding]] = {
    "C10": task_claims.memory_theory,
    "C11": task_claims.text_by_parameters,
    "C12": task_claims.function_by_parameters,
    "C13": task_claims.plain_cells_hardest,
    "C14": task_claims.easiest_cells,
    "C15": task_claims.irnn_infeasible,
    "C16": task_claims.reproducible,
}
"""Functions that judge the claims on the memory, text, continuous function and trainability tasks."""


@dataclass(frozen=True)
class Claim:
    """One of the paper's claims with our measurement, its confidence interval and the verdict.

    Example:
        >>> claim = Claim("C1", "linear", "R² ≥ 0.98", "linear", "", "smallest R²", 0.99, 0.985, 0.995, "holds")
        >>> claim.verdict
        'holds'
    """

    key: str
    """Number of the claim: C1 to C16."""

    claim: str
    """Statement of the claim in one sentence."""

    rule: str
    """Condition under which the claim counts as confirmed, in words."""

    published: str
    """What the paper reports, and in which figure or section."""

    protocol: str
    """Protocol of the trials behind a claim on capacity, one of `PROTOCOLS`; empty for other claims."""

    quantity: str
    """Name of the measured quantity, such as "smallest R² of the cells"."""

    measured: float | None
    """Value of the measured quantity; None without data."""

    low: float | None
    """Lower end of the measured value's 95 % confidence interval; None without an interval."""

    high: float | None
    """Upper end of the measured value's 95 % confidence interval; None without an interval."""

    verdict: Verdict
    """Whether the claim holds by its rule: holds, differs or not enough data."""

    missing: str = ""
    """What a verdict of not enough data lacks: cells, tasks, sizes or trials."""

    trials: int = 0
    """Number of trials that the measured value is computed from."""

    command: str = ""
    """Shell command that runs the claim's trials again or, without trials, a study that would measure it."""


def judge(rows: Rows) -> list[Claim]:
    """Judge the paper's claims C1 to C16 by our trials; a claim on capacity is judged once for each protocol.

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
    """Judge one claim by our trials, or once for each protocol if it is a claim on capacity."""
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
    """Combine a claim's published value and rule with its measured value and verdict."""
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
        finding.lack,
        len(finding.rows) if first is not None else 0,
        (commands(finding.rows) if first is not None else "") or example,
    )
