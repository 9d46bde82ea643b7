from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from torch.utils._pytree import tree_leaves

from rnn_capacity.cells import CELLS
from rnn_capacity.kernels.native import native_library
from rnn_capacity.kernels.native.library import kernel_build
from rnn_capacity.models import RecurrentNetwork

TOOLS = Path(__file__).parent.parent / "tools"
SCRIPTS = sorted(path.stem for path in TOOLS.glob("*.py") if "__main__" in path.read_text())


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)  # scripts import their neighbours


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_shows_its_docstring_as_help(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"tools/{script}.py", "--help"])
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(script).main()
    assert f"python tools/{script}.py" in capsys.readouterr().out


def test_every_cell_of_the_package_has_its_gates_in_the_shared_table() -> None:
    from measuring import CELLS as FACTS

    assert FACTS.keys() == CELLS.keys()
    for name, facts in FACTS.items():
        assert facts.gates == CELLS[name](5, 5).bias.numel() // 5


def test_measurements_take_turns_and_their_medians_leave_out_the_warmup() -> None:
    from measuring import median_seconds

    calls: list[str] = []

    def measured(name: str, seconds: list[float]) -> float:
        calls.append(name)
        return seconds[calls.count(name) - 1]

    found = median_seconds(
        {
            "one": lambda: measured("one", [9.0, 1.0, 5.0, 2.0]),
            "two": lambda: measured("two", [9.0, 4.0, 4.0, 7.0]),
        },
        rounds=3,
    )
    assert calls == ["one", "two"] * 4
    assert found == {"one": 2.0, "two": 4.0}


def test_the_time_of_a_call_is_the_mean_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    import measuring

    now = [0.0]

    def wait() -> None:
        now[0] += 0.25

    monkeypatch.setattr(measuring.time, "perf_counter", lambda: now[0])
    assert measuring.timed(wait, calls=4)() == 0.25
    assert now == [1.0]


def test_the_kernel_is_switched_off_within_a_block_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNN_CAPACITY_KERNEL", raising=False)
    before = native_library()
    with kernel_build("off"):
        assert native_library() is None
    assert (native_library() is None) == (before is None)
    assert "RNN_CAPACITY_KERNEL" not in os.environ


def test_missing_results_have_no_runs_and_another_setting_drops_those_that_are_stored(tmp_path: Path) -> None:
    from recording import load_results, save_results

    path = tmp_path / "new" / "results.json"
    assert load_results(path, steps=3) == {"steps": 3, "runs": []}
    save_results(path, {"steps": 3, "runs": [{"bits": 1.5}]})
    assert load_results(path, steps=3) == {"steps": 3, "runs": [{"bits": 1.5}]}
    assert load_results(path, steps=4) == {"steps": 4, "runs": []}


def test_only_missing_runs_are_measured_and_each_is_stored_at_once(tmp_path: Path) -> None:
    from recording import measure_missing

    path, made = tmp_path / "results.json", []

    def measure(wanted: dict[str, object]) -> dict[str, object]:
        if wanted["cell"] == "broken":
            raise RuntimeError("no memory")
        made.append(wanted["cell"])
        return {"bits": len(made), "machine": {"device": "cpu"}}

    def stored(*cells: str, steps: int = 5) -> list[tuple[object, ...]]:
        wanted = [{"cell": cell, "steps": steps} for cell in cells]
        runs = measure_missing(path, wanted, measure, identity=("cell",), order=lambda run: run["cell"])
        return [(run["cell"], run["steps"], run["bits"]) for run in runs]

    assert stored("rnn", "gru") == [("gru", 5, 2), ("rnn", 5, 1)]
    with pytest.raises(RuntimeError, match="no memory"):
        stored("gru", "lstm", "broken")
    assert made == ["rnn", "gru", "lstm"]
    assert stored("gru", steps=6) == [("gru", 6, 4), ("lstm", 5, 3), ("rnn", 5, 1)]
    assert all("cores" in run["machine"] for run in json.loads(path.read_text())["runs"])


def test_a_markdown_table_has_a_line_for_each_row() -> None:
    from recording import markdown_table

    table = markdown_table(("cell", "units"), [("rnn", 6), ("gru", 8)])
    assert table.splitlines() == ["| cell | units |", "| --- | --- |", "| rnn | 6 |", "| gru | 8 |"]


def test_a_figure_is_written_with_its_panels(tmp_path: Path) -> None:
    from recording import figure

    with figure(tmp_path / "new" / "curve.png", panels=2, sharex=True) as (left, right):
        left.plot([1, 2], [3, 4])
        assert left.get_shared_x_axes().joined(left, right)
    assert (tmp_path / "new" / "curve.png").stat().st_size > 0
    assert not left.spines["top"].get_visible()


@pytest.mark.parametrize("cell", list(CELLS))
def test_the_plain_network_computes_what_the_package_computes(cell: str) -> None:
    from measuring import CELLS as FACTS
    from plain_network import STEPS, initial_weights, logits

    torch.manual_seed(0)
    units, features, inputs = 4, 6, torch.randn(5, 6)
    weights = initial_weights(cell, features, units)
    network = RecurrentNetwork(cell, FACTS[cell].depth, features, units, 1, seed=0)
    assert network.parameters_total == sum(part.numel() for part in tree_leaves(weights))
    own = dict(network.named_parameters())
    with torch.no_grad():
        for layer in range(FACTS[cell].depth):
            plain, prefix = weights[f"layer{layer}"], f"stack.cells.{layer}"
            own[f"{prefix}.weight_input"].copy_(plain["wx"])
            own[f"{prefix}.bias"].copy_(plain["bias"].normal_())
            recurrent = own[f"{prefix}.weight_recurrent"]
            recurrent.copy_(plain["wh"][: len(recurrent)])
            if f"{prefix}.weight_candidate" in own:
                own[f"{prefix}.weight_candidate"].copy_(plain["wh"][len(recurrent) :])
            own[f"stack.initial_states.{layer}"].copy_(
                plain["start"].normal_().view_as(own[f"stack.initial_states.{layer}"])
            )
        for part, name in {"readout": "readout", "project": "stack.projection"}.items():
            for kind, values in weights.get(part, {}).items():
                own[f"{name}.{kind}"].copy_(values)
        outputs, _ = network(inputs.unsqueeze(1), steps=STEPS)
    torch.testing.assert_close(logits(torch, cell, weights, inputs), outputs[:, -1, 0])


def test_the_vmapped_step_of_plain_networks_equals_the_loop() -> None:
    from plain_network import initial_weights
    from plain_training import loop_step, stacked, vmap_step

    torch.manual_seed(0)
    inputs, labels = torch.randn(7, 3), torch.ones(7)
    networks = [initial_weights("gru", 3, 4) for _ in range(2)]
    weights = stacked(networks)
    for step in (loop_step("gru", networks, inputs, labels), vmap_step("gru", weights, inputs, labels)):
        step()
        step()
    for one, two in zip(tree_leaves(stacked(networks)), tree_leaves(weights), strict=True):
        torch.testing.assert_close(one, two)


def test_the_fitted_coefficients_are_those_of_the_header() -> None:
    import fit_activations as fitting

    torch.testing.assert_close(
        torch.from_numpy(fitting.fit_exp().astype("float32")), torch.from_numpy(fitting.header_values("exp"))
    )
    both = fitting.fit_tanh()
    p, q = fitting.header_values("tanh_p"), fitting.header_values("tanh_q")
    assert len(fitting.header_values("missing")) == 0
    torch.testing.assert_close(
        torch.from_numpy(both[0] / both[1, 0]), torch.from_numpy(p / q[0]).double(), rtol=1e-6, atol=0
    )
    torch.testing.assert_close(
        torch.from_numpy(both[1] / both[1, 0]), torch.from_numpy(q / q[0]).double(), rtol=1e-6, atol=0
    )


def test_the_kernels_activations_are_within_four_units_in_the_last_place() -> None:
    from fit_activations import largest_errors

    errors = largest_errors(stride=65537)
    assert bool(errors) == (native_library() is not None)
    assert all(error <= 4 for error in errors.values())
