"""Judges the paper's claims C10 to C16 on the other tasks (Collins et al. 2017, sec. 2.2 to 4) by our trials.

Each claim is a function of all our rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import product

import numpy as np

from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.report.capacity_claims import lacking, largest, smallest
from rnn_capacity.report.estimates import Estimate, Floats, combine, welch
from rnn_capacity.report.measures import (
    CAPACITY_LABELS,
    TRAINABILITY,
    TRAINABILITY_DEPTHS,
    all_losses,
    at_base_depth,
    at_main_size,
    by_cell,
    by_size,
    evaluation,
    feasible_losses,
    infeasible_share,
    inputs,
    labels_at,
    repetitions,
    trials_by,
)
from rnn_capacity.report.published import published
from rnn_capacity.report.results import PAPER_CELLS, Rows, best_first, grouped, select
from rnn_capacity.report.verdicts import Condition, Finding

GATED = ("UGRNN", "GRU", "LSTM", "+RNN")

GRID = 16
"""Number of sizes at which the loss curves of cells are compared."""


def memory_theory(rows: Rows) -> Finding:
    """Judge claim C10: networks remember all values of the memory task if and only if they have as many units."""
    chosen = [row for row in select(rows, task="memory") if row.units and row.cell in PAPER_CELLS]
    distances = []
    for (_, _, units, values), group in grouped(
        chosen, lambda row: (row.label, row.depth, row.units, inputs(row))
    ).items():
        theory = theoretical_mse(units, values)
        distances.append(combine(partial(distance, theory), Estimate.of_best(group, evaluation)))
    if not distances:
        return Finding(missing="memory studies")
    found = combine(largest, *distances)
    few = lacking((row.label for row in chosen if (row.units or 0) < inputs(row)), CAPACITY_LABELS)
    many = lacking((row.label for row in chosen if (row.units or 0) >= inputs(row)), CAPACITY_LABELS)
    missing = [f"n_h < n_in: {few}"] * bool(few) + [f"n_h ≥ n_in: {many}"] * bool(many)
    return Finding([Condition(found, at_most=0.05)], chosen, "largest distance from the theory", "; ".join(missing))


def distance(theory: float, measured: Floats) -> Floats:
    """Return the absolute difference between a measured number and its theoretical value."""
    found: Floats = np.abs(measured[0] - theory)
    return found


def text_by_parameters(rows: Rows) -> Finding:
    """Judge claim C11: the loss of text depends on the number of parameters, not on units."""
    return follows_parameters(select(rows, task="language"))


def function_by_parameters(rows: Rows) -> Finding:
    """Judge claim C12: the loss of the random continuous function depends on parameters, not on units."""
    return follows_parameters(select(rows, task="continuous_function"))


def follows_parameters(rows: Rows) -> Finding:
    """Measure whether the losses of cells differ less at equal parameters than at equal units."""
    chosen = [row for row in at_base_depth(rows) if row.units and row.parameters and row.cell in PAPER_CELLS]
    counts = Counter(row.dataset for row in chosen)
    chosen = select(chosen, dataset=max(counts, key=lambda name: counts[name])) if counts else []
    curves = {cell: sizes for cell, trials in by_cell(chosen).items() if len(sizes := by_size(trials)) > 1}
    if len(curves) < 2:
        return Finding(missing="two cells of two sizes")
    bests = [[best_first(group)[0] for group in sizes.values()] for sizes in curves.values()]
    x = [[[float(getattr(row, axis)) for row in cell] for cell in bests] for axis in ("parameters", "units")]
    losses = [Estimate.of_best(group, evaluation) for sizes in curves.values() for group in sizes.values()]
    ends = np.cumsum([len(cell) for cell in bests])[:-1]

    def ratio(values: Floats) -> float:
        y = np.split(values, ends)
        against_parameters, against_units = (spread(axis, y) for axis in x)
        return against_parameters / against_units if against_units else float("nan")

    quantity = "spread against parameters over spread against units"
    found = combine(lambda v: np.apply_along_axis(ratio, 0, v), *losses)
    used = [row for sizes in curves.values() for group in sizes.values() for row in group]
    missing = lacking(curves, CAPACITY_LABELS)
    if np.isnan(found.value):
        missing = "a range of parameters and one of units that the curves of all cells share"
    return Finding([Condition(found, at_most=1)], used, quantity, missing)


def spread(x: Sequence[Sequence[float]], y: Sequence[Floats]) -> float:
    """Return the standard deviation between curves, averaged over their common range of x; NaN if they share none.

    Args:
        x: Positions of each curve's points, interpolated linearly in the logarithm.
        y: Values of each curve's points.
    """
    logs = [np.log(np.sort(one)) for one in x]
    low, high = max(one[0] for one in logs), min(one[-1] for one in logs)
    if low > high:
        return float("nan")
    grid = np.linspace(low, high, GRID)
    curves = [np.interp(grid, log, values[np.argsort(one)]) for log, one, values in zip(logs, x, y, strict=True)]
    return float(np.std(curves, axis=0).mean())


def cells_at(trials: Rows, depth: int) -> dict[str, Rows]:
    """Group the trials of the paper's cells at a depth by cell, at the parameter budget that most of them have."""
    return by_cell(at_main_size(row for row in trials if row.depth == depth and row.cell in PAPER_CELLS))


def absent(cells: Iterable[str], depth: int) -> str:
    """Return the cells that the paper trains at a depth and that have no trials, as "LSTM, GRU at depth 1"."""
    names = lacking(cells, labels_at(depth))
    return f"{names} at depth {depth}" if names else ""


def plain_cells_hardest(rows: Rows) -> Finding:
    """Judge claim C13: the RNN and the IRNN are the hardest cells to train."""
    gaps, used, missing = [], [], []
    for task, depth in product(TRAINABILITY, TRAINABILITY_DEPTHS):
        trials = trials_by("bayes", rows, task) or trials_by("random", rows, task)
        cells = {label: group for label, group in cells_at(trials, depth).items() if all_losses(group)}
        medians = {label: Estimate.of_median(all_losses(group)) for label, group in cells.items()}
        plain = [medians[label] for label in ("RNN", "IRNN") if label in medians]
        gated = [medians[label] for label in GATED if label in medians]
        if lack := absent(cells, depth):
            missing.append(f"{task}: {lack}")
        if len(plain) == 2 and gated:
            gaps.append(combine(lambda v: v[:2].min(0) - v[2:].max(0), *plain, *gated))
            used += [row for group in cells.values() for row in group]
    if not gaps:
        return Finding(missing="RNN, IRNN and a gated cell on parentheses and arithmetic")
    quantity = "smallest gap of the medians of RNN and IRNN above the gated cells"
    return Finding([Condition(combine(smallest, *gaps), at_least=0)], used, quantity, "; ".join(missing))


def easiest_cells(rows: Rows) -> Finding:
    """Judge claim C14: the GRU is the easiest cell to train at depth 1, the +RNN at depth 8."""
    conditions, used, missing, quantities = [], [], [], []
    draws = trials_by("random", rows, "parentheses")
    for depth, easiest in zip(TRAINABILITY_DEPTHS, ("GRU", "+RNN"), strict=True):
        cells = cells_at(draws, depth)
        losses = {label: found for label, group in cells.items() if (found := feasible_losses(group))}
        missing.append(absent(losses, depth))
        others = [found for label, found in losses.items() if label != easiest]
        if not others or easiest not in losses:
            continue
        medians = [Estimate.of_median(found) for found in others]
        gap = combine(lambda v: v[0] - v[1:].min(0), Estimate.of_median(losses[easiest]), *medians)
        conditions.append(Condition(gap, at_most=0))
        tests = [test for found in others if (test := welch(losses[easiest], found)) is not None]
        conditions += [Condition(test.difference, at_most=0) for test in tests]
        quantities.append(f"median of the {easiest} at depth {depth} minus the next cell's")
        used += [row for group in cells.values() for row in group]
    return Finding(conditions, used, "".join(quantities[:1]), "; ".join(filter(None, missing)))


def irnn_infeasible(rows: Rows) -> Finding:
    """Judge claim C15: training diverges most often with the IRNN and least often with gated cells."""
    conditions, used, missing, quantities = [], [], [], []
    draws = trials_by("random", rows, "parentheses")
    for depth in TRAINABILITY_DEPTHS:
        cells = cells_at(draws, depth)
        missing.append(absent(cells, depth))
        gated = [row for label in GATED for row in cells.get(label, [])]
        if not (cells.get("IRNN") and cells.get("RNN") and gated):
            continue
        irnn, rnn, rest = (infeasible_share(group) for group in (cells["IRNN"], cells["RNN"], gated))
        conditions += [apart(irnn, rnn), apart(irnn, rest), apart(rnn, rest)]
        quantities.append(f"IRNN's infeasible share minus the RNN's at depth {depth}")
        used += [row for group in cells.values() for row in group]
    return Finding(conditions, used, "".join(quantities[:1]), "; ".join(filter(None, missing)))


def apart(above: Estimate, below: Estimate) -> Condition:
    """Return the condition that one share exceeds another with confidence intervals that do not overlap."""
    (low, high), (other_low, other_high) = above.interval or (0, 1), below.interval or (0, 1)
    bounds = (low - other_high, high - other_low)
    trials, fewest = above.trials + below.trials, min(above.fewest, below.fewest)
    difference = Estimate(above.value - below.value, bounds=bounds, trials=trials, fewest=fewest)
    return Condition(difference, at_least=0)


def reproducible(rows: Rows) -> Finding:
    """Judge claim C16: runs that repeat the best hyperparameters have a mean loss near the original one, or less.

    Near is within one standard deviation of the repeated runs.
    """
    excesses, used, have = [], [], []
    for repetition in repetitions(select(rows, task="parentheses", depth=1)):
        losses, original = np.array(repetition.losses), repetition.original_loss
        if original is not None and len(losses) > 2 and losses.std() > 0:
            deviation = float(losses.std(ddof=1))
            excess = Estimate.of_mean(list((losses - original) / deviation))
            excesses.append(excess)
            used += repetition.runs
            have.append(repetition.runs[0].label)
    if not excesses:
        return Finding(missing="repeated runs of a best trial, parentheses, depth 1")
    quantity = "largest (mean - original) / s.d. of the cells"
    missing = lacking(have, published()["repeated_runs"])
    return Finding([Condition(combine(largest, *excesses), at_most=1)], used, quantity, missing)
