"""The rules of the claims: what holds, what differs, and what is left open."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from rnn_capacity.report.claims import judge, judge_claim
from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import CELL_LABELS, PROTOCOLS, TrialResult
from rnn_capacity.report.task_claims import spread
from rnn_capacity.report.verdicts import Condition, Finding
from tests.report.synthetic import TRIALS, Experiment

Rows = list[TrialResult]
Choose = Callable[[TrialResult], bool]


@pytest.fixture(scope="module")
def ideal() -> Rows:
    return list(Experiment().everything())


def test_every_claim_holds_for_an_ideal_experiment(ideal: Rows) -> None:
    claims = judge(ideal)
    assert {claim.verdict for claim in claims} == {"holds"}
    judged = [(f"C{n}", protocol) for n in range(1, 10) for protocol in PROTOCOLS]
    assert [(claim.key, claim.protocol) for claim in claims] == judged + [(f"C{n}", "") for n in range(10, 17)]
    for claim in claims:
        assert claim.measured is not None
        assert claim.low is not None
        assert claim.high is not None
        assert claim.low <= claim.measured <= claim.high
        assert claim.trials > 0
        assert claim.command.startswith("again ")
    for protocol in PROTOCOLS:
        measured = {claim.key: claim.measured for claim in claims if claim.protocol == protocol}
        assert measured["C2"] == pytest.approx(4.78, abs=0.05)
        assert measured["C3"] == pytest.approx(5.6 / 4.6, abs=0.02)
        assert measured["C9"] == pytest.approx(1.1, abs=0.01)


@pytest.mark.parametrize(
    ("key", "studies"),
    [("C2", 6), ("C3", 5), ("C5", 6), ("C6", 3), ("C9", 6), ("C4", 5 * 3), ("C1", 6 * 3), ("C8", 6 * 4)],
)
def test_only_the_trials_of_the_measured_value_are_counted_and_run_again(ideal: Rows, key: str, studies: int) -> None:
    tanh = [row for row in ideal if row.nonlinearity is None or key == "C6"]
    claim = judge_claim(key, [row for row in tanh if row.size != 500 or key == "C8"])[0]
    assert claim.trials == studies * TRIALS
    assert len(claim.command.split(" && ")) == studies


def changed(rows: Rows, choose: Choose, metric: str, function: Callable[[TrialResult], float]) -> Rows:
    """Rows in which some have another metric, by which they are optimized as well."""
    found = []
    for row in rows:
        if metric in row.metrics and choose(row):
            new = function(row)
            value = {"samples": row.value, "stored_bits": new / (row.parameters or 1)}.get(metric, new)
            row = dataclasses.replace(row, metrics={**row.metrics, metric: new}, value=value)
        found.append(row)
    return found


def bits(row: TrialResult) -> float:
    return float(row.metrics["stored_bits"])


def loss(row: TrialResult) -> float:
    return row.evaluation


@pytest.mark.parametrize(
    ("key", "choose", "metric", "new"),
    [
        ("C1", lambda row: row.size == 700, "stored_bits", lambda row: 0.2 * bits(row)),
        ("C2", lambda row: row.cell == "lstm", "stored_bits", lambda row: 0.5 * bits(row)),
        ("C3", lambda row: row.cell == "gru", "stored_bits", lambda row: 0.5 * bits(row)),
        ("C4", lambda row: row.cell in ("rnn", "ugrnn"), "stored_bits", lambda row: 0.7 * bits(row)),
        ("C5", lambda row: row.cell == "irnn", "stored_bits", lambda row: 1.6 * bits(row)),
        ("C6", lambda row: row.nonlinearity == "relu", "stored_bits", lambda row: 1.3 * bits(row)),
        ("C7", lambda row: row.depth == 4, "stored_bits", lambda row: 0.6 * bits(row)),
        ("C8", lambda row: row.unrolled_steps == 10, "stored_bits", lambda row: 0.7 * bits(row)),
        ("C9", lambda row: True, "samples", lambda row: 1.5 * bits(row)),
        ("C10", lambda row: row.units == 64, "mse", lambda row: 0.3),
        ("C11", lambda row: True, "bits_per_character", lambda row: 1 + 1 / row.units),
        ("C12", lambda row: True, "weighted_mse", lambda row: 1 / row.units),
        ("C13", lambda row: row.cell == "rnn", "cross_entropy", lambda row: 0.05 * loss(row)),
        ("C14", lambda row: row.cell == "gru", "cross_entropy", lambda row: 20 * loss(row)),
        ("C16", lambda row: row.study.startswith("repeats/"), "cross_entropy", lambda row: 3 * loss(row)),
    ],
)
def test_a_claim_differs_where_its_rule_is_broken(
    ideal: Rows, key: str, choose: Choose, metric: str, new: Callable[[TrialResult], float]
) -> None:
    assert judge_claim(key, changed(ideal, choose, metric, new))[0].verdict == "differs"


def test_c15_differs_where_gated_cells_diverge_most(ideal: Rows) -> None:
    broken = [dataclasses.replace(row, feasible=row.cell in ("rnn", "irnn")) for row in ideal]
    assert judge_claim("C15", broken)[0].verdict == "differs"


def test_a_missing_cell_leaves_a_claim_open_and_is_named(ideal: Rows) -> None:
    rows = [row for row in ideal if row.cell != "lstm"]
    assert judge_claim("C1", rows)[0].verdict == "not enough data"
    assert judge_claim("C1", rows)[0].missing == "LSTM"
    assert judge_claim("C6", rows)[0].verdict == "holds"  # it says nothing about the LSTM


@pytest.mark.parametrize("cell", ["gru", "rnn", "intersection"])
@pytest.mark.parametrize("key", ["C13", "C14", "C15"])
def test_a_missing_cell_at_one_depth_leaves_a_claim_on_trainability_open(ideal: Rows, key: str, cell: str) -> None:
    claim = judge_claim(key, [row for row in ideal if (row.cell, row.depth) != (cell, 8)])[0]
    label = CELL_LABELS[cell]
    task = {"C13": f"parentheses: {label} at depth 8; arithmetic: "}.get(key, "")
    assert (claim.verdict, claim.missing) == ("not enough data", f"{task}{label} at depth 8")


@pytest.mark.parametrize("key", ["C13", "C14", "C15"])
def test_a_depth_without_trials_is_missing_and_not_named_as_measured(ideal: Rows, key: str) -> None:
    rows = [row for row in ideal if row.depth == 8]
    claim = judge_claim(key, rows)[0]
    assert claim.verdict == "not enough data"
    assert "RNN, UGRNN, GRU, LSTM, IRNN at depth 1" in claim.missing
    assert "depth 8" not in claim.missing
    expected = {
        "C14": "median of the +RNN at depth 8 minus the next cell's",
        "C15": "IRNN's infeasible share minus the RNN's at depth 8",
    }
    assert claim.quantity == expected.get(key, claim.quantity)


def test_the_users_own_cell_is_no_cell_of_a_claim_on_trainability(ideal: Rows) -> None:
    own = [dataclasses.replace(row, cell="MyCell") for row in ideal if row.cell == "gru"]
    easier = changed(own, lambda row: True, "cross_entropy", lambda row: 0.01 * loss(row))
    for key in ("C13", "C14", "C15"):
        assert judge_claim(key, [*ideal, *easier])[0].verdict == "holds"


@pytest.mark.parametrize(
    ("units", "missing"),
    [((64, 80), "n_h < n_in: GRU"), ((32, 48), "n_h ≥ n_in: GRU"), ((), "n_h < n_in: GRU; n_h ≥ n_in: GRU")],
)
def test_memory_needs_sizes_on_both_sides_of_the_number_of_values(
    ideal: Rows, units: tuple[int, ...], missing: str
) -> None:
    rows = [row for row in ideal if row.cell != "gru" or row.units in units]
    claim = judge_claim("C10", rows)[0]
    assert (claim.verdict, claim.missing) == ("not enough data", missing)


def test_saturation_needs_ten_unrolled_steps(ideal: Rows) -> None:
    claim = judge_claim("C8", [row for row in ideal if row.unrolled_steps != 10])[0]
    assert claim.verdict == "not enough data"
    assert claim.missing == "a cell with 1, 5 and 10 unrolled steps"


@pytest.mark.parametrize(
    ("key", "searched"),
    [("C7", lambda row: row.depth == 1), ("C8", lambda row: row.unrolled_steps == 5)],
)
def test_more_trials_at_one_depth_or_number_of_steps_do_not_change_a_claim(
    ideal: Rows, key: str, searched: Callable[[TrialResult], bool]
) -> None:
    later = [dataclasses.replace(row, number=row.number + 1000) for row in ideal if searched(row)]
    lucky = changed(later, lambda row: True, "stored_bits", lambda row: 2 * bits(row))
    before, after = judge_claim(key, ideal)[0], judge_claim(key, [*ideal, *lucky])[0]
    assert (after.verdict, after.measured) == (before.verdict, before.measured)


def test_repeated_runs_are_compared_with_the_tuners_best_trial_and_not_with_a_random_draw(ideal: Rows) -> None:
    drawn = [row for row in ideal if row.method == "random" and row.task == "parentheses"]
    lucky = changed(drawn, lambda row: True, "cross_entropy", lambda row: 0.001 * loss(row))
    lucky = [dataclasses.replace(row, size=5000) for row in lucky]  # that of the repeated runs
    before, after = judge_claim("C16", ideal)[0], judge_claim("C16", [*ideal, *lucky])[0]
    assert (after.verdict, after.measured) == (before.verdict, before.measured)


@pytest.mark.parametrize(("key", "task"), [("C11", "language"), ("C12", "continuous_function")])
def test_curves_that_share_no_range_of_units_are_named_as_missing(ideal: Rows, key: str, task: str) -> None:
    apart = [
        dataclasses.replace(row, units=row.units + 10**6 * (row.cell == "gru")) for row in ideal if row.task == task
    ]
    claim = judge_claim(key, apart)[0]
    assert claim.verdict == "not enough data"
    assert claim.missing == "a range of parameters and one of units that the curves of all cells share"


@pytest.mark.parametrize("key", ["C2", "C4"])
def test_a_mean_over_cells_does_not_differ_while_one_is_missing(ideal: Rows, key: str) -> None:
    broken = [row for row in ideal if row.cell != "gru"]
    broken = changed(broken, lambda row: row.cell in ("rnn", "ugrnn"), "stored_bits", lambda row: 0.7 * bits(row))
    assert judge_claim(key, broken)[0].verdict == "not enough data"


def test_seven_trials_of_a_study_are_not_enough_data(ideal: Rows) -> None:
    claims = judge([row for row in ideal if row.number < 7])
    assert {claim.verdict for claim in claims} == {"not enough data"}


def test_the_protocols_are_judged_apart(ideal: Rows) -> None:
    paper, best = judge_claim("C1", [row for row in ideal if row.protocol == PROTOCOLS[1]])
    assert (paper.protocol, best.protocol) == PROTOCOLS
    assert best.verdict == "holds"
    assert paper.measured is None
    assert paper.command.startswith("rnn-capacity search")


def test_the_authors_runs_do_not_judge_their_own_claims(ideal: Rows) -> None:
    authors = [dataclasses.replace(row, source="authors") for row in ideal]
    assert {claim.verdict for claim in judge(authors)} == {"not enough data"}


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [((0.1, 0.4), "holds"), ((0.1, 0.6), "not enough data"), ((0.6, 0.9), "differs"), (None, "not enough data")],
)
def test_an_interval_across_the_bound_leaves_a_claim_open(bounds: tuple[float, float] | None, verdict: str) -> None:
    condition = Condition(Estimate(0.3, bounds=bounds, fewest=8), at_most=0.5)
    assert condition.verdict == verdict
    assert Finding([condition]).verdict == verdict


def test_one_broken_condition_breaks_a_claim_even_if_data_are_missing() -> None:
    good, bad = (Condition(Estimate(v, bounds=(v, v), fewest=8), at_most=0.5) for v in (0.1, 0.9))
    assert Finding([good, bad], missing="GRU").verdict == "differs"
    assert Finding([good], missing="GRU").verdict == "not enough data"


def test_a_claim_without_a_verdict_says_what_it_lacks() -> None:
    few = Condition(Estimate(1.0, bounds=(0.9, 1.1), fewest=7), at_least=0.5)
    wide = Condition(Estimate(1.0, bounds=(0.9, 1.1), fewest=8), at_least=1.0)
    good = Condition(Estimate(1.0, bounds=(0.9, 1.1), fewest=8), at_least=0.5)
    endless = Condition(Estimate(1.0, np.array([1.0, np.inf]), fewest=8), at_least=0.5)
    assert Finding([good, endless]).lack == "a finite number in every bootstrap sample"
    assert Finding([good, few]).lack == "8 trials of each network, the fewest has 7"
    assert Finding([good, wide]).lack == "an interval on one side of the bound"
    assert Finding([good, wide], missing="GRU").lack == "GRU"
    assert Finding([good]).lack == ""
    assert Finding([]).verdict == "not enough data"


def test_the_spread_between_curves_is_taken_where_all_have_points() -> None:
    x = [[10.0, 1000.0], [100.0, 10000.0]]
    same_line = [np.array([1.0, 3.0]), np.array([2.0, 4.0])]  # y = log10 x
    assert spread(x, same_line) == pytest.approx(0.0, abs=1e-12)
    assert spread(x, [same_line[0], same_line[1] + 1]) == pytest.approx(0.5)
    assert np.isnan(spread([[1.0, 2.0], [3.0, 4.0]], same_line))
