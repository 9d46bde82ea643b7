"""Shows and logs the events of a running search."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from rnn_capacity.search.results.progress import Progress
from rnn_capacity.search.results.search_logger import SearchLogger
from rnn_capacity.search.run.study_runner import StudyRunner


@dataclass
class Monitor:
    """Shows the progress of a search and logs its results."""

    progress: Progress
    logger: SearchLogger

    def begin(self, study: StudyRunner, members: int, steps: int) -> None:
        """Show that members of a study begin to train."""
        self.progress.begin(study, members, steps)

    def steps(self, made: int) -> None:
        """Show the number of steps."""
        self.progress.steps(made)

    def result(self, study: StudyRunner, trial: FrozenTrial) -> None:
        """Log a finished trial and show the progress."""
        self.logger.result(study, trial)
        self.progress.update(study)

    def say(self, line: str) -> None:
        """Print a line above the progress bar."""
        self.progress.say(line)
