"""What Optuna draws and what it then stands for, and the part of a space that matters to a cell."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import optuna
import pytest
from scipy import stats
from torch import Tensor

from rnn_capacity.cells import CELLS, Cell, GatedCell, Projected, State
from rnn_capacity.models import Initialization, Stack
from rnn_capacity.search import Sampler, SearchSpace, narrow, parse_sweep, read_sweep
from rnn_capacity.search.space.parameters import Choice, Constant, Integer
from tests.program import CONFIGS

DRAWS = 3000
INITIALIZATION = "model.init_args.initialization."


def space_of(parameters: dict[str, Any], method: str = "random") -> SearchSpace:
    return parse_sweep({"method": method, "parameters": parameters}).space


def values_of(given: dict[str, Any]) -> list[Any]:
    """What a random search draws of one hyperparameter."""
    sampler = Sampler(space_of({"x": given}), "random", "maximize", seed=0)
    return [sampler.space.values(proposal.params)["x"] for proposal in sampler(DRAWS, [], [])]


@pytest.mark.parametrize(
    ("given", "law"),
    [
        ({"min": -1.0, "max": 3.0}, stats.uniform(-1, 4)),
        ({"distribution": "log_uniform", "min": -2, "max": 1}, stats.loguniform(np.exp(-2), np.exp(1))),
        ({"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1}, stats.loguniform(1e-4, 0.1)),
        ({"distribution": "inv_log_uniform", "min": -2, "max": 1}, stats.loguniform(np.exp(-1), np.exp(2))),
        ({"distribution": "inv_log_uniform_values", "min": 0.1, "max": 7}, stats.loguniform(0.1, 7)),
        ({"distribution": "normal", "mu": 2, "sigma": 0.5}, stats.norm(2, 0.5)),
        ({"distribution": "log_normal", "mu": -1, "sigma": 0.5}, stats.lognorm(0.5, scale=np.exp(-1))),
        ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
    ],
)
def test_a_continuous_distribution_matches_its_name(given: dict[str, Any], law: Any) -> None:
    assert stats.kstest(values_of(given), law.cdf).pvalue > 0.001


@pytest.mark.parametrize(
    ("given", "law"),
    [
        ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 2}, stats.uniform(0, 10)),
        ({"distribution": "q_log_uniform", "min": 0, "max": 3, "q": 2}, stats.loguniform(1, np.exp(3))),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 20, "q": 2}, stats.loguniform(1, 20)),
        ({"distribution": "q_normal", "mu": 1, "sigma": 3, "q": 2}, stats.norm(1, 3)),
        ({"distribution": "q_log_normal", "mu": 1, "sigma": 0.5, "q": 2}, stats.lognorm(0.5, scale=np.e)),
    ],
)
def test_a_rounded_distribution_has_the_mass_around_each_multiple(given: dict[str, Any], law: Any) -> None:
    values = values_of(given)
    assert all(isinstance(value, int) and value % 2 == 0 for value in values)
    for multiple in (0, 2, 4, 6):
        share = law.cdf(multiple + 1) - law.cdf(multiple - 1)
        assert np.mean(np.equal(values, multiple)) == pytest.approx(share, abs=5 * np.sqrt(0.25 / DRAWS))


def test_a_rounded_value_is_an_integer_where_q_is_one() -> None:
    values = values_of({"distribution": "q_beta", "q": 0.25})
    assert set(values) == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert np.mean(np.equal(values, 0.5)) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("high", [3, 10**12])
def test_integers_are_uniform_including_both_ends(high: int) -> None:
    values = values_of({"min": -2, "max": high})
    assert all(isinstance(value, int) and -2 <= value <= high for value in values)
    if high == 3:
        counts = [values.count(value) for value in range(-2, 4)]
        assert stats.chisquare(counts).pvalue > 0.001
    else:
        assert stats.kstest(values, stats.uniform(-2, high).cdf).pvalue > 0.001


@pytest.mark.parametrize("high", [3, 2**20])
def test_values_reach_the_ends_of_a_range_but_not_beyond(high: int) -> None:
    parameter = Integer(-2, high)
    distribution = parameter.distribution()
    assert isinstance(distribution, optuna.distributions.FloatDistribution if high > 3 else object)
    assert parameter.value(distribution.low) == -2
    assert parameter.value(distribution.high) == high


@pytest.mark.parametrize(
    "values",
    [["a", 1, 2.5, None], [1, True, 1.5], [[1], {"b": None, "a": 2}, "[1]"], [0, False], [{"a": 1}, '{"a": 1}']],
)
def test_choices_are_stored_by_optuna_without_loss(values: list[Any]) -> None:
    space = space_of({"x": {"values": values}})
    drawn = space.distributions()["x"].choices
    stored = optuna.distributions.json_to_distribution(
        optuna.distributions.distribution_to_json(space.distributions()["x"])
    )
    assert stored == space.distributions()["x"]
    back = [space.values({"x": choice})["x"] for choice in json.loads(json.dumps(drawn))]
    assert [(type(value), value) for value in back] == [(type(value), value) for value in values]


def test_probabilities_are_kept() -> None:
    values = values_of({"values": ["a", [2], "c", "d"], "probabilities": [0.1, 0.6, 0, 0.3]})
    for value, share in (("a", 0.1), ([2], 0.6), ("c", 0), ("d", 0.3)):
        assert values.count(value) / DRAWS == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / DRAWS))
    assert Choice((1, 2), (0.3, 0.7)).value(1.0) == 2


def test_constants_are_not_searched() -> None:
    space = space_of({"a": {"value": {"b": [1]}}, "x": {"values": [1, 2]}})
    assert list(space.distributions()) == ["x"]
    assert space.values({"x": 2}) == {"a": {"b": [1]}, "x": 2}
    with pytest.raises(ValueError, match="params must have x; got none for x"):
        space.values({"a": 3})


def test_a_grid_has_each_point_once() -> None:
    given = {"a": {"values": ["u", [1]]}, "n": {"min": 1, "max": 3}, "c": {"value": 7}}
    space = space_of({**given, "q": {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.5}}, "grid")
    points = [space.grid_point(index) for index in range(space.grid_size)]
    assert space.grid_size == 2 * 3 * 2
    assert [space.grid_index(point) for point in points] == list(range(12))
    values = [space.values(point) for point in points]
    assert values[0] == {"a": "u", "n": 1, "c": 7, "q": 0.0}
    assert values[1] == {"a": "u", "n": 1, "c": 7, "q": 0.5}
    assert values[-1] == {"a": [1], "n": 3, "c": 7, "q": 0.5}
    assert space.grid_index({"a": "v", "n": 1, "q": 0.0}) is None
    assert space.grid_index({"a": "u", "n": 1}) is None


@pytest.mark.parametrize(
    ("low", "high", "q", "values"),
    [(1, 10, 4, [1, 5, 9]), (0.5, 4.5, 1, [0.5, 1.5, 2.5, 3.5]), (0, 1, 0.25, [0, 0.25, 0.5, 0.75])],
)
def test_a_grid_of_a_rounded_range_has_the_values_of_wandb_which_are_not_rounded(
    low: float, high: float, q: float, values: list[float]
) -> None:
    space = space_of({"x": {"distribution": "q_uniform", "min": low, "max": high, "q": q}}, "grid")
    assert [space.values(space.grid_point(index))["x"] for index in range(space.grid_size)] == values


def test_a_grid_of_too_many_points_is_rejected() -> None:
    given = {name: {"min": 0, "max": 9999} for name in "abcde"}
    with pytest.raises(ValueError, match=f"at most {2**63 - 1} points for method grid, got {10**20}"):
        space_of(given, "grid")


class Plain(Cell):
    """A cell without gates."""

    nonlinearities = ("tanh",)

    def step(self, projected: Projected, state: State, mask: Tensor | None = None) -> tuple[Tensor, State]:
        return state[0], state


class Own(GatedCell):
    """A gated cell of one's own."""

    gates = ("reset", "mine")
    forget_gates: ClassVar[tuple[str, ...]] = ("mine",)


SCALE = {"min": 0.1, "max": 2.0}
WIDE = {
    "model.init_args.cell": {"values": ["rnn", "gru"]},
    "model.init_args.nonlinearity": {"values": ["tanh", "relu"]},
    "model.init_args.b_fg": SCALE,
    f"{INITIALIZATION}recurrent": {"values": ["orthogonal", "identity", None]},
    f"{INITIALIZATION}recurrent_scale": {"parameters": {"reset": SCALE, "candidate": SCALE, "mine": SCALE}},
    f"{INITIALIZATION}input_scale": SCALE,
    f"{INITIALIZATION}bias": {"value": "normal"},
    f"{INITIALIZATION}bias_scale": SCALE,
    f"{INITIALIZATION}readout_scale": SCALE,
    "data.init_args.steps": {"min": 1, "max": 4},
}


@pytest.mark.parametrize(
    ("cell", "gone", "changed"),
    [
        (CELLS["rnn"], ["b_fg", "recurrent_scale.reset"], {"recurrent": ("orthogonal", None)}),
        (
            CELLS["irnn"],
            [
                "b_fg",
                "recurrent_scale.reset",
                "recurrent_scale.candidate",
                "recurrent_scale.mine",
                "bias",
                "bias_scale",
            ],
            {"nonlinearity": ("relu",), "recurrent": ("identity", None)},
        ),
        (CELLS["ugrnn"], ["recurrent_scale.reset"], {}),
        (CELLS["gru"], [], {}),
        (CELLS["intersection"], ["nonlinearity", "recurrent_scale.reset", "recurrent_scale.candidate"], {}),
        (Own, ["recurrent_scale.candidate"], {}),
        (
            Plain,
            [
                *("b_fg", "recurrent", "input_scale", "bias", "bias_scale"),
                *(f"recurrent_scale.{gate}" for gate in ("reset", "candidate", "mine")),
            ],
            {"nonlinearity": ("tanh",)},
        ),
    ],
)
def test_a_space_is_narrowed_to_a_cell(cell: type[Cell], gone: list[str], changed: dict[str, tuple[Any, ...]]) -> None:
    space = space_of(WIDE)
    narrower, lines = narrow(space, cell)
    full = {
        short: next(name for name in space.parameters if name.endswith(f".{short}"))
        for short in ["cell", *gone, *changed]
    }
    assert space.parameters.keys() - narrower.parameters.keys() == {full[short] for short in ["cell", *gone]}
    for name, parameter in narrower.parameters.items():
        short = name.rpartition(".")[2]
        assert parameter == (Choice(changed[short]) if short in changed else space.parameters[name])
    assert [line.split(":")[0] for line in lines] == [name for name in space.parameters if name in full.values()]
    assert all(cell.__name__ in line for line in lines)


def test_a_narrowed_choice_keeps_the_proportions_of_its_values() -> None:
    name = f"{INITIALIZATION}recurrent"
    given = {"values": ["orthogonal", "identity", "normal"], "probabilities": [0.1, 0.5, 0.4]}
    narrower, lines = narrow(space_of({name: given}), CELLS["rnn"])
    assert narrower.parameters[name] == Choice(("orthogonal", "normal"), (pytest.approx(0.2), pytest.approx(0.8)))
    assert lines == [f"{name}: identity left out, RNNCell takes orthogonal, normal"]
    for refused in ({"value": "identity"}, {"values": ["identity"]}):
        assert narrow(space_of({name: refused}), CELLS["rnn"])[0].parameters == {}
    assert narrow(space_of({name: {"value": "normal"}}), CELLS["rnn"])[0].parameters == {name: Constant("normal")}


@pytest.mark.parametrize("cell", CELLS)
def test_every_draw_of_the_narrowed_table_of_the_paper_fits_every_cell(cell: str) -> None:
    space, _ = narrow(read_sweep(CONFIGS / "sweeps" / "capacity.yaml").space, CELLS[cell])
    sampler = Sampler(space, "random", "maximize", seed=0)
    for proposal in sampler(20, [], []):
        values = sampler.space.values(proposal.params)
        choices: dict[str, Any] = {}
        for name, value in values.items():
            if name.startswith(INITIALIZATION):
                argument, _, gate = name.removeprefix(INITIALIZATION).partition(".")
                choices.setdefault(argument, {}).update({gate: value}) if gate else choices.update({argument: value})
        Stack(
            cell,
            2,
            3,
            4,
            nonlinearity=values.get("model.init_args.nonlinearity"),
            initialization=Initialization(**choices),
            cell_options={"b_fg": values.get("model.init_args.b_fg", 0.0)},
        )


def test_a_grid_can_have_more_integers_than_fit_in_memory() -> None:
    given = {"distribution": "int_uniform", "min": 0, "max": 2**31}
    space = space_of({"x": given, "y": {"values": ["a", "b"]}}, "grid")
    assert space.grid_size == 2 * (2**31 + 1)
    assert space.grid_point(2 * 2**30 + 1) == {"x": 2**30, "y": "b"}
    assert space.grid_index({"x": float(2**30), "y": "b"}) == 2 * 2**30 + 1
    assert space.grid_index({"x": 0.5, "y": "b"}) is None
    points = [proposal.params["x"] for proposal in Sampler(space, "grid", "maximize", seed=0)(5, [], [])]
    assert len(set(points)) == 5
