"""ctypes declarations of the C structures of the compiled kernel; the C++ files describe the fields."""

from __future__ import annotations

import ctypes
from typing import Any

from torch import Tensor


def fields(kind: Any, names: str) -> list[tuple[str, Any]]:
    """Return ctypes field declarations of one type for several names."""
    return [(name, kind) for name in names.split()]


class LayerPlaces(ctypes.Structure):
    """Offsets of a layer's parameters in the flat parameter vector of a network; -1 for a missing parameter."""

    _fields_ = fields(ctypes.c_int64, "inputs input bias weight candidate state")


class Shape(ctypes.Structure):
    """Sizes of a network, and the offsets of the parameters in its flat parameter vector."""

    _fields_ = [
        *fields(ctypes.c_int64, "cell activation depth units inputs outputs steps scored_from every_step loss"),
        *fields(ctypes.c_int64, "parameters projection_weight projection_bias readout_weight readout_bias"),
        ("layers", ctypes.POINTER(LayerPlaces)),
    ]


class Settings(ctypes.Structure):
    """Optimizer hyperparameters, L2 factor and clipping bounds of a training; an infinite bound does not clip."""

    _fields_ = [
        ("optimizer", ctypes.c_int),
        *fields(ctypes.c_double, "beta1 beta2 eps weight_decay alpha momentum dampening l2 clip_value clip_norm"),
    ]


class TrainingJob(ctypes.Structure):
    """Pointers to the parameters, optimizer state and data of one network, for its next optimizer steps."""

    _fields_ = [
        *fields(ctypes.c_void_p, "values first second offsets tiles rows targets weights order counts"),
        *fields(ctypes.c_int64, "samples steps_made"),
        *fields(ctypes.c_void_p, "rates exponents"),
        ("bound", ctypes.c_double),
        ("settings", Settings),
        ("losses", ctypes.c_void_p),
        ("diverged_at", ctypes.c_int64),
    ]


class Recurrence(ctypes.Structure):
    """Arguments of one run of a layer of K networks over time: sizes, pointers to weights and inputs, results."""

    _fields_ = [
        ("layer", LayerPlaces),
        *fields(ctypes.c_int64, "cell activation units outputs steps times warmup after"),
        *fields(ctypes.c_int64, "readout_weight readout_bias constant parameters networks batch"),
        *fields(ctypes.c_void_p, "values sequence indices"),
        *fields(ctypes.c_int64, "ones shared"),
        *fields(ctypes.c_void_p, "results grad_results grad_values grad_sequence"),
    ]


def address(tensor: Tensor | None) -> int | None:
    """Return the memory address of a contiguous tensor; None for None."""
    return None if tensor is None else tensor.data_ptr()
