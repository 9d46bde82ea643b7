"""Shipped sweep files: `wandb sweep` accepts them, and the program accepts the command lines of their agents.

How W&B samples them is not seen here; `wandb_backend` takes the middle of each range.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rnn_capacity.cli import main
from rnn_capacity.search import Sampler, read_sweep
from rnn_capacity.search.space.sweep_file import load_sweep
from tests.program import CONFIGS, direction
from tests.wandb_backend import Backend, sample
from tests.wandb_machine import Machine

SWEEPS = sorted((CONFIGS / "sweeps").glob("*.yaml"))


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_shipped_sweep_is_registered_as_it_is_printed(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["search", "--sweep", str(path), "--print_sweep"])
    complete = tmp_path / "sweep.yaml"
    complete.write_text(capsys.readouterr().out)
    with Backend() as backend, Machine(tmp_path, backend) as machine:
        assert machine.finish("wandb", "sweep", complete) == 0
    assert backend.unknown == []
    sweep = load_sweep(path)
    assert backend.sweep.keys() == sweep.keys()
    assert backend.sweep["command"] == sweep["command"]
    assert backend.sweep["parameters"].keys() == sweep["parameters"].keys()


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
@pytest.mark.parametrize("trial", range(3))
def test_the_program_accepts_the_values_of_a_shipped_sweep(
    path: Path, trial: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CONFIGS.parent)
    sweep = load_sweep(path)
    start = ["${env}", "${interpreter}", "-m", "rnn_capacity"]
    assert sweep["command"][: len(start)] == start
    arguments = sweep["command"][len(start) :]
    assert arguments[0] in ("fit", "search")
    monkeypatch.setenv("WANDB_RUN_ID", "trial000")
    assert arguments[-2:] == ["--config", "${args_json}"]
    own = {"fit": "--run", "search": "--study"}[arguments[0]]  # by which a preempted trial goes on
    assert arguments[arguments.index(own) + 1] == "$WANDB_RUN_ID"
    values = {name: sample(given, trial) for name, given in sweep["parameters"].items()}
    with pytest.raises(SystemExit) as stop:
        main([*arguments[:-1], json.dumps(values), "--print_config"])
    assert stop.value.code == 0
    config: Any = yaml.safe_load(capsys.readouterr().out)
    for key, value in flat(values).items():
        found = config
        for name in key.split("."):
            found = found[name]
        if isinstance(value, (int, float, bool, type(None))):
            assert found == value


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """Nested values by dotted keys."""
    found = {}
    for key, value in values.items():
        inner = {f"{key}.{name}": below for name, below in value.items()} if isinstance(value, dict) else {}
        found.update(flat(inner) if inner else {key: value})
    return found


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_values_drawn_from_a_shipped_sweep_have_the_keys_of_wandb(path: Path) -> None:
    sweep = read_sweep(path)
    (drawn,) = Sampler(sweep.space, sweep.method, "maximize", seed=0)(1, [], [])
    given = {name: sample(inner, 0) for name, inner in load_sweep(path)["parameters"].items()}
    assert sweep.space.values(drawn.params).keys() == flat(given).keys()


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_shipped_sweep_has_a_logged_metric_and_its_direction(path: Path) -> None:
    sweep = load_sweep(path)
    metric = sweep["metric"]  # a final metric is logged once; one that is logged on the way is what Hyperband reads
    assert metric["name"].split("/")[0] == ("val" if "early_terminate" in sweep else "final")
    assert metric["goal"] == {"max": "maximize", "min": "minimize"}[direction(metric["name"]) or ""]
