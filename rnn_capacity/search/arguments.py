"""The command line of a search, and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from jsonargparse import SUPPRESS
from pytorch_lightning import Trainer

from rnn_capacity.parsing import TRAINER_DEFAULTS, OneLineParser
from rnn_capacity.search.options import SearchOptions
from rnn_capacity.search.trial_config import Config

MACHINE = ("accelerator", "devices", "enable_progress_bar", "default_root_dir", "logger")
"""The trainer's options that say where a search runs, what it shows and where it is logged."""

MEASURED = ("max_steps", "precision")
"""The trainer's options that its results depend on."""

ON_THE_WAY = ("val_check_interval", "check_val_every_n_epoch", "log_every_n_steps", "num_sanity_val_steps")
"""The trainer's options about what a run does on the way, of which members of a population have nothing."""


@dataclass(frozen=True)
class Arguments:
    """What a command line asks for."""

    options: SearchOptions
    """Of the search."""

    config: Config
    """Model, data, and of the trainer what results depend on; model and data None where they are not given."""

    machine: dict[str, Any]
    """The trainer's options that say where it runs, what it shows and where it is logged."""

    unusual: tuple[str, ...] = ()
    """The names of those of them that differ from the default."""

    @property
    def root(self) -> str:
        """Where everything is written."""
        return self.machine["default_root_dir"] or "runs"


def search_parser() -> OneLineParser:
    """The parser of `rnn-capacity search`: the options of `fit`, and its own."""
    parser = OneLineParser(
        prog="rnn-capacity search",
        description="Search for the hyperparameters of one study or a grid of them, many networks at once. Every trial "
        "lays the values of a sweep file over the config; the results are in a database that several workers share.",
    )
    parser.add_argument("-c", "--config", action="config", help="A YAML file with options, as for fit.")
    parser.add_class_arguments(SearchOptions, skip={"resume"}, fail_untyped=True)
    parser.add_argument("--resume", action="store_true", help=RESUME)
    parser.add_lightning_class_args(Trainer, "trainer")
    parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
    parser.add_model_and_task()
    for name in OF_FIT:
        parser.add_argument(f"--{name}", default=None, help=SUPPRESS)
    return parser


RESUME = (
    "Go on with --study, or with every study of the grid that it begins the name of, by the stored config and sweep: "
    "no --config, no --sweep."
)

OF_FIT = ("seed_everything", "ckpt_path", "weights_only")
"""Options of `fit` that the config.yaml of its runs holds, too."""


def read_command_line(argv: list[str]) -> Arguments:
    """Parse a command line.

    Raises:
        ValueError: If it has an option that a search does not look at.
        SystemExit: With 2 if the parser refuses it, after one line that says how.
    """
    parser = search_parser()
    parsed = parser.parse_args(argv)
    whole = yaml.safe_load(parser.dump(parsed, skip_unset=False))
    for name in OF_FIT:
        if whole.get(name):
            raise ValueError(f"{name}: {whole[name]!r} given, which is for fit alone")
    defaults = yaml.safe_load(parser.dump(parser.get_defaults(), skip_unset=False))
    trainer, usual = whole["trainer"], defaults["trainer"]
    for name, value in trainer.items():
        if name not in (*MACHINE, *MEASURED, *ON_THE_WAY) and value != usual[name]:
            raise ValueError(f"trainer.{name}: {value!r} given, a search takes {', '.join(MACHINE + MEASURED)} alone")
    options = SearchOptions(**{name: whole[name] for name in SearchOptions.__dataclass_fields__})
    config = {
        "model": whole["model"],
        "data": whole["data"],
        "trainer": {name: trainer[name] for name in MEASURED},
    }
    if options.resume:
        changed = [name for name in ("model", "data") if config[name] != defaults[name]]
        changed += [name for name in ("sweep", "cells", "depths", "sizes") if getattr(options, name) is not None]
        changed += [f"trainer.{name}" for name in MEASURED if trainer[name] != usual[name]]
        if changed:
            raise ValueError(f"{changed[0]}: given with --resume, which takes the study's own")
    unusual = tuple(name for name in MACHINE if trainer[name] != usual[name])
    return Arguments(options, config, {name: trainer[name] for name in MACHINE}, unusual)
