"""The table of results that all panels and claims are computed from: one row for each trial."""

from __future__ import annotations

import math
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
"""The paper's names of its cells."""

EVALUATION = {
    "random_mapping": "stored_bits",
    "memory": "mse",
    "continuous_function": "weighted_mse",
    "language": "bits_per_character",
    "parentheses": "cross_entropy",
    "arithmetic": "cross_entropy",
}
"""The metric of each of the paper's tasks that its figures show."""

PAPER_STEPS = 5
"""Unrolled steps of the paper's capacity runs (Collins et al. 2017, Fig. 1)."""

PROTOCOLS = ("paper's protocol", "best training")
"""Capacity is judged twice: with the cross-entropy and five unrolled steps as in the paper, and with any other loss or
number of steps."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A finished trial with the facts of its study.

    Example:
        >>> row = TrialResult("rnn-d1", 3, "random_mapping", "rnn", metrics={"stored_bits": 300.0}, parameters=100)
        >>> row.label, row.protocol, row.bits_per_parameter
        ('RNN', "paper's protocol", 3.0)
    """

    study: str
    """Name of the study, or of the authors' dataset."""

    number: int
    """Number of the trial in its study."""

    task: str
    """Name of the task; the class name of a task of the user's own."""

    cell: str
    """Name of the cell; the class name of a cell of the user's own."""

    depth: int = 1
    """Layers."""

    size: int | None = None
    """The parameter budget, or the number of parameters where the study sets the units."""

    units: int | None = None
    """Units of a layer."""

    parameters: int | None = None
    """Parameters of the network; None if no network was built."""

    metric: str = ""
    """The metric that the study optimizes."""

    goal: str = "maximize"
    """Whether the best value is the largest or the smallest."""

    value: float = 0.0
    """What the study optimizes; an infeasible trial has the constant predictor's."""

    feasible: bool = True
    """Whether the training did not diverge."""

    metrics: dict[str, Any] = field(default_factory=dict)
    """Final metrics by the keys of summary.json."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Searched hyperparameters by their dotted names."""

    method: str = "bayes"
    """How the study's points are drawn: bayes, random or grid."""

    unrolled_steps: int | None = PAPER_STEPS
    """Time steps that the network runs; None if the task has no such option."""

    loss_exponent: float = 0.0
    """Exponent q of the generalized cross-entropy; 0 is the cross-entropy."""

    nonlinearity: str | None = None
    """tanh or relu; None for the cell's own."""

    dataset: str = ""
    """The text of a language task, or the number of samples of a random continuous function."""

    input_size: int | None = None
    """Inputs of the network; None if the study does not say."""

    command: str = ""
    """Command that runs the study again."""

    source: Source = "ours"
    """Whether the trial is ours or one of the authors'."""

    @property
    def label(self) -> str:
        """The cell's name as the paper has it."""
        return CELL_LABELS.get(self.cell, self.cell)

    @property
    def protocol(self) -> str:
        """The protocol of a capacity run, one of `PROTOCOLS`."""
        return PROTOCOLS[not (self.loss_exponent == 0 and self.unrolled_steps in (PAPER_STEPS, None))]

    @property
    def bits_per_parameter(self) -> float:
        """Stored bits over parameters; 0 without a network."""
        return float(self.metrics.get("stored_bits", 0.0)) / self.parameters if self.parameters else 0.0

    @property
    def evaluation(self) -> float:
        """The metric of the task that the paper's figures show; NaN if the trial has none."""
        value = self.metrics.get(EVALUATION.get(self.task, self.metric), math.nan)
        return math.nan if value is None else float(value)

    @property
    def loss(self) -> float:
        """The value that the study minimizes: the negative of a value that it maximizes."""
        return -self.value if self.goal == "maximize" else self.value


Rows = list[TrialResult]


def select(rows: Iterable[TrialResult], **facts: Any) -> Rows:
    """Return the rows that have all the given values of attributes."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in facts.items())]


def grouped(rows: Iterable[TrialResult], key: Callable[[TrialResult], Any]) -> dict[Any, Rows]:
    """Group rows by a key; groups are in the order of their keys, the paper's cells in the paper's order."""
    groups: dict[Any, Rows] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: groups[name] for name in sorted(groups, key=order)}


def order(key: Any) -> tuple[Any, ...]:
    """Return a sort key in which cells are in the paper's order, and numbers and texts can stand side by side."""
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
    """Return the shell command that runs the rows' studies again, one after another."""
    return " && ".join(dict.fromkeys(row.command for row in rows if row.command))
