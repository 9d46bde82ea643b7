"""Going through a split."""

from __future__ import annotations

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
