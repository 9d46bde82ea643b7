"""Config files, and other files, that are wrong."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import torch

from tests.wrong_input.program_runs import Case
from tests.wrong_input.wrong_ranges import LONG
from tests.wrong_input.wrong_sweeps import SWEEPS

CONFIGS = {
    "empty": ("", "config"),
    "blank": ("  \n\n", "config"),
    "null": ("null\n", "config"),
    "comment": ("# nothing\n", "config"),
    "word": ("word\n", "config"),
    "number": ("3\n", "config"),
    "list": ("- 1\n- 2\n", "config"),
    "no_yaml": ("a: [1\n", "config"),
    "tabs": ("model:\n\tdepth: 1\n", "config"),
    "two_documents": ("model: {depth: 1}\n---\nmodel: {depth: 2}\n", "config"),
    "unknown_anchor": ("model: *nowhere\n", "config"),
    "python_object": ("model: !!python/object/apply:os.system ['touch made']\n", "config"),
    "deep": ("[" * 5000, "config"),
    "deep_mapping": ("{a: " * 3000, "config"),
    "itself": ("&a {model: *a}\n", "config model"),
    "twice": ("model: {depth: 1}\nmodel: {no_such: 2}\n", "no_such"),
    "number_key": ("1: 2\n", "1 config"),
    "list_key": ("[1, 2]: 3\n", "config"),
    "null_key": ("~: 3\n", "config None null"),
    "bool_key": ("true: 3\n", "config True true"),
    "unicode_key": ("mödel: {depth: 1}\n", "mödel mödel.depth"),
    "control": ("model: {cell: 'a\x07b'}\n", "config cell"),
    "zero": ("model:\x00 1\n", "config"),
    "wide": ("model: {" + ", ".join(f"no_such_{index}: 1" for index in range(2000)) + "}\n", "no_such_0 no_such_1999"),
    "huge": ("model:\n" + "".join(f"  no_such_{index}: {{a: [1, 2, 3]}}\n" for index in range(200_000)), "config"),
    "bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "a config",
    ),
    "model_list": ("model: [1, 2]\n", "model"),
    "model_number": ("model: 3\n", "model"),
    "model_word": ("model: {init_args: word}\n", "model"),
    "model_null_args": ("model: {init_args: {depth: null}}\n", "depth"),
    "depth_text": ("model: {depth: '2x'}\n", "depth"),
    "depth_float": ("model: {depth: 1.5}\n", "depth"),
    "depth_list": ("model: {depth: [1]}\n", "depth"),
    "depth_date": ("model: {depth: 2020-01-01}\n", "depth"),
    "depth_nan": ("model: {depth: .nan}\n", "depth"),
    "l2_nan": ("model: {l2: .nan}\n", "l2"),
    "lr_text": ("model: {optimizer: {class_path: torch.optim.Adam, init_args: {lr: 1e-x}}}\n", "lr"),
    "lr_nan": ("model: {optimizer: {class_path: torch.optim.Adam, init_args: {lr: .nan}}}\n", "lr optimizer"),
    "lr_inf": ("model: {optimizer: {class_path: torch.optim.Adam, init_args: {lr: .inf}}}\n", "lr"),
    "optimizer_unknown": ("model: {optimizer: {class_path: torch.optim.Adam, init_args: {no_such: 1}}}\n", "no_such"),
    "optimizer_class": ("model: {optimizer: {class_path: os.system, init_args: {command: touch made}}}\n", "optimizer"),
    "optimizer_extra": ("model: {optimizer: {class_path: torch.optim.Adam, no_such: 1}}\n", "optimizer no_such"),
    "data_class": ("data: {class_path: NoSuchTask}\n", "data"),
    "data_module": ("data: {class_path: subprocess.Popen, init_args: {args: [touch, made]}}\n", "data"),
    "data_unknown": ("data: {class_path: RandomMapping, init_args: {no_such: 1}}\n", "no_such"),
    "data_null": ("data: null\n", "data"),
    "run_zero": ('run: "a\\0b"\n', "run"),
    "trainer_unknown": ("trainer: {no_such: 1}\n", "no_such"),
    "trainer_list": ("trainer: [1]\n", "trainer"),
    "trainer_null": ("trainer: null\n", "trainer"),
    "callback_unknown": ("trainer: {callbacks: [{class_path: NoSuchCallback}]}\n", "callbacks"),
    "callback_word": ("trainer: {callbacks: [word]}\n", "callbacks"),
    "callback_missing": ("trainer: {callbacks: [{class_path: EarlyStopping}]}\n", "callbacks monitor"),
    "logger_unknown": ("trainer: {logger: {class_path: NoSuchLogger}}\n", "logger"),
    "steps_text": ("trainer: {max_steps: many}\n", "max_steps"),
    "unknown_section": ("no_such_section: {a: 1}\n", "no_such_section no_such_section.a"),
    "seed_text": ("seed_everything: word\n", "seed_everything"),
    "config_in_config": ("config: other.yaml\n", "config"),
}
"""Wrong config files by name, with words of which the answer must have one."""

FIT_ONLY = ("lr_nan", "lr_inf", "run_zero")
"""Config files that are wrong for a training alone."""

NO_YAML = ("binary", "latin1.txt", "folder", "pipe", "nowhere.yaml", "/dev/zero", "/dev/null", LONG, "", "text.txt")
"""Paths of files that are not YAML at all."""


class Malicious:
    """Creates a file when it is read from a pickle."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch made",)


def write_files(folder: Path, checkpoint: Path) -> None:
    """Write all wrong files.

    Args:
        folder: Where to.
        checkpoint: A checkpoint that is right.
    """
    for kind, files in (("config", CONFIGS), ("sweep", SWEEPS)):
        for name, (text, _) in files.items():
            (folder / f"{kind}_{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    content = checkpoint.read_bytes()
    middle = len(content) // 2
    for name, part in {
        "empty": b"",
        "binary": bytes(range(256)) * 20,
        "text.txt": b"only a text of some words " * 400,
        "latin1.txt": "naïve: café ".encode("latin-1") * 500,
        "short.txt": b"ab",
        "one_symbol.txt": b"a" * 5000,
        "new_symbols.txt": b"ab" * 2000 + b"cd" * 500,
        "last.ckpt": content,
        "truncated.ckpt": content[:middle],
        "flipped.ckpt": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "pickled.ckpt": pickle.dumps(Malicious()),
    }.items():
        (folder / name).write_bytes(part)
    torch.save([1, 2], folder / "list.ckpt")
    torch.save({"state_dict": {}}, folder / "state.ckpt")


def wrong_files() -> Iterator[Case]:
    """Yield command lines with wrong config files and sweep files."""
    for index, (name, (_, names)) in enumerate(CONFIGS.items()):
        command = "fit" if name in FIT_ONLY else ("fit", "search", "validate", "fit", "predict")[index % 5]
        base = "language" if command == "predict" else "random_mapping"
        yield Case(command, (f"--config=config_{name}.yaml",), tuple(names.split()), base)
    for name, (_, names) in SWEEPS.items():
        yield Case("search", (f"--sweep=sweep_{name}.yaml",), tuple(names.split()))
    for path in NO_YAML:
        yield Case("fit", (f"--config={path}",), ("config",))
        yield Case("search", (f"--sweep={path}",), ("sweep",))
    for text in ("{model: [", "{a: 1", "{}x"):
        yield Case("fit", (f"--config={text}",), ("config", "a"))
