"""The picture of each task: a learning curve, memory beside theory, or text that a language model writes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.tasks import Language, Memory
from rnn_capacity.tasks.language import sample_text
from rnn_capacity.training import RecurrentModule, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXTS = 3
"""Texts that are drawn from a language model."""


@dataclass(frozen=True)
class Finished:
    """A run whose final evaluation is done."""

    module: RecurrentModule
    """The network."""

    history: list[tuple[int, float]]
    """Primary metric at each validation, by optimizer step."""


@dataclass(frozen=True)
class Curves:
    """Lines over one axis."""

    name: str
    """Of the picture."""

    axes: tuple[str, str]
    """What the axes show."""

    lines: dict[str, list[tuple[float, float]]]
    """Points by what they are; a single point is marked."""


@dataclass(frozen=True)
class Texts:
    """A table."""

    name: str
    """Of the table."""

    columns: list[str]
    """What the columns hold."""

    rows: list[list[Any]]
    """A text a row."""


@singledispatch
def picture_of(task: Task, run: Finished) -> Curves | Texts | None:
    """The picture of a finished run; the learning curve of its primary metric unless its task has another.

    Args:
        task: The run's task.
        run: The run.
    """
    name = task.primary_metric.replace("_", " ")
    final = (run.module.steps_trained, run.module.final_metrics[task.primary_metric])
    points = [point for point in run.history if point[0] < final[0]]
    return Curves("learning_curve", ("optimizer steps", name), {name: [*points, final]})


@picture_of.register
def memory_curve(task: Memory, run: Finished) -> Curves:
    """The squared error beside theory's, over the units (Collins et al. 2017, Fig. 2c)."""
    units = run.module.hidden_size
    most = max(units, task.input_size) * 5 // 4
    theory = [(float(size), theoretical_mse(size, task.input_size)) for size in range(1, most + 1)]
    measured = [(float(units), run.module.final_metrics["mse"])]
    return Curves("memory_curve", ("units", "MSE per dimension"), {"theory": theory, "this network": measured})


@picture_of.register
def text_samples(task: Language, run: Finished) -> Texts | None:
    """What the network goes on with from the data's prompt; nothing after a divergence, which leaves no chances."""
    network, alphabet = run.module.network, task.alphabet
    if run.module.diverged_at is not None:
        return None
    prompt = "".join(character for character in task.prompt if character in alphabet) or alphabet[0]
    network.eval()

    def text(seed: int) -> str:
        return sample_text(network, alphabet, prompt, task.sample_length, task.temperature, task.top_k, seed)

    seeds = range(task.sample_seed, task.sample_seed + TEXTS)
    rows = [[task.temperature, seed, text(seed)] for seed in seeds]
    return Texts("texts", ["temperature", "seed", "text"], rows)


def draw(curves: Curves) -> NDArray[np.uint8]:
    """The picture's pixels, (height, width, 4)."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, points in curves.lines.items():
        axes.plot(*zip(*points, strict=True), marker="o" if len(points) == 1 else None, label=label)
    axes.set_xlabel(curves.axes[0])
    axes.set_ylabel(curves.axes[1])
    axes.spines[["top", "right"]].set_visible(False)
    if len(curves.lines) > 1:
        axes.legend(frameon=False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()
