"""The sweep files that are shipped, searched here instead of by W&B's agents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.cli import main
from rnn_capacity.search.space.sweep_file import load_sweep
from rnn_capacity.studies import feasible, metrics
from tests.program import CONFIGS
from tests.search.toy_search import ToySearch

SWEEPS = sorted(CONFIGS.glob("sweeps/*.yaml"))


def config_of(sweep: dict[str, Any]) -> str:
    """The config that a sweep's command names first."""
    name: str = sweep["command"][sweep["command"].index("--config") + 1]
    return name


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_shipped_sweep_runs_in_a_search(
    path: Path,
    searching: ToySearch,
    toy: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    content = load_sweep(path)
    if "trainer.max_steps" in content["parameters"]:
        content["parameters"]["trainer.max_steps"] = {"value": 20}
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump(content))
    options = [*toy(config_of(content)), f"--sweep={file}", "--trainer.max_steps=20", *searching.again("--trials=2")]
    main(["search", *options])
    study = searching.study()
    snapshot = study.snapshot()
    assert len(snapshot.finished) == 2
    metric = content["metric"]["name"].replace("final/", "").replace("val/", "")  # random mapping's is the final one
    assert study.goal == content["metric"]["goal"]
    for trial in snapshot.trials:
        assert metrics(trial)["steps"] <= 20
        constant = study.specification["objective"]["baseline"]
        assert trial.value == (metrics(trial) if feasible(trial) else constant)[metric]
