"""Compares ways to train for capacity: bits per parameter on the random mapping after equal seconds of one core.

    OMP_NUM_THREADS=1 python tools/training_methods.py --out tools/results

Each way of tools/training_ways.py and tools/large_ways.py trains draws of random settings for the same processor
seconds in total. Its number of optimizer steps follows from the speed of a trial run, which is not counted. The
settings come from ranges that suit the way. Stored are the bits of every draw; the interval is a bootstrap of their
median. A row that is in the results is not measured again. Networks of 2,000 and 7,000 parameters are trained where
--sizes says so, in the ways of tools/large_ways.py; with --seconds those of the other sizes are trained in these ways,
too. On a GPU, seconds are those of the clock, and --draws has fewer draws share them:

    python tools/training_methods.py --cells rnn --sizes 7000 --device cuda --seconds 240
    python tools/training_methods.py --cells rnn --sizes 7000 --ways lm_large_2 --seconds 4200 --draws 1
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from kernel_gradients import train_by_gradients
from large_ways import LARGE_WAYS
from measuring import CELLS, script_parser
from recording import Run, figure, markdown_table, measure_missing
from scipy.stats import bootstrap
from second_order import Margins, clock, generalized_loss, levenberg_marquardt, squared_hinge
from training_draws import SCALES, draw_settings, make_member
from training_ways import SMALL_WAYS, Way

from rnn_capacity.metrics import stored_bits
from rnn_capacity.population import Member, quiet_trainer, train

WAYS = {**SMALL_WAYS, **LARGE_WAYS}
"""The ways of training by name."""

TRIAL = (200, 1200)
"""Optimizer steps of the two runs whose times give a way's speed."""

SECONDS = {300: 8.0, 700: 24.0}
"""Seconds of one core for each row, by the most parameters."""

LARGE_SECONDS = {2000: 960.0, 7000: 4800.0}
"""Seconds for each row of the sizes at which only `LARGE_WAYS` are measured."""

COMPARED = ("adam_gce", "lm", "lm_many")
"""Ways that are also measured for the other cells and for other seconds."""

FACTORS = (1 / 3, 2.0)
"""Multiples of `SECONDS` for which the RNN's `COMPARED` ways are measured at the largest of the sizes."""

LONG, LONG_WAYS = 10.0, ("adam_gce", "lm_last_more")
"""A multiple of `SECONDS`, and the ways that are measured for it with every cell at the largest of the sizes."""

LATE = 0.5
"""Share of the time from which on Adam's loss has the exponent, too, before Levenberg-Marquardt with a constant one."""

NOISE = 0.3
"""Root mean square of the gradient noise at the beginning, relative to the gradient's."""

KEPT_SHARE, FIRST_PART = 0.25, 0.1
"""Share of the networks that successive halving keeps, and the part of a run after which it does."""


def steps_within(seconds: float, run: Callable[[int], object], device: str) -> int:
    """Return the optimizer steps that a training makes in some seconds, by the times of two short runs."""
    taken = []
    for steps in TRIAL:
        start = clock(device)
        run(steps)
        taken.append(clock(device) - start)
    each = max(1e-6, (taken[1] - taken[0]) / (TRIAL[1] - TRIAL[0]))
    return max(TRIAL[0], TRIAL[0] + int((seconds - taken[0]) / each))


def halve(way: Way, cell: str, parameters: int, steps: int, device: str) -> list[Member]:
    """Train four times as many networks for a tenth of the steps, and those with the most bits to the end."""
    drawn = draw_settings(way, cell, parameters, round(way.draws / KEPT_SHARE))
    first = [
        make_member(way, cell, parameters, one, max(1, round(FIRST_PART * steps)), (0, FIRST_PART)) for one in drawn
    ]
    bits = [result["bits_per_parameter"] for result in train(first, quiet_trainer(accelerator=device))]
    best = sorted(range(len(first)), key=lambda index: -bits[index])[: way.draws]
    rest = max(1, round((1 - FIRST_PART) * steps))
    members = [make_member(way, cell, parameters, drawn[index], rest, (FIRST_PART, 1)) for index in best]
    for member, index in zip(members, best, strict=True):
        member.module.network.load_state_dict(first[index].module.network.state_dict())
    train(members, quiet_trainer(accelerator=device))
    return members


def train_draws(
    way: Way, cell: str, parameters: int, steps: int, seconds: float = 0.0, device: str = "cpu"
) -> list[Member]:
    """Train a way's networks for a number of optimizer steps, and then by Levenberg-Marquardt for the rest of the time.

    Args:
        way: The way.
        cell: The cell.
        parameters: Most parameters of a network.
        steps: Optimizer steps of each network.
        seconds: Seconds of all; 0 makes no Levenberg-Marquardt steps.
        device: Device that trains.
    """
    end = clock(device) + seconds
    if way.trainer == "halving":
        return halve(way, cell, parameters, steps, device)
    settings = draw_settings(way, cell, parameters, way.draws)
    early = {"exponent": 0.0} if way.trainer == "lm" and way.warm < LATE and not way.rising else {}
    members = [make_member(way, cell, parameters, {**one, **early}, steps) for one in settings]
    if way.trainer in ("kernel", "lm"):
        train(members, quiet_trainer(accelerator=device))
    else:
        noise = NOISE if way.trainer == "noise" else 0.0
        train_by_gradients(members, "adam" if noise else way.trainer, noise)
    if way.trainer == "lm" and seconds:
        for number, (member, one) in enumerate(zip(members, settings, strict=True)):
            losses = [generalized_loss(exponent) for exponent in way.rising or (one["exponent"],)]
            losses = [squared_hinge] if way.hinge else losses
            levenberg_marquardt(member, losses, (end - clock(device)) / (way.draws - number), device=device)
    return members


def measure(wanted: Run) -> Run:
    """Train one row's networks and return the bits per parameter of each, the best one's settings and the sizes."""
    way = WAYS[wanted["way"]]._replace(draws=wanted["draws"])
    cell, parameters, seconds, device = (wanted[name] for name in ("cell", "parameters", "seconds", "device"))
    share = way.warm if way.trainer == "lm" else 1.0
    steps = steps_within(
        share * seconds, lambda count: train_draws(way, cell, parameters, count, device=device), device
    )
    start = clock(device)
    members = train_draws(way, cell, parameters, steps, seconds, device)
    taken = clock(device) - start
    found = []
    for member in members:
        margins = Margins(member, device)
        correct = int((margins(margins.get()) > 0).sum())
        samples, size = len(margins.signs), member.module.parameters_total
        found.append({"bits": stored_bits(correct, samples) / size, "accuracy": correct / samples, "samples": samples})
    best = max(range(len(found)), key=lambda index: found[index]["bits"])
    bits = [one["bits"] for one in found]
    low, high = interval(bits)
    run: Run = {
        "label": way.label,
        "device_name": "one core" if device == "cpu" else torch.cuda.get_device_name(),
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
    header = ("cell", "parameters", "device", "seconds", "way", "draws", "steps of each", "median", "95 %", "best")
    rows = []
    for run in sorted(runs, key=lambda run: (*row_key(run)[:4], -run["median"])):
        trained = CELLS[run["cell"]].label, run["size"], run["device_name"], f"{run['taken']:g} of {run['seconds']:g}"
        names = *trained, run["label"], run["draws"]
        values = f"{run['median']:.2f}", f"{run['low']:.2f}-{run['high']:.2f}", f"**{run['highest']:.2f}**"
        rows.append((*names, f"{run['steps']:,}", *values))
    return markdown_table(header, rows)


def row_key(run: Run) -> tuple[int, int, str, float, int, int]:
    """Return the sort key of a stored row: cell, size, device, seconds, way and draws."""
    sizes = list(SCALES).index(run["cell"]), run["parameters"]
    return *sizes, run["device"], run["seconds"], list(WAYS).index(run["way"]), run["draws"]


def draw(runs: Sequence[Run], path: Path) -> None:
    """Draw the ways' medians with intervals and their best networks for each size, and bits against seconds."""
    runs = [run for run in runs if run["parameters"] not in LARGE_SECONDS]
    largest = max((run["parameters"] for run in runs), default=0)
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
        if axes[-1].lines:
            axes[-1].legend(frameon=False, fontsize=7)


def wanted_rows(
    cells: Sequence[str],
    sizes: Sequence[int],
    ways: Sequence[str],
    device: str,
    seconds: float | None = None,
    draws: int | None = None,
) -> list[Run]:
    """Return the rows to measure: all ways for the RNN, the compared ones for other cells and seconds, and large sizes.

    Args:
        cells: Cells.
        sizes: Most parameters.
        ways: Names of ways.
        device: Device that trains.
        seconds: Seconds of rows of `LARGE_WAYS`, for any size; None takes `LARGE_SECONDS`, for large sizes alone.
        draws: Draws of each row; None takes the ways'.
    """
    rows: list[Run] = []
    small = [size for size in sizes if size in SECONDS and seconds is None]
    if small:
        size = max(small)
        compared = [way for way in COMPARED if way in ways]
        if "rnn" in cells:
            named = [way for way in ways if way not in LARGE_WAYS]
            rows = [row_of("rnn", size, way, SECONDS[size]) for size in small for way in named]
            rows += [row_of("rnn", size, way, SECONDS[size] * factor) for factor in FACTORS for way in compared]
        rows += [row_of(cell, size, way, SECONDS[size]) for cell in cells if cell != "rnn" for way in compared]
        longer = [way for way in LONG_WAYS if way in ways]
        rows += [row_of(cell, size, way, LONG * SECONDS[size]) for cell in cells for way in longer]
    large = [size for size in sizes if size not in small]
    own = [way for way in LARGE_WAYS if way in ways]
    rows += [row_of(cell, size, way, seconds or LARGE_SECONDS[size]) for size in large for cell in cells for way in own]
    return [{**row, "device": device, "draws": draws or WAYS[row["way"]].draws} for row in rows]


def row_of(cell: str, parameters: int, way: str, seconds: float) -> Run:
    """Return the entries that tell one row from another, but for the device and the draws."""
    return {"cell": cell, "parameters": parameters, "way": way, "seconds": seconds}


def main() -> None:
    """Measure the rows that the stored results lack, then print the table and draw the figure."""
    parser = script_parser(__doc__, out=True)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS), help="ways to train")
    parser.add_argument("--cells", nargs="*", default=list(SCALES), choices=list(SCALES), help="cells")
    sizes = [*SECONDS, *LARGE_SECONDS]
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SECONDS), choices=sizes, help="most parameters")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="device that trains")
    parser.add_argument("--seconds", type=float, help="seconds of each row, whose ways are those of large sizes")
    parser.add_argument("--draws", type=int, help="draws of each row, instead of the way's")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device must be cpu without a GPU, got cuda")
    of_large = arguments.seconds is None and (arguments.device == "cuda" or arguments.draws is not None)
    if of_large and set(arguments.sizes) & set(SECONDS):
        parser.error(f"--sizes must be of 2000 and 7000 with cuda or --draws but no --seconds, got {arguments.sizes}")
    for name in ("seconds", "draws"):
        if (value := getattr(arguments, name)) is not None and value <= 0:
            parser.error(f"--{name} must be above 0, got {value}")
    torch.set_num_threads(1)
    asked = arguments.cells, arguments.sizes, arguments.ways, arguments.device, arguments.seconds, arguments.draws
    runs = measure_missing(
        arguments.out / "training_methods.json",
        wanted_rows(*asked),
        measure,
        identity=("cell", "parameters", "way", "seconds", "device", "draws"),
        order=row_key,
    )
    print(table(runs))
    for ending in ("svg", "png"):
        draw(runs, arguments.out / f"training_methods.{ending}")


if __name__ == "__main__":
    main()
