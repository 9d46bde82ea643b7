"""Points that a sampler proposes, and the user attributes in which Optuna trials store metrics and failures."""

from __future__ import annotations

import json
import time
from typing import Any, Literal, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

Goal = Literal["maximize", "minimize"]
"""Direction of a study's optimization: maximize or minimize."""

Params = dict[str, Any]
"""The hyperparameters of a trial as Optuna stores them: a number or a string for each name."""

MAX_FAILURES = 3
"""Number of workers that may fail while running a trial; the trial is not run again after that."""

NO_SIGN_OF_LIFE = "no sign of life"
"""Failure message recorded for a worker whose heartbeats ended without an error, such as a killed one."""

WORKER = "worker"
"""Name of the user attribute of a trial that stores a random identifier of the worker running the trial."""

ALIVE = "alive"
"""Name of the user attribute of a trial that stores the time of the worker's last heartbeat, in seconds since the
epoch."""

KNOWN = "known"
"""Name of the user attribute of a trial that stores how many trials the study had when the worker proposed the
trial."""

METRICS, FEASIBLE = "metrics", "feasible"
"""Names of the user attributes of a complete trial that store the final metrics and whether the trial is feasible: it
was trained without divergence."""

VALUES = "values"
"""Name of the user attribute of a complete trial that stores the values of its searched hyperparameters."""

FAILURE = "failure"
"""Name of the user attribute of a trial given back by a worker that stores the error that ended the worker."""

FAILURES, RETRY_HISTORY = "failures", "retry_history"
"""Names of the user attributes of a retried trial that store the failures and the numbers of the earlier trials."""


class Proposal(NamedTuple):
    """Hyperparameters of a trial to be run, as a sampler proposes them.

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> Proposal({"lr": 0.01}, {"lr": FloatDistribution(1e-4, 1.0, log=True)}).params
        {'lr': 0.01}
    """

    params: Params
    """Value of each hyperparameter, by name."""

    distributions: dict[str, BaseDistribution]
    """Optuna distribution of each hyperparameter, by name."""


def metrics(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's final metrics, by the keys of summary.json; an empty dict unless the trial is complete.

    Example:
        >>> from optuna.trial import create_trial
        >>> metrics(create_trial(value=1.5, user_attrs={"metrics": {"loss": 0.25}}))
        {'loss': 0.25}
    """
    return dict(trial.user_attrs.get(METRICS, {})) if trial.state is TrialState.COMPLETE else {}


def feasible(trial: FrozenTrial) -> bool | None:
    """Return whether a trial was trained without divergence; None unless the trial is complete.

    Example:
        >>> from optuna.trial import create_trial
        >>> feasible(create_trial(value=1.5, user_attrs={"feasible": False}))
        False
    """
    return trial.user_attrs.get(FEASIBLE) if trial.state is TrialState.COMPLETE else None


def values(trial: FrozenTrial) -> dict[str, Any]:
    """Return the values of a complete trial's searched hyperparameters, by their dotted names.

    Optuna's params of a trial are draws: a quantile for a normal distribution, an unrounded number for a quantized one.
    A trial without stored values gives its params.

    Example:
        >>> from optuna.trial import create_trial
        >>> values(create_trial(value=1.5, user_attrs={"values": {"trainer.max_steps": 200}}))
        {'trainer.max_steps': 200}
    """
    return dict(trial.user_attrs.get(VALUES, trial.params))


def failures(trial: FrozenTrial) -> tuple[str, ...]:
    """Return the error messages of the workers that failed to run a trial; `NO_SIGN_OF_LIFE` for a killed worker.

    Example:
        >>> from optuna.trial import create_trial
        >>> failures(create_trial(value=1.5, user_attrs={"failures": ["RuntimeError: out of memory"]}))
        ('RuntimeError: out of memory',)
    """
    own = [trial.user_attrs[FAILURE]] if FAILURE in trial.user_attrs else []
    return (*trial.user_attrs.get(FAILURES, ()), *own)


def retries_exhausted(trial: FrozenTrial) -> bool:
    """Return whether `MAX_FAILURES` workers failed with a trial, after which the trial is not run again.

    Example:
        >>> from optuna.trial import create_trial
        >>> retries_exhausted(create_trial(value=1.5, user_attrs={"failures": ["killed"] * 3}))
        True
    """
    return len(failures(trial)) >= MAX_FAILURES


def retry_history(trial: FrozenTrial) -> list[int]:
    """Return the numbers of the earlier trials that a trial retries, in the order of their creation."""
    history: list[int] = trial.user_attrs.get(RETRY_HISTORY, [])
    return history


def running_trial(proposal: Proposal, worker: str, attributes: dict[str, Any]) -> FrozenTrial:
    """Create a trial in the state running, with which a worker claims a proposed point."""
    attributes = {WORKER: worker, ALIVE: time.time(), **attributes}
    return create_trial(state=TrialState.RUNNING, user_attrs=attributes, **proposal._asdict())


def retry_of(trial: FrozenTrial, worker: str) -> FrozenTrial:
    """Create a trial in the state running, with which a worker runs the point of an unfinished trial again."""
    silent = trial.state is TrialState.RUNNING and FAILURE not in trial.user_attrs
    attributes = {
        FAILURES: [*failures(trial), *([NO_SIGN_OF_LIFE] if silent else [])],
        RETRY_HISTORY: [*retry_history(trial), trial.number],
    }
    return running_trial(Proposal(trial.params, trial.distributions), worker, attributes)


def finished_trial(trial: FrozenTrial, value: float, attributes: dict[str, Any]) -> FrozenTrial:
    """Return a copy of a running trial that is complete, with its objective value and more user attributes."""
    attributes = {**trial.user_attrs, **attributes}
    done = create_trial(value=value, params=trial.params, distributions=trial.distributions, user_attrs=attributes)
    done.number = trial.number
    return done


def point_key(trial: FrozenTrial) -> str:
    """Return a text that is equal for trials with the same hyperparameters and the same earlier trials."""
    return json.dumps([trial.params, retry_history(trial)], sort_keys=True, default=repr)
