from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rnn_capacity.formatting import metric_label
from rnn_capacity.runs import LinePlot, plot_run
from rnn_capacity.tasks import Memory, Parentheses, RandomMapping


@pytest.mark.parametrize(
    ("task", "metric"), [(RandomMapping(samples=10), "bits_per_parameter"), (Parentheses(), "cross_entropy")]
)
def test_the_learning_curve_shows_the_primary_metric_by_optimizer_steps(task: Any, metric: str) -> None:
    module: Any = SimpleNamespace(steps_trained=60, final_metrics={metric: 1.25, "loss": 0.0})
    plot = plot_run(task, module, [(20, 0.5), (40, 1.0), (60, 1.5)])
    assert isinstance(plot, LinePlot)
    label = metric_label(metric)
    assert (plot.name, plot.axes) == ("learning_curve", ("optimizer steps", label))
    assert plot.lines == {label: [(20, 0.5), (40, 1.0), (60, 1.25)]}


def test_the_memory_curve_shows_the_network_and_the_theoretical_error() -> None:
    module: Any = SimpleNamespace(hidden_size=24, final_metrics={"mse": 0.45, "reals_per_unit": 0.9})
    plot = plot_run(Memory(input_size=40), module, [(20, 0.1)])
    assert isinstance(plot, LinePlot)
    assert plot.lines["this network"] == [(24, 0.45)]
    theory = dict(plot.lines["theory"])
    assert list(theory) == list(range(1, 51))
    for units, error in theory.items():
        assert error == pytest.approx(1 - units / 40 if units < 40 else 0, abs=1e-12)


def test_a_plot_has_its_lines_where_the_points_are() -> None:
    rising = LinePlot("c", ("x", "y"), {"line": [(0.0, 0.0), (1.0, 1.0)]}).render()
    falling = LinePlot("c", ("x", "y"), {"line": [(0.0, 1.0), (1.0, 0.0)]}).render()
    assert rising.shape == falling.shape == (480, 720, 4)
    assert rising.dtype == np.uint8
    blue = (rising[..., 2] > 150) & (rising[..., 0] < 80)
    rows, columns = np.nonzero(blue)
    assert np.corrcoef(rows, columns)[0, 1] == pytest.approx(-1, abs=0.01)  # rows count from the top
    rows, columns = np.nonzero((falling[..., 2] > 150) & (falling[..., 0] < 80))
    assert np.corrcoef(rows, columns)[0, 1] == pytest.approx(1, abs=0.01)


def test_only_several_lines_have_a_legend() -> None:
    one = LinePlot("c", ("x", "y"), {"a": [(0.0, 0.0), (1.0, 1.0)]}).render()
    point = LinePlot("c", ("x", "y"), {"a": [(0.0, 0.0), (1.0, 1.0)], "b": [(0.5, 0.5)]}).render()
    orange = (point[..., 0] > 200) & (point[..., 2] < 80)
    assert not ((one[..., 0] > 200) & (one[..., 2] < 80)).any()
    assert orange.sum() > 20
