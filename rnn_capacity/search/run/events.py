"""The interface through which workers report the events of a running search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from rnn_capacity.search.run.study_runner import StudyRunner


class Events(Protocol):
    """Receives the events of a running search, to show or to log them."""

    def begin(self, study: StudyRunner, members: int, steps: int) -> None:
        """Called when `members` networks of a study start training together, for at most `steps` optimizer steps."""

    def steps(self, made: int) -> None:
        """Called when the networks in training have made `made` optimizer steps."""

    def result(self, study: StudyRunner, trial: FrozenTrial) -> None:
        """Called when the result of a finished trial has been written to the storage."""

    def say(self, line: str) -> None:
        """Called with a line of text to display to the user."""
