"""The commands: Lightning's, over this package's tasks."""

from __future__ import annotations

import math
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn, cast

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI

from rnn_capacity.callbacks import (
    LastCheckpoint,
    Pictures,
    RunLogger,
    RunProgressBar,
    RunRecord,
    StopOnSignal,
    WandbRun,
    checkpoint_of,
    given_name,
    new_name,
    wandb_loggers,
)
from rnn_capacity.messages import fail, settle_warnings
from rnn_capacity.parsing import TRAINER_DEFAULTS, OneLineParser, reason_of
from rnn_capacity.resuming import check_checkpoint
from rnn_capacity.training import RecurrentModule, TaskDataModule


class CapacityCLI(LightningCLI):
    """Lightning's command line over the tasks of this package."""

    model: RecurrentModule
    datamodule: TaskDataModule

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the given arguments; Lightning's own version warns when a program hands over its command line."""
        self.config = parser.parse_args(args)

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options of the trainer, the network and the task."""
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
        cast(OneLineParser, parser).add_model_and_task()

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The commands, each with the arguments of the trainer's method that are not for the command line."""
        return {name: LightningCLI.subcommands()[name] | {"verbose"} for name in ("fit", "validate", "test")} | {
            "predict": LightningCLI.subcommands()["predict"] | {"return_predictions"}
        }

    def _prepare_subcommand_parser(self, klass: type, subcommand: str, **kwargs: Any) -> LightningArgumentParser:
        """A training can be given the directory that it goes on in."""
        parser = super()._prepare_subcommand_parser(klass, subcommand, **kwargs)
        if subcommand == "fit":
            parser.add_argument(
                "--run",
                type=str | None,
                help="Name of the run's directory, with $VARIABLES of the environment: a start that finds an "
                "unfinished run there goes on from its last checkpoint. Null makes a new directory at each start.",
            )
        return parser

    def _parse_ckpt_path(self) -> None:
        """A checkpoint's hyperparameters do not replace the given ones, as Lightning's would; see `_check`."""

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; a value that one of them refuses is an error of the command line."""
        try:
            self.config_init = self.parser.instantiate_classes(self.config)
            self.model = self._get(self.config_init, "model")
            self.datamodule = TaskDataModule(self._get(self.config_init, "data"))
            self.trainer = self.instantiate_trainer()
        except ValueError as error:
            refuse(error)
        except MisconfigurationException as error:  # the trainer's
            fail(f"trainer: {error}")

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """A trainer whose first logger writes the run directory, with a progress bar and checkpoints.

        Without a logger, in a fast development run and in a prediction nothing is written.
        """
        config = self._get(self.config_init, "trainer")
        asked = config["callbacks"] or []
        callbacks = list(asked) if isinstance(asked, list) else [asked]
        writes = config["logger"] is not False and not config["fast_dev_run"] and self.subcommand != "predict"
        if writes:
            loggers = config["logger"] if isinstance(config["logger"], list) else [config["logger"]]
            others = [logger for logger in loggers if not isinstance(logger, (bool, type(None)))]
            config["default_root_dir"] = config["default_root_dir"] or "runs"
            kwargs["logger"] = [self._run_logger(config["default_root_dir"]), *others]
            if wandb_loggers(others):
                callbacks.append(WandbRun())
            if any(hasattr(logger, "log_image") for logger in others):
                callbacks.append(Pictures())
        else:
            kwargs["logger"] = False
            if (run := self._get(self.config_init, "run")) is not None:
                fail(f"run: {run!r} given with a trainer that writes nothing; give trainer.logger or no run")
        if self.subcommand == "fit":
            callbacks.append(StopOnSignal())
        if writes and self.subcommand == "fit" and config["enable_checkpointing"] is not False:
            callbacks.append(LastCheckpoint())
        else:
            kwargs["enable_checkpointing"] = False
        if config["enable_progress_bar"] is not False and self.subcommand == "fit":
            callbacks.append(RunProgressBar())
        else:
            kwargs["enable_progress_bar"] = False
        return super().instantiate_trainer(callbacks=callbacks, **kwargs)

    def _run_logger(self, root: str) -> RunLogger:
        """The writer of a new run directory, or of the given one, whose checkpoint is then where the run begins."""
        task = self.datamodule.options.name
        run = self._get(self.config_init, "run")
        if run is None:
            return RunLogger(root, task, new_name())
        if self._get(self.config_init, "ckpt_path") is not None:
            fail(f"run: {run!r} given with ckpt_path; a run goes on from its own checkpoint, give one of the two")
        try:
            logger = RunLogger(root, task, given_name(run))
            checkpoint = checkpoint_of(Path(logger.log_dir))
        except ValueError as error:
            fail(str(error))
        self.config_init[self.subcommand]["ckpt_path"] = checkpoint and str(checkpoint)
        return logger

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        """The arguments of the trainer's method; its own table would repeat the run's."""
        quiet = {"verbose": False} if subcommand in ("validate", "test") else {}
        return {**super()._prepare_subcommand_kwargs(subcommand), **quiet}

    def before_fit(self) -> None:
        """Find what is wrong with the arguments before anything is written."""
        config = self._get(self.config, "trainer")
        if config["gradient_clip_val"] is not None:
            clip = config["gradient_clip_val"]
            fail(f"trainer.gradient_clip_val: {clip} given; use model.clip_norm or model.clip_value")
        if config["accumulate_grad_batches"] != 1:
            fail(f"trainer.accumulate_grad_batches: {config['accumulate_grad_batches']} given; use data.batch_size")
        if self.trainer.max_steps < 1:
            fail(f"trainer.max_steps: {self.trainer.max_steps} given, the number of optimizer steps needed")
        calls = math.ceil(self.trainer.max_steps / self.model.steps_per_call)
        every = config["val_check_interval"]
        if isinstance(every, int) and every > calls and config["check_val_every_n_epoch"] is not None:
            fail(
                f"trainer.val_check_interval: {every} given, a share of the run or at most its {calls} calls of "
                f"model.steps_per_call = {self.model.steps_per_call} optimizer steps"
            )
        try:
            self.model.build_optimizer(self.trainer.max_steps)
        except (ValueError, TypeError) as error:
            fail(str(error))
        self._check()

    def after_fit(self) -> None:
        """Keep the trained network, and measure it."""
        checkpoints = self.trainer.checkpoint_callback
        if isinstance(checkpoints, ModelCheckpoint) and checkpoints.last_model_path:
            self.trainer.save_checkpoint(checkpoints.last_model_path)  # the last one saved may be some steps behind
        self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)

    def before_validate(self) -> None:
        """Find what is wrong with the arguments before anything is written."""
        self._check()

    def before_test(self) -> None:
        """Find what is wrong with the arguments before anything is written."""
        self._check()

    def before_predict(self) -> None:
        """Find what is wrong with the arguments before anything is made."""
        self._check()
        try:
            self.datamodule.predict_dataloader()
        except ValueError as error:
            refuse(error)

    def predict(self, **kwargs: Any) -> None:
        """Print what the network goes on with."""
        for text in self.trainer.predict(**kwargs) or []:
            if self.trainer.is_global_zero:
                print(text)

    def _check(self) -> None:
        """The task must fit the network, a checkpoint must be one of this run's, and the runs' folder must be there."""
        try:
            if self.trainer.local_rank == 0:
                self.datamodule.prepare_data()
            task = self.datamodule.options.for_network(self.model.parameters_total)
            if self.subcommand == "fit":
                self.model.load_initial_weights(task)
        except ValueError as error:
            refuse(error)
        path = self._get(self.config_init, "ckpt_path")
        if path is not None:
            max_steps = self.trainer.max_steps if self.subcommand == "fit" else None
            check_checkpoint(str(path), self.model, self.datamodule, task, max_steps)
        elif self.subcommand != "fit":
            fail(f"ckpt_path: none given, {self.subcommand} needs a trained network")
        try:
            Path(self.trainer.default_root_dir).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fail(f"trainer.default_root_dir: {self.trainer.default_root_dir!r} given, not a writable folder ({error})")


def refuse(error: ValueError) -> NoReturn:
    """Report what a constructor of ours refused; an error that is not a refusal goes on as it is."""
    fail(reason_of(error))


def run(argv: list[str]) -> None:
    """Run a command line's command; a W&B run ends with it, as it does."""
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
        finish_wandb(stop.code if isinstance(stop.code, int) else int(stop.code is not None))
        raise
    except Exception as error:
        if os.environ.get("LOCAL_RANK", "0") != "0":
            traceback.print_exception(error)
            let_the_first_process_end()
            sys.exit(1)
        if wandb_runs():
            traceback.print_exception(error)  # W&B keeps what is printed before its run ends
            finish_wandb(1)
            sys.exit(1)
        raise
    finish_wandb(0)


def let_the_first_process_end() -> None:
    """Wait until the process that started this one has failed, too, which it does at their next exchange.

    Lightning would kill it as soon as this one ends, and W&B's run with it.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    first, end = os.getppid(), time.monotonic() + PATIENCE
    while os.getppid() == first and time.monotonic() < end:
        time.sleep(0.1)


PATIENCE = 60.0
"""Seconds that a process that failed waits for the first one to end."""


def wandb_runs() -> bool:
    """Whether this process has a W&B run; W&B is imported by its logger alone."""
    wandb = sys.modules.get("wandb")
    return wandb is not None and wandb.run is not None


def finish_wandb(exit_code: int) -> None:
    """End this process's W&B run if it has one, so that the next run here is one of its own.

    Args:
        exit_code: Other than 0, W&B records a failed run.
    """
    if wandb_runs():
        sys.modules["wandb"].finish(exit_code)
