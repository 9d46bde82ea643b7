"""Shows the progress of a running search, as bars on a terminal or lines in a log file, and logs its results."""

from __future__ import annotations

import sys
import time
from functools import partial

from optuna.trial import FrozenTrial
from tqdm import tqdm

from rnn_capacity.formatting import format_value
from rnn_capacity.search.results.search_logger import SearchLogger
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import format_values

READ_SECONDS = 1.0
"""Minimum number of seconds between two reads of the Optuna storage for the progress display."""

READ_SHARE = 0.05
"""Maximum fraction of the run time that reads of the storage for the progress display may take."""

LINE_SECONDS = 30.0
"""Minimum number of seconds between two progress lines where stderr is not a terminal."""


class Progress:
    """Shows finished trials, steps and the best trial's hyperparameters: as bars on a terminal, as lines elsewhere.

    Args:
        studies: The studies of the search.
        logger: Logs the results.
        shown: Whether progress is shown; lines given to `say` are shown in any case.
    """

    def __init__(self, studies: list[StudyRunner], logger: SearchLogger, shown: bool) -> None:
        self.studies = studies
        self.logger = logger
        self.terminal = shown and sys.stderr.isatty()
        self.shown = shown
        self.started = self.read = self.printed = time.monotonic()
        self.pause = READ_SECONDS
        self.total = sum(study.total for study in studies)
        self.finished_before = self.finished
        self.trained: StudyRunner | None = None
        self.made = self.max_steps = 0
        bar = partial(tqdm, disable=not self.terminal, dynamic_ncols=True)
        self.trials_bar = bar(total=self.total, initial=self.finished_before, unit="trial", smoothing=0)
        self.steps_bar = bar(position=1, leave=False, unit="step")
        self.best_line = bar(position=2, leave=False, bar_format="{desc}")

    @property
    def finished(self) -> int:
        """Number of finished trials over all studies of the search."""
        return sum(study.finished for study in self.studies)

    def begin(self, study: StudyRunner, members: int, steps: int) -> None:
        """Show that `members` networks of a study start training together, for at most `steps` optimizer steps."""
        self.trained, self.made, self.max_steps = study, 0, steps
        self.steps_bar.reset(total=steps)
        self.steps_bar.set_description_str(f"{members} networks", refresh=False)
        self.show(study)

    def steps(self, made: int) -> None:
        """Show the number of optimizer steps made by the networks in training, which falls when new ones start."""
        self.made = self.steps_bar.n = made
        self.steps_bar.update(0)
        lines = self.shown and not self.terminal
        if lines and self.trained is not None and time.monotonic() - self.printed > LINE_SECONDS:
            self.trained.refresh()
            self.show(self.trained)

    def result(self, study: StudyRunner, trial: FrozenTrial) -> None:
        """Log a finished trial, and update the progress display unless the storage was read a moment ago."""
        self.logger.result(study, trial)
        begin = time.monotonic()
        if begin - self.read < self.pause:
            return
        study.refresh()
        self.read = time.monotonic()
        self.pause = max(READ_SECONDS, (self.read - begin) / READ_SHARE)
        if self.terminal or self.read - self.printed > LINE_SECONDS:
            self.show(study)

    def show(self, study: StudyRunner) -> None:
        """Show a study's finished trials and best hyperparameters from its last read of the storage."""
        best = study.snapshot.best(1)
        value = f", best {format_value(best[0].value)}" if best else ""
        values = format_values(study.values(best[0])) if best else ""
        if self.terminal:
            self.trials_bar.set_description_str(study.name, refresh=False)
            self.trials_bar.set_postfix_str(self.counts(study) + value, refresh=False)
            self.trials_bar.update(self.finished - self.trials_bar.n)
            self.trials_bar.refresh()
            self.best_line.set_description_str(values)
        elif self.shown:
            self.printed = time.monotonic()
            done = f"{self.finished} of {self.total} trials{self.time_left()}"
            self.say(f"{study.name}: {done}, {self.counts(study)}{value}{values and f' ({values})'}")

    def time_left(self) -> str:
        """Format the estimated time left, or return an empty text before the first result and after the last."""
        made, missing = self.finished - self.finished_before, self.total - self.finished
        if not made or not missing:
            return ""
        return f", {tqdm.format_interval((time.monotonic() - self.started) / made * missing)} left"

    def counts(self, study: StudyRunner) -> str:
        """Format the number of a study's running trials and the percentage of infeasible ones."""
        running = len(study.snapshot.running)
        at = f" at step {self.made:,} of {self.max_steps:,}"
        known = not self.terminal and running and self.made and self.trained is study
        return f"{running} running{at if known else ''}, {study.infeasible_share:.0%} infeasible"

    def say(self, line: str) -> None:
        """Write a line of text to stderr, above the progress bars if there are any."""
        tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        """Close the progress bars, leaving the trial bar on the screen."""
        self.best_line.close()
        self.steps_bar.close()
        self.trials_bar.close()
