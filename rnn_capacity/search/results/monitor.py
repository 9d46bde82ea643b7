"""Looking on while this process runs the trials."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from rnn_capacity.search.results.progress import Progress
from rnn_capacity.search.results.search_logger import SearchLogger
from rnn_capacity.search.run.stopping import StopRequest
from rnn_capacity.search.run.study_runner import StudyRunner


@dataclass
class Monitor:
    """Shows the progress, logs the results, and ends the search at a signal."""

    progress: Progress
    journal: SearchLogger
    stop: StopRequest

    def check(self) -> None:
        """End here if a signal came."""
        self.stop.check()

    def begin(self, search: StudyRunner, members: int, steps: int) -> None:
        """Members of a study begin."""
        self.progress.begin(search, members, steps)
        self.progress.look(search, now=True)

    def steps(self, made: int) -> None:
        """They have made steps."""
        self.stop.check()
        self.progress.steps(made)

    def result(self, search: StudyRunner, trial: FrozenTrial) -> None:
        """A trial is done."""
        self.journal.result(search, trial)
        self.progress.look(search)

    def say(self, line: str) -> None:
        """Show a line."""
        self.progress.say(line)
