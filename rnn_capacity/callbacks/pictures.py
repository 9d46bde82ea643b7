"""A run's picture, for the loggers that show any."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, Trainer

from rnn_capacity.callbacks.figures import Curves, Finished, Texts, draw, picture_of


class Pictures(Callback):
    """Logs the picture of the run's task once, after the final evaluation, as `media/<its name>`."""

    def __init__(self) -> None:
        self.history: list[tuple[int, float]] = []

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Keep the primary metric."""
        value = pl_module.metrics["val"][pl_module.task.primary_metric]
        self.history.append((pl_module.steps_trained, value))

    def on_test_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Log the picture."""
        loggers: list[Any] = [logger for logger in trainer.loggers if hasattr(logger, "log_image")]
        if not (loggers and trainer.is_global_zero and trainer.state.fn == "test"):
            return
        picture = picture_of(pl_module.task, Finished(pl_module, self.history))
        step = pl_module.steps_trained
        for logger in loggers:
            if isinstance(picture, Curves):
                logger.log_image(f"media/{picture.name}", [draw(picture)], step=step)
            elif isinstance(picture, Texts):
                logger.log_table(f"media/{picture.name}", picture.columns, picture.rows, step=step)

    def state_dict(self) -> dict[str, Any]:
        """What a run that goes on has seen."""
        return {"history": [list(point) for point in self.history]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after what was seen."""
        self.history = [(step, value) for step, value in state_dict["history"]]
