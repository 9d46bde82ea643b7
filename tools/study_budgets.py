"""Budgets of the reproduction: the sizes, trials and optimizer steps of each panel's studies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from measuring import CELLS


class Effort(NamedTuple):
    """The number of trials of a study, and the optimizer steps per trial."""

    trials: int
    """Number of finished trials that the study is to have."""

    steps: int
    """Optimizer steps of a trial."""


class Refinement(NamedTuple):
    """How the capacity study of a larger network starts from the best trial of a smaller one.

    The larger network stores more per parameter, and takes a smaller learning rate.
    """

    size: int
    """Parameter budget of the smaller network."""

    learning_rate: tuple[float, float]
    """Factors of the smaller network's learning rate that bound the range searched for the larger network."""

    samples_per_parameter: tuple[float, float]
    """Factors of the smaller network's samples per parameter that bound the range of the larger network."""


@dataclass(frozen=True)
class TrainabilityTask:
    """Network size and sequence length of the parentheses or the arithmetic studies."""

    size: int
    """Maximum number of parameters of the network; 200,000 in the paper."""

    length: int
    """Time steps of the parentheses (175 in the paper), or largest operand of the arithmetic (10 million)."""


@dataclass(frozen=True)
class Budget:
    """A reproduction budget: network sizes, trials and optimizer steps for each panel of the paper's figures."""

    paper: Mapping[int, Effort]
    """Trials and steps of the capacity studies by the paper's protocol at depth 1 (+RNN: 2), by parameter budget."""

    best: Mapping[int, Effort]
    """Trials and steps of the capacity studies with the generalized cross-entropy, by parameter budget."""

    refined: Mapping[int, Refinement]
    """Refinements by the parameter budgets whose capacity studies search around the best trial of a smaller budget."""

    deep: tuple[int, tuple[int, ...]]
    """Parameter budget and depths of the deeper networks in the capacity studies."""

    relu: tuple[int, ...]
    """Parameter budgets of the studies of networks with ReLU as the nonlinearity (Fig. 2a)."""

    unrolled: tuple[int, Effort]
    """Parameter budget, and trials and steps, of the studies of 1 to 10 unrolled time steps (Fig. 2b)."""

    unrolled_cells: tuple[str, ...]
    """Cells of the studies of 1 to 10 unrolled time steps."""

    memory: Mapping[int, Effort]
    """Trials and steps of the memory-task studies, by units per layer; inputs have 64 values."""

    text: Mapping[int, Effort]
    """Trials and steps of the studies on a text and on the synthetic language, by parameter budget."""

    function: Mapping[int, Effort]
    """Trials and steps of the studies on the random continuous function, by parameter budget."""

    samples: int
    """Number of samples N of the random continuous function, with tau N/200; in the paper a million and 5,000."""

    parentheses: TrainabilityTask
    """Network size and sequence length of the parentheses studies."""

    arithmetic: TrainabilityTask
    """Network size and largest operand of the arithmetic studies."""

    draws: Mapping[int, Effort]
    """Trials and steps of the random-search studies of parentheses and arithmetic, per cell, by depth."""

    tuner: Mapping[int, Effort]
    """Trials and steps of the tuner (Gaussian-process) studies of parentheses and arithmetic, per cell, by depth."""

    reruns: int
    """Number of repeated runs of the best tuner trial on the parentheses, per cell and depth."""


def for_sizes(sizes: tuple[int, ...], trials: int, steps: int) -> dict[int, Effort]:
    """Return a dict that gives each size the same number of trials and optimizer steps."""
    return dict.fromkeys(sizes, Effort(trials, steps))


BUDGETS = {
    "quick": Budget(
        paper={300: Effort(12, 3000), 700: Effort(6, 3000), 1000: Effort(4, 3000)},
        best={300: Effort(12, 3000), 700: Effort(6, 3000), 1000: Effort(4, 3000)},
        refined={},
        deep=(700, (2, 4)),
        relu=(300,),
        unrolled=(300, Effort(8, 3000)),
        unrolled_cells=("rnn",),
        memory=for_sizes((32, 64, 96), 2, 1000),
        text=for_sizes((600, 1500, 4000), 2, 200),
        function=for_sizes((500, 1000, 2000), 3, 800),
        samples=10_000,
        parentheses=TrainabilityTask(size=10_000, length=25),
        arithmetic=TrainabilityTask(size=2500, length=9),
        draws={1: Effort(16, 200), 8: Effort(12, 150)},
        tuner={1: Effort(14, 200), 8: Effort(12, 150)},
        reruns=4,
    ),
    "night": Budget(
        paper={300: Effort(200, 10_000), 700: Effort(200, 12_000), 2000: Effort(40, 12_000), 7000: Effort(8, 12_000)},
        best={300: Effort(200, 10_000), 700: Effort(200, 12_000), 2000: Effort(40, 16_000), 7000: Effort(8, 20_000)},
        refined={7000: Refinement(2000, (0.4, 1.1), (1.0, 1.15))},
        deep=(700, (2, 4)),
        relu=(300, 700),
        unrolled=(300, Effort(32, 10_000)),
        unrolled_cells=tuple(CELLS),
        memory=for_sizes((16, 32, 48, 56, 64, 72, 80, 96), 8, 3000),
        text={2000: Effort(12, 2000), 5000: Effort(8, 2000), 12_000: Effort(8, 2000), 30_000: Effort(8, 2000)},
        function={500: Effort(16, 4000), 1500: Effort(12, 4000), 4000: Effort(8, 4000), 12_000: Effort(8, 4000)},
        samples=100_000,
        parentheses=TrainabilityTask(size=20_000, length=50),
        arithmetic=TrainabilityTask(size=5000, length=99),
        draws={1: Effort(300, 600), 8: Effort(300, 300)},
        tuner={1: Effort(60, 1000), 8: Effort(40, 600)},
        reruns=20,
    ),
    "full": Budget(
        paper=for_sizes((300, 1000, 3000, 10_000, 30_000), 1000, 100_000),
        best=for_sizes((300, 1000, 3000, 10_000, 30_000), 1000, 100_000),
        refined={},
        deep=(10_000, (2, 4)),
        relu=(300, 1000, 3000, 10_000, 30_000),
        unrolled=(10_000, Effort(1000, 100_000)),
        unrolled_cells=tuple(CELLS),
        memory=for_sizes((16, 32, 48, 56, 60, 64, 68, 72, 80, 96, 128), 200, 50_000),
        text=for_sizes((80_000, 160_000, 320_000, 640_000, 1_280_000), 500, 1_000_000),
        function=for_sizes((3000, 10_000, 30_000, 100_000, 300_000), 500, 1_000_000),
        samples=1_000_000,
        parentheses=TrainabilityTask(size=200_000, length=175),
        arithmetic=TrainabilityTask(size=200_000, length=10**7),
        draws=for_sizes((1, 8), 1000, 50_000),
        tuner=for_sizes((1, 8), 1000, 50_000),
        reruns=100,
    ),
}
"""The reproduction budgets by name: quick (minutes), night (nights on two cores) and full (the paper's scale).

The paper gives neither all sizes nor the number of optimizer steps by task (50,000 to 20 million) and of trials
("hundreds to thousands"); those of `full` are a choice within what it says."""
