"""The commands fit, validate, test and predict, built on LightningCLI, and the start of the command search."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Checkpoint, DeviceStatsMonitor, LearningRateMonitor, ProgressBar
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from rnn_capacity.callbacks import LastCheckpoint, LogPlot, RunProgressBar, RunRecord, StopOnSignal, WandbMetrics
from rnn_capacity.files import FULL_DISK, local_folder, make_folder
from rnn_capacity.messages import class_names, fail, settle_warnings
from rnn_capacity.parsing import TRAINER_DEFAULTS, OneLineParser, check_nulls, constructor_error, keep_text
from rnn_capacity.runs import RunLogger, check_checkpoint, expand_run_name, last_checkpoint, new_run_name
from rnn_capacity.trainer_options import (
    check_callbacks,
    check_monitors,
    check_options,
    check_seed_everything,
    check_training,
    trainer_error,
)
from rnn_capacity.training import RecurrentModule, RunCheckpointIO, Task, TaskDataModule
from rnn_capacity.wandb_runs import allow_wandb_resume, finish_wandb_run, has_wandb_run, wandb_loggers

PATIENCE = 60.0
"""Seconds that a failed process of a distributed run waits for the first process to end before it exits."""


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Open a context in which an error of the arguments ends the program with one line and exit code 2."""
    try:
        try:
            yield
        except ValueError as error:
            fail(constructor_error(error))
    except MisconfigurationException as error:
        fail(f"trainer: {error}")
    except (ArithmeticError, MemoryError, OSError, RuntimeError) as error:
        fail(f"{type(error).__name__}: {error}")


class CapacityCLI(LightningCLI):
    """LightningCLI with the commands fit, validate, test and predict for this package's modules and tasks.

    Args:
        argv: The command and its arguments.
    """

    model: RecurrentModule
    datamodule: TaskDataModule

    def __init__(self, argv: list[str]) -> None:
        super().__init__(
            RecurrentModule,
            save_config_callback=RunRecord,
            seed_everything_default=False,
            parser_class=OneLineParser,
            subclass_mode_model=True,
            auto_configure_optimizers=False,
            args=argv,
        )

    @property
    def options(self) -> Any:
        """The parsed options of the command, in which classes are replaced by their instances."""
        return self.config_init[self.subcommand]

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of the Lightning trainer, the network (`--model`) and the task (`--data`)."""
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
        cast(OneLineParser, parser).add_model_and_task()

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return the trainer's methods offered as commands, each with the arguments not offered as options."""
        return {name: LightningCLI.subcommands()[name] | {"verbose"} for name in ("fit", "validate", "test")} | {
            "predict": LightningCLI.subcommands()["predict"] | {"return_predictions"}
        }

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """Add the option `--run` to the parser of `fit` alone, for which Lightning has no public hook."""
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand == "fit":
            parser.add_argument(
                "--run",
                type=str | None,
                help="Name of the run's directory, with $VARIABLES of the environment: a start that finds an "
                "unfinished run there resumes it from its last checkpoint. Null makes a new directory at each start.",
            )
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse and check the command line.

        Lightning's own method warns when a program hands over its command line.
        """
        self.config = parser.parse_args(keep_text(args))
        options = self.config[self.config.subcommand]
        with errors_in_one_line():
            check_seed_everything(options.seed_everything)
            check_nulls(options)
            check_callbacks(options.trainer.callbacks)
        if options.data is None:
            example = "give --config with a YAML file or the name of a shipped one, for example random_mapping"
            fail(f"data must be one of {', '.join(class_names(Task))}; got null, {example}, or --data")

    def _parse_ckpt_path(self) -> None:
        """Do nothing: Lightning's method would replace the given arguments by those stored in the checkpoint."""

    def instantiate_classes(self) -> None:
        """Create the module, the data module and the trainer from the parsed options."""
        with errors_in_one_line():
            self.config_init = self.parser.instantiate(self.config)
            self.model = self.options.model
            self.datamodule = TaskDataModule(self.options.data)
            self.trainer = self.instantiate_trainer()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Create the trainer with the run's logger, the progress bar and the callbacks that the options ask for.

        Nothing is written without a logger, in a fast development run and by `predict`. A config's callbacks that
        serve checkpoints, a progress bar or loggers are left out where there are none; its progress bar replaces ours.

        Raises:
            ValueError: If the run cannot be started or resumed in its directory.
        """
        config, fits = self.options.trainer, self.subcommand == "fit"
        callbacks = config.callbacks if isinstance(config.callbacks, list) else [config.callbacks]
        callbacks = [callback for callback in callbacks if callback is not None]
        writes = config.logger is not False and not config.fast_dev_run and self.subcommand != "predict"
        kwargs["logger"] = False
        if writes:
            loggers = config.logger if isinstance(config.logger, list) else [config.logger]
            others = [logger for logger in loggers if not isinstance(logger, (bool, type(None)))]
            config.default_root_dir = local_folder("trainer.default_root_dir", config.default_root_dir or "runs")
            kwargs["logger"] = [self._run_logger(config.default_root_dir), *others]
            allow_wandb_resume(others)
            if wandb_loggers(others):
                callbacks.append(WandbMetrics())
            if any(hasattr(logger, "log_image") for logger in others):
                callbacks.append(LogPlot())
        elif self.options.get("run") is not None:
            raise ValueError(f"run must be null where the trainer writes nothing, got {self.options.run!r}")
        checkpoints = fits and writes and config.enable_checkpointing is not False
        progress_bar = fits and config.enable_progress_bar is not False
        wanted = {
            Checkpoint: checkpoints,
            ProgressBar: progress_bar,
            LearningRateMonitor: writes,
            DeviceStatsMonitor: writes,
        }
        unwanted = tuple(kind for kind, needed in wanted.items() if not needed)
        callbacks = [callback for callback in callbacks if not isinstance(callback, unwanted)]
        if fits:
            callbacks.append(StopOnSignal())
        if checkpoints:
            callbacks.append(LastCheckpoint())
        if progress_bar and not any(isinstance(callback, ProgressBar) for callback in callbacks):
            callbacks.append(RunProgressBar())
        kwargs |= {"enable_checkpointing": checkpoints, "enable_progress_bar": progress_bar}
        try:
            trainer = super().instantiate_trainer(callbacks=callbacks, **kwargs)
        # a missing package, devices that are no number, or two callbacks with the same state
        except (ImportError, MisconfigurationException, OverflowError, RuntimeError, TypeError, ValueError) as error:
            raise trainer_error(error, **vars(config)) from error
        RunCheckpointIO.install(trainer)
        return trainer

    def _run_logger(self, root: str) -> RunLogger:
        """Return the logger of a new run or, for `--run NAME`, of the run that resumes from its last checkpoint."""
        task, run = self.datamodule.options.name, self.options.get("run")
        if run is None:
            return RunLogger(root, task, new_run_name())
        if self.options.ckpt_path is not None:
            raise ValueError(f"run or ckpt_path must be null, got {run!r} and {self.options.ckpt_path!r}")
        logger = RunLogger(root, task, expand_run_name(run))
        checkpoint = last_checkpoint(Path(logger.log_dir))
        self.options.ckpt_path = checkpoint and str(checkpoint)
        return logger

    def after_instantiate_classes(self) -> None:
        """Check the arguments, the checkpoint and the run's directory before anything is written."""
        fits = self.subcommand == "fit"
        with errors_in_one_line():
            check_options(self.options.trainer, str(self.subcommand))
            if fits:
                check_training(self.options.trainer, self.model, self.trainer.max_steps)
            if self.trainer.local_rank == 0:
                self.datamodule.prepare_data()
            task = self.datamodule.options.for_network(self.model.parameters_total)
            if fits:
                self.model.load_initial_weights(task)
                callbacks = cast(Any, self.trainer).callbacks
                check_monitors(callbacks, task, validates=self.trainer.limit_val_batches != 0)
            if self.options.ckpt_path is not None:
                max_steps = self.trainer.max_steps if fits else None
                check_checkpoint(str(self.options.ckpt_path), self.model, self.datamodule, task, max_steps)
            elif self.subcommand != "fit":
                raise ValueError(
                    f"ckpt_path must be the checkpoint of a trained network for {self.subcommand}, got null"
                )
            if self.subcommand == "predict":
                task.check_generation()
            loggers = self.trainer.loggers
            if loggers and self.trainer.local_rank == 0:
                make_folder("trainer.default_root_dir", Path(str(cast(RunLogger, loggers[0]).log_dir)))

    def after_fit(self) -> None:
        """Run the final evaluation of the trained network with Lightning's `test`."""
        self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)

    def validate(self, **kwargs: Any) -> None:
        """Evaluate on the validation set without printing Lightning's table, since the run prints its own."""
        self.trainer.validate(**kwargs, verbose=False)

    def test(self, **kwargs: Any) -> None:
        """Evaluate on the test set without printing Lightning's table, since the run prints its own."""
        self.trainer.test(**kwargs, verbose=False)

    def predict(self, **kwargs: Any) -> None:
        """Print the texts that the language model generates."""
        for text in self.trainer.predict(**kwargs) or []:
            if self.trainer.is_global_zero:
                print(text)


def run(argv: list[str]) -> None:
    """Run one command, and end this process's W&B run, if there is one, with the command's exit code.

    Args:
        argv: The command and its arguments.
    """
    settle_warnings()
    try:
        if argv[0] == "search":
            from rnn_capacity.search.command import search  # Optuna and its database: for this command alone

            search(argv[1:])
        else:
            CapacityCLI(argv)
    except SystemExit as stop:
        finish_wandb_run(stop.code if isinstance(stop.code, int) else int(stop.code is not None))
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            finish_wandb_run(1)
            fail(f"{error.filename or 'a file'} could not be written: {error.strerror}", code=1)
        if isinstance(error, MisconfigurationException):
            finish_wandb_run(2)
            fail(f"trainer: {error}")
        if is_out_of_memory(error):
            finish_wandb_run(1)
            fail(f"not enough memory for these sizes: {str(error) or type(error).__name__}", code=1)
        if os.environ.get("LOCAL_RANK", "0") != "0":
            traceback.print_exception(error)
            wait_for_first_process()
            sys.exit(1)
        if has_wandb_run():
            traceback.print_exception(error)  # W&B keeps what is printed before its run ends
            finish_wandb_run(1)
            sys.exit(1)
        raise
    finish_wandb_run(0)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that Python, torch or a GPU has not enough memory, or that a size is too large."""
    on_cpu = isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    return on_cpu or isinstance(error, (MemoryError, OverflowError, torch.OutOfMemoryError))


def wait_for_first_process() -> None:
    """Wait until this process's parent, the first of a distributed run, has ended, at most `PATIENCE` seconds.

    Lightning would kill it, and W&B's run with it, as soon as this process ends.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    first, end = os.getppid(), time.monotonic() + PATIENCE
    while os.getppid() == first and time.monotonic() < end:
        time.sleep(0.1)
