"""LightningModule base that evaluates a network on the splits of a task."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import LightningModule

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.divergence import diverged_metrics, is_diverged
from rnn_capacity.training.evaluation import evaluate_split
from rnn_capacity.training.rule import TrainingRule
from rnn_capacity.training.task import BatchSource, Split, Task


class EvaluatedModule(LightningModule):
    """LightningModule base that evaluates its network on the trainer's task and keeps the metrics of each split."""

    network: RecurrentNetwork
    """The network that is trained and evaluated."""

    rule: TrainingRule
    """Training hyperparameters, whose `divergence_factor` decides whether a loss counts as diverged."""

    task: Task
    """The task of the trainer's TaskDataModule; set by `setup`."""

    def __init__(self) -> None:
        super().__init__()
        self.source: BatchSource | None = None
        self.diverged_at: int | None = None
        self.loaded_step = 0
        self.metrics: dict[Split, dict[str, float]] = {}

    @property
    def steps_trained(self) -> int:
        """Number of optimizer steps that trained the weights, including those before a loaded checkpoint."""
        return max(self.global_step, self.loaded_step)

    @property
    def final_metrics(self) -> dict[str, float]:
        """Metrics of the split that was evaluated last."""
        return self.metrics[next(reversed(self.metrics))]

    def check_sizes(self, task: Task) -> None:
        """Check that the network's input and output sizes match the task's.

        Args:
            task: The task.

        Raises:
            ValueError: If they differ.
        """
        sizes = {"input_size": self.network.stack.input_size, "output_size": self.network.readout.out_features}
        for name, size in sizes.items():
            if size != getattr(task, name):
                raise ValueError(f"{name} must be {getattr(task, name)} for the task {task.name}, got {size}")

    def setup(self, stage: str) -> None:
        """Take the task from the trainer's TaskDataModule and check that its sizes match the network's."""
        task = getattr(getattr(self.trainer, "datamodule", None), "task", None)
        if not isinstance(task, Task):
            raise ValueError(f"datamodule must be a TaskDataModule, got {getattr(self.trainer, 'datamodule', None)!r}")
        self.task = task
        self.check_sizes(task)

    def teardown(self, stage: str) -> None:
        """Release the task's data, which frees its memory on the device."""
        self.source = None

    def batch_source(self) -> BatchSource:
        """Return the source of the task's batches for this process, created at the first call of a run."""
        if self.source is None:
            dtype = next(self.parameters()).dtype
            self.source = self.task.batch_source(self.device, dtype, self.global_rank, self.trainer.world_size)
        return self.source

    def validation_step(self, call: int) -> None:
        """Evaluate the validation split and log its metrics as `val/<name>`."""
        self._evaluate("val")

    def test_step(self, call: int) -> None:
        """Evaluate the task's final splits and log their metrics as `<split>/<name>`."""
        for split in self.task.final_splits:
            self._evaluate(split)

    def predict_step(self, call: int) -> str:
        """Generate text with the network; only a language task can."""
        return self.task.generate(self.network)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store in a checkpoint at which optimizer step the run diverged, and the task's alphabet."""
        checkpoint["diverged_at"] = self.diverged_at
        checkpoint["alphabet"] = self.task.alphabet

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore from a checkpoint at which optimizer step the run diverged, and the number of steps trained."""
        self.diverged_at = checkpoint.get("diverged_at")
        self.loaded_step = checkpoint.get("global_step", 0)

    def _evaluate(self, split: Split) -> None:
        """Evaluate a split and log the metrics, which are the baseline metrics if the run has diverged."""
        metrics = evaluate_split(self.task, self.network, self.batch_source(), split)
        if self.diverged_at is None and is_diverged(metrics["loss"], self.rule, self.task):
            self.diverged_at = self.steps_trained
            self.trainer.should_stop = True
        if self.diverged_at is not None:
            metrics = diverged_metrics(self.task)
        self.metrics.pop(split, None)  # the last split comes last
        self.metrics[split] = metrics
        distributed = self.trainer.world_size > 1  # all processes have the same metrics; Lightning warns unless told
        self.log("step", float(self.steps_trained), batch_size=1, sync_dist=distributed)
        for name, value in metrics.items():
            shown = name == self.task.primary_metric
            self.log(f"{split}/{name}", value, batch_size=1, prog_bar=shown, sync_dist=distributed)
