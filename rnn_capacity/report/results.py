"""Rows of results, one for each trial, from which all figures, tables and claims of the report are computed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Source = Literal["ours", "authors"]

PAPER_CELLS = ("rnn", "ugrnn", "gru", "lstm", "intersection", "irnn")
"""The six cells of the paper, in the order of its capacity results (Collins et al. 2017, sec. 2.1)."""

CELL_LABELS = {
    "rnn": "RNN",
    "irnn": "IRNN",
    "ugrnn": "UGRNN",
    "gru": "GRU",
    "lstm": "LSTM",
    "intersection": "+RNN",
}
"""The paper's name of each of its cells, by this package's name of the cell."""

EVALUATION = {
    "random_mapping": "stored_bits",
    "memory": "mse",
    "continuous_function": "weighted_mse",
    "language": "bits_per_character",
    "parentheses": "cross_entropy",
    "arithmetic": "cross_entropy",
}
"""The final metric that the paper's figures show, by task."""

PAPER_STEPS = 5
"""Number of unrolled time steps in the paper's capacity runs (Collins et al. 2017, Fig. 1)."""

PROTOCOLS = ("paper's protocol", "best training")
"""Names of the two ways to train capacity runs, which are judged apart: with the cross-entropy and five unrolled steps
as in the paper, and with any other loss or number of steps."""

LOSSES = ("cross-entropy", "generalized cross-entropy")
"""Names of the losses of capacity runs: with a `loss_exponent` of 0, and with any other."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """One finished trial as a row of results: the facts of its study, its hyperparameters and its final metrics.

    Example:
        >>> row = TrialResult("rnn-d1", 3, "random_mapping", "rnn", metrics={"stored_bits": 300.0}, parameters=100)
        >>> row.label, row.protocol, row.bits_per_parameter
        ('RNN', "paper's protocol", 3.0)
    """

    study: str
    """Name of the trial's study; for a published run, a name made of task, cell, depth and budget."""

    number: int
    """Number of the trial in its study."""

    task: str
    """Name of the task, such as memory; the class name if the user wrote the task."""

    cell: str
    """Name of the cell, such as gru; the class name if the user wrote the cell."""

    depth: int = 1
    """Number of stacked recurrent layers."""

    size: int | None = None
    """Parameter budget; the network's number of parameters if the study sets the units instead of a budget."""

    units: int | None = None
    """Number of units per layer."""

    parameters: int | None = None
    """Number of parameters of the network; None if no network was built."""

    metric: str = ""
    """Name of the metric that the study optimizes."""

    goal: str = "maximize"
    """Direction of the study's optimization: maximize or minimize."""

    value: float = 0.0
    """Value of the metric that the study optimizes; that of a constant predictor if the training diverged."""

    feasible: bool = True
    """Whether the network was trained without divergence."""

    metrics: dict[str, Any] = field(default_factory=dict)
    """Final metrics by the keys of summary.json."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Values of the searched hyperparameters, by dotted name, such as model.init_args.seed."""

    method: str = "bayes"
    """How the study chose hyperparameters: bayes, random or grid."""

    unrolled_steps: int | None = PAPER_STEPS
    """Number of time steps that the network is unrolled for; None if the task has no such option."""

    loss_exponent: float = 0.0
    """Exponent q of the generalized cross-entropy; 0 is the cross-entropy."""

    nonlinearity: str | None = None
    """Nonlinearity of the cell: tanh or relu; None for the cell's default."""

    dataset: str = ""
    """Name of the text of a language task, or number of samples of a random continuous function."""

    input_size: int | None = None
    """Number of inputs of the network at each time step; None if the study does not set it."""

    command: str = ""
    """Shell command that runs the trial's study again."""

    source: Source = "ours"
    """Whose trial it is: ours, or authors for a run that the paper's authors published."""

    @property
    def label(self) -> str:
        """The cell's name in the paper, such as +RNN; the name `cell` if the paper does not have it."""
        return CELL_LABELS.get(self.cell, self.cell)

    @property
    def protocol(self) -> str:
        """How a capacity run was trained, one of `PROTOCOLS`: as in the paper, or otherwise."""
        return PROTOCOLS[not (self.loss_exponent == 0 and self.unrolled_steps in (PAPER_STEPS, None))]

    @property
    def bits_per_parameter(self) -> float:
        """Stored bits per parameter of the network; 0 if no network was built."""
        return float(self.metrics.get("stored_bits", 0.0)) / self.parameters if self.parameters else 0.0

    @property
    def evaluation(self) -> float:
        """Value of the metric that the paper's figures show for the task; NaN if the trial lacks it."""
        value = self.metrics.get(EVALUATION.get(self.task, self.metric), math.nan)
        return math.nan if value is None else float(value)

    @property
    def loss(self) -> float:
        """The optimized value with the sign by which less is better: negated if the study maximizes."""
        return -self.value if self.goal == "maximize" else self.value


Rows = list[TrialResult]


def best_first(rows: Iterable[TrialResult]) -> Rows:
    """Sort trials from the best to the worst by the value that their studies optimize, infeasible ones last.

    Values of different metrics cannot be compared: trials of studies that optimize another metric than most, or in
    another direction, come after the other feasible ones.

    Example:
        >>> facts = {"task": "memory", "cell": "gru", "metric": "mse", "goal": "minimize"}
        >>> small, large = (TrialResult("a", number, value=number, **facts) for number in (1, 2))
        >>> other = TrialResult("b", 0, "memory", "gru", metric="reals_per_unit", value=0.5)
        >>> [row.value for row in best_first([large, other, small])]
        [1, 2, 0.5]
    """
    rows = list(rows)
    objectives = Counter((row.metric, row.goal) for row in rows)
    usual = max(objectives, key=lambda objective: objectives[objective], default=None)
    return sorted(rows, key=lambda row: (not row.feasible, (row.metric, row.goal) != usual, row.loss))


def select(rows: Iterable[TrialResult], **facts: Any) -> Rows:
    """Return the rows in which all given attributes have the given values."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in facts.items())]


def grouped(rows: Iterable[TrialResult], key: Callable[[TrialResult], Any]) -> dict[Any, Rows]:
    """Group rows by a key, with the groups in ascending order of the key and cells in the paper's order."""
    groups: dict[Any, Rows] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: groups[name] for name in sorted(groups, key=order)}


def order(key: Any) -> tuple[Any, ...]:
    """Return a sort key that puts numbers before text and the paper's cells in the paper's order."""
    parts = key if isinstance(key, tuple) else (key,)
    labels = [CELL_LABELS[cell] for cell in PAPER_CELLS]
    return tuple(
        (0, part, "")
        if isinstance(part, int | float)
        else (1, labels.index(part), "")
        if part in labels
        else (1, PAPER_CELLS.index(part), "")
        if part in PAPER_CELLS
        else (2, 0, str(part))
        for part in parts
    )


def commands(rows: Iterable[TrialResult]) -> str:
    """Return the shell command that runs the studies of some rows again, one after another."""
    return " && ".join(dict.fromkeys(row.command for row in rows if row.command))
