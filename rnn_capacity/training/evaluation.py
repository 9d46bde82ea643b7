"""Measuring a network on the splits of its task."""

from __future__ import annotations

from pytorch_lightning import LightningModule
from torchmetrics import MeanMetric, Metric

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.task import Source, Split, Task


def go_through(
    task: Task, network: RecurrentNetwork, source: Source, split: Split, figures: Metric, mean_loss: MeanMetric
) -> None:
    """Add every sample of a split to the task's metric and to the mean loss.

    Args:
        task: The task.
        network: The network, in evaluation mode.
        source: The task's data.
        split: The split.
        figures: What `task.metric` made.
        mean_loss: Gets each sample's loss, as often as the sample has scored steps.
    """
    state = None
    for batch in source.evaluation(split):
        predictions, state = task.predict(network, batch, None if batch.fresh else state)
        losses = task.loss_per_sample(predictions, batch)
        # a loss is the mean over the scored steps; MeanMetric ignores weights where it does not look for NaN
        mean_loss.update(losses.unsqueeze(1).expand(-1, predictions.shape[1]))
        task.measure(figures, predictions, batch)


class MeasuredModule(LightningModule):
    """A network on its trainer's data, and the figures that it has there."""

    network: RecurrentNetwork
    """What is measured."""

    divergence_factor: float
    """A loss above this multiple of the constant predictor's counts as diverged, like one that is not finite."""

    def __init__(self) -> None:
        super().__init__()
        self.task: Task
        self.source: Source | None = None
        self.figures: Metric
        self.mean_loss: MeanMetric
        self.diverged_at: int | None = None
        self.loaded_step = 0
        self.latest: dict[str, float] = {}
        self.measured: dict[Split, dict[str, float]] = {}

    def teardown(self, stage: str) -> None:
        """Free the data's memory."""
        self.source = None

    def bring_data(self) -> Source:
        """The task's data for this process, moved to the device at the first call of a run."""
        if self.source is None:
            dtype = next(self.parameters()).dtype
            self.source = self.task.source(self.device, dtype, self.global_rank, self.trainer.world_size)
        return self.source

    def validation_step(self, call: int) -> None:
        """Go through the validation split."""
        self._go_through("val")

    def test_step(self, call: int) -> None:
        """Go through the splits that the task is measured on; log the figures as `<split>/<name>`."""
        for split in self.task.final_splits:
            self._go_through(split)
            self._conclude(split)

    def on_validation_epoch_end(self) -> None:
        """Log the figures as `val/<name>`."""
        self._conclude("val")

    def _go_through(self, split: Split) -> None:
        go_through(self.task, self.network, self.bring_data(), split, self.figures, self.mean_loss)

    def _conclude(self, split: Split) -> None:
        """Log a split's figures and keep them for the summary; those of a diverged run are the constant predictor's."""
        loss = float(self.mean_loss.compute())
        if self.diverged_at is None and not loss <= self.divergence_factor * self.task.constant_loss:
            self.diverged_at = self.steps_trained
            self.trainer.should_stop = True
        if self.diverged_at is None:
            figures = {"loss": loss, **self.figures.compute()}
        else:
            figures = {"loss": self.task.constant_loss, **self.task.worthless()}
        self.mean_loss.reset()
        self.figures.reset()
        self.latest = figures
        self.measured[split] = figures
        together = self.trainer.world_size > 1  # all processes have the same figures; Lightning warns unless told
        self.log("step", float(self.steps_trained), batch_size=1, sync_dist=together)
        for name, value in figures.items():
            shown = name == self.task.headline
            self.log(f"{split}/{name}", value, batch_size=1, prog_bar=shown, sync_dist=together)

    @property
    def steps_trained(self) -> int:
        """Optimizer steps behind the weights, those of a loaded checkpoint included."""
        return max(self.global_step, self.loaded_step)
