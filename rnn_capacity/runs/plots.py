"""The plot of a run, which depends on the task: a learning curve, a memory curve, or a table of generated texts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from rnn_capacity.formatting import metric_label
from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.tasks import Language, Memory
from rnn_capacity.tasks.language import sample_text
from rnn_capacity.training import RecurrentModule, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT_SAMPLES = 3
"""Number of texts that a language model generates for the table of a run."""


@dataclass(frozen=True)
class LinePlot:
    """Data of a line plot, which `render` draws.

    Example:
        >>> plot = LinePlot("learning_curve", ("optimizer steps", "loss"), {"loss": [(20, 0.7), (40, 0.6)]})
        >>> plot.render().shape
        (480, 720, 4)
    """

    name: str
    """Key under which the plot is logged, such as learning_curve."""

    axes: tuple[str, str]
    """Labels of the x- and the y-axis."""

    lines: dict[str, list[tuple[float, float]]]
    """Points (x, y) of each line, by the line's label in the legend."""

    def render(self) -> NDArray[np.uint8]:
        """Render the plot with matplotlib to RGBA pixels, (height, width, 4)."""
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for label, points in self.lines.items():
            axes.plot(*zip(*points, strict=True), marker="o" if len(points) == 1 else None, label=label)
        axes.set_xlabel(self.axes[0])
        axes.set_ylabel(self.axes[1])
        axes.spines[["top", "right"]].set_visible(False)
        if len(self.lines) > 1:
            axes.legend(frameon=False)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).copy()


@dataclass(frozen=True)
class TextSamples:
    """A table of texts that a language model generated, one row for each text.

    Example:
        >>> TextSamples("texts", ["temperature", "seed", "text"], [[1.0, 0, "the end"]]).rows[0][-1]
        'the end'
    """

    name: str
    """Key under which the table is logged."""

    columns: list[str]
    """Headings of the table's columns, such as temperature, seed and text."""

    rows: list[list[Any]]
    """The cells of each row; a row is one generated text with its settings."""


@singledispatch
def plot_run(task: Task, module: RecurrentModule, history: list[tuple[int, float]]) -> LinePlot | TextSamples | None:
    """Return the plot of a finished run: the learning curve, unless the task has a plot of its own.

    Args:
        task: Task of the run.
        module: The trained module.
        history: The primary metric at each validation, as (optimizer step, value).

    Example:
        >>> from rnn_capacity.tasks import Memory
        >>> from rnn_capacity.training import RecurrentModule
        >>> module = RecurrentModule(hidden_size=4, input_size=4, output_size=4)
        >>> module.metrics["test"] = {"mse": 0.2}
        >>> plot_run(Memory(input_size=4), module, history=[]).lines["this network"]
        [(4.0, 0.2)]
    """
    name = metric_label(task.primary_metric)
    final = (module.steps_trained, module.final_metrics[task.primary_metric])
    points = [point for point in history if point[0] < final[0]]
    return LinePlot("learning_curve", ("optimizer steps", name), {name: [*points, final]})


@plot_run.register
def memory_curve(task: Memory, module: RecurrentModule, history: list[tuple[int, float]]) -> LinePlot:
    """Plot the network's mean squared error and the theoretical one against units (Collins et al. 2017, Fig. 2c)."""
    units = module.hidden_size
    largest = max(units, task.input_size) * 5 // 4
    theory = [(float(size), theoretical_mse(size, task.input_size)) for size in range(1, largest + 1)]
    measured = [(float(units), module.final_metrics["mse"])]
    return LinePlot("memory_curve", ("units", "MSE per dimension"), {"theory": theory, "this network": measured})


@plot_run.register
def text_samples(task: Language, module: RecurrentModule, history: list[tuple[int, float]]) -> TextSamples | None:
    """Generate texts that continue the task's prompt; return None if training diverged."""
    network, alphabet = module.network, task.alphabet
    if module.diverged_at is not None:
        return None
    prompt = "".join(character for character in task.prompt if character in alphabet) or alphabet[0]
    network.eval()

    def text(seed: int) -> str:
        return sample_text(network, alphabet, prompt, task.sample_length, task.temperature, task.top_k, seed)

    seeds = range(task.sample_seed, task.sample_seed + TEXT_SAMPLES)
    rows = [[task.temperature, seed, text(seed)] for seed in seeds]
    return TextSamples("texts", ["temperature", "seed", "text"], rows)
