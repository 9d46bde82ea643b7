"""What a sampler proposes, and what the user attributes of an Optuna trial say."""

from __future__ import annotations

import json
import time
from typing import Any, Literal, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

Goal = Literal["maximize", "minimize"]
"""Whether the best value of a study is the largest or the smallest."""

Params = dict[str, Any]
"""A point of the search space as Optuna has it: a number or a string by name."""

MAX_FAILURES = 3
"""Workers that may fail with a trial before the trial counts as the cause."""

NO_SIGN_OF_LIFE = "no sign of life"
"""The failure of a worker that was killed."""

WORKER = "worker"
"""User attribute: the token of the worker that stored the trial and runs it."""

ALIVE = "alive"
"""User attribute: the last sign of life that the worker gave with this trial, in seconds of its own clock."""

KNOWN = "known"
"""User attribute of a point's first trial: how many trials its worker knew when the point was proposed."""

METRICS, FEASIBLE = "metrics", "feasible"
"""User attributes of a finished trial."""

FAILURE = "failure"
"""User attribute: the error with which the trial's own worker gave it back."""

FAILURES, RETRY_HISTORY = "failures", "retry_history"
"""User attributes of a trial that is run again: the failures and the numbers of the earlier trials of its point."""


class Proposal(NamedTuple):
    """A point of the search space that is to be tried.

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> Proposal({"lr": 0.01}, {"lr": FloatDistribution(1e-4, 1.0, log=True)}).params
        {'lr': 0.01}
    """

    params: Params
    """The point."""

    distributions: dict[str, BaseDistribution]
    """What each of its coordinates was drawn from."""


def metrics(trial: FrozenTrial) -> dict[str, Any]:
    """Read the final metrics of a trial, by the keys of summary.json; empty unless the trial is finished.

    Example:
        >>> from optuna.trial import create_trial
        >>> metrics(create_trial(value=1.5, user_attrs={"metrics": {"loss": 0.25}}))
        {'loss': 0.25}
    """
    return dict(trial.user_attrs.get(METRICS, {})) if trial.state is TrialState.COMPLETE else {}


def feasible(trial: FrozenTrial) -> bool | None:
    """Tell whether a trial's training came to its end without diverging; None unless the trial is finished.

    Example:
        >>> from optuna.trial import create_trial
        >>> feasible(create_trial(value=1.5, user_attrs={"feasible": False}))
        False
    """
    return trial.user_attrs.get(FEASIBLE) if trial.state is TrialState.COMPLETE else None


def failures(trial: FrozenTrial) -> tuple[str, ...]:
    """Read what ended the workers that failed with a trial: errors or silence, but no order to stop.

    Example:
        >>> from optuna.trial import create_trial
        >>> failures(create_trial(value=1.5, user_attrs={"failures": ["RuntimeError: out of memory"]}))
        ('RuntimeError: out of memory',)
    """
    own = [trial.user_attrs[FAILURE]] if FAILURE in trial.user_attrs else []
    return (*trial.user_attrs.get(FAILURES, ()), *own)


def retries_exhausted(trial: FrozenTrial) -> bool:
    """Tell whether so many workers failed with a trial, the last of them with it alone, that it is not run again.

    Example:
        >>> from optuna.trial import create_trial
        >>> retries_exhausted(create_trial(value=1.5, user_attrs={"failures": ["killed"] * 3}))
        True
    """
    return len(failures(trial)) >= MAX_FAILURES


def retry_history(trial: FrozenTrial) -> list[int]:
    """Read the numbers of the earlier trials of a trial's point, the first of them first."""
    history: list[int] = trial.user_attrs.get(RETRY_HISTORY, [])
    return history


def running_trial(proposal: Proposal, worker: str, attributes: dict[str, Any]) -> FrozenTrial:
    """Make the trial with which a worker claims a point."""
    attributes = {WORKER: worker, ALIVE: time.time(), **attributes}
    return create_trial(state=TrialState.RUNNING, user_attrs=attributes, **proposal._asdict())


def retry_of(trial: FrozenTrial, worker: str) -> FrozenTrial:
    """Make the trial with which a worker claims the point of one that was given back, or whose worker is dead."""
    silent = trial.state is TrialState.RUNNING and FAILURE not in trial.user_attrs
    attributes = {
        FAILURES: [*failures(trial), *([NO_SIGN_OF_LIFE] if silent else [])],
        RETRY_HISTORY: [*retry_history(trial), trial.number],
    }
    return running_trial(Proposal(trial.params, trial.distributions), worker, attributes)


def finished_trial(trial: FrozenTrial, value: float, feasible: bool, metrics: dict[str, Any]) -> FrozenTrial:
    """Make the trial that a running one becomes with its result."""
    attributes = {**trial.user_attrs, METRICS: metrics, FEASIBLE: feasible}
    done = create_trial(value=value, params=trial.params, distributions=trial.distributions, user_attrs=attributes)
    done.number = trial.number
    return done


def point_key(trial: FrozenTrial) -> str:
    """Write a trial's point and retry history as text."""
    return json.dumps([trial.params, retry_history(trial)], sort_keys=True, default=repr)
