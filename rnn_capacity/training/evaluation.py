"""Evaluates a network on a split of its task, and assembles the result of a run for summary.json."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torchmetrics import MeanMetric

from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.training.task import BatchSource, Split, Task

if TYPE_CHECKING:
    from rnn_capacity.training.module import RecurrentModule


@contextmanager
def aligned_parameters(network: nn.Module) -> Iterator[None]:
    """Context manager that copies each parameter of a network to separate, aligned memory.

    The compiled kernel and a population keep all parameters in one vector. Matrix products round differently by the
    alignment of their factors, so that a loaded checkpoint would differ from the training's end in the last bit.
    """
    parts = [(parameter, parameter.data) for parameter in network.parameters()]
    for parameter, data in parts:
        parameter.data = data.clone()
    try:
        yield
    finally:
        for parameter, data in parts:
            parameter.data = data


@torch.no_grad()
def evaluate_split(task: Task, network: RecurrentNetwork, source: BatchSource, split: Split) -> dict[str, float]:
    """Compute the loss and the metrics of a network on a split, reduced over all processes.

    Args:
        task: The task.
        network: The network, in evaluation mode.
        source: The task's data on the network's device.
        split: The split.

    Returns:
        The mean loss per sample as "loss", and the task's metrics by name.

    Example:
        >>> import torch
        >>> from rnn_capacity.models import RecurrentNetwork
        >>> from rnn_capacity.tasks import Memory
        >>> task = Memory(input_size=2, evaluation_samples=8)
        >>> network = RecurrentNetwork("rnn", 1, input_size=2, hidden_size=3, output_size=2, seed=0)
        >>> source = task.batch_source(torch.device("cpu"), torch.float32)
        >>> sorted(evaluate_split(task, network, source, "test"))
        ['dimensions_recovered', 'loss', 'mse', 'reals_per_state_real', 'reals_per_unit']
    """
    device = next(network.parameters()).device
    metric = task.make_metric(network).to(device)
    mean_loss = MeanMetric(nan_strategy="disable").to(device)
    state = None
    with aligned_parameters(network):
        for batch in source.evaluation_batches(split):
            predictions, state = task.predict(network, batch, None if batch.starts_fresh else state)
            losses = batch.apply_weights(task.loss_per_sample(predictions, batch))
            # a loss is the mean over the scored steps; MeanMetric ignores weights where it does not look for NaN
            mean_loss.update(losses.unsqueeze(1).expand(-1, predictions.shape[1]))
            task.update_metric(metric, predictions, batch)
    return {"loss": float(mean_loss.compute()), **metric.compute()}


def run_result(
    module: RecurrentModule, task: Task, metrics: dict[Split, dict[str, float]], diverged_at: int | None, steps: int
) -> dict[str, Any]:
    """Assemble the result of a run as a dictionary with the keys of summary.json.

    Args:
        module: The trained module.
        task: Its task.
        metrics: Metrics of each evaluated split; the last one gives the final metrics.
        diverged_at: Optimizer step at which the training diverged; None if it did not.
        steps: Optimizer steps made.

    Example:
        >>> from rnn_capacity.tasks import RandomMapping
        >>> from rnn_capacity.training import RecurrentModule, diverged_metrics
        >>> task = RandomMapping(samples=16, input_size=6)
        >>> module = RecurrentModule("rnn", hidden_size=4, input_size=6)
        >>> result = run_result(module, task, {"test": diverged_metrics(task)}, diverged_at=7, steps=10)
        >>> result["parameters"], result["bits_per_parameter"], result["feasible"]
        (53, 0.0, False)
    """
    val = {f"val_{task.primary_metric}": metrics["val"][task.primary_metric]} if "val" in task.final_splits else {}
    return {
        "parameters": module.parameters_total,
        "units": module.hidden_size,
        "samples": task.samples,
        "steps": steps,
        "training_loss": task.training_loss,
        **metrics[next(reversed(metrics))],
        **val,
        "feasible": diverged_at is None,
        "diverged_at": diverged_at,
    }
