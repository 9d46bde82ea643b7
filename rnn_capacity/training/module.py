"""The LightningModule that trains a recurrent network on any task."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Literal, cast

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rnn_capacity.cells import GatedCell, State, cell_class
from rnn_capacity.checks import check_finite, check_memory, check_minimum
from rnn_capacity.models import Initialization, RecurrentNetwork, units_for_budget
from rnn_capacity.training.denormals import flushed_denormals
from rnn_capacity.training.divergence import divergence_bound, first_divergence
from rnn_capacity.training.evaluated_module import EvaluatedModule
from rnn_capacity.training.gradient import GradientLimits
from rnn_capacity.training.kernel_fit import KernelFit, kernel_fit
from rnn_capacity.training.parameter_groups import freeze_layers, parameter_groups
from rnn_capacity.training.randomness import seeded_global_generators
from rnn_capacity.training.rule import OptimizerFactory, TrainingRule
from rnn_capacity.training.schedules import Schedule
from rnn_capacity.training.streams import gather_streams, select_streams
from rnn_capacity.training.task import Task
from rnn_capacity.training.warm_start import load_weights

DROPOUT = 1
"""Number that, with the module's seed, the optimizer step and the process rank, seeds dropout."""


class RecurrentModule(EvaluatedModule):
    """LightningModule that trains a recurrent network on the task of the trainer's TaskDataModule.

    One `training_step` makes several optimizer steps, since Lightning's own work for a call would outweigh the step of
    a small network; `global_step` counts optimizer steps all the same. A run whose loss diverges stops there and has a
    result: `diverged_at`, and the metrics of the best predictor that ignores its input.

    Args:
        cell: rnn, irnn, ugrnn, gru, lstm, intersection, or the class path of a cell of your own.
        depth: Layers of the stack.
        hidden_size: Units of every layer. Give this or max_parameters.
        max_parameters: Parameter budget; every layer gets the most units that fit. Give this or hidden_size.
        input_size: Features of the input; on the command line the task's.
        output_size: Outputs of the network; on the command line the task's.
        nonlinearity: tanh, relu, or null for the cell's own.
        b_fg: Added inside the forget gates: a number, or one for each of the cell's forget gates by name. Cells
            of the package without one ignore it.
        initialization: Initial weights.
        residual: Add each upper layer's input to its output. Adds no parameters.
        layer_norm: Normalise each layer's output. Adds 2 * units parameters a layer, inside max_parameters.
        dropout: Share of a layer's outputs dropped before the next layer, in training. Adds no parameters.
        recurrent_dropout: Share of the hidden state dropped where it enters a matrix product, the same units at every
            step of a sequence, in training. Adds no parameters.
        cell_options: More constructor arguments for a cell of your own.
        optimizer: The optimizer, for example torch.optim.Adam, RMSprop or SGD (with momentum).
        schedule: Learning-rate schedule, stepped at every optimizer step, for example TotalDecay or
            torch.optim.lr_scheduler.CosineAnnealingLR; null keeps the rate. Its T_max, total_steps or total_iters is
            trainer.max_steps unless it is given.
        clip_value: Clip each element of the gradient to [-clip_value, clip_value]; null does not.
        clip_norm: Clip the norm of the whole gradient to clip_norm; null does not.
        l2: Penalty l2/2 · (sum of the squared parameters), added to the loss before clipping.
        steps_per_call: Optimizer steps in one training_step of Lightning's; affects speed alone.
        divergence_factor: A loss above this multiple of the baseline loss (that of the best predictor that ignores its
            input) counts as diverged, like one that is not finite.
        init_from: A checkpoint whose weights to begin from, of the same cell, depth and units. Input and readout carry
            over by the symbols that both tasks have, or start afresh. To resume a run, give --ckpt_path instead.
        freeze: Layers whose weights stay as they are, counted from 0 at the bottom.
        layer_rates: Factor of the learning rate for each layer, the bottom one's first; the readout's is 1.
        seed: Seed of the weights and of dropout; the task has its own.

    Raises:
        ValueError: If an argument is out of range or two of them exclude each other.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> from rnn_capacity.tasks import Memory
        >>> from rnn_capacity.training import TaskDataModule
        >>> module = RecurrentModule("gru", hidden_size=4, input_size=2, output_size=2)
        >>> trainer = Trainer(accelerator="cpu", max_steps=10, logger=False, enable_checkpointing=False,
        ...     enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0)
        >>> trainer.fit(module, datamodule=TaskDataModule(Memory(input_size=2)))
        >>> module.steps_trained
        10
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
                "hidden_size or max_parameters must be given and the other be null, "
                f"got hidden_size {hidden_size} and max_parameters {max_parameters}"
            )
        check_minimum(1, steps_per_call=steps_per_call)
        check_minimum(0, seed=seed)
        check_finite(b_fg=b_fg, cell_options=cell_options, depth=depth, hidden_size=hidden_size, seed=seed)
        check_finite(max_parameters=max_parameters, steps_per_call=steps_per_call)
        self.rule = TrainingRule(optimizer, schedule, clip_value, clip_norm, l2, divergence_factor)
        self.save_hyperparameters(logger=False)
        for name in [name for name, value in self.hparams.items() if callable(value)]:
            del self.hparams[name]  # a class or function cannot be loaded back from a checkpoint as mere data
        if hidden_size is None:
            budget = cast(int, max_parameters)
            check_memory(max_parameters=budget)
            hidden_size = units_for_budget(cell, depth, budget, input_size, output_size, layer_norm=layer_norm)
        if "b_fg" in (options := dict(cell_options or {})):
            raise ValueError(f"cell_options must be without b_fg, an option of its own, got {options!r}")
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
        self.cell, self.depth, self.hidden_size = cell, depth, hidden_size
        self.parameters_total = self.network.parameters_total
        freeze_layers(self.network, freeze or [])
        self.init_from, self.layer_rates = init_from, layer_rates
        self.steps_per_call, self.seed = steps_per_call, seed
        self.draws_dropout = bool(dropout or recurrent_dropout)
        self.automatic_optimization = False
        self.limits: GradientLimits
        self.exponents: Tensor | None = None
        self.kernel: KernelFit | None = None
        self.carried_state: list[State] | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network over a batch of sequences, with the arguments of `RecurrentNetwork.forward`."""
        return self.network(*args, **kwargs)

    def build_optimizer(self, total_steps: int) -> tuple[Optimizer, LRScheduler | None]:
        """Build the optimizer of the network's parameters and the learning-rate schedule over a run.

        Args:
            total_steps: Optimizer steps of the run.

        Raises:
            ValueError: If the optimizer or the schedule rejects its arguments.
        """
        return self.rule.build_optimizer(parameter_groups(self.network, self.layer_rates), total_steps)

    def configure_optimizers(self) -> Any:
        """Return to Lightning the optimizer and the learning-rate schedule over `trainer.max_steps` steps."""
        optimizer, schedule = self.build_optimizer(self.trainer.max_steps)
        return [optimizer], [] if schedule is None else [schedule]

    def load_initial_weights(self, task: Task) -> None:
        """Load the weights of the checkpoint `init_from` at the first call; later calls do nothing.

        Args:
            task: The task, whose alphabet tells which weights of input and readout carry over.

        Raises:
            ValueError: If the file is not a checkpoint of this program, or its layers differ from the network's.
        """
        if self.init_from is not None:
            load_weights(self.network, self.init_from, task.alphabet)
            self.init_from = None

    def setup(self, stage: str) -> None:
        """Take the task from the trainer's TaskDataModule, and before a `fit` load the weights of `init_from`."""
        super().setup(stage)
        if stage == "fit":
            check_minimum(1, max_steps=self.trainer.max_steps)
            self.diverged_at, self.carried_state, self.loaded_step, self.kernel = None, None, 0, None
            self.load_initial_weights(self.task)

    def on_fit_start(self) -> None:
        """Create the L2 and clipping constants, and the loss exponents of all steps, on the network's device."""
        self.limits = GradientLimits([self.rule], next(self.network.parameters()))
        exponents = self.task.loss_exponents(self.trainer.max_steps)
        self.exponents = None if exponents is None else exponents.to(next(self.parameters()))

    def on_train_start(self) -> None:
        """Choose between the compiled kernel and torch, now that the optimizer has its state."""
        self.kernel = kernel_fit(self, cast(LightningOptimizer, self.optimizers()).optimizer, RecurrentModule)

    @flushed_denormals()
    def training_step(self, call: int) -> None:
        """Make up to `steps_per_call` optimizer steps, log their mean loss and check it for divergence."""
        source = self.batch_source()
        optimizer = cast(LightningOptimizer, self.optimizers())
        schedule = cast("LRScheduler | None", self.lr_schedulers())
        first = self.global_step
        steps = min(self.steps_per_call, self.trainer.max_steps - first)
        if self.kernel is not None:
            self._log_training(first, self.kernel.make_steps(steps, optimizer, schedule))
            return
        state = self.carried_state
        losses = []
        for step in range(first, first + steps):
            batch = source.batch(step)
            if self.exponents is not None:
                batch = batch._replace(loss_exponent=self.exponents[step])
            previous = None if batch.starts_fresh else state
            with self._dropout_generators(step):
                predictions, state = self.task.predict(self.network, batch, previous)
            state = [tuple(part.detach() for part in layer) for layer in state] if self.task.carries_state else None
            # this process's share of the mean; averaging over processes divides by their number
            losses_of_samples = batch.apply_weights(self.task.loss_per_sample(predictions, batch))
            loss = losses_of_samples.sum() * (self.trainer.world_size / batch.size)
            optimizer.zero_grad()
            self._backward(loss, carried=previous is not None)
            optimizer.step()
            if schedule is not None:
                schedule.step()
            losses.append(loss.detach())
        self.carried_state = state
        self._log_training(first, torch.stack(losses))

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Add the L2 penalty's gradient and clip, after the gradient scaling of mixed precision is undone."""
        self.limits.apply_to_module(self.network.parameters())

    def _dropout_generators(self, step: int) -> Any:
        if not self.draws_dropout:
            return nullcontext()
        return seeded_global_generators(self.device, self.seed, DROPOUT, step, self.global_rank)

    def _backward(self, loss: Tensor, carried: bool) -> None:
        """Compute the gradient of the loss, without one of the learned initial state if the batch does not use it.

        Several processes wait for the gradient of every parameter: there it is zero, and is removed again, since an
        optimizer keeps moving every parameter that has a gradient.
        """
        unused = list(self.network.stack.initial_states) if carried and self.trainer.world_size > 1 else []
        for start in unused:
            loss = loss + 0 * start.sum()
        self.manual_backward(loss)
        for start in unused:
            start.grad = None

    def _log_training(self, first: int, shares: Tensor) -> None:
        """Log the mean loss of the optimizer steps of a `training_step`, and stop the run if one of them diverged.

        Args:
            first: Optimizer steps made before the call.
            shares: This process's share of each step's loss, times the number of processes.
        """
        losses = self.trainer.strategy.reduce(shares, reduce_op="mean")
        (diverged,) = first_divergence(losses.unsqueeze(1), [divergence_bound(self.rule, self.task)])
        self.log("step", float(first + len(losses)), batch_size=1)
        self.log("train/loss", losses.mean(), batch_size=1, prog_bar=True)
        if diverged is not None and self.diverged_at is None:
            self.diverged_at = first + diverged + 1
            self.trainer.should_stop = True

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store `max_steps` and the recurrent state that text streams carry between batches in a checkpoint."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["max_steps"] = self.trainer.max_steps
        checkpoint["carried"] = gather_streams(self, self.carried_state) if self.carried_state else []

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the recurrent state of text streams from a checkpoint, and stop a run that has diverged."""
        super().on_load_checkpoint(checkpoint)
        if self.diverged_at is not None and self._trainer is not None:
            self._trainer.should_stop = True
        carried = checkpoint.get("carried")
        if carried and self._trainer is not None:
            self.carried_state = select_streams(self, carried)
