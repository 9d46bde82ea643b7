"""Samplers of a search space: at random, on a grid, or by a Gaussian process.

A sampler keeps nothing between calls, so that any number of workers propose points for one study, each from the trials
that the storage has at that moment. At each call Optuna gets a study of its own in memory, made from those trials.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from rnn_capacity.checks import check_choice
from rnn_capacity.search.space.search_space import SearchSpace
from rnn_capacity.search.space.sweep_file import GOALS, METHODS, Method
from rnn_capacity.studies import Goal, Params, Proposal

FITTED = 256
"""Maximum number of finished trials that the Gaussian process is fitted to: half the best, half the latest others.

The time of a proposal grows faster than the number of trials."""

RUNNING = 256
"""Maximum number of running trials that condition the Gaussian process; the latest ones are taken."""

STARTUP = 10
"""Number of finished trials that method `bayes` needs before it uses the Gaussian process in place of random draws."""


class Sampler:
    """Proposes points of a search space for the next trials.

    * `random`: independent samples.
    * `grid`: the points of the grid that no trial has, each once, in random order; fewer than asked when they end. Two
      workers that ask at the same moment do not know of each other and may get a point in common.
    * `bayes`: a batched Gaussian-process bandit (Collins et al. 2017, App. A): Matérn 5/2 with a length scale for each
      hyperparameter, and the expected improvement over the best finished trial, given what the running trials and the
      points proposed before in the same batch may find. The first `STARTUP` trials are random, and so is a batch that
      is asked for before as many have finished. It is fitted to at most `FITTED` trials. Seeds, hyperparameters whose
      name ends in `seed`, have no neighbours; they are random and left out of the model, for which they are noise.

    Args:
        space: The search space.
        method: How the points are chosen.
        goal: Whether less or more is better.
        seed: Makes the proposals a function of the seed and the trials; None also draws on the process and the time, so
            that workers that know the same trials propose different points.

    Attributes:
        grid_size: The number of points of the grid; None for other methods.

    Raises:
        ValueError: If the method or the goal is not known, or a hyperparameter has no list of values for a grid.

    Example:
        >>> from rnn_capacity.search import parse_sweep
        >>> space = parse_sweep({"method": "grid", "parameters": {"depth": {"values": [1, 2]}}}).space
        >>> sampler = Sampler(space, "grid", "maximize", seed=0)
        >>> sorted(proposal.params["depth"] for proposal in sampler(5, finished=[], running=[]))
        [1, 2]
    """

    def __init__(
        self,
        space: SearchSpace,
        method: Method,
        goal: Goal,
        seed: int | None = None,
    ) -> None:
        check_choice(METHODS, method=method)
        check_choice(GOALS, goal=goal)
        self.space = space
        self.method = method
        self.goal = goal
        self.seed = seed
        self.grid_size = space.grid_size if method == "grid" else None
        self.distributions = space.distributions()
        self.modelled = {
            name: distribution
            for name, distribution in self.distributions.items()
            if name.rpartition(".")[2] != "seed" and not distribution.single()
        }
        self.unmodelled = {name: self.distributions[name] for name in sorted(self.distributions.keys() - self.modelled)}

    def __call__(
        self, count: int, finished: Sequence[FrozenTrial], running: Sequence[FrozenTrial], attempt: int = 0
    ) -> list[Proposal]:
        """Propose up to `count` points of the search space, given the study's finished and running trials.

        Args:
            count: Number of points.
            finished: The study's finished trials; one without a finite value counts as the worst.
            running: Its trials that run, or wait to.
            attempt: 0 at first, more for points in place of those that another worker stored meanwhile, which depend on
                the process and the time whatever the seed.

        Returns:
            The points; fewer than `count` if a grid has no more.
        """
        seed = self.call_seed(len(finished) + len(running), attempt)
        if self.method == "grid":
            points = self.untried_points(count, [*finished, *running], seed)
        elif self.method == "bayes" and self.modelled and len(finished) >= STARTUP:
            points = self.gp_points(count, finished, running, seed)
        else:
            points = self.random_points(count, self.distributions, seed)
        return [Proposal(point, self.distributions) for point in points]

    def call_seed(self, known: int, attempt: int) -> int:
        """Return the seed of a call, which depends on the number of known trials."""
        own = (os.getpid(), time.time_ns()) if self.seed is None or attempt else (self.seed,)
        return int(np.random.SeedSequence([*own, known]).generate_state(1)[0])

    def random_points(self, count: int, distributions: dict[str, BaseDistribution], seed: int) -> list[Params]:
        """Draw `count` independent random points from Optuna distributions."""
        return ask(count, distributions, self.goal, RandomSampler(seed=seed), [])

    def untried_points(self, count: int, trials: Sequence[FrozenTrial], seed: int) -> list[Params]:
        """Draw points of the grid that no trial has, in random order."""
        taken = {self.space.grid_index(trial.params) for trial in trials}
        size = self.space.grid_size
        rng = np.random.default_rng(seed)
        indices = rng.choice(size, size=min(size, count + len(taken)), replace=False, shuffle=True).tolist()
        return [self.space.grid_point(index) for index in indices if index not in taken][:count]

    def gp_points(
        self, count: int, finished: Sequence[FrozenTrial], running: Sequence[FrozenTrial], seed: int
    ) -> list[Params]:
        """Propose points that maximize the Gaussian process's expected improvement; seeds are drawn at random."""
        kept = select_trials(with_values(finished, self.goal), self.goal)
        known = [copy_trial(trial, self.modelled, TrialState.COMPLETE, value) for trial, value in kept]
        known += [copy_trial(trial, self.modelled, TrialState.RUNNING) for trial in running[-RUNNING:]]
        sampler = GPSampler(seed=seed, n_startup_trials=STARTUP, warn_independent_sampling=False)
        points = ask(count, self.modelled, self.goal, sampler, [trial for trial in known if trial is not None])
        return [
            drawn | point for drawn, point in zip(self.random_points(count, self.unmodelled, seed), points, strict=True)
        ]


def copy_trial(
    trial: FrozenTrial, distributions: dict[str, BaseDistribution], state: TrialState, value: float | None = None
) -> FrozenTrial | None:
    """Copy a trial with only the hyperparameters in `distributions`, or return None if its values do not fit them."""
    try:
        params = {name: trial.params[name] for name in distributions}
        return create_trial(params=params, distributions=distributions, state=state, value=value)
    except (KeyError, ValueError):
        return None


@contextmanager
def only_errors() -> Iterator[None]:
    """Silence Optuna's log messages below errors within a context; once converged, it warns of every point."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def ask(
    count: int,
    distributions: dict[str, BaseDistribution],
    goal: Goal,
    sampler: BaseSampler,
    known: Sequence[FrozenTrial],
) -> list[Params]:
    """Ask an Optuna sampler for `count` points, each with the earlier ones as running trials, in an in-memory study."""
    with only_errors():
        study = optuna.create_study(direction=goal, sampler=sampler)
        study.add_trials(known)
        return [study.ask(distributions).params for _ in range(count)]


def with_values(trials: Sequence[FrozenTrial], goal: str) -> list[tuple[FrozenTrial, float]]:
    """Pair each trial with its value, replacing missing and non-finite values by the worst finite one."""
    finite = [trial.value for trial in trials if trial.value is not None and math.isfinite(trial.value)]
    worst = min(finite, default=0.0) if goal == "maximize" else max(finite, default=0.0)
    return [
        (trial, trial.value if trial.value is not None and math.isfinite(trial.value) else worst) for trial in trials
    ]


def select_trials(trials: list[tuple[FrozenTrial, float]], goal: str) -> list[tuple[FrozenTrial, float]]:
    """Select the trials that the Gaussian process is fitted to: the `FITTED` / 2 best, and the latest of the others."""
    if len(trials) <= FITTED:
        return trials
    ordered = sorted(trials, key=lambda pair: pair[1], reverse=goal == "maximize")
    best, others = ordered[: FITTED // 2], ordered[FITTED // 2 :]
    latest = sorted(others, key=lambda pair: pair[0].number)[-(FITTED - len(best)) :]
    return sorted(best + latest, key=lambda pair: pair[0].number)
