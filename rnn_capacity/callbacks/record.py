"""What a run writes: its config, its final figures, and what they depend on."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback
from pytorch_lightning.loggers import CSVLogger

from rnn_capacity.callbacks.table import show
from rnn_capacity.training import RecurrentModule, Task, run_result


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

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Start the clock; open the run directory unless this trainer has."""
        self.started = time.perf_counter()
        if trainer.is_global_zero and not self.already_saved:
            self.save_config(trainer, pl_module, stage)
            self.already_saved = True

    def save_config(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Write the whole config to the run directory, and give it to the loggers that keep one, with the sizes."""
        config = self.config.clone()
        config.pop("run", None)  # it is to run again, in a directory of its own
        text = self.parser.dump(config, skip_none=False)
        task = trainer.datamodule.task  # type: ignore[attr-defined]  # set undeclared by Lightning
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                directory = Path(logger.log_dir)
                directory.mkdir(parents=True, exist_ok=True)
                write_whole(directory / "config.yaml", text)
            else:
                logger.log_hyperparams({**yaml.safe_load(text), **sizes(pl_module, task)})

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the training's seconds."""
        now = time.perf_counter()
        self.seconds += now - self.started
        self.started = now

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep the seconds so far."""
        checkpoint["seconds"] = self.seconds + time.perf_counter() - self.started

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """A run that goes on counts all its seconds."""
        if trainer.state.fn == "fit":
            self.seconds = checkpoint.get("seconds", 0.0)

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


def sizes(module: RecurrentModule, task: Task) -> dict[str, Any]:
    """What a run trains, and on how much; known before it begins."""
    return {
        "task": task.name,
        "cell": module.cell,
        "depth": module.depth,
        "units": module.hidden_size,
        "parameters": module.parameters_total,
        "samples": task.samples,
    }


def summarize(module: RecurrentModule, seconds: float) -> dict[str, Any]:
    """The content of summary.json.

    Args:
        module: A module whose final evaluation is done.
        seconds: Wall time of training and evaluation.
    """
    task = module.task
    return {
        **sizes(module, task),
        **run_result(module, task, module.metrics, module.diverged_at, module.steps_trained),
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
    here = Path(__file__).parent.parent
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
