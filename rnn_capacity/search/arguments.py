"""The command line of `rnn-capacity search`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import SUPPRESS
from jsonargparse.typing import NonNegativeInt, PositiveInt
from pytorch_lightning import Trainer

from rnn_capacity.checks import check_finite
from rnn_capacity.files import local_folder
from rnn_capacity.parsing import TRAINER_DEFAULTS, OneLineParser, check_nulls, keep_text
from rnn_capacity.search.space.sweep_file import Sweep, read_sweep
from rnn_capacity.search.trials import Config

DEFAULT_TRIALS = 256
"""Number of finished trials a new study aims for when `--trials` is not given."""

RUNTIME_OPTIONS = ("accelerator", "devices", "enable_progress_bar", "default_root_dir", "logger")
"""Names of the `--trainer` options for hardware, progress bar, output folder and logger; none affects results."""

RESULT_OPTIONS = ("max_steps", "precision")
"""Names of the `--trainer` options that a search accepts and on which its results depend."""

IGNORED_OPTIONS = ("val_check_interval", "check_val_every_n_epoch", "log_every_n_steps", "num_sanity_val_steps")
"""Names of the `--trainer` options that a search accepts, since `fit` configs set them, but ignores."""

TEXT_OPTIONS = ("sweep", "storage", "study", "cells", "depths", "sizes", "begin_from", "begin-from")
"""Names of the options of type `str | None`, begin_from in both spellings, whose values are not parsed as YAML."""

FIT_ONLY = ("seed_everything", "ckpt_path", "weights_only")
"""Hidden options that let a search read the config.yaml of a `fit` run; they must be null or false."""

RESUME_HELP = (
    "Go on with --study, or with all studies of a grid whose names begin with it, by the stored config and sweep: no "
    "--config, no --sweep."
)

BEGIN_FROM_HELP = (
    "Folder of the authors' published runs (rnn_hp_dataset): a study without trials begins with their best settings of "
    "its task and cell, at the nearest depth and size. Numbers outside of the sweep's ranges become their ends; what "
    "the runs do not set is random."
)

PRINT_SWEEP_HELP = (
    "Print the sweep file as `wandb sweep` takes it, with the keys of the file that it extends, and exit."
)


@dataclass(frozen=True)
class SearchOptions:
    """The options of a search that `fit` does not have.

    Args:
        sweep: A sweep file in W&B's format, or the name of a shipped one: method, metric and parameters, which are
            dotted options such as model.init_args.optimizer.init_args.lr, data.init_args.samples_per_parameter or
            trainer.max_steps. The values of each trial replace those of the config.
        trials: Number of finished trials that a study should reach, over all workers and starts; a larger number
            continues a finished study. Null is the largest number requested so far, or 256.
        population: Trials that train at once in each worker.
        storage: Where the studies are: sqlite:///FILE for the workers of one machine,
            postgresql://USER:PASSWORD@HOST/DATABASE for those of several, grpc://HOST:PORT of Optuna's gRPC proxy in
            front of a database for thousands. Null is studies.db in trainer.default_root_dir.
        study: Name of the study, with $VARIABLES of the environment; start a second worker with the same command. Null
            is a name made of task, cell, depth and size.
        cells: Cells, with commas, for a grid of studies: one for each cell, depth and size, named
            STUDY/CELL-dDEPTH-pSIZE.
        depths: Depths, with commas, for a grid of studies.
        sizes: Parameter budgets (max_parameters), with commas, for a grid of studies.
        begin_from: Folder of the authors' published runs, see BEGIN_FROM_HELP.
        seed: Seed of the sampler; networks and data have their own.
        resume: Whether to go on with stored studies, see RESUME_HELP.
        print_sweep: Whether to print the complete sweep file only, see PRINT_SWEEP_HELP.
    """

    sweep: str | None = None
    trials: PositiveInt | None = None
    population: PositiveInt = 64
    storage: str | None = None
    study: str | None = None
    cells: str | None = None
    depths: str | None = None
    sizes: str | None = None
    begin_from: str | None = None
    seed: NonNegativeInt = 0
    resume: bool = False
    print_sweep: bool = False


@dataclass(frozen=True)
class Arguments:
    """The parsed command line of a search."""

    options: SearchOptions
    """The options of the `search` command that `fit` does not have."""

    config: Config
    """The config shared by all trials: model and data (None if not given), trainer.max_steps and trainer.precision."""

    trainer: dict[str, Any]
    """Values of the `--trainer` options for hardware, progress bar, output folder and logger."""

    sweep: Sweep | None = None
    """The sweep file's content; None if no file is given."""

    changed: tuple[str, ...] = ()
    """Names of the options in `trainer` that differ from the default."""

    @property
    def root(self) -> Path:
        """The output folder: `trainer.default_root_dir`, by default runs."""
        return Path(self.trainer["default_root_dir"] or "runs")

    @property
    def storage(self) -> str:
        """The URL of the studies' storage."""
        return self.options.storage or f"sqlite:///{self.root / 'studies.db'}"


def search_parser() -> OneLineParser:
    """Make the parser of `rnn-capacity search`, which has the options of `fit` and of `SearchOptions`."""
    parser = OneLineParser(
        prog="rnn-capacity search",
        description="Search for the hyperparameters of one study or a grid of them, many networks at once. The values "
        "of each trial, drawn as a sweep file says, replace those of the config; the results are in a database that "
        "several workers share.",
    )
    parser.add_argument("-c", "--config", action="config", help="A YAML file or the name of a shipped one, as for fit.")
    parser.add_class_arguments(SearchOptions, skip={"begin_from", "resume", "print_sweep"}, fail_untyped=True)
    parser.add_argument("--begin_from", "--begin-from", type=str | None, default=None, help=BEGIN_FROM_HELP)
    parser.add_argument("--resume", action="store_true", help=RESUME_HELP)
    parser.add_argument("--print_sweep", action="store_true", help=PRINT_SWEEP_HELP)
    parser.add_lightning_class_args(Trainer, "trainer")
    parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
    parser.add_model_and_task()
    for name in FIT_ONLY:
        parser.add_argument(f"--{name}", default=None, help=SUPPRESS)
    return parser


def read_command_line(argv: list[str]) -> Arguments:
    """Parse a command line and read its sweep file.

    Args:
        argv: The options.

    Raises:
        ValueError: If an option does not belong to a search, or the sweep file is wrong.
        SystemExit: With 2 if the parser rejects the command line, after one line.
    """
    parser = search_parser()
    namespace = parser.parse_args(keep_text(argv, TEXT_OPTIONS))
    check_nulls(namespace)
    check_finite(seed=namespace.seed, **{"trainer.max_steps": namespace.trainer.max_steps})
    if namespace.trainer.default_root_dir is not None:
        namespace.trainer.default_root_dir = local_folder(
            "trainer.default_root_dir", namespace.trainer.default_root_dir
        )
    parsed = yaml.safe_load(parser.dump(namespace, skip_unset=False))
    defaults = yaml.safe_load(parser.dump(parser.get_defaults(), skip_unset=False))
    for name in FIT_ONLY:
        if namespace[name] not in (None, False):  # hidden options are not dumped
            raise ValueError(f"{name} must be null for a search, got {namespace[name]!r}")
    trainer, default = parsed["trainer"], defaults["trainer"]
    for name, value in trainer.items():
        if name not in (*RUNTIME_OPTIONS, *RESULT_OPTIONS, *IGNORED_OPTIONS) and value != default[name]:
            allowed = ", ".join(RUNTIME_OPTIONS + RESULT_OPTIONS)
            raise ValueError(
                f"trainer.{name} must be {default[name]!r} for a search, which takes {allowed}; got {value!r}"
            )
    options = SearchOptions(**{name: parsed[name] for name in SearchOptions.__dataclass_fields__})
    sweep = None if options.sweep is None else read_sweep(options.sweep)
    if options.begin_from is not None and sweep is not None and sweep.method == "grid":
        raise ValueError(f"begin_from must be null for a sweep of method grid, got {options.begin_from!r}")
    config = {
        **{part: parsed[part] for part in ("model", "data")},
        "trainer": {name: trainer[name] for name in RESULT_OPTIONS},
    }
    if options.resume:
        of_study = ("model", "data", "sweep", "cells", "depths", "sizes", "seed")
        changed = [name for name in of_study if parsed[name] != defaults[name]]
        changed += [f"trainer.{name}" for name in RESULT_OPTIONS if trainer[name] != default[name]]
        if changed:
            raise ValueError(f"{changed[0]} must not be given with --resume, which takes the stored study's")
    return Arguments(
        options,
        config,
        {name: trainer[name] for name in RUNTIME_OPTIONS},
        sweep,
        tuple(name for name in RUNTIME_OPTIONS if trainer[name] != default[name]),
    )
