"""The studies behind the paper's figures and tables as data, each with the options of its search command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from measuring import CELLS
from study_budgets import Budget, Effort

LARGE = 2000
"""Smallest parameter budget whose capacity studies take a sweep of their own, with smaller learning rates."""


@dataclass(frozen=True)
class StudyPlan:
    """A planned study of the reproduction: network, task, sweep, number of trials and cost."""

    panel: str
    """Name of the report's panel that the study belongs to, such as capacity-paper."""

    label: str
    """Name of the study within its panel, from cell, depth and size, such as gru-1-700."""

    task: str
    """Name of the config file in configs, without .yaml."""

    sweep: str
    """Name of the sweep file in tools/sweeps, without .yaml."""

    cell: str
    """Name of the cell, such as gru."""

    depth: int
    """Number of recurrent layers of the network."""

    effort: Effort
    """Number of trials, and optimizer steps per trial."""

    work: float
    """Cost of an optimizer step: parameters times samples per batch times time steps."""

    options: tuple[str, ...] = ()
    """Options of the search command that override the config."""

    source: str | None = None
    """Name of the study whose best trial's config this study uses in place of the task's config, or None."""

    around: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Factors of the source's best hyperparameters that bound their ranges here; empty to use the sweep file."""

    @property
    def name(self) -> str:
        """The study's name within its budget: panel/label."""
        return f"{self.panel}/{self.label}"

    @property
    def is_random(self) -> bool:
        """Whether the points are drawn at random, so that no trial depends on earlier ones."""
        return bool(self.around) or self.sweep == "seeds" or self.sweep.endswith("_random")

    @property
    def population(self) -> int:
        """Number of trials trained together, at most 64: all, or a quarter but at least 8 where a tuner learns."""
        trials = self.effort.trials
        return min(64, trials, trials if self.is_random else max(8, trials // 4))


def network(cell: str, depth: int, effort: Effort, size: int | None = None, units: int | None = None) -> dict[str, Any]:
    """Return the `StudyPlan` fields that depend on the network: label, cell, depth, effort and options."""
    sized: tuple[str, ...] = (f"--model.max_parameters={size}",)
    if size is None:
        sized = (f"--model.hidden_size={units}", "--model.max_parameters=null")
    options = (f"--model.cell={cell}", f"--model.depth={depth}", *sized, f"--trainer.max_steps={effort.steps}")
    label = f"{cell}-{depth}-{f'{units}-units' if size is None else size}"
    return {"label": label, "cell": cell, "depth": depth, "effort": effort, "options": options}


def capacity_plans(budget: Budget, protocol: str) -> Iterator[StudyPlan]:
    """Plan the capacity studies of Fig. 1: several sizes at the least depth, then several depths at one size.

    Protocol `paper` is the cross-entropy with five unrolled steps, `best` the generalized cross-entropy with two to
    five.
    """
    efforts: Mapping[int, Effort] = getattr(budget, protocol)
    panel, steps = f"capacity-{protocol}", {"paper": 5, "best": 3.5}[protocol]
    fixed = ("--data.steps=5", "--data.loss_exponent=0") if protocol == "paper" else ()
    size, depths = budget.deep
    points = [(cell, facts.depth, one) for one in efforts for cell, facts in CELLS.items()]
    points += [(cell, depth, size) for depth in depths for cell in CELLS]
    for cell, depth, one in dict.fromkeys(points):
        parts = network(cell, depth, efforts[one], one)
        smaller = budget.refined.get(one)
        if smaller is not None:
            steps_option = parts["options"][-1]
            parts |= {
                "options": (f"--model.max_parameters={one}", steps_option),
                "source": f"{panel}/{cell}-{depth}-{smaller.size}",
                "around": {
                    "model.init_args.optimizer.init_args.lr": smaller.learning_rate,
                    "data.init_args.samples_per_parameter": smaller.samples_per_parameter,
                },
            }
        else:
            parts["options"] += fixed
        sweep = panel.replace("-", "_") + ("_large" if one >= LARGE else "")
        yield StudyPlan(panel, task="random_mapping", sweep=sweep, work=4 * one**2 * steps, **parts)


def relu_plans(budget: Budget) -> Iterator[StudyPlan]:
    """Plan the capacity studies of Fig. 2a: the RNN and the UGRNN with ReLU as the nonlinearity."""
    for size, cell in product(budget.relu, ("rnn", "ugrnn")):
        parts = network(cell, 1, budget.paper[size], size)
        parts["options"] += ("--data.steps=5", "--data.loss_exponent=0", "--model.nonlinearity=relu")
        yield StudyPlan("relu", task="random_mapping", sweep="capacity_paper", work=4 * size**2 * 5, **parts)


def unrolled_plans(budget: Budget) -> Iterator[StudyPlan]:
    """Plan the capacity studies of Fig. 2b: networks with 1 to 10 unrolled time steps and the cross-entropy."""
    size, effort = budget.unrolled
    for cell, steps in product(budget.unrolled_cells, range(1, 11)):
        parts = network(cell, CELLS[cell].depth, effort, size)
        parts["options"] += (f"--data.steps={steps}", "--data.loss_exponent=0")
        parts["label"] += f"-steps-{steps}"
        yield StudyPlan("unrolled", task="random_mapping", sweep="capacity_paper", work=4 * size**2 * steps, **parts)


def memory_plans(budget: Budget) -> Iterator[StudyPlan]:
    """Plan the memory-task studies of Fig. 2c: networks with about as many units as an input has real values, 64."""
    from rnn_capacity.models import parameter_count

    for (units, effort), (cell, facts) in product(budget.memory.items(), CELLS.items()):
        work = parameter_count(cell, facts.depth, units, 64, 64) * 128 * 12
        parts = network(cell, facts.depth, effort, units=units)
        yield StudyPlan("memory", task="memory", sweep="memory", work=work, **parts)


def text_plans(budget: Budget, path: str | None) -> Iterator[StudyPlan]:
    """Plan the language-modeling studies of Fig. 3, on a text file or on the synthetic language."""
    given = (f"--data.path={path}",) if path else ("--data.length=300000",)
    for (size, effort), (cell, facts) in product(budget.text.items(), CELLS.items()):
        parts = network(cell, facts.depth, effort, size)
        parts["options"] += given
        panel = "text" if path else "language"
        yield StudyPlan(panel, task="language", sweep="language", work=size * 64 * 50, **parts)


def function_plans(budget: Budget) -> Iterator[StudyPlan]:
    """Plan the studies of Fig. 3 on the random continuous function."""
    for (size, effort), (cell, facts) in product(budget.function.items(), CELLS.items()):
        parts = network(cell, facts.depth, effort, size)
        parts["options"] += (f"--data.samples={budget.samples}", f"--data.tau={budget.samples / 200:g}")
        sweep = task = "continuous_function"
        yield StudyPlan("function", task=task, sweep=sweep, work=size * 512 * 50, **parts)


def arithmetic_steps(operand_limit: int) -> int:
    """Return the time steps of the longest addition: `-a+-b=`, six compute steps, the answer and a space.

    Example:
        >>> arithmetic_steps(10**7)
        36
    """
    return 2 * len(f"-{operand_limit}") + len("+=") + 6 + len(f"-{2 * operand_limit} ")


def trainability_plans(panel: str, budget: Budget, method: str) -> Iterator[StudyPlan]:
    """Plan the trainability studies of Fig. 4 (method `tuner`) or Fig. 5 and Table 1 (`random`) on one task."""
    task = budget.arithmetic if panel == "arithmetic" else budget.parentheses
    steps, batch = task.length, 32
    options: tuple[str, ...] = (f"--data.steps={task.length}",)
    if panel == "arithmetic":
        steps, batch = arithmetic_steps(task.length), 64
        options = (f"--data.operand_limit={task.length}", f"--data.steps={steps}")
    for depth, effort in (budget.draws if method == "random" else budget.tuner).items():
        for cell in CELLS:
            if CELLS[cell].depth > depth:
                continue
            parts = network(cell, depth, effort, task.size)
            parts["options"] += (*options, "--data.evaluation_samples=1000")
            work = task.size * batch * steps
            yield StudyPlan(f"{panel}-{method}", task=panel, sweep=f"{panel}_{method}", work=work, **parts)


def repeated_plans(budget: Budget) -> Iterator[StudyPlan]:
    """Plan the studies of App. Table 1: runs of the best parentheses hyperparameters with different seeds."""
    for plan in trainability_plans("parentheses", budget, "tuner"):
        effort = Effort(budget.reruns, plan.effort.steps)
        parts: dict[str, Any] = {"label": plan.label, "cell": plan.cell, "depth": plan.depth, "effort": effort}
        yield StudyPlan("repeated", task=plan.task, sweep="seeds", work=plan.work, source=plan.name, **parts)


def plan_studies(budget: Budget, text: str | None = None) -> list[StudyPlan]:
    """List the studies of a budget in the order of the paper's panels.

    Args:
        budget: The budget.
        text: A text file for Fig. 3, beside the synthetic language.
    """
    return [
        *capacity_plans(budget, "paper"),
        *capacity_plans(budget, "best"),
        *relu_plans(budget),
        *unrolled_plans(budget),
        *memory_plans(budget),
        *(text_plans(budget, text) if text else ()),
        *text_plans(budget, None),
        *function_plans(budget),
        *(
            plan
            for panel in ("parentheses", "arithmetic")
            for method in ("tuner", "random")
            for plan in trainability_plans(panel, budget, method)
        ),
        *repeated_plans(budget),
    ]
