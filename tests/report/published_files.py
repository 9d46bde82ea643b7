"""Files as the authors published them: structured arrays pickled by Python 2."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

FIELDS = (
    ("architecture", "S5"),
    ("eval_loss", "<f8"),
    ("hparams", "O"),
    ("max_params", "<i8"),
    ("n_layers", "<i8"),
    ("num_params", "<i8"),
    ("task_type", "S15"),
    ("train_loss", "<f8"),
    ("valid_loss", "<f8"),
    ("hyper_iter", "<i8"),
)

HPARAMS: dict[str, Any] = {
    "optimizer": "RMSProp",
    "lr_init": 0.00398490205407,
    "lr_decay_rate": 0.108852244914,
    "optimizer_logit_momentum": 5.89666414261,
    "gradient_clip_val": 27.6603736877,
    "l2_decay": 1.79227910735e-07,
    "train_steps": 1176212,
    "forget_gate_bias_hack": 4.88674783707,
    "recurrent_matrix_init_type": "orthogonal",
    "recurrent_bias_init_type": "delta",
    "recurrent_matrix_scale_g": 0.035970274359,
    "recurrent_matrix_scale_c": 0.619497835636,
    "recurrent_matrix_scale_o": 0.0714097246528,
    "recurrent_matrix_scale_i": 0.520125091076,
    "input_scale_g": 0.222167253494,
    "input_scale_c": 0.209308668971,
    "input_scale_o": 0.407466441393,
    "input_scale_i": 1.20329034328,
    "recurrent_bias_scale_o": 1.2967042923,
    "recurrent_bias_scale_i": -0.250855892897,
    "recurrent_bias_scale_g": 0.631270706654,
    "recurrent_bias_scale_c": -1.62440180779,
}
"""The hyperparameters of the authors' best LSTM on text8 (1.549 bits per character)."""


def run(**changed: Any) -> dict[str, Any]:
    """One run: that of the best LSTM on text8 with some fields changed."""
    best = {
        "architecture": "lstm",
        "task_type": "text8",
        "hparams": HPARAMS,
        "n_layers": 4,
        "hyper_iter": 17,
        "max_params": 1280000,
        "num_params": 1268217,
        "train_loss": 1.51,
        "valid_loss": 1.55,
        "eval_loss": 1.549270,
    }
    return {**best, **changed}


def write(file: Path, runs: list[dict[str, Any]]) -> None:
    """Write a file as Python 2's cPickle would, with texts that are bytes."""
    rows = [tuple(old_text(one[name]) for name, _ in FIELDS) for one in runs]
    file.write_bytes(Python2Pickler.dumps(np.array(rows, dtype=list(FIELDS))))


def old_text(value: Any) -> Any:
    """Turn texts to bytes, which `str` is in Python 2."""
    if isinstance(value, dict):
        return {old_text(key): old_text(part) for key, part in value.items()}
    return value.encode("latin1") if isinstance(value, str) else value


class Python2Pickler(pickle._Pickler):  # type: ignore[misc]  # the pickler in Python can be extended by types
    """Pickler of protocol 2 that writes bytes as Python 2 does, by the opcodes of its `str`, and NumPy's old names."""

    dispatch: ClassVar[dict[Any, Any]] = dict(pickle._Pickler.dispatch)

    @classmethod
    def dumps(cls, value: Any) -> bytes:
        stream = io.BytesIO()
        cls(stream, protocol=2).dump(value)
        return stream.getvalue().replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")

    def save_bytes(self, value: bytes) -> None:
        short = len(value) < 256
        head = b"U" + struct.pack("<B", len(value)) if short else b"T" + struct.pack("<i", len(value))
        self.write(head + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes
