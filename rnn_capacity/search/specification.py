"""The specification of a study: config, search space, objective, and the method and seed of the sampler."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rnn_capacity.cells import cell_class
from rnn_capacity.population import Member
from rnn_capacity.search.objective import Objective, make_objective
from rnn_capacity.search.sampler import Sampler
from rnn_capacity.search.space.narrowing import narrow
from rnn_capacity.search.space.parameters import Choice
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.search.space.sweep_file import Sweep, parse_sweep
from rnn_capacity.search.trials import Config, TrialBuilder

CELL = "model.init_args.cell"

STORED_KEYS = ("method", "metric", "parameters", "run_cap")
"""Keys of a sweep file that affect results and are therefore stored with the study."""

EXAMPLES = 8
"""Number of random points tried when a study is checked; a network must be possible at one at least."""


@dataclass(frozen=True)
class StudySpecification:
    """The config, sweep, search space, objective and seed of a study: all that its results depend on.

    The command line makes it with `create`, a worker reads it from the storage with `from_json`; after that it is
    passed down.
    """

    config: Config
    """The config shared by all trials: model, data, trainer.max_steps and trainer.precision."""

    sweep: Sweep
    """The sweep file's content."""

    fixed: tuple[str, ...]
    """Dotted names of sweep hyperparameters that are not searched: the grid of studies sets them in the config."""

    seed: int
    """The sampler's seed."""

    space: SearchSpace
    """The search space: the sweep's hyperparameters without fixed ones and those that the cell ignores."""

    objective: Objective
    """The metric that is optimized."""

    builder: TrialBuilder = field(repr=False, compare=False)
    """Builds the network and the task of a trial."""

    @classmethod
    def create(
        cls, config: Config, sweep: Sweep, fixed: tuple[str, ...] = (), seed: int = 0
    ) -> tuple[StudySpecification, list[str]]:
        """Make a specification and check it by building networks at a few random points.

        Args:
            config: What all trials have in common.
            sweep: The sweep file's content.
            fixed: Hyperparameters of the sweep file that the config decides.
            seed: The sampler's seed.

        Returns:
            The specification, and a line for each part of the sweep file that has no effect or looks like a mistake.

        Raises:
            ValueError: If config, sweep and task do not fit together.
        """
        space, notes = search_space(config, sweep, fixed)
        builder = TrialBuilder(config)
        points = random_points(space, seed)
        task = first_member(builder, points).task
        for name, parameter in space.parameters.items():
            for value in parameter.values if isinstance(parameter, Choice) else ():
                first_member(builder, [{**point, name: value} for point in points])
        objective = make_objective(sweep.metric, task)
        usual = {"max": "maximize", "min": "minimize"}.get(task.direction(objective.metric) or "", objective.goal)
        if usual != objective.goal:
            notes = [*notes, f"metric.goal should be {usual} for {objective.metric}, got {objective.goal}"]
        return cls(config, sweep, fixed, seed, space, objective, builder), notes

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> StudySpecification:
        """Read a specification as `to_json` wrote it.

        Raises:
            ValueError: If another program wrote it.
        """
        missing = [key for key in ("config", "sweep", "fixed", "objective", "seed") if key not in stored]
        if missing:
            raise ValueError(f"study must be one that rnn-capacity search began, got one without {missing[0]}")
        config, sweep, fixed = stored["config"], parse_sweep(stored["sweep"]), tuple(stored["fixed"])
        space, _ = search_space(config, sweep, fixed)
        objective = Objective(**stored["objective"])
        return cls(config, sweep, fixed, stored["seed"], space, objective, TrialBuilder(config))

    def to_json(self) -> dict[str, Any]:
        """Return the specification as a dict that can be stored as JSON, for `from_json`."""
        return {
            "config": self.config,
            "sweep": {key: self.sweep.file[key] for key in STORED_KEYS if key in self.sweep.file},
            "fixed": list(self.fixed),
            "objective": asdict(self.objective),
            "seed": self.seed,
        }

    def example(self) -> Member:
        """Build a network and its task at a random point of the space.

        Raises:
            ValueError: If none of `EXAMPLES` points allows a network.
        """
        return first_member(self.builder, random_points(self.space, self.seed))


def search_space(config: Config, sweep: Sweep, fixed: tuple[str, ...]) -> tuple[SearchSpace, list[str]]:
    """Return the sweep's search space without fixed hyperparameters and, for a single cell, without those it ignores.

    Returns:
        The search space, and a line for each hyperparameter that is left out.

    Raises:
        ValueError: If the config's cell is unknown.
    """
    space = SearchSpace({name: found for name, found in sweep.space.parameters.items() if name not in fixed})
    if CELL in space.parameters:
        return space, []
    return narrow(space, cell_class(config["model"]["init_args"].get("cell", "rnn")))


def random_points(space: SearchSpace, seed: int) -> list[dict[str, Any]]:
    """Draw `EXAMPLES` random points of a search space, as hyperparameter values by dotted names."""
    return [space.values(proposal.params) for proposal in Sampler(space, "random", "maximize", seed)(EXAMPLES, [], [])]


def first_member(builder: TrialBuilder, points: list[dict[str, Any]]) -> Member:
    """Build the network and task at the first of several points at which that raises no ValueError.

    Raises:
        ValueError: If all points fail; the error of the first point.
    """
    errors = []
    for point in points:
        try:
            return builder(point)
        except ValueError as error:
            errors.append(error)
    raise errors[0]
