"""Loads the authors' 630,880 published runs from the pickled NumPy arrays of `rnn_hp_dataset` (CC BY 4.0)."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

TASKS = {
    "per_cap": "random_mapping",
    "mem_thru": "memory",
    "rcf": "continuous_function",
    "text8": "language",
    "parens_counting": "parentheses",
    "arithmetic": "arithmetic",
}
"""This package's task names, by the values of `task_type` in the authors' dataset."""

CELLS = {name: name for name in ("rnn", "irnn", "ugrnn", "gru", "lstm")} | {"+rnn": "intersection"}
"""This package's cell names, by the values of `architecture` in the authors' dataset."""

FIELDS = (
    "architecture",
    "task_type",
    "hparams",
    "n_layers",
    "hyper_iter",
    "max_params",
    "num_params",
    "train_loss",
    "valid_loss",
    "eval_loss",
)
"""Names of the fields that the dataset's structured arrays must have."""

ALLOWED = {
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}
"""Names that a pickle of NumPy arrays, NumPy numbers and plain values may import, as (module, name); all others are
refused."""


@dataclass(frozen=True, slots=True)
class PublishedRun:
    """One training run of the authors' dataset: its hyperparameters, sizes and final losses.

    Example:
        >>> run = PublishedRun("fig5", "parentheses", "gru", 1, 200000, 199000, 7, {"lr_init": 0.01}, 0.02, 0.03, 0.03)
        >>> run.cell, run.hparams["lr_init"]
        ('gru', 0.01)
    """

    file: str
    """Name of the dataset file with the run, without suffix, such as fig3_txt8rcf, which begins with the paper's
    figure."""

    task: str
    """Name of the task in this package, such as parentheses."""

    cell: str
    """Name of the cell in this package, such as gru."""

    depth: int
    """Number of stacked recurrent layers."""

    max_parameters: int
    """Parameter budget: the largest number of parameters that the network may have."""

    parameters: int
    """Number of parameters of the network."""

    iteration: int
    """Number of the run among the trials of the hyperparameter tuner."""

    hparams: dict[str, Any]
    """Hyperparameters of the run, by the dataset's names, such as lr_init."""

    train_loss: float
    """Final loss on the training set; not finite where the training diverged."""

    valid_loss: float
    """Final loss on the validation set, which the tuner minimized."""

    eval_loss: float
    """Final loss on the evaluation set, which the paper plots; in bits per character for text8."""


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler of NumPy arrays and plain values, which refuses to load anything else."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="latin1")  # strings of Python 2

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function that a pickle names, if pickles of NumPy arrays need it.

        Raises:
            UnpicklingError: If the pickle names anything else, which it could use to run code.
        """
        if (module, name) == ("_codecs", "encode"):  # bytes in pickles that Python 3 writes with protocol 2
            return latin1_bytes
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it contains {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def latin1_bytes(text: str, encoding: str) -> bytes:
    """Return the bytes that a pickle stores as Latin-1 text.

    Raises:
        UnpicklingError: If the encoding is not the one that pickles use.
    """
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it contains the encoding {encoding}")
    return text.encode(encoding)


def read_published(folder: str | Path, argument: str = "published") -> list[PublishedRun]:
    """Read the authors' runs from all dataset files, `*.p`, in a folder.

    Args:
        folder: The folder into which `rnn_hp_dataset.tar.gz` was unpacked.
        argument: Name of the command's option in error messages.

    Returns:
        The runs of all files with the suffix `.p`, in the order of the files' names.

    Raises:
        ValueError: If there is no such file, or a file contains anything but a structured NumPy array of plain values.

    Example:
        >>> import pickle, tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> run = ("gru", "text8", {"lr_init": 0.01}, 1, 0, 80000, 79000, 1.9, 2.0, 2.1)
        >>> names = ("architecture", "task_type", "hparams", "n_layers", "hyper_iter", "max_params", "num_params")
        >>> kinds = ("U5", "U15", "O", "i8", "i8", "i8", "i8", "f8", "f8", "f8")
        >>> fields = (*names, "train_loss", "valid_loss", "eval_loss")
        >>> folder = Path(tempfile.mkdtemp())
        >>> array = np.array([run], dtype=list(zip(fields, kinds)))
        >>> _ = (folder / "fig3.p").write_bytes(pickle.dumps(array, protocol=2))
        >>> [(run.task, run.eval_loss) for run in read_published(folder)]
        [('language', 2.1)]
    """
    files = sorted(Path(folder).glob("*.p"))
    if not files:
        raise ValueError(f"{argument} must be a folder with the authors' files (*.p), got {str(folder)!r}")
    return [run for file in files for run in runs_of(file, argument)]


def runs_of(file: Path, argument: str) -> Iterator[PublishedRun]:
    """Iterate over the runs of one dataset file, without those whose task or cell this package lacks.

    Raises:
        ValueError: If the file contains anything but a structured NumPy array of plain values.
    """
    array = load_array(file, argument)
    for values in zip(*(array[name].tolist() for name in FIELDS), strict=True):
        cell, task, hparams, depth, iteration, budget, parameters, *losses = values
        if text(task) in TASKS and text(cell) in CELLS:
            yield PublishedRun(
                file.stem,
                TASKS[text(task)],
                CELLS[text(cell)],
                int(depth),
                int(budget),
                int(parameters),
                int(iteration),
                {text(name): text(value) for name, value in hparams.items()},
                *map(float, losses),
            )


def load_array(file: Path, argument: str) -> NDArray[np.void]:
    """Load the structured array of runs from one pickle file of the dataset.

    Raises:
        ValueError: If the file contains anything else.
    """
    try:
        with file.open("rb") as stream:
            array = ArrayUnpickler(stream).load()
    except Exception as error:  # a damaged or malicious pickle may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{argument} must have pickles of NumPy arrays and plain values, got {file} ({reason})"
        ) from error
    names = array.dtype.names if isinstance(array, np.ndarray) else None
    missing = [name for name in FIELDS if name not in (names or ())]
    if missing or not all(isinstance(hparams, dict) for hparams in array["hparams"].reshape(-1).tolist()):
        wrong = f"without the field {missing[0]}" if missing else "whose hparams are no dictionaries"
        raise ValueError(f"{argument} must have structured arrays of runs, got {file} {wrong}")
    flat: NDArray[np.void] = array.reshape(-1)
    return flat


def text(value: Any) -> Any:
    """Return a value with bytes decoded to text, since NumPy loads strings of Python 2 as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else value
