"""Reads and writes checkpoint files: written atomically, and read without running code from a pickle."""

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
"""Name of the temporary file by which Lightning's `ddp_spawn` returns the weights; it holds no full checkpoint."""


def load_checkpoint(path: str, argument: str = "ckpt_path", mmap: bool = False) -> dict[str, Any]:
    """Read a checkpoint with `weights_only=True`, after checking the checksums of its zip archive.

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
    """Lightning `CheckpointIO` plugin that writes checkpoints atomically and reads them with `weights_only=True`.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        >>> RunCheckpointIO.install(trainer)
        >>> type(trainer.strategy.checkpoint_io).__name__
        'RunCheckpointIO'
    """

    @classmethod
    def install(cls, trainer: Trainer) -> None:
        """Set this plugin in a trainer that has Lightning's default one; a user's own plugin is kept."""
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = cls()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint atomically, so that an error leaves an earlier file of that name intact."""
        if "://" in str(path) or storage_options is not None:
            return super().save_checkpoint(checkpoint, path, storage_options)
        buffer = BytesIO()
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return write_atomically(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint to the CPU with `weights_only=True`, whatever the argument is."""
        if "://" in str(path):
            return super().load_checkpoint(path, weights_only=True)
        if Path(path).name == SPAWN_FILE:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        return load_checkpoint(str(path))
