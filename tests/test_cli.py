from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import rnn_capacity.tasks
from rnn_capacity import __version__
from rnn_capacity.cells import CELLS
from rnn_capacity.cli import main
from tests.program import CONFIGS, Runner

Toy = Callable[..., list[str]]


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a refused command line gets."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert line.startswith("rnn-capacity: error: ")
    assert line.count("\n") == 1
    return line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model.cell=foo"], ["cell must be one of", "got 'foo'", *CELLS]),
        (["--model.cell=no_such_package.Cell"], ["cell must be one of", "got 'no_such_package.Cell'", *CELLS]),
        (["--model.cell=torch.nn.LSTMCell"], ["got 'torch.nn.LSTMCell'", "rnn_capacity.cells.Cell"]),
        (["--model=Foo"], ["model: ", "Foo", "RandomMappingModule"]),
        (["--model=torch.nn.Linear"], ["model: ", "RandomMappingModule"]),
        (["--data=Foo"], ["data: ", "Foo", "RandomMappingData"]),
        (["--model.foo=3"], ["'foo'", "max_parameters", "steps_per_call"]),
        (["--model.optimizer.foo=3"], ["'foo'", "weight_decay"]),
        (["--model.initialization.foo=3"], ["initialization.foo", "initialization.recurrent_scale"]),
        (["--data.sample=3"], ["'sample'", "did you mean samples?"]),
        (["--trainer.max_step=3"], ["--trainer.max_step=3", "did you mean trainer.max_steps?"]),
        (["--foo=3"], ["--foo=3", "known are config", "trainer", "model", "data", "ckpt_path"]),
        (["--model.depth=0"], ["depth must be at least 1, got 0"]),
        (["--model.depth=two"], ["depth", "two", "int"]),
        (["--model.max_parameters=3"], ["max_parameters must be at least 29", "got 3"]),
        (["--model.hidden_size=3"], ["hidden_size: 3 given", "max_parameters 150", "null"]),
        (["--model.max_parameters=null"], ["hidden_size: None given", "max_parameters None"]),
        (["--data.samples=300"], ["samples: 300 given", "samples_per_parameter"]),
        (["--data.samples_per_parameter=1e6"], ["samples: ", "16777216"]),
        (["--data.input_size=3"], ["samples: ", "8 distinct"]),
        (["--data.loss_from=6"], ["loss_from: 6 given", "steps = 5"]),
        (["--data.show=often"], ["show", "first", "every"]),
        (["--model.cell=intersection"], ["depth must be at least 2", "got 1", "paper"]),
        (
            ["--model.cell=irnn", "--model.nonlinearity=tanh"],
            ["nonlinearity of IRNNCell must be one of relu", "got 'tanh'"],
        ),
        (["--model.nonlinearity=sigmoid"], ["nonlinearity", "tanh", "relu"]),
        (
            ["--model.initialization.recurrent=identity"],
            ["recurrent of RNNCell must be one of orthogonal, normal", "got 'identity'"],
        ),
        (["--model.schedule=TotalDecay", "--model.schedule.decay=7"], ["decay: 7 given"]),
        (["--model.optimizer.lr=-1"], ["learning rate", "-1"]),
        (["--trainer.max_steps=-1"], ["trainer.max_steps: -1 given"]),
        (["--trainer.gradient_clip_val=1"], ["trainer.gradient_clip_val: 1", "model.clip_norm"]),
        (["--trainer.accumulate_grad_batches=4"], ["trainer.accumulate_grad_batches: 4", "data.batch_size"]),
        (["--trainer.val_check_interval=7"], ["trainer.val_check_interval: 7 given", "3 calls"]),
        (["--model.cell_options={'foo': 1}"], ["cell_options must be arguments of RNNCell", "'foo'"]),
        (["--model.seed=100000000000000000000"], ["seed: 100000000000000000000 given"]),
        (["--ckpt_path=http://127.0.0.1/last.ckpt"], ["ckpt_path: ", "no such file"]),
        (["--trainer.accelerator=gpu"], ["trainer: ", "gpu"]),
        (["--ckpt_path=nowhere.ckpt"], ["ckpt_path: 'nowhere.ckpt'", "no such file"]),
        (["--config=nowhere.yaml"], ["config: 'nowhere.yaml'", "no such file"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else None,
)
def test_bad_input_gets_one_line_and_leaves_nothing_behind(
    options: list[str], words: list[str], runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(["fit", *toy(), *runner.quiet(), *options], capsys)
    for word in words:
        assert word in line
    assert runner.runs() == []


@pytest.mark.parametrize("text", ["a: [1", "just words", "- 1\n- 2", "\x00"])
def test_a_config_that_is_no_mapping_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    assert "config: " in refusal(["fit", "--config", str(config)], capsys)


def test_a_key_that_no_command_knows_is_refused(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "typo.yaml"
    config.write_text("modell:\n  cell: gru\n")
    line = refusal(["fit", *toy(), "--config", str(config)], capsys)
    assert "'modell.cell'" in line
    assert "did you mean model?" in line


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_an_unreadable_checkpoint_is_refused(
    content: bytes, runner: Runner, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.ckpt"
    path.write_bytes(content)
    line = refusal(["test", *toy(), *runner.quiet(), "--ckpt_path", str(path)], capsys)
    assert "ckpt_path: " in line
    assert str(path) in line
    torch.save({"state_dict": {}}, path)
    assert "not a readable checkpoint" in refusal(["fit", *toy(), *runner.quiet(), "--ckpt_path", str(path)], capsys)
    assert runner.runs() == []


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--model.optimizer.lr=0.5", "model.optimizer.init_args.lr"),
        ("--data.seed=3", "data.seed"),
        ("--model.cell=gru", "model.cell"),
        ("--trainer.max_steps=80", "trainer.max_steps"),
    ],
)
def test_resuming_under_other_hyperparameters_is_refused(
    option: str, name: str, runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = runner("fit", *toy())["run"] / "checkpoints" / "last.ckpt"
    line = refusal(["fit", *toy(), *runner.quiet(), option, "--ckpt_path", str(checkpoint)], capsys)
    assert f"{name}: " in line
    assert "was trained with" in line


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_measuring_needs_a_checkpoint_of_the_same_shape(
    command: str, runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ckpt_path: none given" in refusal([command, *toy(), *runner.quiet()], capsys)
    checkpoint = runner("fit", *toy())["run"] / "checkpoints" / "last.ckpt"
    line = refusal([command, *toy(), *runner.quiet(), "--model.cell=gru", "--ckpt_path", str(checkpoint)], capsys)
    assert "model.cell: 'gru' given" in line


def test_commands_are_listed_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "fit, validate, test, predict" in refusal(["train"], capsys).replace("'", "")
    assert "give --config" in refusal(["fit"], capsys)
    assert "COMMAND" in refusal([], capsys)
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "measure a checkpoint" in capsys.readouterr().out


def test_what_needs_no_torch_does_not_import_it() -> None:
    code = (
        "import sys; from rnn_capacity.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, 'pytorch_lightning' in sys.modules)"
    )
    for arguments in (["--help"], ["--version"], ["trian"], ["fit", "--config", "nowhere.yaml"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False False"


def test_help_of_a_command_names_the_cells_and_imports_no_wandb(toy: Toy) -> None:
    code = (
        "import sys; from rnn_capacity.cli import main\n"
        "try: main(['fit', '--model.help', 'RandomMappingModule'])\n"
        "finally: print('wandb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "rnn, irnn, ugrnn, gru, lstm, intersection" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"rnn-capacity {__version__}"


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_config_holds_no_default_of_its_model_or_data(config: Path) -> None:
    content = yaml.safe_load(config.read_text())
    for part in ("model", "data"):
        kind = getattr(rnn_capacity.tasks, content[part]["class_path"])
        defaults = inspect.signature(kind).parameters
        for name, value in content[part].get("init_args", {}).items():
            if name not in ("cell", "depth"):  # every config names what it trains
                assert value != defaults[name].default
