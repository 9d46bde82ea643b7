"""What a run shows and writes: the progress bar, config.yaml, summary.json and the final table."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import TQDMProgressBar
from pytorch_lightning.callbacks.progress.tqdm_progress import Tqdm
from pytorch_lightning.cli import SaveConfigCallback
from pytorch_lightning.loggers import CSVLogger
from rich.console import Console
from rich.table import Table

LABELS = {
    "accuracy": "share right",
    "bits_per_parameter": "bits per parameter (accuracy)",
    "likelihood_bits_per_parameter": "bits per parameter (likelihood)",
}
"""Summary keys that the table calls by another name than their own words."""

BESIDE = ("seeds", "versions", "commit")
"""Summary keys that are left to summary.json."""


class RunRecord(SaveConfigCallback):
    """Gives every run a directory of its own, with the config, the final figures and what they depend on.

    The directory is the first logger's, a CSVLogger's; it holds `config.yaml` from the run's start, `metrics.csv` and
    `checkpoints/` as Lightning writes them, and `summary.json` once the final evaluation is done. The final figures go
    to every logger once, as `final/<summary key>`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "save_to_log_dir": False})
        self.started = 0.0
        self.seconds = 0.0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start the clock; open the run directory unless this trainer has."""
        self.started = time.perf_counter()
        if trainer.is_global_zero and not self.already_saved:
            self.save_config(trainer, pl_module, stage)
            self.already_saved = True

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the whole config to the run directory, and give it to the loggers that keep one."""
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                self.parser.save(self.config, os.path.join(logger.log_dir, "config.yaml"), skip_none=False)
            else:
                logger.log_hyperparams(yaml.safe_load(self.parser.dump(self.config, skip_none=False)))

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the training's seconds."""
        self.seconds += time.perf_counter() - self.started

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the final figures."""
        self._conclude(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the final figures if the run is a validation."""
        if trainer.state.fn == "validate":
            self._conclude(trainer, pl_module)

    def _conclude(self, trainer: Trainer, pl_module: Any) -> None:
        self.seconds += time.perf_counter() - self.started
        summary = summarize(pl_module, self.seconds)
        if not trainer.is_global_zero:
            return
        figures = {f"final/{key}": value for key, value in summary.items() if isinstance(value, (bool, int, float))}
        directory = None
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=pl_module.steps_trained)
            if isinstance(logger, CSVLogger):
                directory = Path(logger.log_dir)
                logger.save()
                write_whole(directory / "summary.json", json.dumps(summary, indent=2) + "\n")
        show(summary, directory)


class RunProgressBar(TQDMProgressBar):
    """Counts optimizer steps, since Lightning's own bar would count calls of several."""

    def init_train_tqdm(self) -> Tqdm:
        """The run's bar; a log file gets a line now and then."""
        bar = super().init_train_tqdm()
        bar.mininterval = 0.1 if sys.stdout.isatty() else 10.0
        return bar

    def init_validation_tqdm(self) -> Tqdm:
        """No bar of its own: a validation is one call."""
        return Tqdm(disable=True)

    def init_test_tqdm(self) -> Tqdm:
        """No bar of its own: a test is one call."""
        return Tqdm(disable=True)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """The metrics marked for the bar, without the run's number."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return metrics

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        """One bar for the run."""
        self.train_progress_bar.reset(total=trainer.max_steps)
        self.train_progress_bar.set_description("Training")

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move to the optimizer steps made."""
        bar = self.train_progress_bar
        bar.set_postfix(self.get_metrics(trainer, pl_module), refresh=False)
        bar.update(trainer.global_step - bar.n)


def summarize(module: Any, seconds: float) -> dict[str, Any]:
    """The content of summary.json.

    Args:
        module: A `RecurrentModule` whose final evaluation is done.
        seconds: Wall time of training and evaluation.
    """
    task = module.task
    return {
        "task": task.name,
        "cell": module.cell,
        "depth": module.depth,
        "units": module.hidden_size,
        "parameters": module.parameters_total,
        "samples": task.samples,
        "steps": module.steps_trained,
        **module.latest,
        **({f"val_{task.headline}": module.measured["val"][task.headline]} if "val" in task.final_splits else {}),
        "feasible": module.diverged_at is None,
        "diverged_at": module.diverged_at,
        "seconds": round(seconds, 3),
        "seeds": {"network": module.seed, "task": task.seed},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("rnn-capacity", "torch", "pytorch-lightning")},
        },
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit that this package's source is checked out at; None where it is not a checkout."""
    here = Path(__file__).parent
    try:
        for command in (["ls-files", "--error-unmatch", "__init__.py"], ["rev-parse", "HEAD"]):
            done = subprocess.run(["git", *command], cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either absent or whole."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def readable(value: bool | int | float | str) -> str:
    """A figure as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}"
    return f"{value:,}" if isinstance(value, int) else value


def show(summary: dict[str, Any], directory: Path | None) -> None:
    """Print the summary as a table, and where the run is."""
    table = Table(title=str(summary["task"]).replace("_", " "), show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for key, value in summary.items():
        if key in BESIDE or key == "task" or value is None:
            continue
        table.add_row(LABELS.get(key, key.replace("_", " ")), readable(value))
    console = Console(soft_wrap=True)
    console.print(table)
    if directory is not None:
        console.print(f"run: {directory}", highlight=False)
