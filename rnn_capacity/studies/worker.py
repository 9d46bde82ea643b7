"""What one worker does with the trials of a study that others work on, too."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from rnn_capacity.studies.heartbeat import Heartbeat
from rnn_capacity.studies.ledger import Ledger
from rnn_capacity.studies.patience import StorageError
from rnn_capacity.studies.record import FAILURES, FEASIBLE, FIGURES, WORKER, failures, point, running, stored, waiting
from rnn_capacity.studies.trial import TRIES, Proposal, StoredTrial

Propose = Callable[[int, list[StoredTrial], list[StoredTrial]], list[Proposal]]
"""From a number, the finished trials and the pending ones to at most so many proposals."""

CLAIMS = "rnn_capacity:claims"
"""System attribute of a study that every claim changes: PostgreSQL makes the others wait until it is stored."""


BLOCK = 16
"""New trials in one transaction: a few tenths of a second, for which a SQLite file is locked."""


class Worker:
    """A worker and the trials that it holds: those that it claimed and has not finished or given back.

    A trial says whose it is, so nothing depends on when a worker hears of what happened: an answer of the storage that
    got lost, or a worker that was taken for dead and was not.

    Args:
        ledger: The study's trials.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.storage = ledger.storage
        self.token = uuid.uuid4().hex
        self.held: set[int] = set()

    def claim(self, number: int, total: int, propose: Propose) -> list[StoredTrial]:
        """See `Study.claim`."""
        if not self.ledger.has_room(total):  # looked at first: whoever waits for others does not lock the storage
            return []
        claimed: list[int] = []
        try:
            taken, alone = self.storage.write(lambda: self._take(number, total))
            claimed += self._hold(taken)
            wanted = 0 if alone else number - len(claimed)
            # a tuner may think for longer than the grace
            beats = Heartbeat(lambda: self.say_alive(list(claimed)), self.storage.timing.heartbeat)
            with beats if wanted > 0 else nullcontext():
                while wanted > 0 and (room := total - len(known := self.ledger.trials())) > 0:
                    proposals = self._ask(min(wanted, room), known, propose)
                    wanted = 0
                    for begin in range(0, len(proposals), BLOCK):
                        block = proposals[begin : begin + BLOCK]
                        kept, twice = self.storage.write(partial(self._add, block, known, total))
                        claimed += self._hold(kept)
                        wanted += twice
            own = set(claimed)
            return [stored(trial) for trial in self.ledger.trials() if trial._trial_id in own]
        except StorageError:
            raise  # nothing can be given back; without a sign of life the trials are run again
        except BaseException:
            self.release(claimed)
            raise

    def _hold(self, ids: list[int]) -> list[int]:
        self.held.update(ids)
        return ids

    def _lock(self) -> None:
        """Let the claims of the others wait for this transaction."""
        self.storage.optuna.set_study_system_attr(self.ledger.study_id, CLAIMS, uuid.uuid4().hex)

    def _orphans(self, trials: list[FrozenTrial]) -> list[int]:
        """Trials that this worker claimed in a transaction whose answer got lost."""
        return [
            trial._trial_id
            for trial in trials
            if trial.state is TrialState.RUNNING
            and trial.system_attrs.get(WORKER) == self.token
            and trial._trial_id not in self.held
        ]

    def _take(self, number: int, total: int) -> tuple[list[int], bool]:
        """Claim trials that others left over, and tell whether it is one that is to be run alone."""
        optuna = self.storage.optuna
        self._lock()
        known = self.ledger.look()
        dead = {trial._trial_id: trial for trial in self.storage.fail_dead(self.ledger.study)}
        for trial in dead.values():
            optuna.create_new_trial(self.ledger.study_id, waiting(trial))
        taken = [trial_id for trial_id in self._orphans(known) if trial_id not in dead]
        busy = sum(trial.state is not TrialState.WAITING and trial._trial_id not in dead for trial in known)
        room = min(number - len(taken), total - busy)
        if room <= 0:
            return taken, False
        left = optuna.get_all_trials(self.ledger.study_id, deepcopy=False, states=(TrialState.WAITING,))
        chosen = [trial for trial in left if len(failures(trial)) != TRIES - 1][:room]
        if alone := not (chosen or taken):
            chosen = left[:1]
        for trial in chosen:
            optuna.record_heartbeat(trial._trial_id)
            optuna.set_trial_system_attr(trial._trial_id, WORKER, self.token)
            optuna.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
            taken.append(trial._trial_id)
        return taken, alone and bool(chosen)

    def _ask(self, wanted: int, known: list[FrozenTrial], propose: Propose) -> list[Proposal]:
        trials = [stored(trial) for trial in known]
        finished = [trial for trial in trials if trial.state == "finished"]
        pending = [trial for trial in trials if trial.state != "finished"]
        return propose(wanted, finished, pending)[:wanted]

    def _add(self, proposals: list[Proposal], known: list[FrozenTrial], total: int) -> tuple[list[int], int]:
        """Claim proposals as far as there is room, and tell how many others stored at the same time.

        Two workers that ask in the same situation may be told the same: the point of a grid that comes next, the next
        draw from a seed.
        """
        optuna = self.storage.optuna
        self._lock()
        now = self.ledger.look()
        if lost := self._orphans(now):
            return lost, 0
        seen = {trial._trial_id for trial in known} | self.held
        others = Counter(point(trial.params) for trial in now if trial._trial_id not in seen)
        own = []
        for proposal in proposals:
            key = point(proposal.params)
            if others[key] > 0:
                others[key] -= 1
            else:
                own.append(proposal)
        kept = []
        for proposal in own[: max(0, total - len(now))]:
            trial_id = optuna.create_new_trial(self.ledger.study_id, running(proposal, self.token))
            optuna.record_heartbeat(trial_id)
            kept.append(trial_id)
        return kept, len(proposals) - len(own)

    def finish(self, trial: StoredTrial, value: float, feasible: bool, figures: dict[str, Any]) -> bool:
        """See `Study.finish`."""
        trial_id = trial.trial_id
        if trial_id not in self.held:
            return False
        optuna = self.storage.optuna

        def store() -> bool:
            if optuna.get_trial_system_attrs(trial_id).get(WORKER) != self.token:
                return False
            optuna.set_trial_user_attr(trial_id, FIGURES, figures)
            optuna.set_trial_user_attr(trial_id, FEASIBLE, feasible)
            return optuna.set_trial_state_values(trial_id, TrialState.COMPLETE, [value])

        try:
            ours = self.storage.write(store)
        except UpdateFinishedTrialError:
            # it had been declared dead, or is stored and the answer got lost
            ours = self.storage.read(lambda: optuna.get_trial(trial_id)).state is TrialState.COMPLETE
        self.held.discard(trial_id)
        return ours

    def give_back(self, trials: Iterable[StoredTrial], failure: str | None = None) -> None:
        """See `Study.give_back`."""
        self.release((trial.trial_id for trial in trials), failure)

    def release(self, ids: Iterable[int], failure: str | None = None) -> None:
        """Let those of the trials that are held be run by others."""
        optuna = self.storage.optuna
        ids = [trial_id for trial_id in ids if trial_id in self.held]

        def give() -> None:
            for trial_id in ids:
                now = optuna.get_trial(trial_id)
                if now.state is TrialState.RUNNING and now.system_attrs.get(WORKER) == self.token:
                    if failure is not None:
                        optuna.set_trial_system_attr(trial_id, FAILURES, [*failures(now), failure])
                    optuna.set_trial_state_values(trial_id, TrialState.WAITING)

        if ids:
            self.storage.write(give)
            self.held.difference_update(ids)

    def say_alive(self, ids: Iterable[int]) -> None:
        """Record a sign of life of those of the trials that are still held.

        Raises:
            StorageError: If the storage fails.
        """
        held = [trial_id for trial_id in ids if trial_id in self.held]

        def say() -> None:
            for trial_id in held:
                self.storage.optuna.record_heartbeat(trial_id)

        if held:
            self.storage.write(say)
