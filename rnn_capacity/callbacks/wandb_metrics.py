"""The callback that defines the x-axis and the summary values of the metrics in a W&B run."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from rnn_capacity.wandb_runs import define_metrics

STEP = "trainer/global_step"
"""Key under which Lightning's W&B logger logs the optimizer step."""


class WandbMetrics(Callback):
    """Makes W&B plot every metric over optimizer steps and keep the metric's best value as its summary.

    The final metrics are logged once; their summary, which a sweep reads, is that value.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, callbacks=WandbMetrics())
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Tell W&B whether the minimum or the maximum of each metric is the best, before any is logged."""
        task: Any = trainer.datamodule.task  # type: ignore[attr-defined]  # set undeclared by Lightning
        summaries: dict[str, str | None] = {"train/loss": "min", "final/*": None}
        for split in ("val", "test"):
            summaries |= {f"{split}/{name}": task.direction(name) for name in ("loss", *task.baseline_metrics())}
        define_metrics(trainer.loggers, summaries, STEP)
