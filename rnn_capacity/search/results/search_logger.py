"""Logs a search to Lightning's loggers: its config, a row per trial, and a table, chart and metrics at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning_fabric.utilities.exceptions import MisconfigurationException
from optuna.trial import FrozenTrial
from pytorch_lightning.loggers import CSVLogger, Logger

from rnn_capacity.formatting import metric_label
from rnn_capacity.parsing import OneLineParser
from rnn_capacity.runs import LinePlot
from rnn_capacity.search.results.records import best_so_far, final_row, label, logged_trials, search_config, trial_row
from rnn_capacity.search.run.study_runner import StudyRunner
from rnn_capacity.search.space.parameter_names import short_names
from rnn_capacity.studies import feasible
from rnn_capacity.wandb_runs import allow_wandb_resume, define_metrics, mark_preempting

X_AXIS = "trial/number"
"""Name of the logged metric that is the x axis of all W&B charts of a search."""


class SearchLogger:
    """Logs the config of a search, each finished trial as a row, and at the end the best trial and a table of all.

    A command is one run of a logger, whatever the number of its workers and studies: a W&B agent starts and counts
    commands, and the rows of a grid share one chart. The process that was started logs; the workers on its devices have
    no loggers. A second command on the same study is a run of its own and logs the trials that it ran itself, so that a
    project has one row for each trial; best trial, table and chart are those of the whole study.

    Args:
        studies: The studies.
        loggers: Lightning's loggers; there may be none.
    """

    def __init__(self, studies: Sequence[StudyRunner], loggers: Sequence[Logger]) -> None:
        self.studies = studies
        self.loggers: list[Any] = list(loggers)
        self.best: dict[str, float | None] = {}

    def begin(self) -> None:
        """Start a run of each logger and log the search's config as hyperparameters."""
        if not self.loggers:
            return
        for study in self.studies:
            self.best[study.name] = next((trial.value for trial in study.snapshot.best(1)), None)
        config = search_config(self.studies)
        for logger in self.loggers:
            logger.log_hyperparams(config)
        best = "max" if self.studies[0].objective.goal == "maximize" else "min"
        names = short_names(self.studies[0].specification.sweep.space.searched).values()
        last = ["trial/feasible", "trial/parameters", "trial/study", *(f"swept/{name}" for name in names)]
        summaries = {"trial/value": best, "best/value": best, **dict.fromkeys(last, "none"), "final/*": None}
        define_metrics(self.loggers, summaries, X_AXIS)

    def result(self, study: StudyRunner, trial: FrozenTrial) -> None:
        """Log a finished trial."""
        if not self.loggers:
            return
        best = self.best[study.name]
        if feasible(trial) and trial.value is not None:
            best = trial.value if best is None else study.objective.better(best, trial.value)
            self.best[study.name] = best
        self._log(trial_row(study, trial, best, grid=len(self.studies) > 1), trial.number)

    def finish(self, complete: bool) -> None:
        """Log the trials as a table and the best value so far as a chart, and finalize the loggers.

        Args:
            complete: Whether all trials are finished; the final metrics are logged only then.
        """
        if not self.loggers:
            return
        columns, rows = logged_trials(self.studies)
        lines = {label(study): points for study in self.studies if (points := best_so_far(study))}
        metric = metric_label(self.studies[0].objective.metric)
        for logger in self.loggers:
            if rows and hasattr(logger, "log_table"):
                logger.log_table("media/trials", columns, rows, step=len(rows))
            if lines and hasattr(logger, "log_image"):
                plot = LinePlot("best_so_far", ("trial", f"best {metric} so far"), lines)
                logger.log_image("media/best_so_far", [plot.render()], step=len(rows))
        if complete:
            self._log(final_row(self.studies), len(rows))
        for logger in self.loggers:
            logger.finalize("success" if complete else "failed")

    def stop(self, signal: str) -> None:
        """Log the results and finalize the loggers after a signal; at SIGUSR1, only mark the W&B run as preempting."""
        if signal == "SIGUSR1":
            mark_preempting(self.loggers)
        else:
            self.finish(complete=False)

    def save(self) -> None:
        """Call `save` of each logger, which writes metrics that are still buffered."""
        for logger in self.loggers:
            logger.save()

    def _log(self, row: dict[str, Any], step: int) -> None:
        """Log a row of metrics, leaving out text entries for loggers that can store only numbers."""
        numbers = {name: value for name, value in row.items() if not isinstance(value, str)}
        for logger in self.loggers:
            texts = isinstance(logger, CSVLogger) or hasattr(logger, "log_table")
            logger.log_metrics(row if texts else numbers, step=step)


def make_loggers(config: Any) -> list[Logger]:
    """Instantiate the loggers of `--trainer.logger`; none by default, since the storage contains all results.

    Args:
        config: The option's value: a class with its arguments, a list of them, null, true or false.

    Raises:
        ValueError: If a logger rejects its arguments.
    """
    if config is None or isinstance(config, bool):
        return []
    parser = OneLineParser(exit_on_error=False)
    parser.add_argument("--logger", type=Logger)
    try:
        loggers: list[Logger] = [
            parser.instantiate(parser.parse_object({"logger": one})).logger
            for one in (config if isinstance(config, list) else [config])
        ]
    except (MisconfigurationException, ModuleNotFoundError, ValueError) as error:
        raise ValueError(f"trainer.logger: {error}") from error
    allow_wandb_resume(loggers)
    return loggers
