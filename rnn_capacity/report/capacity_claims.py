"""Judges the paper's claims C1 to C9 on capacity per parameter (Collins et al. 2017, sec. 2.1) by our trials.

Each claim is a function of rows: our trials of random mapping, trained by one protocol.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from scipy import stats

from rnn_capacity.report.estimates import Estimate, Floats, combine, r_squared
from rnn_capacity.report.measures import (
    CAPACITY_LABELS,
    DEPTHS,
    at_base_depth,
    bits_at,
    bits_per_parameter,
    by_cell,
    by_size,
    equally_many,
    is_relu_only,
    largest_common_size,
    steps_curve,
    stored_bits,
)
from rnn_capacity.report.results import PAPER_CELLS, Rows, TrialResult, grouped, select
from rnn_capacity.report.verdicts import Condition, Finding

TANH_LABELS = [label for label in CAPACITY_LABELS if label != "IRNN"]


def smallest(values: Floats) -> Any:
    """Return the smallest of several estimates, (estimates, ...); NaN if one of them is NaN."""
    return values.min(0)


def largest(values: Floats) -> Any:
    """Return the largest of several estimates, (estimates, ...); NaN if one of them is NaN."""
    return values.max(0)


def average(values: Floats) -> Any:
    """Return the mean of several estimates, (estimates, ...), over the first axis."""
    return values.mean(0)


def lacking(found: Iterable[str], wanted: Iterable[str]) -> str:
    """Return the wanted names that were not found, separated by commas."""
    have = set(found)
    return ", ".join(name for name in wanted if name not in have)


def cells_at_base_depth(rows: Iterable[TrialResult]) -> dict[str, Rows]:
    """Group the trials of the paper's cells by cell, at depth 1 (depth 2 for the +RNN)."""
    return by_cell(row for row in at_base_depth(rows) if row.cell in PAPER_CELLS)


def at_sizes(cells: dict[str, Rows], *sizes: int | None) -> Rows:
    """Return the trials of all cells at some parameter budgets."""
    return [row for trials in cells.values() for row in trials if row.size in sizes]


def linear(rows: Rows) -> Finding:
    """Judge claim C1: stored bits grow linearly with the number of parameters."""
    fits, used = {}, []
    for label, trials in cells_at_base_depth(rows).items():
        sizes = by_size(trials)
        if len(sizes) >= 3:
            x = [float(group[0].parameters or size) for size, group in sizes.items()]
            bits = [Estimate.of_best(group, stored_bits) for group in sizes.values()]
            fits[label] = combine(partial(r_squared, x), *bits)
            used += [row for group in sizes.values() for row in group]
    if not fits:
        return Finding(missing="three sizes of a cell")
    lowest = combine(smallest, *fits.values())
    return Finding([Condition(lowest, at_least=0.98)], used, "smallest R² of the cells", lacking(fits, CAPACITY_LABELS))


def level(rows: Rows) -> Finding:
    """Judge claim C2: cells store 3 to 6 bits per parameter, about 5 on average."""
    cells = cells_at_base_depth(rows)
    size = largest_common_size(cells)
    bits = bits_at(cells, size)
    if not bits:
        return Finding(missing="a size that all cells have")
    each = [Condition(bits[label], 3, 6.5) for label in TANH_LABELS if label in bits]
    missing = lacking(bits, CAPACITY_LABELS)
    average_bits = combine(average, *bits.values())
    mean = Condition(average_bits) if missing else Condition(average_bits, 4, 6)  # a missing cell may move it
    return Finding([mean, *each], at_sizes(cells, size), "mean bits per parameter of the cells", missing)


def small_factor(rows: Rows) -> Finding:
    """Judge claim C3: the bits per parameter of all cells but the IRNN differ by a small factor only."""
    cells = {label: trials for label, trials in cells_at_base_depth(rows).items() if label != "IRNN"}
    size = largest_common_size(cells)
    bits = bits_at(cells, size)
    if len(bits) < 2:
        return Finding(missing="two cells of one size")
    found = combine(lambda v: v.max(0) / v.min(0), *bits.values())
    used, missing = at_sizes(cells, size), lacking(bits, TANH_LABELS)
    return Finding([Condition(found, at_most=1.6)], used, "largest factor between two cells", missing)


def order_of_cells(rows: Rows) -> Finding:
    """Judge claim C4: bits per parameter are in the order RNN > UGRNN > GRU > LSTM > +RNN."""
    cells = {label: trials for label, trials in cells_at_base_depth(rows).items() if label != "IRNN"}
    sizes = [set(by_size(trials)) for trials in cells.values()]
    common = sorted(set.intersection(*sizes)) if sizes else []
    if len(cells) < 3 or not common:
        return Finding(missing="three cells of one size")
    means = {
        label: combine(average, *(Estimate.of_best(select(trials, size=size), bits_per_parameter) for size in common))
        for label, trials in cells.items()
    }
    ordered = [means[label] for label in TANH_LABELS if label in means]
    tau = combine(lambda v: np.apply_along_axis(tau_of_bits, 0, v), *ordered)
    missing = lacking(means, TANH_LABELS)
    condition = Condition(tau) if missing else Condition(tau, at_least=0.6)  # a missing cell may move it
    return Finding([condition], at_sizes(cells, *common), "Kendall's tau", missing)


def tau_of_bits(values: Floats) -> float:
    """Return Kendall's tau between the order in which cells are given and the descending order of their bits."""
    return tau_of_order(tuple(np.argsort(-values).tolist()))


@lru_cache
def tau_of_order(order: tuple[int, ...]) -> float:
    """Return Kendall's tau between a permutation and the ascending order, cached for bootstrap samples."""
    return float(stats.kendalltau(order, sorted(order)).statistic)


def irnn_lowest(rows: Rows) -> Finding:
    """Judge claim C5: the IRNN stores fewer bits per parameter than the other cells."""
    cells = cells_at_base_depth(rows)
    size = largest_common_size(cells)
    bits = bits_at(cells, size)
    if not {"RNN", "IRNN"} <= bits.keys():
        return Finding(missing="RNN and IRNN of one size")
    ratio = combine(lambda v: v[0] / v[1], bits["IRNN"], bits["RNN"])
    others = [bits[label] for label in bits if label != "IRNN"]
    lowest = combine(lambda v: v[0] / v[1:].min(0), bits["IRNN"], *others)
    conditions = [Condition(ratio, at_most=0.8), Condition(lowest, at_most=1)]
    return Finding(conditions, at_sizes(cells, size), "IRNN over RNN", lacking(bits, CAPACITY_LABELS))


def relu_level(rows: Rows) -> Finding:
    """Judge claim C6: with ReLU, the RNN and the UGRNN store as many bits per parameter as the IRNN."""
    chosen = [row for row in at_base_depth(rows) if row.cell == "irnn" or is_relu_only(row)]
    cells = {label: trials for label, trials in by_cell(chosen).items() if label in ("RNN", "UGRNN", "IRNN")}
    size = largest_common_size(cells)
    bits = bits_at(cells, size)
    if "IRNN" not in bits or len(bits) < 2:
        return Finding(missing="ReLU only, RNN or UGRNN, and IRNN of one size")
    reference, others = bits["IRNN"], [bits[label] for label in bits if label != "IRNN"]
    found = combine(lambda v: np.abs(v[1:] / v[0] - 1).max(0), reference, *others)
    used, missing = at_sizes(cells, size), lacking(bits, ("RNN", "UGRNN"))
    return Finding([Condition(found, at_most=0.15)], used, "largest distance from the IRNN", missing)


def depth_independent(rows: Rows) -> Finding:
    """Judge claim C7: bits per parameter do not depend on depth, by the best of equally many trials at each depth."""
    spreads, used = {}, []
    for label, trials in by_cell(row for row in rows if row.cell in PAPER_CELLS and row.depth in DEPTHS).items():
        depths = {str(depth): group for depth, group in grouped(trials, lambda row: row.depth).items()}
        wanted = [str(depth) for depth in DEPTHS if label != "+RNN" or depth > 1]
        size = largest_common_size(depths)
        if size is not None and not lacking(depths, wanted):
            compared = equally_many({depth: select(group, size=size) for depth, group in depths.items()})
            bits = [Estimate.of_best(group, bits_per_parameter) for group in compared.values()]
            spreads[label] = combine(lambda v: np.ptp(v, axis=0) / v.mean(0), *bits)
            used += [row for group in compared.values() for row in group]
    if not spreads:
        return Finding(missing="a cell with depths 1, 2 and 4 at one size")
    widest = combine(largest, *spreads.values())
    return Finding(
        [Condition(widest, at_most=0.2)], used, "largest spread over depths", lacking(spreads, CAPACITY_LABELS)
    )


def saturates(rows: Rows) -> Finding:
    """Judge claim C8: bits per parameter rise with the first few unrolled steps, then stay constant.

    The rows are of one loss and of any number of steps; each number counts with equally many trials.
    """
    rises, levels, used = {}, {}, []
    for label, trials in cells_at_base_depth(rows).items():
        groups = {steps: group for steps, group in steps_curve(trials).items() if steps == 1 or 5 <= steps <= 10}
        if {1, 5, 10} <= groups.keys():
            groups = equally_many(groups)
            curve = {steps: Estimate.of_best(group, bits_per_parameter) for steps, group in groups.items()}
            late = [estimate for steps, estimate in curve.items() if steps > 1]
            rises[label] = combine(lambda v: v[0] - v[1], curve[5], curve[1])
            levels[label] = combine(lambda v: v.max(0) / v.min(0) - 1, *late)
            used += [row for group in groups.values() for row in group]
    if not rises:
        return Finding(missing="a cell with 1, 5 and 10 unrolled steps")
    change, rise = combine(largest, *levels.values()), combine(smallest, *rises.values())
    conditions = [Condition(change, at_most=0.1), Condition(rise, at_least=0)]
    return Finding(conditions, used, "largest change from 5 to 10 steps", lacking(rises, CAPACITY_LABELS))


def best_samples(rows: Rows) -> Finding:
    """Judge claim C9: the best number of training samples is slightly larger than the number of stored bits."""

    def ratio(row: TrialResult) -> float:
        bits = row.evaluation
        return float(row.metrics["samples"]) / bits if bits else float("inf")

    cells = cells_at_base_depth(row for row in rows if row.metrics.get("samples"))
    size = largest_common_size(cells)
    ratios = {label: Estimate.of_best(select(trials, size=size), ratio) for label, trials in cells.items() if size}
    if not ratios:
        return Finding(missing="a size that all cells have")
    conditions = [Condition(combine(function, *ratios.values()), 1, 1.3) for function in (largest, smallest)]
    return Finding(conditions, at_sizes(cells, size), "largest b / I of the cells", lacking(ratios, CAPACITY_LABELS))
