"""Checkpoints are read as mere data, and only if they are intact."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import Adam

from rnn_capacity.cli import main
from rnn_capacity.population import Member, quiet_trainer, train
from rnn_capacity.tasks import RandomMapping
from rnn_capacity.training import RecurrentModule, TaskDataModule, load_checkpoint
from tests.program import Runner, forked
from tests.training.conftest import Fit

Toy = Callable[..., list[str]]


class WritesAFile:
    """Pickles to a call that makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def module(**options: Any) -> RecurrentModule:
    return RecurrentModule("gru", hidden_size=4, input_size=6, optimizer=partial(Adam, lr=0.01), **options)


def poison(path: Path, target: Path) -> Path:
    """Add to a checkpoint an object that makes a folder when it is unpickled."""
    content = torch.load(path, weights_only=True) if path.is_file() else {"state_dict": {}}
    poisoned = path.with_name("poisoned.ckpt")
    torch.save({**content, "more": WritesAFile(target)}, poisoned)
    return poisoned


def test_no_code_of_a_checkpoint_runs(fit: Fit, tmp_path: Path) -> None:
    task, target = RandomMapping(samples=12, input_size=6), tmp_path / "written"
    fit(module(), task, 4).save_checkpoint(tmp_path / "whole.ckpt")
    path = poison(tmp_path / "whole.ckpt", target)
    torch.load(path, weights_only=False)
    target.rmdir()  # so it would have been written
    attempts: dict[str, Callable[[], Any]] = {
        "init_from": lambda: Member(module(init_from=str(path)), task, 4),
        "population": lambda: train([Member(module(), task, 4)], ckpt_path=str(path)),
        "population of other files": lambda: train(
            [Member(module(), task, 4)], quiet_trainer(), ckpt_path=str(poison(tmp_path / "none.ckpt", target))
        ),
    }
    for name, attempt in attempts.items():
        argument = "init_from" if name == "init_from" else "ckpt_path"
        with pytest.raises(ValueError, match=rf"^{argument} must be a readable checkpoint of this program, got "):
            attempt()
        assert not target.exists(), name


@pytest.mark.parametrize("option", ["--ckpt_path", "--run", "--weights_only"])
def test_no_code_of_a_checkpoint_runs_on_the_command_line(
    option: str, runner: Runner, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, target = runner("fit", *toy())["run"], tmp_path / "written"
    path = poison(run / "checkpoints" / "last.ckpt", target)
    capsys.readouterr()
    more = [f"--ckpt_path={path}", *(["--weights_only=false"] if option == "--weights_only" else [])]
    if option == "--run":
        path.replace(run / "checkpoints" / "last.ckpt")
        (run / "summary.json").unlink()
        more = [f"--run={run.name}"]
    with pytest.raises(SystemExit) as stop:
        main(["fit", *toy(), *runner.quiet(), *more])
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert "ckpt_path must be a readable checkpoint of this program" in line
    assert line.count("\n") == 1
    assert not target.exists()


def test_a_population_resumes_from_mere_data_with_plain_torch_files(fit: Fit, tmp_path: Path) -> None:
    trainer = fit(module(), RandomMapping(samples=12, input_size=6), 4)
    trainer.save_checkpoint(tmp_path / "whole.ckpt")
    assert load_checkpoint(str(tmp_path / "whole.ckpt"))["global_step"] == 4


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_flipped_byte_of_a_checkpoint_is_reported(
    share: float, fit: Fit, runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner("fit", *toy(), "--model.cell=lstm")["run"]
    path = run / "checkpoints" / "last.ckpt"
    content = path.read_bytes()
    weight = torch.load(path, weights_only=True)["state_dict"]["network.readout.weight"]
    place = content.index(weight.numpy().tobytes()) + int(share * weight.nbytes)
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    torch.load(path, weights_only=True)  # torch does not notice
    capsys.readouterr()
    for arguments in (
        ["test", f"--ckpt_path={path}"],
        ["fit", *toy(), "--model.cell=lstm", f"--ckpt_path={path}"],
        ["fit", *toy(), "--model.cell=lstm", f"--model.init_from={path}"],
    ):
        with pytest.raises(SystemExit) as stop:
            main([*arguments, *runner.quiet()])
        assert stop.value.code == 2
        line = capsys.readouterr().err
        assert line.count("\n") == 1
        assert "must be a readable checkpoint of this program, got" in line
        assert "wrong checksum" in line or "CRC" in line
    task = RandomMapping(samples=500, input_size=24)
    with pytest.raises(ValueError, match="ckpt_path must be a readable checkpoint"):
        train([Member(RecurrentModule(hidden_size=4, input_size=24), task, 4)], ckpt_path=str(path))
    assert len(runner.runs()) == 1


@pytest.mark.parametrize(("size", "file"), [(2000, "last.ckpt"), (1, "metrics.csv")])
def test_a_full_disk_ends_a_run_in_one_line_and_keeps_the_previous_files(
    size: int, file: str, runner: Runner, toy: Toy
) -> None:
    full = ["--trainer.callbacks+=tests.interruption.FullDisk", "--trainer.callbacks.step=40"]
    done = forked(["fit", *toy(), *runner.quiet(), *full, f"--trainer.callbacks.size={size}", "--run=told"])
    assert done.returncode == 1, done.stderr
    run = runner.root / "random_mapping" / "told"
    (line,) = done.stderr.splitlines() or [""]
    assert line.startswith("rnn-capacity: error: ")
    assert line.endswith(f"{file} could not be written: File too large")
    assert sorted(path.name for path in run.rglob("*") if path.is_file()) == ["config.yaml", "last.ckpt", "metrics.csv"]
    assert load_checkpoint(str(run / "checkpoints" / "last.ckpt"))["global_step"] == 20
    main(["fit", *toy(), *runner.quiet(), "--run=told"])
    assert (run / "summary.json").is_file()


def test_a_datamodule_and_a_module_still_load(fit: Fit, tmp_path: Path) -> None:
    one = module()
    fit(one, RandomMapping(samples=12, input_size=6), 4).save_checkpoint(tmp_path / "whole.ckpt")
    loaded = RecurrentModule.load_from_checkpoint(tmp_path / "whole.ckpt", weights_only=True)
    assert torch.equal(loaded.network.readout.weight, one.network.readout.weight)
    assert TaskDataModule(RandomMapping(samples=12, input_size=6)).options.samples == 12
