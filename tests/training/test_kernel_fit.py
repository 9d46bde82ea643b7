"""`fit` with the compiled kernel against `fit` with torch, in float64."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import LambdaCallback
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, NAdam, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from rnn_capacity.cells import State
from rnn_capacity.models import Initialization, RecurrentNetwork
from rnn_capacity.population import Member, train
from rnn_capacity.tasks import ContinuousFunction, Memory, RandomMapping
from rnn_capacity.training import Batch, FixedTask, RecurrentModule, Task, TaskDataModule, TotalDecay, evaluate_split
from tests.kernel_builds import RUNNABLE, kernel_build
from tests.training.conftest import quiet_trainer

CELLS = ("rnn", "irnn", "ugrnn", "gru", "lstm", "intersection")

OPTIMIZERS: dict[str, Any] = {
    "sgd": partial(SGD, lr=1e-3),
    "momentum": partial(SGD, lr=1e-3, momentum=0.8, dampening=0.1, weight_decay=0.02),
    "rmsprop": partial(RMSprop, lr=1e-3, alpha=0.95),
    "rmsprop with momentum": partial(RMSprop, lr=5e-4, momentum=0.5, weight_decay=0.01),
    "adam": partial(Adam, lr=1e-3, betas=(0.8, 0.99), weight_decay=0.01),
    "adamw": partial(AdamW, lr=1e-3, weight_decay=0.1),
    "adam, decoupled": partial(Adam, lr=1e-3, weight_decay=0.1, decoupled_weight_decay=True),
}

TASK = RandomMapping(samples=90, input_size=7, steps=3)


def make(cell: str, task: Task = TASK, **options: Any) -> RecurrentModule:
    initialization = Initialization(bias="normal", bias_scale=0.0 if cell == "irnn" else 0.3, state_scale=0.2)
    given: dict[str, Any] = {
        "depth": 2 if cell == "intersection" else 1,
        "hidden_size": 5,
        "b_fg": 0.7,
        "initialization": initialization,
        "optimizer": OPTIMIZERS["adam"],
        "seed": 1,
        **options,
    }
    return RecurrentModule(cell, input_size=task.input_size, output_size=task.output_size, **given).double()


def run(module: RecurrentModule, task: Task, steps: int, *callbacks: Callback, **options: Any) -> Tensor:
    """Train by `fit`, and return all parameters in a row."""
    trainer = quiet_trainer(max_steps=steps, callbacks=list(callbacks), **options)
    trainer.fit(module, datamodule=TaskDataModule(task))
    return torch.cat([part.detach().flatten() for part in module.network.parameters()])


def compare(cell: str, steps: int, tolerance: float, task: Task = TASK, build: str = "auto", **options: Any) -> None:
    """Compare the weights after training with the kernel and with torch."""
    with kernel_build("off"):
        module = make(cell, task, **options)
        expected = run(module, task, steps)
        assert module.kernel is None
    with kernel_build(build):
        module = make(cell, task, **options)
        found = run(module, task, steps)
        assert module.kernel is not None
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_metrics_do_not_depend_on_where_the_parameters_are_in_memory() -> None:
    task = ContinuousFunction(samples=2000, tau=50.0)
    initialization = Initialization(recurrent="normal", recurrent_scale=1.4, input_scale=5.0, state_scale=0.5)
    network = RecurrentModule("rnn", hidden_size=34, input_size=50, initialization=initialization).network
    source = task.batch_source(torch.device("cpu"), torch.float32)
    parts = list(network.parameters())
    expected = evaluate_split(task, network, source, "test")
    for offset in range(1, 16):
        row = torch.cat([torch.zeros(offset), *(part.detach().flatten() for part in parts)])[offset:]
        for part, view in zip(parts, row.split([part.numel() for part in parts]), strict=True):
            part.data = view.view_as(part)
        assert evaluate_split(task, network, source, "test") == expected


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_one_step_matches_torch(cell: str, optimizer: str) -> None:
    compare(cell, 1, 1e-12, optimizer=OPTIMIZERS[optimizer])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("build", RUNNABLE)
def test_200_steps_match_torch(cell: str, build: str) -> None:
    compare(cell, 200, 1e-9, build=build)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_200_steps_of_every_optimizer_match_torch(optimizer: str) -> None:
    compare("ugrnn", 200, 1e-9, optimizer=OPTIMIZERS[optimizer])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("show", ["first", "every"])
def test_several_depths_and_inputs_at_every_step_match_torch(cell: str, depth: int, show: Any) -> None:
    if (cell, depth) != ("intersection", 1):
        compare(cell, 20, 1e-10, RandomMapping(samples=90, input_size=7, steps=4, show=show), depth=depth)


@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0.05},
        {"clip_value": 0.002},
        {"l2": 0.1},
        {"clip_norm": 0.05, "clip_value": 0.002, "l2": 0.1},
        {"nonlinearity": "relu"},
        {"schedule": partial(TotalDecay, decay=0.01)},
        {"schedule": CosineAnnealingLR},
        {"hidden_size": 17},
    ],
    ids=["clip norm", "clip value", "l2", "all limits", "relu", "decay", "cosine", "units"],
)
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_training_options_match_torch(cell: str, options: dict[str, Any]) -> None:
    compare(cell, 20, 1e-10, **options)


@pytest.mark.parametrize(
    "task",
    [
        RandomMapping(samples=700, input_size=10, steps=3),  # several slices
        RandomMapping(samples=64, input_size=7, steps=1),
        RandomMapping(samples=90, input_size=7, steps=4, loss_from=2),
        RandomMapping(samples=90, input_size=7, steps=3, classes=5),
        RandomMapping(samples=90, input_size=7, steps=3, classes=3, loss_from=1, show="every"),
        RandomMapping(samples=90, input_size=7, steps=3, batch_size=40, encoding="binary"),
        RandomMapping(samples=90, input_size=7, steps=3, loss_exponent=0.5),
        RandomMapping(samples=90, input_size=7, steps=3, loss_exponent=1.0, loss_exponent_from=0.0, classes=4),
        RandomMapping(samples=90, input_size=7, steps=3, loss_exponent=0.7, batch_size=25, loss_from=2),
        ContinuousFunction(samples=300, input_size=6, steps=3, tau=20.0, batch_size=None),
        ContinuousFunction(samples=300, input_size=6, steps=3, tau=20.0, batch_size=40),
        ContinuousFunction(
            samples=300, input_size=6, steps=3, tau=20.0, batch_size=40, sampling="uniform", show="every"
        ),
    ],
    ids=lambda task: "-".join(f"{name}={value}" for name, value in vars(task).items() if value not in (None, 0, 7)),
)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "intersection"])
def test_every_task_with_fixed_data_matches_torch(task: FixedTask, cell: str) -> None:
    compare(cell, 30, 1e-10, task)


@pytest.mark.parametrize("cell", ["rnn", "intersection"])
@pytest.mark.parametrize("samples", [50, 700])
def test_results_do_not_depend_on_the_number_of_threads(cell: str, samples: int) -> None:
    task = RandomMapping(samples=samples, input_size=10, steps=3)
    found = {}
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        try:
            module = make(cell, task).float()
            found[threads] = run(module, task, 40)
        finally:
            torch.set_num_threads(1)
        assert module.kernel is not None
    assert torch.equal(found[1], found[2])
    assert torch.equal(found[1], found[3])


class SeesGradients(Callback):
    def __init__(self) -> None:
        self.norms: list[float] = []

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        self.norms.append(float(sum(part.grad.square().sum() for part in pl_module.network.parameters())))


def test_a_callback_that_sees_gradients_turns_the_kernel_off() -> None:
    callback, module = SeesGradients(), make("rnn")
    run(module, TASK, 5, callback)
    assert module.kernel is None
    assert len(callback.norms) == 5
    assert min(callback.norms) > 0


def make_own_loss() -> type[RandomMapping]:
    """The random mapping with a loss of its own."""

    class OwnLoss(RandomMapping):
        def loss_per_sample(self, predictions: Tensor, batch: Batch) -> Tensor:
            return 3 * super().loss_per_sample(predictions, batch)

    return OwnLoss


def test_a_loss_of_a_task_is_trained_by_the_kernel_only_where_the_task_names_its_kind() -> None:
    own_loss: Any = make_own_loss()

    class NamedLoss(own_loss):
        loss_kind = "binary"

    class OtherLoss(own_loss):
        loss_kind = None

    class OwnPrediction(RandomMapping):
        def predict(
            self, network: RecurrentNetwork, batch: Batch, state: list[State] | None = None
        ) -> tuple[Tensor, list[State]]:
            outputs, state = super().predict(network, batch, state)
            return 2 * outputs, state

    usable = {}
    for kind in (RandomMapping, own_loss, NamedLoss, OtherLoss, OwnPrediction):
        module = make("rnn")
        run(module, kind(samples=90, input_size=7, steps=3), 3)
        usable[kind] = module.kernel is not None
    assert usable == {RandomMapping: True, own_loss: False, NamedLoss: True, OtherLoss: False, OwnPrediction: False}


def test_a_tasks_own_loss_is_trained_in_a_population_as_in_fit() -> None:
    task = make_own_loss()(samples=90, input_size=7, steps=3)
    one, two = make("gru"), make("gru")
    train([Member(one, task, 20)])
    found = torch.cat([part.detach().flatten() for part in one.network.parameters()])
    torch.testing.assert_close(found, run(two, task, 20))


def test_a_minibatch_of_samples_that_do_not_exist_is_rejected() -> None:
    class WrongMinibatches(RandomMapping):
        def minibatch(self, step: int) -> Tensor:
            return torch.tensor([0, 90])

    with pytest.raises(ValueError, match=r"minibatch must give indices in \[0, 89\], got 90"):
        run(make("rnn"), WrongMinibatches(samples=90, input_size=7, steps=3), 3)


def test_exponents_of_the_loss_may_have_any_type_and_layout() -> None:
    class SingleExponents(RandomMapping):
        def loss_exponents(self, total_steps: int) -> Tensor:
            return torch.linspace(0, 0.5, 2 * total_steps)[::2]

    task = SingleExponents(samples=90, input_size=7, steps=3)
    compare("gru", 20, 1e-9, task)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        (Memory(input_size=4, evaluation_samples=8), {}),
        (TASK, {"dropout": 0.3, "depth": 2}),
        (TASK, {"layer_norm": True}),
        (TASK, {"residual": True, "depth": 2}),
        (TASK, {"freeze": [0]}),
        (TASK, {"layer_rates": [0.5]}),
        (TASK, {"optimizer": partial(NAdam, lr=1e-3)}),
        (TASK, {"optimizer": partial(Adam, lr=1e-3, amsgrad=True)}),
        (TASK, {"schedule": lambda optimizer, steps: OneCycleLR(optimizer, 1e-2, total_steps=steps)}),
        (TASK, {"cell": "tests.own_cell.MinimalGatedUnit"}),
    ],
    ids=[
        "memory",
        "dropout",
        "layer norm",
        "residual",
        "freeze",
        "layer rates",
        "nadam",
        "amsgrad",
        "one cycle",
        "cell",
    ],
)
def test_trainings_that_the_kernel_does_not_support_run_in_torch(task: Task, options: dict[str, Any]) -> None:
    module = make(**{"cell": "rnn", "task": task, **options})
    run(module, task, 3)
    assert module.kernel is None


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("first", "second"), [("auto", "auto"), ("auto", "off"), ("off", "auto")])
def test_a_run_is_resumed_with_and_without_the_kernel(optimizer: str, first: str, second: str, tmp_path: Path) -> None:
    options = {"optimizer": OPTIMIZERS[optimizer], "schedule": partial(TotalDecay, decay=0.1), "steps_per_call": 10}
    whole = run(make("gru", **options), TASK, 60)

    class Stop(Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 30:
                trainer.save_checkpoint(tmp_path / "half.ckpt")
                trainer.should_stop = True

    with kernel_build(first):
        run(make("gru", **options), TASK, 60, Stop(), min_steps=30)
    with kernel_build(second):
        module = make("gru", **options)
        trainer = quiet_trainer(max_steps=60)
        trainer.fit(module, datamodule=TaskDataModule(TASK), ckpt_path=tmp_path / "half.ckpt")
    resumed = torch.cat([part.detach().flatten() for part in module.network.parameters()])
    assert module.steps_trained == 60
    if (first, second) == ("auto", "auto"):
        assert torch.equal(resumed, whole)
    torch.testing.assert_close(resumed, whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("build", ["auto", "off"])
def test_a_diverged_training_ends_with_the_baseline_metrics(build: str) -> None:
    task = RandomMapping(samples=90, input_size=7, steps=3)
    with kernel_build(build):
        module = make("rnn", task, optimizer=partial(SGD, lr=1e4), nonlinearity="relu", steps_per_call=10)
        trainer = quiet_trainer(max_steps=50)
        trainer.fit(module, datamodule=TaskDataModule(task))
        trainer.test(module, datamodule=TaskDataModule(task), verbose=False)
    assert module.diverged_at is not None
    assert 2 <= module.diverged_at <= 10
    assert module.steps_trained == 10
    assert module.final_metrics["bits_per_parameter"] == 0


def test_a_hook_of_a_callback_that_is_not_a_method_is_called_at_every_step() -> None:
    calls = []
    callback = LambdaCallback(on_after_backward=lambda *_: calls.append(1))
    module = make("rnn")
    run(module, TASK, 20, callback)
    assert module.kernel is None
    assert len(calls) == 20


def test_a_module_with_an_optimizer_of_its_own_is_trained_by_torch() -> None:
    class OwnOptimizer(RecurrentModule):
        """Stands for a user's module; the command line would offer a class of this file."""

        def configure_optimizers(self) -> Any:
            return SGD(self.network.parameters(), lr=0.0)

    module = OwnOptimizer("rnn", input_size=7, hidden_size=5, optimizer=OPTIMIZERS["adam"]).double()
    before = torch.cat([part.detach().flatten() for part in module.network.parameters()])
    assert torch.equal(run(module, TASK, 20), before)
    assert module.kernel is None
