"""The script that searches for the bits per parameter of each cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rnn_capacity.cells import CELLS
from rnn_capacity.search.arguments import read_command_line
from rnn_capacity.search.study_grid import grid_specifications

ROOT = Path(__file__).parent.parent


class Called(Exception):
    """Ends a measurement where its search would begin."""


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("loss", "steps", "exponents"),
    [
        ("generalized", {2, 3, 4}, (0.3, 1.0)),
        ("warm_up", {3, 4, 5}, (0.4, 0.9)),
        ("cross_entropy", {2, 3, 4}, (0, 0)),
        ("paper", {5}, (0, 0)),
    ],
)
def test_a_search_trains_with_the_loss_and_the_unrolled_steps_of_its_protocol(
    cell: str,
    loss: str,
    steps: set[int],
    exponents: tuple[float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tools")
    import search_capacity

    given: list[str] = []

    def search(cell: str, sweep: Path, options: Sequence[str]) -> None:
        given.extend((f"--sweep={sweep}", f"--model.cell={cell}", *options))
        raise Called

    monkeypatch.setattr(search_capacity, "search", search)
    with pytest.raises(Called):
        search_capacity.measure({"cell": cell, "loss": loss, "trials": 8, "population": 4, "steps": 100, "options": []})
    config = str(ROOT / "configs/random_mapping.yaml")
    specifications, _ = grid_specifications(read_command_line(["--config", config, "--study=own", *given]))
    task = next(iter(specifications.values())).example().task
    assert task.steps in steps
    assert exponents[0] <= task.loss_exponent <= exponents[1]
