"""Checkpoints on the disk: written whole or not at all, and read as mere data."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Trainer

from rnn_capacity.files import write_atomically

SPAWN_FILE = ".temp.ckpt"
"""Name of the file in which Lightning's `ddp_spawn` returns the weights, which is no checkpoint."""


def load_checkpoint(path: str, argument: str = "ckpt_path", mmap: bool = False) -> dict[str, Any]:
    """Read a checkpoint as mere data, after checking the checksums of its archive.

    Args:
        path: The checkpoint.
        argument: Name of the argument for error messages.
        mmap: Leave the tensors on the disk until they are used.

    Raises:
        ValueError: If the file is missing, damaged, or contains more than tensors, numbers and text.

    Example:
        >>> load_checkpoint("none.ckpt", "init_from")
        Traceback (most recent call last):
        ValueError: init_from must be a readable checkpoint of this program, got 'none.ckpt' (FileNotFoundError(...))
    """
    try:
        with ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise BadZipFile(f"wrong checksum of {damaged}")
        checkpoint = torch.load(path, map_location="cpu", mmap=mmap, weights_only=True)
        if not isinstance(checkpoint["state_dict"], dict):
            raise TypeError("state_dict is no dictionary")
    except Exception as error:  # torch and zipfile raise many kinds for a broken file
        raise ValueError(
            f"{argument} must be a readable checkpoint of this program, got {path!r} ({error!r:.200})"
        ) from None
    return dict(checkpoint)


class RunCheckpointIO(TorchCheckpointIO):
    """Lightning's reading and writing of checkpoints, by `load_checkpoint` and `write_atomically`.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        >>> RunCheckpointIO.install(trainer)
        >>> type(trainer.strategy.checkpoint_io).__name__
        'RunCheckpointIO'
    """

    @classmethod
    def install(cls, trainer: Trainer) -> None:
        """Give it to a trainer that has Lightning's own; a user's plugin stays."""
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = cls()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint; after an error the earlier one stays."""
        if "://" in str(path) or storage_options is not None:
            return super().save_checkpoint(checkpoint, path, storage_options)
        buffer = BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return write_atomically(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint to the CPU; whatever `weights_only` is, no code of a pickle runs."""
        if "://" in str(path):
            return super().load_checkpoint(path, weights_only=True)
        if Path(path).name == SPAWN_FILE:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        return load_checkpoint(str(path))
