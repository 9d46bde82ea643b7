"""The commands fit, validate, test and predict on Lightning's command line, and the command search."""

from __future__ import annotations

import math
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
from rnn_capacity.checks import check_minimum
from rnn_capacity.files import FULL_DISK
from rnn_capacity.messages import class_names, fail, settle_warnings
from rnn_capacity.parsing import TRAINER_DEFAULTS, OneLineParser, constructor_error, keep_text
from rnn_capacity.runs import RunLogger, check_checkpoint, expand_run_name, last_checkpoint, new_run_name
from rnn_capacity.training import RecurrentModule, RunCheckpointIO, Task, TaskDataModule
from rnn_capacity.wandb_runs import finish_wandb_run, has_wandb_run, wandb_loggers

PATIENCE = 60.0
"""Seconds that a process that failed waits for the first process to end."""


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn a ValueError, or an error of the trainer's arguments, into one line and exit code 2."""
    try:
        yield
    except ValueError as error:
        fail(constructor_error(error))
    except MisconfigurationException as error:
        fail(f"trainer: {error}")


class CapacityCLI(LightningCLI):
    """Lightning's command line over the tasks of this package."""

    model: RecurrentModule
    datamodule: TaskDataModule

    @property
    def options(self) -> Any:
        """The options of the command, with instances in place of classes."""
        return self.config_init[self.subcommand]

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of the trainer, the network and the task."""
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
        cast(OneLineParser, parser).add_model_and_task()

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return the commands, each with the arguments of the trainer's method that are no options."""
        return {name: LightningCLI.subcommands()[name] | {"verbose"} for name in ("fit", "validate", "test")} | {
            "predict": LightningCLI.subcommands()["predict"] | {"return_predictions"}
        }

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """Add the option `--run` to `fit`; Lightning's public hooks do not tell the commands apart."""
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
        """Parse the arguments; Lightning's own method warns when a program hands over its command line."""
        self.config = parser.parse_args(keep_text(args))
        if self.config[self.config.subcommand].data is None:
            example = "give --config with one of the shipped YAML files, for example configs/random_mapping.yaml"
            fail(f"data must be one of {', '.join(class_names(Task))}; got null, {example}, or --data")

    def _parse_ckpt_path(self) -> None:
        """Keep the given arguments: Lightning's method, which has no public switch, takes the checkpoint's instead."""

    def instantiate_classes(self) -> None:
        """Build the module, the data module and the trainer."""
        with errors_in_one_line():
            self.config_init = self.parser.instantiate(self.config)
            self.model = self.options.model
            self.datamodule = TaskDataModule(self.options.data)
            self.trainer = self.instantiate_trainer()

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build a trainer whose first logger writes the run's directory, with a progress bar and checkpoints.

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
            config.default_root_dir = config.default_root_dir or "runs"
            kwargs["logger"] = [self._run_logger(config.default_root_dir), *others]
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
        except (ImportError, RuntimeError) as error:  # a missing package, or two callbacks with the same state
            raise ValueError(f"trainer: {error}") from error
        RunCheckpointIO.install(trainer)
        return trainer

    def _run_logger(self, root: str) -> RunLogger:
        """Return the logger of a new run, or of the named one, which then resumes from its last checkpoint."""
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
        """Check everything that can be wrong with the arguments before anything is written."""
        with errors_in_one_line():
            if self.subcommand == "fit":
                self._check_training()
            if self.trainer.local_rank == 0:
                self.datamodule.prepare_data()
            task = self.datamodule.options.for_network(self.model.parameters_total)
            if self.subcommand == "fit":
                self.model.load_initial_weights(task)
            if self.options.ckpt_path is not None:
                max_steps = self.trainer.max_steps if self.subcommand == "fit" else None
                check_checkpoint(str(self.options.ckpt_path), self.model, self.datamodule, task, max_steps)
            elif self.subcommand != "fit":
                raise ValueError(
                    f"ckpt_path must be the checkpoint of a trained network for {self.subcommand}, got null"
                )
            if self.subcommand == "predict":
                task.check_generation()
            root = self.trainer.default_root_dir
            try:
                Path(root).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(
                    f"trainer.default_root_dir must be a writable folder, got {root!r} ({error})"
                ) from error

    def _check_training(self) -> None:
        """Check the trainer's options that a training of this package restricts, and build the optimizer on trial."""
        config, max_steps = self.options.trainer, self.trainer.max_steps
        check_minimum(1, **{"trainer.max_steps": max_steps})
        if config.gradient_clip_val is not None:
            raise ValueError(
                "trainer.gradient_clip_val must be null (model.clip_norm and model.clip_value clip), "
                f"got {config.gradient_clip_val}"
            )
        if config.accumulate_grad_batches != 1:
            raise ValueError(
                "trainer.accumulate_grad_batches must be 1 (data.batch_size sets the batch), "
                f"got {config.accumulate_grad_batches}"
            )
        calls = math.ceil(max_steps / self.model.steps_per_call)
        every = config.val_check_interval
        if isinstance(every, int) and every > calls and config.check_val_every_n_epoch is not None:
            raise ValueError(
                f"trainer.val_check_interval must be a share of the run or at most its {calls} calls of "
                f"model.steps_per_call = {self.model.steps_per_call} optimizer steps, got {every}"
            )
        self.model.build_optimizer(max_steps)

    def after_fit(self) -> None:
        """Run the final evaluation."""
        self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)

    def validate(self, **kwargs: Any) -> None:
        """Evaluate on the validation set, without Lightning's table: the run prints its own."""
        self.trainer.validate(**kwargs, verbose=False)

    def test(self, **kwargs: Any) -> None:
        """Evaluate on the test set, without Lightning's table: the run prints its own."""
        self.trainer.test(**kwargs, verbose=False)

    def predict(self, **kwargs: Any) -> None:
        """Print the text that the network generates."""
        for text in self.trainer.predict(**kwargs) or []:
            if self.trainer.is_global_zero:
                print(text)


def run(argv: list[str]) -> None:
    """Run a command; a W&B run of this process ends with the command's exit code.

    Args:
        argv: The command and its arguments.
    """
    settle_warnings()
    try:
        if argv[0] == "search":
            from rnn_capacity.search.command import search  # Optuna and its database: for this command alone

            search(argv[1:])
        else:
            CapacityCLI(
                RecurrentModule,
                save_config_callback=RunRecord,
                seed_everything_default=False,
                parser_class=OneLineParser,
                subclass_mode_model=True,
                auto_configure_optimizers=False,
                args=argv,
            )
    except SystemExit as stop:
        finish_wandb_run(stop.code if isinstance(stop.code, int) else int(stop.code is not None))
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL_DISK:
            finish_wandb_run(1)
            fail(f"{error.filename or 'a file'} could not be written: {error.strerror}", code=1)
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


def wait_for_first_process() -> None:
    """Wait until the process that started this one has failed as well, which happens at their next exchange.

    Lightning would kill it, and W&B's run with it, as soon as this process ends.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    first, end = os.getppid(), time.monotonic() + PATIENCE
    while os.getppid() == first and time.monotonic() < end:
        time.sleep(0.1)
