"""Judges the paper's claims C10 to C16 on the other tasks (Collins et al. 2017, sec. 2.2 to 4) by our trials.

Each claim is a function of all our rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np

from rnn_capacity.metrics import theoretical_mse
from rnn_capacity.report.capacity_claims import lacking, largest, smallest
from rnn_capacity.report.estimates import Estimate, Floats, combine, share, welch
from rnn_capacity.report.measures import (
    CAPACITY_LABELS,
    all_losses,
    at_base_depth,
    at_main_size,
    base_depth,
    by_cell,
    by_size,
    evaluation,
    feasible_losses,
    random_draws,
    tuner_trials,
)
from rnn_capacity.report.panels.robustness import PAPER_FACET, repetitions
from rnn_capacity.report.panels.tasks import inputs
from rnn_capacity.report.published import published
from rnn_capacity.report.results import PAPER_CELLS, Rows, grouped, select
from rnn_capacity.report.verdicts import Condition, Finding

TRAINABILITY = ("parentheses", "arithmetic")

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
        return Finding(rows=chosen, missing="memory studies")
    found = combine(largest, *distances)
    cells = lacking((row.label for row in chosen), CAPACITY_LABELS)
    return Finding([Condition(found, at_most=0.05)], chosen, "largest distance from the theory", cells)


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
        return Finding(rows=chosen, missing="two cells of two sizes")
    bests = [[min(group, key=lambda row: row.loss) for group in sizes.values()] for sizes in curves.values()]
    x = [[[float(getattr(row, axis)) for row in cell] for cell in bests] for axis in ("parameters", "units")]
    losses = [Estimate.of_best(group, evaluation) for sizes in curves.values() for group in sizes.values()]
    ends = np.cumsum([len(cell) for cell in bests])[:-1]

    def ratio(values: Floats) -> float:
        y = np.split(values, ends)
        against_parameters, against_units = (spread(axis, y) for axis in x)
        return against_parameters / against_units if against_units else float("nan")

    quantity = "spread against parameters over spread against units"
    found = combine(lambda v: np.apply_along_axis(ratio, 0, v), *losses)
    return Finding([Condition(found, at_most=1)], chosen, quantity, lacking(curves, CAPACITY_LABELS))


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


def plain_cells_hardest(rows: Rows) -> Finding:
    """Judge claim C13: the RNN and the IRNN are the hardest cells to train."""
    gaps, used, have = [], [], set()
    for task in TRAINABILITY:
        for _, trials in grouped(tuner_trials(rows, task) or random_draws(rows, task), lambda row: row.depth).items():
            cells = by_cell(at_main_size(trials))
            medians = {label: Estimate.of_median(losses) for label in cells if (losses := all_losses(cells[label]))}
            plain = [medians[label] for label in ("RNN", "IRNN") if label in medians]
            gated = [medians[label] for label in GATED if label in medians]
            if len(plain) == 2 and gated:
                gaps.append(combine(lambda v: v[:2].min(0) - v[2:].max(0), *plain, *gated))
                used += at_main_size(trials)
                have.add(task)
    if not gaps:
        return Finding(rows=used, missing="RNN, IRNN and a gated cell on parentheses and arithmetic")
    gap = combine(smallest, *gaps)
    quantity = "smallest gap of the medians of RNN and IRNN above the gated cells"
    return Finding([Condition(gap, at_least=0)], used, quantity, lacking(have, TRAINABILITY))


def easiest_cells(rows: Rows) -> Finding:
    """Judge claim C14: the GRU is the easiest cell to train at depth 1, the +RNN at depth 8."""
    conditions, used, missing = [], [], []
    draws = random_draws(rows, "parentheses")
    for depth, easiest in ((1, "GRU"), (8, "+RNN")):
        trials = at_main_size(select(draws, depth=depth))
        cells = {label: feasible_losses(group) for label, group in by_cell(trials).items()}
        wanted = [label for label in CAPACITY_LABELS if depth >= base_depth(label)]
        others = [losses for label, losses in cells.items() if label != easiest and losses]
        if not others or not cells.get(easiest):
            missing.append(f"depth {depth}")
            continue
        missing += [f"{label} at depth {depth}" for label in wanted if not cells.get(label)]
        medians = [Estimate.of_median(losses) for losses in others]
        gap = combine(lambda v: v[0] - v[1:].min(0), Estimate.of_median(cells[easiest]), *medians)
        conditions.append(Condition(gap, at_most=0))
        tests = [test for losses in others if (test := welch(cells[easiest], losses)) is not None]
        conditions += [Condition(test.difference, at_most=0) for test in tests]
        used += trials
    quantity = "median of the GRU at depth 1 minus the next cell's"
    return Finding(conditions, used, quantity, ", ".join(missing))


def irnn_infeasible(rows: Rows) -> Finding:
    """Judge claim C15: training diverges most often with the IRNN and least often with gated cells."""
    conditions, used, missing = [], [], []
    draws = random_draws(rows, "parentheses")
    for depth in (1, 8):
        trials = at_main_size(select(draws, depth=depth))
        cells = by_cell(trials)
        gated = [row for label in GATED for row in cells.get(label, [])]
        if not (cells.get("IRNN") and cells.get("RNN") and gated):
            missing.append(f"IRNN, RNN and a gated cell at depth {depth}")
            continue
        irnn, rnn, rest = (infeasible_share(group) for group in (cells["IRNN"], cells["RNN"], gated))
        conditions += [apart(irnn, rnn), apart(irnn, rest), apart(rnn, rest)]
        used += trials
    return Finding(conditions, used, "IRNN's infeasible share minus the RNN's at depth 1", "; ".join(missing))


def infeasible_share(rows: Rows) -> Estimate:
    """Estimate the share of trials that diverged, with its confidence interval."""
    return share(sum(not row.feasible for row in rows), len(rows))


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
        return Finding(rows=used, missing=f"repeated runs of a best trial, {PAPER_FACET}")
    quantity = "largest (mean - original) / s.d. of the cells"
    missing = lacking(have, published()["repeated_runs"])
    return Finding([Condition(combine(largest, *excesses), at_most=1)], used, quantity, missing)
