"""Completes short names of hyperparameters, such as model.optimizer.lr, to full names with `init_args`."""

from __future__ import annotations

from typing import Any

CLASSES = ("model", "data", "model.init_args.optimizer", "model.init_args.schedule")
"""Options whose value is a class, so that the class's arguments have `init_args` in their full names."""


def full_name(name: str) -> str:
    """Return the full name of a hyperparameter, with every `init_args` that the command line lets one leave out.

    Args:
        name: A dotted name.

    Example:
        >>> full_name("model.optimizer.lr"), full_name("trainer.max_steps")
        ('model.init_args.optimizer.init_args.lr', 'trainer.max_steps')
    """
    found, *parts = name.split(".")
    for part in parts:
        if found in CLASSES and part not in ("class_path", "init_args", "dict_kwargs"):
            found += ".init_args"
        found += f".{part}"
    return found


MAPPINGS = tuple(
    f"model.init_args.{name}"
    for name in ("b_fg", "cell_options", "initialization.recurrent_scale", "initialization.input_scale")
)
"""Options whose value is a mapping, so that what follows in a dotted name is a key of the mapping and not an option."""


def full_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with its short dotted keys written out in full, and each class put before its arguments.

    W&B sorts the keys as it likes, and a class that comes after its arguments would replace them.

    Args:
        config: A config; one without dotted keys is returned as it is.

    Example:
        >>> full_config({"model.optimizer.lr": 0.5, "model.optimizer": "SGD"})
        {'model.init_args.optimizer.class_path': 'SGD', 'model.init_args.optimizer.init_args.lr': 0.5}
        >>> full_config({"model.b_fg.forget": 1.0})
        {'model.init_args.b_fg': {'forget': 1.0}}
    """
    full = {full_name(key) if isinstance(key, str) and "." in key else key: value for key, value in config.items()}
    found: dict[str, Any] = {}
    for name, value in full.items():
        option = next((one for one in MAPPINGS if str(name).startswith(f"{one}.")), None)
        if option is not None:
            found[option] = {**found.get(option, {}), name.removeprefix(f"{option}."): value}
        elif isinstance(value, str) and any(str(other).startswith(f"{name}.init_args.") for other in full):
            found[f"{name}.class_path"] = value
        else:
            found[name] = value
    return dict(sorted(found.items(), key=lambda item: str(item[0]).count(".")))
