"""The callback that sends the plot of a run to the loggers that show images or tables."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, Trainer

from rnn_capacity.runs import LinePlot, TextSamples, plot_run


class LogPlot(Callback):
    """Logs one plot of the run after the final evaluation, such as the learning curve, as `media/<name of the plot>`.

    Example:
        >>> LogPlot().state_dict()
        {'history': []}
    """

    def __init__(self) -> None:
        self.history: list[tuple[int, float]] = []

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Add the validation value of the task's primary metric to the learning curve."""
        value = pl_module.metrics["val"][pl_module.task.primary_metric]
        self.history.append((pl_module.steps_trained, value))

    def on_test_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Draw the plot of the run and log it as an image or a table."""
        loggers: list[Any] = [logger for logger in trainer.loggers if hasattr(logger, "log_image")]
        if not (loggers and trainer.is_global_zero):
            return
        plot = plot_run(pl_module.task, pl_module, self.history)
        step = pl_module.steps_trained
        for logger in loggers:
            if isinstance(plot, LinePlot):
                logger.log_image(f"media/{plot.name}", [plot.render()], step=step)
            elif isinstance(plot, TextSamples):
                logger.log_table(f"media/{plot.name}", plot.columns, plot.rows, step=step)

    def state_dict(self) -> dict[str, Any]:
        """Return the learning curve: pairs of optimizer step and validation metric."""
        return {"history": [list(point) for point in self.history]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the learning curve of a resumed run from its checkpoint."""
        self.history = [(step, value) for step, value in state_dict["history"]]
