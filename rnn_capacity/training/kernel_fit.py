"""Makes the optimizer steps of a Lightning `fit` with the compiled C++ kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytorch_lightning import Callback, LightningModule
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rnn_capacity.training.fixed import FixedBatchSource, FixedTask
from rnn_capacity.training.kernel_support import kernel_for
from rnn_capacity.training.kernel_training import KernelData, KernelTrainer, KernelTraining
from rnn_capacity.training.learning_rates import learning_rates

if TYPE_CHECKING:
    from rnn_capacity.training.module import RecurrentModule

STEP_HOOKS = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")
"""Names of Lightning hooks that run within one optimizer step; if one is overridden the compiled kernel is not used."""


class KernelFit:
    """Makes the optimizer steps of a RecurrentModule with the compiled C++ kernel.

    Args:
        training: The module's parameters, optimizer state and data.
        trainer: Makes the steps.
    """

    def __init__(self, training: KernelTraining, trainer: KernelTrainer) -> None:
        self.training = training
        self.trainer = trainer

    def make_steps(self, steps: int, optimizer: LightningOptimizer, schedule: LRScheduler | None) -> Tensor:
        """Make a number of optimizer steps with the compiled kernel and return the loss before each.

        Args:
            steps: Number of steps.
            optimizer: Lightning's wrapper of the optimizer, which counts the steps.
            schedule: The learning-rate schedule.

        Returns:
            The loss before each step, (steps,).
        """
        losses = self.trainer.make_steps([self.training], steps)
        self.training.store_state()
        for _ in range(steps):  # without gradients these change no parameter; they count, and move the schedule
            optimizer.step()
            if schedule is not None:
                schedule.step()
        return losses[:, 0].to(self.training.values)


def kernel_fit(module: RecurrentModule, optimizer: Optimizer, base: type[LightningModule]) -> KernelFit | None:
    """Return the `KernelFit` of a module whose trainer runs; None if torch has to make the steps.

    The compiled kernel can where the task and the network allow it (`kernel_for`), in one process, without mixed
    precision, with the module's own optimizer and a schedule that changes the learning rate alone, and where no hook
    sees the gradient of a single step.

    Args:
        module: The module.
        optimizer: Its optimizer, with the state of the steps made so far.
        base: The class whose hooks the kernel replaces; a subclass may have others.
    """
    trainer: Any = module.trainer
    library = kernel_for(module.network, module.task, optimizer)
    plain = trainer.world_size == 1 and trainer.precision in ("32-true", "64-true")
    hooks = hooks_into_steps(module, base) or any(hooks_into_steps(one, Callback) for one in trainer.callbacks)
    own_optimizer = type(module).configure_optimizers is not base.configure_optimizers
    if library is None or not plain or hooks or own_optimizer:
        return None
    rates = learning_rates(*module.build_optimizer(trainer.max_steps), trainer.max_steps)
    if rates is None:
        return None
    task = cast(FixedTask, module.task)
    data = KernelData(cast(FixedBatchSource, module.batch_source()), library)
    exponents = task.loss_exponents(len(rates))
    training = KernelTraining(module, optimizer, task, data, rates, exponents, module.global_step)
    return KernelFit(training, KernelTrainer(library, module.network, task))


def hooks_into_steps(one: LightningModule | Callback, base: type[LightningModule | Callback]) -> bool:
    """Return whether a module or callback, or its class, has one of the `STEP_HOOKS` that is not the base class's."""
    return any(getattr(getattr(one, name), "__func__", None) is not getattr(base, name) for name in STEP_HOOKS)
