"""A trial as Optuna stores it."""

from __future__ import annotations

import json
from typing import Any, Literal

from optuna.trial import FrozenTrial, TrialState, create_trial

from rnn_capacity.studies.trial import Proposal, StoredTrial

FEASIBLE, FIGURES = "feasible", "figures"
"""User attributes of a finished trial."""

WORKER = "rnn_capacity:worker"
"""System attribute of a trial: who runs it."""

FAILURES = "rnn_capacity:failures"
"""System attribute of a trial: what ended each of the workers that had it, those aside that gave it back in order."""

SILENT = "no sign of life"
"""What ended a worker that was killed."""

STATES: dict[TrialState, Literal["waiting", "running", "finished"]] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
}
"""The states of the trials that count."""


def stored(trial: FrozenTrial) -> StoredTrial:
    """What a study keeps of one of Optuna's trials that counts."""
    state = STATES[trial.state]
    return StoredTrial(
        number=trial.number,
        trial_id=trial._trial_id,
        params=dict(trial.params),
        distributions=dict(trial.distributions),
        state=state,
        value=trial.value if state == "finished" else None,
        feasible=trial.user_attrs.get(FEASIBLE) if state == "finished" else None,
        figures=trial.user_attrs.get(FIGURES, {}) if state == "finished" else {},
        failures=failures(trial),
    )


def failures(trial: FrozenTrial) -> tuple[str, ...]:
    """What ended the workers that had a trial."""
    return tuple(trial.system_attrs.get(FAILURES, ()))


def running(proposal: Proposal, worker: str) -> FrozenTrial:
    """A trial of a proposed point that a worker runs."""
    return create_trial(
        state=TrialState.RUNNING,
        params=proposal.params,
        distributions=proposal.distributions,
        system_attrs={WORKER: worker},
    )


def waiting(dead: FrozenTrial) -> FrozenTrial:
    """A trial at the point of one whose worker died."""
    return create_trial(
        state=TrialState.WAITING,
        params=dead.params,
        distributions=dead.distributions,
        system_attrs={FAILURES: [*failures(dead), SILENT]},
    )


def point(params: dict[str, Any]) -> str:
    """A text that is the same for the same point."""
    return json.dumps(params, sort_keys=True, default=repr)
