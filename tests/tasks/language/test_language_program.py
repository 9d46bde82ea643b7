from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnn_capacity.cli import main
from tests.program import CONFIGS, Runner

METRICS = ("loss", "bits_per_character", "val_bits_per_character")

TOY = [
    "--config",
    str(CONFIGS / "language.yaml"),
    "--trainer.max_steps=60",
    "--trainer.val_check_interval=1",
    "--model.max_parameters=1500",
    "--model.steps_per_call=20",
    "--data.length=6000",
    "--data.characters=8",
    "--data.language_order=1",
    "--data.concentration=0.5",
    "--data.prompt=z",
    "--data.steps=12",
    "--data.warmup=3",
    "--data.batch_size=16",
]


def error_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("rnn-capacity: error: ")


def predicted(runner: Runner, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    before = runner.runs()
    capsys.readouterr()
    main(["predict", *arguments, *runner.quiet()])
    assert runner.runs() == before
    return capsys.readouterr().out.rstrip("\n")


def last(summary: dict[str, Any]) -> str:
    return str(summary["run"] / "checkpoints" / "last.ckpt")


def test_a_run_learns_and_its_checkpoint_evaluates_to_the_same_metrics(runner: Runner) -> None:
    trained = runner("fit", *TOY)
    assert trained["task"] == "language"
    assert trained["feasible"]
    assert trained["samples"] == 4800
    assert 0 < trained["entropy_rate"] < trained["bits_per_character"] < 3  # log2 of eight characters
    assert trained["excess_bits_per_character"] == pytest.approx(
        trained["bits_per_character"] - trained["entropy_rate"], rel=1e-9
    )
    assert trained["loss"] / 0.6931471805599453 == pytest.approx(trained["bits_per_character"], rel=1e-5)
    assert abs(trained["val_bits_per_character"] - trained["bits_per_character"]) < 0.3
    measured = runner("test", "--ckpt_path", last(trained))
    for key in (*METRICS, "entropy_rate", "steps", "parameters"):
        assert measured[key] == trained[key]


@pytest.mark.parametrize("order", ["streams", "pointers"])
def test_a_resumed_run_ends_like_an_uninterrupted_run(order: str, runner: Runner) -> None:
    # 24 pieces an epoch: the interruption at 40 is within the second
    options = [*TOY, f"--data.order={order}", "--model.cell=lstm"]
    whole = runner("fit", *options)
    halves = runner("fit", *options, "--trainer.callbacks+=tests.interruption.StopAfter", "--trainer.callbacks.step=40")
    assert halves["steps"] == 40
    resumed = runner("fit", *options, "--ckpt_path", last(halves))
    assert {key: resumed[key] for key in METRICS} == {key: whole[key] for key in METRICS}
    assert {key: halves[key] for key in METRICS} != {key: whole[key] for key in METRICS}


def test_predict_continues_the_prompt_by_its_seed(runner: Runner, capsys: pytest.CaptureFixture[str]) -> None:
    path = last(runner("fit", *TOY))
    options = ["--ckpt_path", path, "--data.prompt=zy", "--data.sample_length=50", "--data.temperature=2"]
    texts = [predicted(runner, capsys, *options, f"--data.sample_seed={seed}") for seed in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]
    for text in texts:
        assert text.startswith("zy")
        assert len(text) == 52
        assert set(text) <= set("tuvwxyz ")
    assert "prompt must have characters of the alphabet only, got '!'" in error_line(
        capsys, "predict", "--ckpt_path", path, "--data.prompt=!"
    )


def test_predict_needs_a_checkpoint_and_a_language(
    runner: Runner, capsys: pytest.CaptureFixture[str], toy: Callable[..., list[str]]
) -> None:
    line = error_line(capsys, "predict", *TOY)
    assert line == "ckpt_path must be the checkpoint of a trained network for predict, got null"
    path = last(runner("fit", *toy()))
    assert "data must be a task that generates text (Language), got RandomMapping" in error_line(
        capsys, "predict", "--ckpt_path", path
    )


def test_a_text_file_is_read(runner: Runner, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "verse.txt"
    path.write_text("übers Meer, ☃ und zurück.\n" * 80, encoding="utf-8")
    trained = runner("fit", *TOY, f"--data.path={path}", "--data.prompt=ü")
    assert trained["samples"] == 26 * 80 - round(0.2 * 26 * 80)
    assert "entropy_rate" not in trained
    assert trained["bits_per_character"] < 4  # nearly 18 symbols
    text = predicted(runner, capsys, "--ckpt_path", last(trained), "--data.sample_length=30", "--data.prompt=☃")
    assert text.startswith("☃")
    assert set(text) <= set("übers Meer, ☃ und zurück.\n")


def test_text8_is_read_from_the_cache(runner: Runner, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "text8").write_text("anarchism originated as a term of abuse " * 50)
    options = [*TOY, "--data.corpus=text8", f"--data.cache_dir={tmp_path}"]
    trained = runner("fit", *options)
    assert trained["samples"] == 1600
    assert "entropy_rate" not in trained
    text = predicted(runner, capsys, "--ckpt_path", last(trained), "--data.sample_length=30")
    assert text.startswith("z")
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz ")


def test_a_missing_text_is_rejected_in_one_line_before_the_run(
    runner: Runner, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for path, reason in ((tmp_path / "missing.txt", "No such file"), (tmp_path, "Is a directory")):
        line = error_line(capsys, "fit", *TOY, f"--data.path={path}", *runner.quiet())
        assert line.startswith("path must be a readable file, got ")
        assert reason in line
    line = error_line(capsys, "fit", *TOY, "--data.corpus=text8", f"--data.cache_dir={tmp_path}", *runner.quiet())
    assert line.startswith("download must be true to fetch text8")
    assert not runner.runs()


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (b"", [], "path must be a file that is not empty, got '{path}'"),
        (b"abc", [], "path must have enough characters for three parts, got 3"),
        (b"ab\xff" * 50, [], "path must be a UTF-8 file, got '{path}' ("),
        (b"a" * 100, [], "path must have at least two symbols in its training part, got one"),
        (
            b"ab" * 50 + b"c",
            [],
            "path must have characters of the alphabet only, got 'c': the training part has no such character",
        ),
        (
            b"ab" * 50,
            ["--data.steps=80"],
            "steps must leave room in a training part of 80 characters, got steps 80 and batch_size 16",
        ),
        (
            b"ab" * 50,
            ["--data.order=streams"],
            "steps must leave room in a training part of 80 characters, got steps 12 and batch_size 16",
        ),
        (b"ab" * 50, ["--data.warmup=12"], "warmup must be in [0, steps - 1 = 11], got 12"),
    ],
)
def test_an_unsuitable_text_is_rejected_in_one_line_before_the_run(
    content: bytes, options: list[str], message: str, runner: Runner, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    line = error_line(capsys, "fit", *TOY, f"--data.path={path}", *options, *runner.quiet())
    assert line.startswith(message.format(path=path))
    assert not runner.runs()


def test_a_language_without_an_entropy_rate_is_rejected_in_one_line_before_the_run(
    runner: Runner, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_line(capsys, "fit", *TOY, "--data.concentration=0.05", "--data.characters=5", *runner.quiet())
    assert line.startswith("concentration must be larger")
    assert line.endswith("got 0.05 and 0")
    assert not runner.runs()


@pytest.mark.parametrize("command", ["test", "predict"])
def test_a_text_with_another_alphabet_of_the_same_size_is_rejected(
    command: str, runner: Runner, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, symbols in (("one", "abcd"), ("other", "wxyz")):
        (tmp_path / name).write_text(symbols * 300)
    trained = runner("fit", *TOY, f"--data.path={tmp_path / 'one'}", "--data.prompt=a")
    options = ["--ckpt_path", last(trained), f"--data.path={tmp_path / 'other'}", "--data.prompt=w"]
    assert "'abcd'" in error_line(capsys, command, *options, *runner.quiet())


def test_another_text_cannot_resume_a_run_but_can_start_from_its_weights(
    runner: Runner, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, symbols in (("one", "abcd"), ("other", "cdef")):
        (tmp_path / name).write_text(symbols * 300)
    trained = runner("fit", *TOY, f"--data.path={tmp_path / 'one'}", "--data.prompt=a")
    other = [*TOY, f"--data.path={tmp_path / 'other'}", "--data.prompt=c"]
    line = error_line(capsys, "fit", *other, "--ckpt_path", last(trained), *runner.quiet())
    own, given = tmp_path / "one", tmp_path / "other"
    assert line == f"data.path must be '{own}', which {last(trained)} was trained with, got '{given}'"
    (tmp_path / "one").write_text("wxyz" * 300)
    same = [*TOY, f"--data.path={tmp_path / 'one'}", "--data.prompt=a"]
    line = error_line(capsys, "fit", *same, "--ckpt_path", last(trained), *runner.quiet())
    assert line == f"data.alphabet must be 'abcd', which {last(trained)} was trained with, got 'wxyz'"
    tuned = runner("fit", *other, "--model.init_from", last(trained), "--trainer.max_steps=20")
    assert tuned["steps"] == 20
