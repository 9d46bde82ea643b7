"""Properties that the public functions have for all arguments."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from rnn_capacity.cells import CELLS
from rnn_capacity.formatting import format_value
from rnn_capacity.metrics import (
    dimensions_recovered,
    implied_bits,
    implied_loss,
    likelihood_bits,
    sample_weights,
    stored_bits,
    theoretical_mse,
)
from rnn_capacity.models import RecurrentNetwork, parameter_count, units_for_budget
from rnn_capacity.search import parse_sweep
from rnn_capacity.tasks import Arithmetic, ContinuousFunction, Language, Memory, Parentheses, RandomMapping
from rnn_capacity.training import Task, generator

few = settings(max_examples=30, deadline=None, derandomize=True)
many = settings(max_examples=100, deadline=None, derandomize=True)

sizes = st.fixed_dictionaries(
    {
        "cell": st.sampled_from(sorted(CELLS)),
        "depth": st.integers(1, 4),
        "input_size": st.integers(1, 9),
        "output_size": st.integers(1, 9),
        "layer_norm": st.booleans(),
    }
)

TASKS = {
    "arithmetic": lambda seed: Arithmetic(seed=seed, operand_limit=9, steps=15, batch_size=3),
    "continuous_function": lambda seed: ContinuousFunction(seed=seed, samples=20, input_size=3, batch_size=3),
    "language": lambda seed: Language(seed=seed, length=400, characters=3, language_order=1, steps=5, warmup=1),
    "memory": lambda seed: Memory(seed=seed, input_size=3, batch_size=3),
    "parentheses": lambda seed: Parentheses(seed=seed, steps=7, batch_size=3),
    "random_mapping": lambda seed: RandomMapping(seed=seed, samples=20, input_size=6, batch_size=3),
}


@few
@given(sizes, st.integers(1, 12))
def test_the_formula_counts_the_parameters_of_a_network(options: dict[str, Any], units: int) -> None:
    assume(options["depth"] >= CELLS[options["cell"]].min_network_depth)
    network = RecurrentNetwork(hidden_size=units, **options)
    counted = parameter_count(hidden_size=units, **options)
    assert counted == sum(parameter.numel() for parameter in network.parameters())


@many
@given(sizes, st.integers(0, 10**7))
def test_the_units_for_a_budget_are_the_most_that_fit(options: dict[str, Any], budget: int) -> None:
    least = parameter_count(hidden_size=1, **options)
    if budget < least:
        with pytest.raises(ValueError, match=f"max_parameters must be at least {least}"):
            units_for_budget(max_parameters=budget, **options)
        return
    units = units_for_budget(max_parameters=budget, **options)
    counts = [parameter_count(hidden_size=size, **options) for size in (units, units + 1)]
    assert counts[0] <= budget < counts[1]


@many
@given(st.integers(1, 10**9), st.integers(2, 1000), st.floats(0, 1))
def test_stored_bits_lie_between_none_and_those_of_the_labels(samples: int, classes: int, share: float) -> None:
    most = samples * math.log2(classes)
    right = round(share * samples)
    bits = stored_bits(right, samples, classes)
    assert 0 <= bits <= most * (1 + 1e-12)
    if right < samples:
        assert bits <= stored_bits(right + 1, samples, classes)
    assert stored_bits(samples, samples, classes) == pytest.approx(most)


@many
@given(st.integers(1, 10**9), st.integers(2, 1000), st.floats(0, allow_nan=False))
def test_likelihood_bits_lie_between_none_and_those_of_the_labels(samples: int, classes: int, nll: float) -> None:
    assert 0 <= likelihood_bits(nll, samples, classes) <= samples * math.log2(classes)


@many
@given(st.integers(1, 300), st.floats(0, 1e6), st.floats(1e-12, 1))
def test_bits_and_loss_of_water_filling_are_inverse(samples: int, tau: float, loss: float) -> None:
    bits = implied_bits(loss, samples, tau)
    assert 0 <= bits < math.inf
    assert implied_loss(bits, samples, tau) == pytest.approx(loss, rel=1e-9)
    assert implied_bits(loss / 2, samples, tau) > bits


@many
@given(st.integers(1, 300), st.floats(0, 1e300))
def test_the_weights_of_samples_decrease_and_sum_to_one(samples: int, tau: float) -> None:
    weights = sample_weights(samples, tau)
    assert float(weights.sum()) == pytest.approx(1)
    assert bool((weights > 0).all())
    assert bool((weights.diff() <= 0).all())


@many
@given(st.floats(0) | st.just(math.nan), st.integers(1, 1000), st.floats(1e-300, 1e300))
def test_dimensions_recovered_lie_between_none_and_all(mse: float, dimensions: int, variance: float) -> None:
    assert 0 <= dimensions_recovered(mse, dimensions, variance) <= dimensions


@many
@given(st.integers(1, 1000), st.integers(1, 1000))
def test_the_theoretical_error_leaves_what_the_units_cannot_hold(units: int, dimensions: int) -> None:
    recovered = dimensions_recovered(theoretical_mse(units, dimensions), dimensions)
    assert recovered == pytest.approx(min(units, dimensions))


@many
@given(st.integers(0, 2**70), st.lists(st.integers(0, 2**32 - 1), max_size=3))
def test_a_generator_depends_on_its_arguments_alone(seed: int, purpose: list[int]) -> None:
    first = generator(seed, *purpose)
    torch.rand(3)
    assert first.initial_seed() == generator(seed, *purpose).initial_seed()
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=generator(seed, *purpose)))


@pytest.mark.parametrize("name", sorted(TASKS))
@settings(few, max_examples=8)
@given(seed=st.integers(0, 2**63 - 1), step=st.integers(0, 10**6))
def test_a_batch_depends_on_the_seed_and_the_step_alone(name: str, seed: int, step: int) -> None:
    def source(task: Task) -> Any:
        return task.for_network(100).batch_source(torch.device("cpu"), torch.float32)

    used = source(TASKS[name](seed))
    used.batch(step + 1)
    torch.rand(3)
    one, other = used.batch(step), source(TASKS[name](seed)).batch(step)
    assert torch.equal(one.inputs, other.inputs)
    assert torch.equal(one.targets, other.targets)


numbers = st.floats(-1e6, 1e6)
ranges = st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1])
positive_ranges = st.tuples(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9)).filter(lambda pair: pair[0] < pair[1])
integer_ranges = st.tuples(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
choices = st.lists(
    st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=6), min_size=1, max_size=5, unique_by=repr
)

parameters = st.one_of(
    st.builds(lambda pair: {"min": pair[0], "max": pair[1]}, ranges),
    st.builds(lambda pair: {"min": pair[0], "max": sum(pair)}, integer_ranges),
    st.builds(
        lambda pair: {"distribution": "log_uniform_values", "min": pair[0], "max": pair[1]},
        positive_ranges,
    ),
    st.builds(lambda values: {"values": values}, choices),
    st.builds(lambda value: {"value": value}, st.none() | numbers | st.text()),
)
sweeps = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["random", "bayes"]),
        "metric": st.fixed_dictionaries({"name": st.text(min_size=1)}, optional={"target": numbers}),
        "parameters": st.dictionaries(st.from_regex("[a-z_]{1,9}", fullmatch=True), parameters, min_size=1, max_size=3),
    },
    optional={"run_cap": st.integers(1), "description": st.text()},
)


def can_be_read(content: dict[str, Any]) -> bool:
    """Return whether values that are equal in Python, such as 1 and True, occur in no list of values."""
    lists = [settings.get("values", []) for settings in content["parameters"].values()]
    return all(len(set(values)) == len(values) for values in lists)


@few
@given(sweeps.filter(can_be_read))
def test_a_sweep_is_read_as_it_was_printed(content: dict[str, Any]) -> None:
    sweep = parse_sweep(content)
    assert parse_sweep(yaml.safe_load(yaml.safe_dump(sweep.file, sort_keys=False))) == sweep


@few
@given(sweeps.filter(can_be_read), st.from_regex("no_[a-z]{1,9}", fullmatch=True), st.data())
def test_an_unknown_key_of_a_sweep_is_rejected_by_name(content: dict[str, Any], key: str, data: st.DataObject) -> None:
    parameter = data.draw(st.sampled_from(sorted(content["parameters"])))
    inside = {**content["parameters"], parameter: {**content["parameters"][parameter], key: 1}}
    metric = {**content["metric"], key: 1}
    for wrong in ({**content, key: 1}, {**content, "metric": metric}, {**content, "parameters": inside}):
        with pytest.raises(ValueError, match=key):
            parse_sweep(wrong)


@few
@given(parameters, st.floats(0, 1))
def test_a_drawn_value_lies_in_its_range(setting: dict[str, Any], share: float) -> None:
    assume(can_be_read({"parameters": {"a": setting}}))
    parameter = parse_sweep({"method": "random", "parameters": {"a": setting}}).space.parameters["a"]
    distribution: Any = parameter.distribution()
    if distribution is None:
        assert parameter.value(None) == setting["value"]
    elif "values" in setting:
        assert [parameter.value(choice) for choice in distribution.choices] == setting["values"]
    else:
        drawn = distribution.low + share * (distribution.high - distribution.low)
        assert setting["min"] <= parameter.value(type(distribution.low)(drawn)) <= setting["max"]


@many
@example(9999.7)
@given(st.floats(-1e300, 1e300) | st.integers(-(10**20), 10**20))
def test_a_formatted_number_is_right_to_four_digits(number: float) -> None:
    text = format_value(number)
    assert float(text.replace(",", "")) == pytest.approx(number, rel=5.1e-4)
    if 1 <= abs(number) < 1e15:
        assert "e" not in text
