"""What the loggers of a search are told while it runs, and how their runs end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial
from pytorch_lightning.loggers import CSVLogger, Logger

from rnn_capacity.formatting import metric_label
from rnn_capacity.runs import LinePlot
from rnn_capacity.search.results.records import best_so_far, described, final, label, row, table
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import short_names
from rnn_capacity.studies import feasible
from rnn_capacity.wandb_runs import define_metrics, mark_preempting, wandb_loggers

AXIS = "trial/number"
"""The figure that all others are drawn over."""


class SearchLogger:
    """Tells loggers what a search is, of each finished trial in a row, and at the end of the best and of all.

    A command is one run of a logger, whatever the number of its workers and studies: that is what an agent starts, and
    counts, and a grid's rows stand side by side in one chart. The process that was started alone logs; the workers on
    its devices have no loggers. A second command on the same study is a run of its own and logs the trials that it ran
    itself, so that a project has one row a trial; best, table and figure are the study's.

    Args:
        searches: The studies.
        loggers: Lightning's loggers; none is fine.
    """

    def __init__(self, searches: Sequence[StudyRunner], loggers: Sequence[Logger]) -> None:
        self.searches = searches
        self.loggers: list[Any] = list(loggers)
        self.best: dict[str, float | None] = {}

    @property
    def has_wandb(self) -> bool:
        """Whether one of the runs is W&B's."""
        return bool(wandb_loggers(self.loggers))

    def begin(self) -> None:
        """Open the loggers' runs, with all that the results depend on."""
        if not self.loggers:
            return
        for search in self.searches:
            self.best[search.study.name] = next((trial.value for trial in search.study.snapshot().best(1)), None)
        config = described(self.searches)
        for logger in self.loggers:
            logger.log_hyperparams(config)
        best = "max" if self.searches[0].objective.goal == "maximize" else "min"
        names = short_names(self.searches[0].definition.sweep.space.searched).values()
        last = ["trial/feasible", "trial/parameters", "trial/study", *(f"swept/{name}" for name in names)]
        figures = {"trial/value": best, "best/value": best, **dict.fromkeys(last, "none"), "final/*": None}
        define_metrics(self.loggers, figures, AXIS)

    def result(self, search: StudyRunner, trial: FrozenTrial) -> None:
        """Log a trial that is done."""
        if not self.loggers:
            return
        best, name = self.best[search.study.name], search.study.name
        if feasible(trial) and trial.value is not None:
            choose = max if search.objective.goal == "maximize" else min
            self.best[name] = best = trial.value if best is None else choose(best, trial.value)
        self._log(row(search, trial, best, grid=len(self.searches) > 1), trial.number)

    def conclude(self, finished: bool) -> None:
        """Log the trials as a table and the best so far as a picture, and the best one's figures at the end.

        Args:
            finished: Whether the search has come to its end: only then there are final figures.
        """
        if not self.loggers:
            return
        columns, rows = table(self.searches)
        lines = {label(search): points for search in self.searches if (points := best_so_far(search))}
        figure = metric_label(self.searches[0].objective.figure)
        for logger in self.loggers:
            if rows and hasattr(logger, "log_table"):
                logger.log_table("media/trials", columns, rows, step=len(rows))
            if lines and hasattr(logger, "log_image"):
                plot = LinePlot("best_so_far", ("trial", f"best {figure} so far"), lines)
                logger.log_image("media/best_so_far", [plot.render()], step=len(rows))
        if finished:
            self._log(final(self.searches), len(rows))
        for logger in self.loggers:
            logger.finalize("success")

    def stopped(self, signal: str) -> None:
        """Say how it ends that was told to; a machine that is taken away has no time for pictures."""
        if signal == "SIGUSR1":
            mark_preempting(self.loggers)
        else:
            self.conclude(finished=False)

    def save(self) -> None:
        """Let the loggers write what they have, however the search ends."""
        for logger in self.loggers:
            logger.save()

    def _log(self, figures: dict[str, Any], step: int) -> None:
        """Log a row; loggers without tables are of numbers alone."""
        numbers = {name: value for name, value in figures.items() if not isinstance(value, str)}
        for logger in self.loggers:
            texts = isinstance(logger, CSVLogger) or hasattr(logger, "log_table")
            logger.log_metrics(figures if texts else numbers, step=step)
