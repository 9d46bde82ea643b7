from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rnn_capacity.callbacks.figures import Curves, Finished, draw, picture_of
from rnn_capacity.tasks import Memory, Parentheses, RandomMapping


def finished(history: list[tuple[int, float]], **module: Any) -> Finished:
    return Finished(SimpleNamespace(**module), history)  # type: ignore[arg-type]  # stand-ins


@pytest.mark.parametrize(
    ("task", "metric"), [(RandomMapping(samples=10), "bits_per_parameter"), (Parentheses(), "cross_entropy")]
)
def test_the_learning_curve_shows_the_primary_metric_by_optimizer_steps(task: Any, metric: str) -> None:
    run = finished([(20, 0.5), (40, 1.0), (60, 1.5)], steps_trained=60, final_metrics={metric: 1.25, "loss": 0.0})
    curves = picture_of(task, run)
    assert isinstance(curves, Curves)
    label = metric.replace("_", " ")
    assert (curves.name, curves.axes) == ("learning_curve", ("optimizer steps", label))
    assert curves.lines == {label: [(20, 0.5), (40, 1.0), (60, 1.25)]}


def test_the_memory_curve_shows_the_network_and_the_theoretical_error() -> None:
    run = finished([(20, 0.1)], hidden_size=24, final_metrics={"mse": 0.45, "reals_per_unit": 0.9})
    curves = picture_of(Memory(input_size=40), run)
    assert isinstance(curves, Curves)
    assert curves.lines["this network"] == [(24, 0.45)]
    theory = dict(curves.lines["theory"])
    assert list(theory) == list(range(1, 51))
    for units, error in theory.items():
        assert error == pytest.approx(1 - units / 40 if units < 40 else 0, abs=1e-12)


def test_a_figure_has_its_lines_where_the_points_are() -> None:
    rising = draw(Curves("c", ("x", "y"), {"line": [(0.0, 0.0), (1.0, 1.0)]}))
    falling = draw(Curves("c", ("x", "y"), {"line": [(0.0, 1.0), (1.0, 0.0)]}))
    assert rising.shape == falling.shape == (480, 720, 4)
    assert rising.dtype == np.uint8
    blue = (rising[..., 2] > 150) & (rising[..., 0] < 80)
    rows, columns = np.nonzero(blue)
    assert np.corrcoef(rows, columns)[0, 1] == pytest.approx(-1, abs=0.01)  # rows count from the top
    rows, columns = np.nonzero((falling[..., 2] > 150) & (falling[..., 0] < 80))
    assert np.corrcoef(rows, columns)[0, 1] == pytest.approx(1, abs=0.01)


def test_only_several_lines_have_a_legend() -> None:
    one = draw(Curves("c", ("x", "y"), {"a": [(0.0, 0.0), (1.0, 1.0)]}))
    point = draw(Curves("c", ("x", "y"), {"a": [(0.0, 0.0), (1.0, 1.0)], "b": [(0.5, 0.5)]}))
    orange = (point[..., 0] > 200) & (point[..., 2] < 80)
    assert not ((one[..., 0] > 200) & (one[..., 2] < 80)).any()
    assert orange.sum() > 20
