"""Wrong values of every option by its type."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pytorch_lightning import Trainer
from torch import Tensor
from torch.optim import SGD, Adam, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR

from rnn_capacity.models import Initialization
from rnn_capacity.search.arguments import SearchOptions
from rnn_capacity.training import RecurrentModule
from tests.program import TASKS
from tests.wrong_input.program_runs import Case

NUMBERS = ("two", "[1]", "{a: 1}", "''", "ünï", "1,5", "0x", ".nan", "-.inf")

WRONG: dict[Any, tuple[str, ...]] = {
    int: (*NUMBERS, "1.5", "1e400"),
    float: (*NUMBERS, "1 2", ".inf"),
    bool: ("maybe", "2", "[true]", "{}", "''", ".nan"),
    list: ("x", "{a: 1}", "['x']", "[1.5, []]"),
    dict: ("x", "[1]", "3"),
    Literal: ("no_such_choice", "3", "[]", "{a: 1}", "ﬁrst"),
}
"""Wrong values by type; an option that takes several types gets those that are wrong for all of them."""

NOT_RESTRICTED = {"l2": (), "clip_norm": (".inf",), "clip_value": (".inf",), "divergence_factor": (".inf",)}
"""Values that are right although the type has them among the wrong ones: an infinite bound bounds nothing."""


def options_of(function: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the dotted options of a class and their types, from its annotations."""
    hints = get_type_hints(function if is_dataclass(function) else function.__init__)
    names = (
        [f.name for f in fields(function)] if is_dataclass(function) else list(inspect.signature(function).parameters)
    )
    for name in names:
        if name in hints:
            yield f"{prefix}{name}", hints[name]


def alternatives(kind: Any) -> list[Any]:
    """Return the types of a union, each without its parameters."""
    if get_origin(kind) in (Union, types.UnionType):
        return [part for one in get_args(kind) for part in alternatives(one)]
    if hasattr(kind, "__supertype__"):  # a NewType
        return alternatives(kind.__supertype__)
    if isinstance(kind, type) and kind.__mro__[1:2] and kind.__mro__[1] in (int, float):
        return [kind.__mro__[-2]]
    return [get_origin(kind) or kind]


def wrong_values(name: str, kind: Any) -> list[str]:
    """Return values that are wrong for every alternative of an option's type."""
    kinds = [one for one in alternatives(kind) if one not in (type(None), Tensor)]
    if any(one not in WRONG for one in kinds):
        return []
    short = name.rpartition(".")[2]
    return [
        value
        for value in WRONG[kinds[0]]
        if all(value in WRONG[one] for one in kinds) and value not in NOT_RESTRICTED.get(short, ())
    ]


def options(command: str) -> Iterator[tuple[str, Any, str, tuple[str, ...]]]:
    """Yield every option of a command: name, type, the task that has it, and the options that choose its class."""
    for name, kind in options_of(Trainer, "trainer."):
        yield name, kind, "random_mapping", ()
    for name, kind in options_of(RecurrentModule, "model."):
        if name not in ("model.input_size", "model.output_size"):
            yield name, kind, "random_mapping", ()
    for name, kind in options_of(Initialization, "model.initialization."):
        yield name, kind, "random_mapping", ()
    for optimizer in (Adam, SGD, RMSprop) if command in ("fit", "search") else ():
        for name, kind in options_of(optimizer, "model.optimizer."):
            if name != "model.optimizer.params":
                yield name, kind, "random_mapping", (f"--model.optimizer={optimizer.__name__}",)
    for name, kind in options_of(CosineAnnealingLR, "model.schedule.") if command in ("fit", "search") else ():
        if name != "model.schedule.optimizer":
            yield name, kind, "random_mapping", ("--model.schedule=CosineAnnealingLR",)
    for task, kind_of_task in TASKS.items():
        for name, kind in options_of(kind_of_task, "data."):
            yield name, kind, task, ()
    if command == "search":
        yield from ((name, kind, "random_mapping", ()) for name, kind in options_of(SearchOptions, ""))


def wrong_types(command: str, tasks: tuple[str, ...], every: bool = False) -> Iterator[Case]:
    """Yield a wrong value of every option, another one for each of neighbouring options; all of them with `every`."""
    for index, (name, kind, task, before) in enumerate(options(command)):
        values = wrong_values(name, kind)
        if task not in tasks or not values:
            continue
        for value in values if every else [values[index % len(values)]]:
            owner, _, last = name.rpartition(".")
            names = (
                (last, owner.rpartition(".")[2]) if owner.rpartition(".")[2] in ("optimizer", "schedule") else (last,)
            )
            yield Case(command, (*before, f"--{name}={value}"), names, task)
