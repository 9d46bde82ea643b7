"""The events of a running search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from rnn_capacity.search.run.study_runner import StudyRunner


class Events(Protocol):
    """Receives the events of a running search, to show or to log them."""

    def begin(self, study: StudyRunner, members: int, steps: int) -> None:
        """Members of a study begin to train, for at most `steps` optimizer steps."""

    def steps(self, made: int) -> None:
        """Members have made `made` optimizer steps."""

    def result(self, study: StudyRunner, trial: FrozenTrial) -> None:
        """The result of a study's trial is stored."""

    def say(self, line: str) -> None:
        """A line is to be shown."""
