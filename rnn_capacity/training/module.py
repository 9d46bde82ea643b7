"""The base of every task's LightningModule."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any, Literal, cast

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MeanMetric

from rnn_capacity.cells import GatedCell, State, cell_class
from rnn_capacity.models import Initialization, RecurrentNetwork, units_for_budget
from rnn_capacity.training.evaluation import MeasuredModule
from rnn_capacity.training.gradient import limit_gradient
from rnn_capacity.training.randomness import drawing
from rnn_capacity.training.schedules import Schedule
from rnn_capacity.training.streams import gather_streams, share_of_streams
from rnn_capacity.training.task import Task, at_least
from rnn_capacity.training.warm_start import freeze_layers, load_weights, parameter_groups

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]

DROPOUT = 1
"""What `drawing(device, seed, DROPOUT, step, rank)` draws."""


class RecurrentModule(MeasuredModule):
    """A network of recurrent cells that learns the task of its trainer's datamodule.

    Several optimizer steps are made in one `training_step`, since Lightning's own work for a call would outweigh the
    step of a small network; `global_step` counts optimizer steps all the same. A run whose loss diverges stops there;
    it has a result, `diverged_at`, and the figures of a constant predictor.

    Args:
        cell: rnn, irnn, ugrnn, gru, lstm, intersection, or the class path of a cell of your own.
        depth: Layers of the stack.
        hidden_size: Units of every layer. Give this or max_parameters.
        max_parameters: Parameter budget; every layer gets the most units that fit. Give this or hidden_size.
        input_size: Features of the input; on the command line the data's.
        output_size: Outputs of the network; on the command line the data's.
        nonlinearity: tanh, relu, or null for the cell's own.
        b_fg: Added inside the forget gates: a number, or one for each of the cell's forget gates by name. Cells
            without one ignore it.
        initialization: How the weights start.
        residual: Add each upper layer's input to its output. Adds no parameters.
        layer_norm: Normalise each layer's output. Adds 2 * units parameters a layer, inside max_parameters.
        dropout: Share of a layer's outputs dropped before the next layer, in training. Adds no parameters.
        recurrent_dropout: Share of the hidden state dropped where it enters a matrix product, the same units at every
            step of a sequence, in training. Adds no parameters.
        cell_options: More constructor arguments for a cell of your own.
        optimizer: The optimizer, for example torch.optim.Adam, RMSprop or SGD (with momentum).
        schedule: Learning-rate schedule, called with the optimizer and trainer.max_steps and stepped at every optimizer
            step, for example TotalDecay or torch.optim.lr_scheduler.CosineAnnealingLR; null keeps the rate.
        clip_value: Clip each element of the gradient to [-clip_value, clip_value]; null does not.
        clip_norm: Clip the norm of the whole gradient to clip_norm; null does not.
        l2: Penalty l2/2 · (sum of the squared parameters), added to the loss before clipping.
        steps_per_call: Optimizer steps in one training_step of Lightning's; a matter of speed alone.
        divergence_factor: A loss above this multiple of the constant predictor's counts as diverged, like one that is
            not finite.
        init_from: A checkpoint whose weights to begin from, of the same cell, depth and units. Input and readout carry
            over by the symbols that both tasks have, or start afresh. To resume a run, give --ckpt_path instead.
        freeze: Layers whose weights stay as they are, counted from 0 at the bottom.
        layer_rates: Factor of the learning rate for each layer, the bottom one's first; the readout's is 1.
        seed: Of the weights and of dropout; the data has its own.

    Raises:
        ValueError: If an argument is out of range or two of them exclude each other.
    """

    def __init__(
        self,
        cell: str = "rnn",
        depth: int = 1,
        hidden_size: int | None = None,
        max_parameters: int | None = None,
        input_size: int = 1,
        output_size: int = 1,
        nonlinearity: Literal["tanh", "relu"] | None = None,
        b_fg: float | dict[str, float] = 0.0,
        initialization: Initialization = Initialization(),  # noqa: B008 (frozen; the command line shows its fields)
        residual: bool = False,
        layer_norm: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        cell_options: dict[str, Any] | None = None,
        optimizer: OptimizerFactory = Adam,
        schedule: Schedule | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        l2: float = 0.0,
        steps_per_call: int = 50,
        divergence_factor: float = 1e3,
        init_from: str | None = None,
        freeze: list[int] | None = None,
        layer_rates: list[float] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if (hidden_size is None) == (max_parameters is None):
            raise ValueError(
                f"hidden_size: {hidden_size} given with max_parameters {max_parameters}; "
                "give one and set the other to null"
            )
        if seed >= 2**63:
            raise ValueError(f"seed: {seed} given, at most {2**63 - 1} allowed")
        at_least(1, steps_per_call=steps_per_call)
        at_least(0, l2=l2, seed=seed)
        for name, bound in (
            ("clip_value", clip_value),
            ("clip_norm", clip_norm),
            ("divergence_factor", divergence_factor),
        ):
            if bound is not None and not bound > 0:
                raise ValueError(f"{name}: {bound:g} given, a positive number needed")
        self.save_hyperparameters(logger=False)
        for name in [name for name, value in self.hparams.items() if callable(value)]:
            del self.hparams[name]  # a class or function cannot be loaded back from a checkpoint as mere data
        if hidden_size is None:
            budget = cast(int, max_parameters)
            hidden_size = units_for_budget(cell, depth, budget, input_size, output_size, layer_norm=layer_norm)
        options = dict(cell_options or {})
        if b_fg or issubclass(cell_class(cell), GatedCell):
            options["b_fg"] = b_fg
        self.network = RecurrentNetwork(
            cell,
            depth,
            input_size,
            hidden_size,
            output_size,
            nonlinearity=nonlinearity,
            initialization=initialization,
            residual=residual,
            layer_norm=layer_norm,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            cell_options=options,
            seed=seed,
        )
        self.cell = cell
        self.depth = depth
        self.hidden_size = hidden_size
        self.parameters_total = self.network.parameters_total
        freeze_layers(self.network, freeze or [])
        self.init_from = init_from
        self.layer_rates = layer_rates
        self.optimizer_factory = optimizer
        self.schedule = schedule
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        self.l2 = l2
        self.steps_per_call = steps_per_call
        self.divergence_factor = divergence_factor
        self.seed = seed
        self.draws_dropout = bool(dropout or recurrent_dropout)
        self.automatic_optimization = False

        self.carried: list[State] | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the network gives: see `RecurrentNetwork.forward`."""
        return self.network(*args, **kwargs)

    def configure_optimizers(self) -> Any:
        """The optimizer, and the schedule over the whole run."""
        return self.build_optimizer(self.trainer.max_steps)

    def build_optimizer(self, total_steps: int) -> tuple[list[Optimizer], list[LRScheduler]]:
        """The optimizer over the network's parameters, and its schedule over so many steps if there is one.

        Raises:
            ValueError: If the optimizer or the schedule refuses its arguments.
        """
        optimizer = self.optimizer_factory(parameter_groups(self.network, self.layer_rates))
        if inspect.signature(optimizer.step).parameters["closure"].default is inspect.Parameter.empty:
            raise ValueError(f"optimizer: {type(optimizer).__name__} given, one that needs no closure allowed")
        for group in optimizer.param_groups:
            group["lr"] *= group.get("factor", 1.0)
        return [optimizer], [] if self.schedule is None else [self.schedule(optimizer, total_steps)]

    def setup(self, stage: str) -> None:
        """Take the task from the trainer's datamodule, which made it for this network."""
        task = getattr(getattr(self.trainer, "datamodule", None), "task", None)
        if not isinstance(task, Task):
            raise ValueError("datamodule: none given, the data of a task needed")
        self.task = task
        sizes = (self.network.stack.input_size, self.network.readout.out_features)
        if sizes != (task.input_size, task.output_size):
            raise ValueError(
                f"input_size, output_size: {sizes} given, {task.name} has {(task.input_size, task.output_size)}"
            )
        if stage == "fit":
            if self.trainer.max_steps < 1:
                raise ValueError(f"max_steps: {self.trainer.max_steps} given, the number of optimizer steps needed")
            self.diverged_at, self.carried, self.loaded_step = None, None, 0
            self.load_initial_weights(self.task)
        self.figures = self.task.metric(self.network)
        self.mean_loss = MeanMetric(nan_strategy="disable")

    def on_fit_start(self) -> None:
        """Take numbers as zero that are too small for processors to handle in normal time.

        Once samples are learnt their gradients are such numbers; steps of a small network then took twice as long.
        """
        torch.set_flush_denormal(True)

    def load_initial_weights(self, task: Task) -> None:
        """Begin from the weights of `init_from`, if there is one.

        Raises:
            ValueError: If it is no checkpoint of this program, or its layers are not like the network's.
        """
        if self.init_from is not None:
            load_weights(self.network, self.init_from, task.alphabet)

    def training_step(self, call: int) -> None:
        """Make up to `steps_per_call` optimizer steps; log their mean loss and notice a divergence once."""
        source = self.bring_data()
        optimizer = cast(LightningOptimizer, self.optimizers())
        schedule = cast("LRScheduler | None", self.lr_schedulers())
        world_size = self.trainer.world_size
        first = self.global_step
        state = self.carried
        losses = []
        still = nullcontext()
        for step in range(first, min(first + self.steps_per_call, self.trainer.max_steps)):
            batch = source.batch(step)
            noise = drawing(self.device, self.seed, DROPOUT, step, self.global_rank) if self.draws_dropout else still
            before = None if batch.fresh else state
            with noise:
                predictions, state = self.task.predict(self.network, batch, before)
            state = [tuple(part.detach() for part in layer) for layer in state] if self.task.carries_state else None
            # this process's share of the mean; averaging over processes divides by their number
            loss = self.task.loss_per_sample(predictions, batch).sum() * (world_size / batch.size)
            optimizer.zero_grad()
            self._backward(loss, carried=before is not None)
            limit_gradient(self.network, self.l2, self.clip_value, self.clip_norm)
            optimizer.step()
            if schedule is not None:
                schedule.step()
            losses.append(loss.detach())
        self.carried = state
        self._after_steps(first, torch.stack(losses))

    def _backward(self, loss: Tensor, carried: bool) -> None:
        """Compute the gradient. From a carried state on, the learned initial state has none.

        Several processes wait for the gradient of every parameter: there it is zero, and taken away again, since an
        optimizer goes on moving what has a gradient.
        """
        unused = list(self.network.stack.initial_states) if carried and self.trainer.world_size > 1 else []
        for start in unused:
            loss = loss + 0 * start.sum()
        self.manual_backward(loss)
        for start in unused:
            start.grad = None

    def _after_steps(self, first: int, shares: Tensor) -> None:
        """Log the mean loss of the call's steps, and stop the run if one of them diverged.

        Args:
            first: Optimizer steps made before the call.
            shares: This process's share of each step's loss, times the number of processes.
        """
        losses = self.trainer.strategy.reduce(shares, reduce_op="mean")
        bound = self.divergence_factor * self.task.constant_loss
        within = (losses.isfinite() & (losses <= bound)).tolist()
        self.log("step", float(first + len(within)), batch_size=1)
        self.log("train/loss", losses.mean(), batch_size=1, prog_bar=True)
        if not all(within):
            self.diverged_at = first + within.index(False) + 1
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the summary says beside the weights."""
        checkpoint["diverged_at"] = self.diverged_at
        checkpoint["max_steps"] = self.trainer.max_steps
        checkpoint["alphabet"] = self.task.alphabet
        checkpoint["carried"] = gather_streams(self, self.carried) if self.carried else []

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up where the checkpoint's run was."""
        self.diverged_at = checkpoint.get("diverged_at")
        self.loaded_step = checkpoint.get("global_step", 0)
        carried = checkpoint.get("carried")
        if carried and self._trainer is not None:
            self.carried = share_of_streams(self, carried)
