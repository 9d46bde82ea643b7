"""Proposals of a sampler, and the user attributes in which Optuna trials store metrics, failures and retries."""

from __future__ import annotations

import json
import time
from typing import Any, Literal, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

Goal = Literal["maximize", "minimize"]
"""Direction of a study's optimization: the largest or the smallest value is the best."""

Params = dict[str, Any]
"""A point of the search space in Optuna's form: a number or a string for each parameter name."""

MAX_FAILURES = 3
"""Number of workers that may fail with a trial before it is not retried."""

NO_SIGN_OF_LIFE = "no sign of life"
"""Failure that is recorded for a worker that was killed."""

WORKER = "worker"
"""User attribute of a trial: the token of the worker that stored the trial and runs it."""

ALIVE = "alive"
"""User attribute of a trial: the time of its worker's last heartbeat, in seconds of the worker's clock."""

KNOWN = "known"
"""User attribute of a point's first trial: the number of trials that its worker had read when it proposed the point."""

METRICS, FEASIBLE = "metrics", "feasible"
"""User attributes of a finished trial: its final metrics, and whether its training did not diverge."""

FAILURE = "failure"
"""User attribute of a trial that its worker gave back: the error that ended the worker."""

FAILURES, RETRY_HISTORY = "failures", "retry_history"
"""User attributes of a retry: the failures and the numbers of the earlier trials of its point."""


class Proposal(NamedTuple):
    """A point of the search space that a sampler proposes.

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> Proposal({"lr": 0.01}, {"lr": FloatDistribution(1e-4, 1.0, log=True)}).params
        {'lr': 0.01}
    """

    params: Params
    """The value of each parameter."""

    distributions: dict[str, BaseDistribution]
    """The distribution of each parameter."""


def metrics(trial: FrozenTrial) -> dict[str, Any]:
    """Return the final metrics of a trial, by the keys of summary.json; empty unless the trial is finished.

    Example:
        >>> from optuna.trial import create_trial
        >>> metrics(create_trial(value=1.5, user_attrs={"metrics": {"loss": 0.25}}))
        {'loss': 0.25}
    """
    return dict(trial.user_attrs.get(METRICS, {})) if trial.state is TrialState.COMPLETE else {}


def feasible(trial: FrozenTrial) -> bool | None:
    """Return whether a trial's training ended without divergence; None unless the trial is finished.

    Example:
        >>> from optuna.trial import create_trial
        >>> feasible(create_trial(value=1.5, user_attrs={"feasible": False}))
        False
    """
    return trial.user_attrs.get(FEASIBLE) if trial.state is TrialState.COMPLETE else None


def failures(trial: FrozenTrial) -> tuple[str, ...]:
    """Return the failures of a trial: the errors of the workers that ran it, or `NO_SIGN_OF_LIFE` of a killed one.

    Example:
        >>> from optuna.trial import create_trial
        >>> failures(create_trial(value=1.5, user_attrs={"failures": ["RuntimeError: out of memory"]}))
        ('RuntimeError: out of memory',)
    """
    own = [trial.user_attrs[FAILURE]] if FAILURE in trial.user_attrs else []
    return (*trial.user_attrs.get(FAILURES, ()), *own)


def retries_exhausted(trial: FrozenTrial) -> bool:
    """Return whether `MAX_FAILURES` workers failed with a trial, so that it is not retried.

    Example:
        >>> from optuna.trial import create_trial
        >>> retries_exhausted(create_trial(value=1.5, user_attrs={"failures": ["killed"] * 3}))
        True
    """
    return len(failures(trial)) >= MAX_FAILURES


def retry_history(trial: FrozenTrial) -> list[int]:
    """Return the numbers of the earlier trials of the same point, in the order of their creation."""
    history: list[int] = trial.user_attrs.get(RETRY_HISTORY, [])
    return history


def running_trial(proposal: Proposal, worker: str, attributes: dict[str, Any]) -> FrozenTrial:
    """Create the running trial with which a worker claims a proposed point."""
    attributes = {WORKER: worker, ALIVE: time.time(), **attributes}
    return create_trial(state=TrialState.RUNNING, user_attrs=attributes, **proposal._asdict())


def retry_of(trial: FrozenTrial, worker: str) -> FrozenTrial:
    """Create the running trial with which a worker retries a trial that was given back or whose worker is dead."""
    silent = trial.state is TrialState.RUNNING and FAILURE not in trial.user_attrs
    attributes = {
        FAILURES: [*failures(trial), *([NO_SIGN_OF_LIFE] if silent else [])],
        RETRY_HISTORY: [*retry_history(trial), trial.number],
    }
    return running_trial(Proposal(trial.params, trial.distributions), worker, attributes)


def finished_trial(trial: FrozenTrial, value: float, feasible: bool, metrics: dict[str, Any]) -> FrozenTrial:
    """Return a running trial completed by its result."""
    attributes = {**trial.user_attrs, METRICS: metrics, FEASIBLE: feasible}
    done = create_trial(value=value, params=trial.params, distributions=trial.distributions, user_attrs=attributes)
    done.number = trial.number
    return done


def point_key(trial: FrozenTrial) -> str:
    """Return a text that identifies a trial's point and retry history."""
    return json.dumps([trial.params, retry_history(trial)], sort_keys=True, default=repr)
