"""Compares ways to train for capacity: bits per parameter on the random mapping after equal seconds of one core.

    OMP_NUM_THREADS=1 python tools/training_methods.py --out tools/results

Each way of tools/training_ways.py trains draws of random settings for the same processor seconds in total, with two
unrolled steps. Its number of optimizer steps follows from the speed of a trial run, which is not counted. The settings
come from ranges that suit the way. Stored are the bits of every draw; the interval is a bootstrap of their median. A
row that is in the results is not measured again.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from kernel_gradients import train_by_gradients
from measuring import CELLS, script_parser
from recording import Run, figure, markdown_table, measure_missing
from scipy.stats import bootstrap
from second_order import Margins, generalized_loss, levenberg_marquardt, squared_hinge
from training_ways import SCALES, WAYS, Way, draw_settings, make_member

from rnn_capacity.metrics import stored_bits
from rnn_capacity.population import Member, train

TRIAL = (200, 1200)
"""Optimizer steps of the two runs whose times give a way's speed."""

SECONDS = {300: 8.0, 700: 24.0}
"""Seconds of one core for each row, by the most parameters."""

COMPARED = ("adam_gce", "lm", "lm_many")
"""Ways that are also measured for the other cells and for other seconds."""

FACTORS = (1 / 3, 2.0)
"""Multiples of `SECONDS` for which the RNN's `COMPARED` ways are measured at the largest of the sizes."""

LONG, LONG_WAYS = 10.0, ("adam_gce", "lm_last_more")
"""A multiple of `SECONDS`, and the ways that are measured for it with every cell at the largest of the sizes."""

LATE = 0.5
"""Share of the time from which on Adam's loss has the exponent, too, before Levenberg-Marquardt begins."""

UPDATE_RULES = {"noise": "adam", "muon": "muon", "soap": "soap"}
"""Update rules of tools/kernel_gradients.py by the way's trainer."""

NOISE = 0.3
"""Root mean square of the gradient noise at the beginning, relative to the gradient's."""

KEPT_SHARE, FIRST_PART = 0.25, 0.1
"""Share of the networks that successive halving keeps, and the part of a run after which it does."""


def steps_within(seconds: float, run: Callable[[int], object]) -> int:
    """Return the optimizer steps that a training makes in some processor seconds, by the times of two short runs."""
    taken = []
    for steps in TRIAL:
        start = time.process_time()
        run(steps)
        taken.append(time.process_time() - start)
    each = max(1e-6, (taken[1] - taken[0]) / (TRIAL[1] - TRIAL[0]))
    return max(TRIAL[0], TRIAL[0] + int((seconds - taken[0]) / each))


def halve(way: Way, cell: str, parameters: int, steps: int) -> list[Member]:
    """Train four times as many networks for a tenth of the steps, and those with the most bits to the end."""
    drawn = draw_settings(way, cell, parameters, round(way.draws / KEPT_SHARE))
    first = [
        make_member(way, cell, parameters, one, max(1, round(FIRST_PART * steps)), (0, FIRST_PART)) for one in drawn
    ]
    bits = [result["bits_per_parameter"] for result in train(first)]
    best = sorted(range(len(first)), key=lambda index: -bits[index])[: way.draws]
    rest = max(1, round((1 - FIRST_PART) * steps))
    members = [make_member(way, cell, parameters, drawn[index], rest, (FIRST_PART, 1)) for index in best]
    for member, index in zip(members, best, strict=True):
        member.module.network.load_state_dict(first[index].module.network.state_dict())
    train(members)
    return members


def train_draws(way: Way, cell: str, parameters: int, steps: int, seconds: float = 0.0) -> list[Member]:
    """Train a way's networks for a number of optimizer steps, and then by Levenberg-Marquardt for the rest of the time.

    Args:
        way: The way.
        cell: The cell.
        parameters: Most parameters of a network.
        steps: Optimizer steps of each network.
        seconds: Processor seconds of all; 0 makes no Levenberg-Marquardt steps.
    """
    end = time.process_time() + seconds
    if way.trainer == "halving":
        return halve(way, cell, parameters, steps)
    settings = draw_settings(way, cell, parameters, way.draws)
    early = {"exponent": 0.0} if way.trainer == "lm" and way.warm < LATE else {}
    members = [make_member(way, cell, parameters, {**one, **early}, steps) for one in settings]
    if way.trainer in ("kernel", "lm"):
        train(members)
    else:
        train_by_gradients(members, UPDATE_RULES[way.trainer], NOISE if way.trainer == "noise" else 0.0)
    if way.trainer == "lm" and seconds:
        for number, (member, one) in enumerate(zip(members, settings, strict=True)):
            loss = squared_hinge if way.hinge else generalized_loss(one["exponent"])
            levenberg_marquardt(member, loss, (end - time.process_time()) / (way.draws - number))
    return members


def measure(wanted: Run) -> Run:
    """Train one row's networks and return the bits per parameter of each, the best one's settings and the sizes."""
    way = WAYS[wanted["way"]]
    cell, parameters, seconds = wanted["cell"], wanted["parameters"], wanted["seconds"]
    share = way.warm if way.trainer == "lm" else 1.0
    steps = steps_within(share * seconds, lambda count: train_draws(way, cell, parameters, count))
    start = time.process_time()
    members = train_draws(way, cell, parameters, steps, seconds)
    taken = time.process_time() - start
    found = []
    for member in members:
        margins = Margins(member)
        correct = int((margins(margins.get()) > 0).sum())
        samples, size = len(margins.signs), member.module.parameters_total
        found.append({"bits": stored_bits(correct, samples) / size, "accuracy": correct / samples, "samples": samples})
    best = max(range(len(found)), key=lambda index: found[index]["bits"])
    bits = [one["bits"] for one in found]
    low, high = interval(bits)
    run: Run = {
        "label": way.label,
        "bits": bits,
        "median": statistics.median(bits),
        "low": low,
        "high": high,
        "highest": max(bits),
        "best": {**found[best], "seed": members[best].module.seed},
        "steps": steps,
        "taken": round(taken, 1),
        "size": members[0].module.parameters_total,
        "units": members[0].module.hidden_size,
    }
    print(wanted, f"median {run['median']:.3f}, best {max(bits):.3f}, {taken:.0f} s", flush=True)
    return run


def interval(bits: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the median of several networks' bits."""
    if len(set(bits)) < 2:
        return bits[0], bits[0]
    found = bootstrap((bits,), np.median, method="percentile", rng=0).confidence_interval
    return float(found.low), float(found.high)


def table(runs: Sequence[Run]) -> str:
    """Format the results as a Markdown table, the ways with the highest median first."""
    header = ("cell", "parameters", "seconds", "way", "draws", "steps of each", "median", "95 %", "best")
    rows = []
    for run in sorted(runs, key=lambda run: (*row_key(run)[:3], -run["median"])):
        names = CELLS[run["cell"]].label, run["size"], f"{run['seconds']:g}", run["label"], len(run["bits"])
        values = f"{run['median']:.2f}", f"{run['low']:.2f}-{run['high']:.2f}", f"**{run['highest']:.2f}**"
        rows.append((*names, f"{run['steps']:,}", *values))
    return markdown_table(header, rows)


def row_key(run: Run) -> tuple[int, int, float, int]:
    """Return the sort key of a stored row: cell, size, seconds and way."""
    return list(SCALES).index(run["cell"]), run["parameters"], run["seconds"], list(WAYS).index(run["way"])


def draw(runs: Sequence[Run], path: Path) -> None:
    """Draw the ways' medians with intervals and their best networks for each size, and bits against seconds."""
    largest = max(run["parameters"] for run in runs)
    with figure(path, len(SECONDS) + 1, (15, 6.5)) as axes:
        for panel, (parameters, seconds) in zip(axes, SECONDS.items(), strict=False):
            rows = [
                run for run in runs if (run["cell"], run["parameters"], run["seconds"]) == ("rnn", parameters, seconds)
            ]
            rows.sort(key=lambda run: run["median"])
            for place, run in enumerate(rows):
                color = "tab:orange" if WAYS[run["way"]].trainer == "lm" else "tab:blue"
                panel.plot((run["low"], run["high"]), (place, place), color=color)
                panel.plot(run["median"], place, "o", color=color)
                panel.plot(run["highest"], place, "|", color=color)
            panel.set_yticks(range(len(rows)), [run["label"] for run in rows], fontsize=7)
            panel.set_title(f"at most {parameters} parameters, {seconds:g} s", fontsize=9)
            panel.set_xlabel("bits per parameter: median, 95 %, best")
        for name in COMPARED:
            rows = [run for run in runs if (run["cell"], run["parameters"], run["way"]) == ("rnn", largest, name)]
            rows.sort(key=lambda run: run["seconds"])
            if not rows:
                continue
            times = [run["seconds"] for run in rows]
            (line,) = axes[-1].plot(times, [run["median"] for run in rows], "o-", label=WAYS[name].label)
            axes[-1].plot(times, [run["highest"] for run in rows], "|:", color=line.get_color())
        axes[-1].set_xscale("log")
        axes[-1].set_xlabel("seconds of one core for all draws")
        axes[-1].set_title(f"at most {largest} parameters; dotted: best", fontsize=9)
        axes[-1].legend(frameon=False, fontsize=7)


def wanted_rows(cells: Sequence[str], sizes: Sequence[int], ways: Sequence[str]) -> list[Run]:
    """Return the rows to measure: all ways for the RNN, and the compared ones for other cells and seconds."""
    rows: list[Run] = []
    if "rnn" in cells:
        rows = [
            {"cell": "rnn", "parameters": size, "way": way, "seconds": SECONDS[size]} for size in sizes for way in ways
        ]
    compared = [way for way in COMPARED if way in ways]
    size = max(sizes)
    rows += [
        {**row, "seconds": SECONDS[size] * factor}
        for factor in FACTORS
        for row in rows
        if row["parameters"] == size and row["way"] in compared
    ]
    others = [cell for cell in cells if cell != "rnn"]
    rows += [
        {"cell": cell, "parameters": size, "way": way, "seconds": SECONDS[size]} for cell in others for way in compared
    ]
    return rows + [
        {"cell": cell, "parameters": size, "way": way, "seconds": LONG * SECONDS[size]}
        for cell in cells
        for way in LONG_WAYS
        if way in ways
    ]


def main() -> None:
    """Measure the rows that the stored results lack, then print the table and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS), help="ways to train")
    parser.add_argument("--cells", nargs="*", default=list(SCALES), choices=list(SCALES), help="cells")
    parser.add_argument(
        "--sizes", nargs="*", type=int, default=list(SECONDS), choices=list(SECONDS), help="most parameters"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runs = measure_missing(
        arguments.out / "training_methods.json",
        wanted_rows(arguments.cells, arguments.sizes, arguments.ways),
        measure,
        identity=("cell", "parameters", "way", "seconds"),
        order=row_key,
    )
    print(table(runs))
    for ending in ("svg", "png"):
        draw(runs, arguments.out / f"training_methods.{ending}")


if __name__ == "__main__":
    main()
