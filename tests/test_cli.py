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
from rnn_capacity.kernels.native.library import VARIABLE, native_library
from rnn_capacity.training import RecurrentModule
from tests.kernel_builds import RUNNABLE, kernel_build
from tests.program import CONFIGS, Runner

Toy = Callable[..., list[str]]

TASKS = "Arithmetic, ContinuousFunction, Language, Memory, Parentheses, RandomMapping"


def error_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run an invalid command line and return the one line that it prints."""
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
        (["--model=Foo"], ["model must be one of RecurrentModule", "Foo"]),
        (["--model=torch.nn.Linear"], ["model must be one of RecurrentModule", "torch.nn.Linear"]),
        (["--data=Foo"], [f"data must be one of {TASKS}", "Foo"]),
        (["--data=FreshTask"], [f"data must be one of {TASKS}", "FreshTask is abstract"]),
        (["--model.foo=3"], ["model.foo must be a known option", "max_parameters", "steps_per_call"]),
        (["--model.optimizer.foo=3"], ["model.optimizer.foo must be a known option", "weight_decay"]),
        (["--model.initialization.foo=3"], ["model.initialization.foo must be", "initialization.recurrent_scale"]),
        (["--data.sample=3"], ["data.sample must be a known option", "did you mean samples?"]),
        (["--trainer.max_step=3"], ["trainer.max_step must be a known option", "did you mean trainer.max_steps?"]),
        (["--foo=3"], ["foo must be a known option; known are config", "trainer", "model", "data", "ckpt_path"]),
        (["--model.depth=0"], ["depth must be at least 1, got 0"]),
        (["--model.depth=two"], ["model.depth must be of type int, got 'two'"]),
        (["--model.max_parameters=3"], ["max_parameters must be at least 29", "got 3"]),
        (
            ["--model.hidden_size=3"],
            ["hidden_size or max_parameters must be given", "null", "hidden_size 3 and max_parameters 150"],
        ),
        (
            ["--model.max_parameters=null"],
            ["hidden_size or max_parameters must be given", "hidden_size None and max_parameters None"],
        ),
        (["--data.samples=300"], ["samples or samples_per_parameter must be given", "null", "samples 300"]),
        (["--data.samples_per_parameter=1e6"], ["samples must be at most 2**input_size = 16777216 distinct patterns"]),
        (["--data.input_size=3"], ["samples must be at most 2**input_size = 8 distinct patterns"]),
        (["--data.loss_from=6"], ["loss_from must be in [1, steps = 5], got 6"]),
        (["--model.clip_norm=x"], ["model.clip_norm must be one of float, null; got 'x'"]),
        (["--model.schedule=no_such_package.Schedule"], ["model.schedule: ", "no_such_package"]),
        (["--config={trainer: {max_step: 3}}"], ["trainer.max_step must be a known option", "trainer.max_steps?"]),
        (["--trainer.callbacks=tests.wandb_callbacks.Fails"], ["trainer.callbacks.step must be given"]),
        (["--data.show=often"], ["data.show must be one of 'first', 'every'; got 'often'"]),
        (["--model.cell=intersection"], ["depth must be at least 2", "got 1"]),
        (
            ["--model.cell=irnn", "--model.nonlinearity=tanh"],
            ["nonlinearity of IRNNCell must be one of relu", "got 'tanh'"],
        ),
        (["--model.nonlinearity=sigmoid"], ["model.nonlinearity must be one of 'tanh', 'relu', null; got 'sigmoid'"]),
        (
            ["--model.initialization.recurrent=identity"],
            ["recurrent of RNNCell must be one of orthogonal, normal", "got 'identity'"],
        ),
        (["--model.schedule=TotalDecay", "--model.schedule.decay=7"], ["decay must be in (0, 1], got 7"]),
        (["--model.optimizer.lr=-1"], ["learning rate", "-1"]),
        (["--trainer.max_steps=-1"], ["trainer.max_steps must be at least 1, got -1"]),
        (["--trainer.gradient_clip_val=1"], ["trainer.gradient_clip_val must be null", "model.clip_norm", "got 1"]),
        (
            ["--trainer.accumulate_grad_batches=4"],
            ["trainer.accumulate_grad_batches must be 1", "data.batch_size", "got 4"],
        ),
        (
            ["--trainer.val_check_interval=7"],
            ["trainer.val_check_interval must be a share", "at most its 3 calls", "got 7"],
        ),
        (["--model.cell_options={'foo': 1}"], ["cell_options must be", "'foo'", "RNNCell"]),
        (
            ["--model.seed=100000000000000000000"],
            ["seed must be at most 9223372036854775807, got 100000000000000000000"],
        ),
        (
            ["--ckpt_path=http://127.0.0.1/last.ckpt"],
            ["ckpt_path must be an existing file, got 'http://127.0.0.1/last.ckpt'"],
        ),
        (["--trainer.accelerator=gpu"], ["trainer.accelerator must be one that can be used here, got 'gpu'"]),
        (["--trainer.precision=transformer-engine"], ["trainer.precision must be one that", "transformer"]),
        (["--trainer.callbacks=[ModelCheckpoint, ModelCheckpoint]"], ["trainer: ", "`ModelCheckpoint`"]),
        (["--trainer.devices=a"], ["trainer.devices must be one that can be used here, got 'a'"]),
        (["--trainer.max_time={no_such: 1}"], ["trainer.max_time must be one that can be used here", "no_such"]),
        (["--trainer.callbacks=Timer"], ["trainer.callbacks must not have Timer (trainer.max_time limits the time)"]),
        (
            ["--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=val/bleu"],
            ["monitor of EarlyStopping must be one of train/loss", "val/bits_per_parameter", "got 'val/bleu'"],
        ),
        (
            ["--trainer.callbacks=ModelCheckpoint", "--trainer.callbacks.save_top_k=-3"],
            ["trainer: Invalid value for save_top_k=-3"],
        ),
        (
            ["--trainer.callbacks=ModelCheckpoint", "--trainer.callbacks.dirpath=s3://bucket/runs"],
            ["trainer.callbacks: ", "Install s3fs to access S3"],
        ),
        (
            ["--trainer.logger=WandbLogger", "--trainer.logger.log_model=true", "--trainer.logger.offline=true"],
            ["log_model=True and offline=True is an invalid configuration"],
        ),
        (["--trainer.val_check_interval=0"], ["trainer.val_check_interval must be above 0, got 0"]),
        (
            ["--trainer.limit_test_batches=0"],
            ["trainer.limit_test_batches must be enough for one of 1 batches, got 0"],
        ),
        (["--seed_everything=-1"], ["seed_everything must be in [0, 4294967295], got -1"]),
        (["--model=null"], ["model must be RecurrentModule or a subclass, got null"]),
        (["--model.depth=null"], ["model.depth must be of type int, got null"]),
        (["--data.steps=null"], ["data.steps must be of type int, got null"]),
        (["--config={trainer: null}"], ["trainer must be a mapping of options, got null"]),
        (["--model.optimizer=os.system"], ["model.optimizer: Importing 'os.system' is not allowed"]),
        (["--data=subprocess.Popen"], ["Importing 'subprocess.Popen' is not allowed"]),
        (["--model.depth"], ["model must be given a value"]),
        (["--config"], ["config must be given a value"]),
        (
            ["--model.max_parameters=null", "--model.hidden_size=1000000000000"],
            ["hidden_size must fit in this machine's memory of", "got hidden_size that needs 3.73e+15 GiB"],
        ),
        (["--trainer.default_root_dir=s3://bucket"], ["default_root_dir must be a folder of this machine, got 's3:"]),
        (["--trainer.default_root_dir=~nobody-here"], ["default_root_dir must be a folder of a known user, got '~nob"]),
        (["--trainer.default_root_dir=/dev/null"], ["default_root_dir must be a writable folder, got '/dev/null/"]),
        ([f"--run={'x' * 300}"], ["run must be the name of one folder, got 'xxx", "..."]),
        (["--run=a\0b"], ["run must be the name of one folder, got 'a\\x00b'"]),
        ([f"--config={'x' * 5000}"], ["config must be an existing file or one of arithmetic, ", "got 'xxx", "..."]),
        (["--ckpt_path=nowhere.ckpt"], ["ckpt_path must be an existing file, got 'nowhere.ckpt'"]),
        (["--config=nowhere.yaml"], ["config must be an existing file or one of arithmetic, ", "got 'nowhere.yaml'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else None,
)
def test_bad_options_give_one_line_and_write_nothing(
    options: list[str], words: list[str], runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_line(["fit", *toy(), *runner.quiet(), *options], capsys)
    for word in words:
        assert word in line
    assert runner.runs() == []


@pytest.mark.parametrize(
    "text", ["a: [1", "just words", "- 1\n- 2", "\x00", "[" * 5000, "{a: " * 3000], ids=lambda text: text[:5]
)
def test_a_config_that_is_not_a_mapping_is_rejected(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    assert "config must be a YAML file" in error_line(["fit", "--config", str(config)], capsys)


@pytest.mark.parametrize("argument", ["config", "sweep"])
def test_a_yaml_file_beyond_all_measure_is_rejected(
    argument: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.yaml"
    many = "at most 100,000 values, got"
    aliases = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9)]
    for text, words in (
        ("# " + "x" * 10**6, "at most 1,000,000 bytes, got"),
        ("&a {model: *a}", many),
        ("\n".join(["a0: &a0 [1, 2]", *aliases]), many),
    ):
        path.write_text(text)
        line = error_line(["search", f"--{argument}={path}"], capsys)
        assert line.startswith(f"rnn-capacity: error: {argument} must be a ")
        assert words in line


def test_a_short_alias_is_read(toy: Toy, runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "alias.yaml"
    path.write_text("model: {b_fg: &number .nan, l2: *number}", encoding="utf-8")
    assert "b_fg must be a finite number" in error_line(["fit", *toy(), *runner.quiet(), f"--config={path}"], capsys)


def test_an_unknown_key_of_a_config_is_rejected(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "typo.yaml"
    config.write_text("modell:\n  cell: gru\n")
    line = error_line(["fit", *toy(), "--config", str(config)], capsys)
    assert "modell.cell must be a known option" in line
    assert "did you mean model?" in line


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_an_unreadable_checkpoint_is_rejected(
    content: bytes, runner: Runner, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.ckpt"
    path.write_bytes(content)
    line = error_line(["test", *toy(), *runner.quiet(), "--ckpt_path", str(path)], capsys)
    assert "ckpt_path must be a readable checkpoint" in line
    assert str(path) in line
    torch.save({"state_dict": {}}, path)
    assert "ckpt_path must be a readable checkpoint" in error_line(
        ["fit", *toy(), *runner.quiet(), "--ckpt_path", str(path)], capsys
    )
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
def test_resuming_with_other_hyperparameters_is_rejected(
    option: str, name: str, runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = runner("fit", *toy())["run"] / "checkpoints" / "last.ckpt"
    line = error_line(["fit", *toy(), *runner.quiet(), option, "--ckpt_path", str(checkpoint)], capsys)
    assert f"{name} must be " in line
    assert "was trained with, got" in line


def test_resuming_with_other_steps_is_rejected_if_the_exponent_of_the_loss_depends_on_them(
    runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*toy(), "--model.schedule=null", "--data.loss_exponent=0.5"]
    checkpoint = runner("fit", *options)["run"] / "checkpoints" / "last.ckpt"
    longer = ["--trainer.max_steps=80", "--ckpt_path", str(checkpoint)]
    assert "trainer.max_steps must be 60" in error_line(["fit", *options, *runner.quiet(), *longer], capsys)


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_evaluation_needs_a_checkpoint_of_the_same_network(
    command: str, runner: Runner, toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "ckpt_path must be the checkpoint of a trained network" in error_line(
        [command, *toy(), *runner.quiet()], capsys
    )
    checkpoint = runner("fit", *toy())["run"] / "checkpoints" / "last.ckpt"
    line = error_line([command, *toy(), *runner.quiet(), "--model.cell=gru", "--ckpt_path", str(checkpoint)], capsys)
    assert "model.cell must be 'rnn'" in line
    assert line.endswith("got 'gru'\n")


def test_unknown_commands_and_missing_options_are_rejected_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert "fit, validate, test, predict" in error_line(["train"], capsys).replace("'", "")
    for command in ("fit", "validate", "test", "predict"):
        line = error_line([command], capsys)
        assert "give --config" in line
        assert f"data must be one of {TASKS}; got null" in line
    assert f"data must be one of {TASKS}" in error_line(["fit", "--data.seed=3"], capsys)
    assert "COMMAND" in error_line([], capsys)
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "measure a checkpoint" in capsys.readouterr().out


def test_help_and_missing_configs_do_not_import_torch() -> None:
    code = (
        "import sys; from rnn_capacity.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, 'pytorch_lightning' in sys.modules)"
    )
    for arguments in (["--help"], ["trian"], ["fit", "--config", "nowhere.yaml"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False False"


def test_a_command_starts_without_the_signals_of_scipy_which_can_be_imported_later() -> None:
    code = (
        "import sys; from rnn_capacity.cli import main\n"
        "try: main(['fit', '--model.help', 'RecurrentModule'])\n"
        "except SystemExit: print('torchmetrics' in sys.modules, 'scipy.signal' in sys.modules)\n"
        "from scipy.signal import find_peaks\n"
        "print(find_peaks([0, 1, 0, 2, 0])[0].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["True False", "[1, 3]"]


def test_help_lists_the_cells(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--model.help", "RecurrentModule"])
    assert "rnn, irnn, ugrnn, gru, lstm, intersection" in capsys.readouterr().out


@pytest.mark.parametrize("build", [*RUNNABLE, "off"])
def test_the_version_and_the_build_of_the_kernel_are_printed(build: str, capsys: pytest.CaptureFixture[str]) -> None:
    with kernel_build(build), pytest.raises(SystemExit):
        main(["--version"])
    shown = "none" if build == "off" else build
    assert capsys.readouterr().out == f"rnn-capacity {__version__}, compiled kernel: {shown}\n"


def test_an_unknown_build_of_the_kernel_is_rejected_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, "fast")
    native_library.cache_clear()
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 2
    wanted = "RNN_CAPACITY_KERNEL must be one of auto, off, avx512, avx2, baseline; got 'fast'"
    assert capsys.readouterr().err == f"rnn-capacity: error: {wanted}\n"


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_config_does_not_repeat_defaults(config: Path) -> None:
    content = yaml.safe_load(config.read_text())
    task = getattr(rnn_capacity.tasks, content["data"]["class_path"])
    for kind, options in ((RecurrentModule, content["model"]), (task, content["data"].get("init_args", {}))):
        defaults = inspect.signature(kind).parameters
        for name, value in options.items():
            if name not in ("cell", "depth"):  # every config names what it trains
                assert value != defaults[name].default
