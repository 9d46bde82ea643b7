"""What a study measures: all that its trials depend on, so that any worker goes on from it alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from rnn_capacity.cells import cell_class
from rnn_capacity.population import Member
from rnn_capacity.search.objective import Objective, objective_of
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.space.narrowing import narrow
from rnn_capacity.search.space.parameters import Choice
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.search.space.sweep_file import Sweep, parse_sweep
from rnn_capacity.search.trial_config import Config
from rnn_capacity.search.trials import TrialBuilder, builder_of

CELL = "model.init_args.cell"

KEPT = ("method", "metric", "parameters", "run_cap")
"""The keys of a sweep file that a search depends on."""

DRAWS = 8
"""Points of the space of which one at least must make a network before a study begins."""


@dataclass(frozen=True)
class StudySpecification:
    """What a study measures."""

    config: Config
    """What is the same for all trials: model, data, trainer.max_steps and trainer.precision."""

    sweep: Sweep
    """What differs."""

    fixed: tuple[str, ...]
    """Hyperparameters of the sweep that the config decides all the same, where the study is one of a grid over them."""

    objective: Objective
    """What is optimized."""

    seed: int
    """Of the tuner."""

    @property
    def content(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "config": self.config,
            "sweep": {key: self.sweep.file[key] for key in KEPT if key in self.sweep.file},
            "fixed": list(self.fixed),
            "objective": asdict(self.objective),
            "seed": self.seed,
        }

    @classmethod
    def of(cls, content: dict[str, Any]) -> StudySpecification:
        """From what was stored.

        Raises:
            ValueError: If another program stored it.
        """
        missing = [key for key in ("config", "sweep", "fixed", "objective", "seed") if key not in content]
        if missing:
            raise ValueError(f"study: one given that rnn-capacity search did not begin: it has no {missing[0]}")
        sweep = parse_sweep(content["sweep"])
        objective = Objective(**content["objective"])
        return cls(content["config"], sweep, tuple(content["fixed"]), objective, content["seed"])

    @cached_property
    def space(self) -> SearchSpace:
        """The hyperparameters that make a difference."""
        return space_of(self.config, self.sweep, self.fixed)[0]

    def sampler(self) -> Sampler:
        """What chooses the points."""
        return Sampler(self.space, self.sweep.method, self.objective.goal, self.seed)

    def most_trials(self, arguments: int) -> int:
        """How many of so many trials there can be: a grid ends, and a sweep file may have a cap."""
        limits = (arguments, self.sweep.run_cap, self.sampler().grid_size)
        return min(limit for limit in limits if limit is not None)


def space_of(config: Config, sweep: Sweep, fixed: tuple[str, ...]) -> tuple[SearchSpace, list[str]]:
    """The hyperparameters that make a difference, and a line for each that the cell has no use for.

    Where the sweep chooses among cells, all of them do.

    Raises:
        ValueError: If there is no such cell.
    """
    space = SearchSpace({name: found for name, found in sweep.space.parameters.items() if name not in fixed})
    if CELL in space.parameters:
        return space, []
    return narrow(space, cell_class(config["model"]["init_args"].get("cell", "rnn")))


def define(config: Config, sweep: Sweep, fixed: tuple[str, ...], seed: int) -> tuple[StudySpecification, list[str]]:
    """What a study of a config and a sweep measures, with lines that say what the cell has no use for.

    Networks are made on trial: what the config does not know, or no point of the space can have, is found here.

    Raises:
        ValueError: If the config, the sweep and the task do not fit together.
    """
    space, lines = space_of(config, sweep, fixed)
    factory = builder_of(config)
    points = draws(space, seed)
    member = try_out(factory, points)
    for name, parameter in space.parameters.items():
        for value in parameter.values if isinstance(parameter, Choice) else ():
            try_out(factory, [{**point, name: value} for point in points])
    objective = objective_of(sweep.metric, member.task)
    better = {"max": "maximize", "min": "minimize"}.get(member.task.direction(objective.figure) or "", objective.goal)
    if better != objective.goal:
        lines = [*lines, f"metric.goal: {objective.goal} given for {objective.figure}, which one would {better}"]
    return StudySpecification(config, sweep, fixed, objective, seed), lines


def draws(space: SearchSpace, seed: int) -> list[dict[str, Any]]:
    """A few points of a space, as a config has them."""
    return [space.values(draw.params) for draw in Sampler(space, "random", "maximize", seed)(DRAWS, [], [])]


def try_out(factory: TrialBuilder, points: list[dict[str, Any]]) -> Member:
    """The first network that can be made at one of these points.

    Raises:
        ValueError: If none can.
    """
    refusals = []
    for point in points:
        try:
            return factory(point)
        except ValueError as error:
            refusals.append(error)
    raise refusals[0]
