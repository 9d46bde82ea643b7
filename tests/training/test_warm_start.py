from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import SGD, Adam

from rnn_capacity.cells import CELLS
from rnn_capacity.models import RecurrentNetwork
from rnn_capacity.tasks import Language, RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule, TotalDecay
from rnn_capacity.training.warm_start import load_weights
from tests.training.conftest import Fit, quiet_trainer

UNITS = 4


def language(symbols: str, folder: Path) -> Language:
    """A language task that reads a text of some symbols."""
    path = folder / f"{len(list(folder.iterdir()))}.txt"
    path.write_text(symbols * (200 // len(symbols)), encoding="utf-8")
    return Language(path=str(path), steps=5, warmup=1, batch_size=4, prompt=symbols[0])


def language_module(cell: str, symbols: str, **options: Any) -> RecurrentModule:
    size = len(symbols)
    fresh = {"depth": 2, "hidden_size": UNITS, "optimizer": partial(Adam, lr=0.05), "seed": 1, "steps_per_call": 2}
    return RecurrentModule(cell, input_size=size, output_size=size, **{**fresh, **options})


def trained_on(symbols: str, cell: str, folder: Path, **options: Any) -> tuple[dict[str, Tensor], str]:
    """Train briefly on a text of some symbols, and return the weights and the checkpoint."""
    module = language_module(cell, symbols, **options)
    trainer = quiet_trainer(max_steps=4, limit_val_batches=0)
    trainer.fit(module, datamodule=TaskDataModule(language(symbols, folder)))
    path = str(folder / f"{cell}.ckpt")
    trainer.save_checkpoint(path)
    return weights(module.network), path


def weights(network: RecurrentNetwork) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in network.state_dict().items()}


def input_name(cell: str) -> str:
    return "stack.projection.weight" if cell == "intersection" else "stack.cells.0.weight_input"


@pytest.mark.parametrize("cell", CELLS)
def test_all_weights_carry_over_to_the_same_alphabet(cell: str, tmp_path: Path) -> None:
    saved, path = trained_on("abcd", cell, tmp_path)
    own = language_module(cell, "abcd", seed=2).network
    assert not torch.equal(own.readout.weight, saved["readout.weight"])
    load_weights(own, path, "abcd")
    found = weights(own)
    assert found.keys() == saved.keys()
    assert all(torch.equal(found[name], saved[name]) for name in saved)


@pytest.mark.parametrize(("cell", "alphabet"), [*((cell, "cdxyb") for cell in CELLS), ("gru", "dc"), ("gru", "wxyz")])
def test_weights_of_shared_symbols_carry_over_to_another_alphabet(cell: str, alphabet: str, tmp_path: Path) -> None:
    saved, path = trained_on("abcd", cell, tmp_path)
    own = language_module(cell, alphabet, seed=2).network
    fresh = weights(own)
    load_weights(own, path, alphabet)
    found = weights(own)
    first = input_name(cell)
    for name in found.keys() - {first, "readout.weight", "readout.bias"}:
        assert torch.equal(found[name], saved[name])
    for place, symbol in enumerate(alphabet):
        source, index = (saved, "abcd".index(symbol)) if symbol in "abcd" else (fresh, place)
        assert torch.equal(found[first][:, place], source[first][:, index])
        assert torch.equal(found["readout.weight"][place], source["readout.weight"][index])
        assert torch.equal(found["readout.bias"][place], source["readout.bias"][index])


def mapping_checkpoint(fit: Fit, cell: str, path: Path, **options: Any) -> tuple[dict[str, Tensor], str]:
    fresh = {"depth": 2, "hidden_size": UNITS, "input_size": 5, "optimizer": partial(Adam, lr=0.05)}
    module = RecurrentModule(cell, **{**fresh, **options})
    trainer = fit(module, RandomMapping(samples=20, input_size=5), 4, limit_val_batches=0)
    trainer.save_checkpoint(path)
    return weights(module.network), str(path)


@pytest.mark.parametrize("cell", CELLS)
def test_only_the_layers_carry_over_from_a_random_mapping_to_a_language(fit: Fit, cell: str, tmp_path: Path) -> None:
    saved, path = mapping_checkpoint(fit, cell, tmp_path / "mapping.ckpt")
    own = language_module(cell, "abcde").network  # as many symbols as the mapping has inputs
    fresh = weights(own)
    load_weights(own, path, "abcde")
    for name, weight in weights(own).items():
        source = fresh if name in {input_name(cell), "readout.weight", "readout.bias"} else saved
        assert torch.equal(weight, source[name])


@pytest.mark.parametrize("size", [5, 6])
def test_input_and_readout_carry_over_between_tasks_without_alphabets_of_equal_size(
    fit: Fit, size: int, tmp_path: Path
) -> None:
    saved, path = mapping_checkpoint(fit, "gru", tmp_path / "mapping.ckpt")
    own = RecurrentModule("gru", 2, UNITS, input_size=size, seed=3).network
    fresh = weights(own)
    load_weights(own, path, None)
    for name, weight in weights(own).items():
        source = fresh if name == input_name("gru") and size == 6 else saved
        assert torch.equal(weight, source[name])


@pytest.mark.parametrize(
    ("cell", "options"),
    [("lstm", {}), ("rnn", {}), ("gru", {"depth": 3}), ("gru", {"hidden_size": 5}), ("gru", {"layer_norm": True})],
)
def test_checkpoints_of_other_layers_are_rejected(fit: Fit, cell: str, options: dict[str, Any], tmp_path: Path) -> None:
    _, path = mapping_checkpoint(fit, "gru", tmp_path / "mapping.ckpt")
    own = language_module(cell, "abc", **options).network
    fresh = weights(own)
    with pytest.raises(ValueError, match=r"^init_from must be a checkpoint of the same .*, got .*mapping\.ckpt'"):
        load_weights(own, path, "abc")
    assert all(torch.equal(weight, fresh[name]) for name, weight in weights(own).items())


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_a_file_that_is_not_a_checkpoint_is_rejected(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "broken.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"^init_from must be a readable checkpoint of this program, got .*broken\.ckpt'"
    ):
        load_weights(language_module("gru", "abc").network, str(path), "abc")
    torch.save({"weights": 1}, path)
    with pytest.raises(
        ValueError, match=r"^init_from must be a readable checkpoint of this program, got .*broken\.ckpt'"
    ):
        load_weights(language_module("gru", "abc").network, str(path), "abc")


def test_training_starts_from_the_weights_of_the_checkpoint(tmp_path: Path) -> None:
    saved, path = trained_on("abcd", "gru", tmp_path)
    still = language_module("gru", "abcd", seed=2, init_from=path, optimizer=partial(SGD, lr=0.0))
    quiet_trainer(max_steps=2, limit_val_batches=0).fit(still, datamodule=TaskDataModule(language("abcd", tmp_path)))
    assert all(torch.equal(weight, saved[name]) for name, weight in weights(still.network).items())


def test_the_checkpoint_is_read_once_per_module(tmp_path: Path) -> None:
    _, path = trained_on("abcd", "gru", tmp_path)
    module = language_module("gru", "abcd", init_from=path)
    quiet_trainer(max_steps=2, limit_val_batches=0).fit(module, datamodule=TaskDataModule(language("abcd", tmp_path)))
    trained = weights(module.network)
    Path(path).unlink()
    module.rule = replace(module.rule, optimizer=partial(SGD, lr=0.0))
    quiet_trainer(max_steps=2, limit_val_batches=0).fit(module, datamodule=TaskDataModule(language("abcd", tmp_path)))
    assert all(torch.equal(weight, trained[name]) for name, weight in weights(module.network).items())


@pytest.mark.parametrize(("cell", "frozen"), [*((cell, [0]) for cell in CELLS), ("gru", [1]), ("gru", [0, 1])])
def test_only_frozen_layers_keep_their_weights(cell: str, frozen: list[int], tmp_path: Path) -> None:
    saved, path = trained_on("abcd", cell, tmp_path, layer_norm=True)
    options = {"seed": 2, "init_from": path, "freeze": frozen, "l2": 0.1, "layer_norm": True}
    module = language_module(cell, "abcd", **options)
    quiet_trainer(max_steps=4, limit_val_batches=0).fit(module, datamodule=TaskDataModule(language("abcd", tmp_path)))
    found = weights(module.network)
    kept = {name for name in found if torch.equal(found[name], saved[name])}
    expected = {
        name for name in found for layer in frozen if f".{layer}." in f"{name}." and not name.startswith("readout")
    } | {name for name in found if "projection" in name and 0 in frozen}
    assert kept == expected


def test_freezing_a_layer_out_of_range_is_rejected() -> None:
    for layer in (2, -1):
        with pytest.raises(ValueError, match=rf"^freeze must contain layers from 0 to 1, got {layer}"):
            language_module("gru", "abc", freeze=[layer])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("schedule", [None, TotalDecay])
def test_layer_rates_scale_the_learning_rate_of_each_group_under_any_schedule(cell: str, schedule: Any) -> None:
    module = language_module(
        cell, "abc", layer_rates=[0.1, 3.0], optimizer=partial(SGD, lr=0.2), schedule=schedule, layer_norm=True
    )
    optimizer, scheduler = module.build_optimizer(10)
    names = {id(parameter): name for name, parameter in module.network.named_parameters()}
    groups = [{names[id(parameter)] for parameter in group["params"]} for group in optimizer.param_groups]
    assert sorted(name for group in groups for name in group) == sorted(names.values())
    for layer in range(2):
        own = {f"stack.initial_states.{layer}", f"stack.norms.{layer}.weight", f"stack.norms.{layer}.bias"}
        assert own <= groups[layer]
        assert {name for name in names.values() if name.startswith(f"stack.cells.{layer}.")} <= groups[layer]
    assert groups[2] == {"readout.weight", "readout.bias"}
    assert input_name(cell) in groups[0]
    for step in range(5):
        decayed = 0.2 * (0.1 ** (step / 10) if schedule else 1.0)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([0.1 * decayed, 3 * decayed, decayed], rel=1e-9)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()


def test_a_step_of_gradient_descent_moves_each_layer_in_proportion_to_its_rate(tmp_path: Path) -> None:
    moves = []
    task = language("abcd", tmp_path)
    for rates in ([1.0, 1.0], [0.25, 2.0], [0.0, 1.0]):
        module = language_module("gru", "abcd", layer_rates=rates, optimizer=partial(SGD, lr=0.1))
        before = weights(module.network)
        trainer = quiet_trainer(max_steps=1, limit_val_batches=0, precision="64-true")
        trainer.fit(module, datamodule=TaskDataModule(task))
        moves.append({name: weight - before[name].double() for name, weight in weights(module.network).items()})
    whole = moves[0]
    for rates, moved in zip(([0.25, 2.0], [0.0, 1.0]), moves[1:], strict=True):
        for name, move in moved.items():
            rate = 1.0 if name.startswith("readout") else rates[int(name.split(".")[2])]
            assert float(whole[name].abs().max()) > 0
            torch.testing.assert_close(move, rate * whole[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rates", [[1.0], [1.0, 1.0, 1.0], [1.0, -0.5], []])
def test_layer_rates_of_another_number_or_sign_are_rejected(rates: list[float]) -> None:
    with pytest.raises(ValueError, match=r"^layer_rates must be 2 factors of at least 0, one per layer, got"):
        language_module("gru", "abc", layer_rates=rates).build_optimizer(10)
