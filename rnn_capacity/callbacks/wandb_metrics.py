"""Definition of the metrics in a W&B run."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from rnn_capacity.wandb_runs import define_metrics

STEP = "trainer/global_step"
"""Name that Lightning's W&B logger gives to the optimizer step of a row."""


class WandbMetrics(Callback):
    """Plots every metric of a W&B run over optimizer steps and makes its best value the run's summary.

    The final metrics are logged once; their summary, which a sweep reads, is that value.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=WandbMetrics())
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Define the task's metrics before any is logged."""
        task: Any = trainer.datamodule.task  # type: ignore[attr-defined]  # set undeclared by Lightning
        summaries: dict[str, str | None] = {"train/loss": "min", "final/*": None}
        for split in ("val", "test"):
            summaries |= {f"{split}/{name}": task.direction(name) for name in ("loss", *task.baseline_metrics())}
        define_metrics(trainer.loggers, summaries, STEP)
