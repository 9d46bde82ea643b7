"""Draws random settings within the ranges of a way of training, and makes networks with them."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from measuring import CELLS
from training_schedules import cosine
from training_ways import Range, Way

from rnn_capacity.models import Initialization
from rnn_capacity.population import Member
from rnn_capacity.training import RecurrentModule

SCALES = {
    "rnn": (0.9, 0.9, 3.5, 0.0),
    "ugrnn": (1.2, 0.8, 1.4, 0.5),
    "gru": (1.6, 0.7, 2.9, 0.0),
    "lstm": (0.8, 0.65, 5.0, 0.1),
    "intersection": (2.0, 0.35, 2.5, 0.2),
    "irnn": (1.0, 1.2, 6.0, 0.0),
}
"""Scales of recurrent, input and readout matrices of each cell around which draws are made, and its b_fg."""

SCALE_NAMES = ("recurrent_scale", "input_scale", "readout_scale")
"""Names of the first three `SCALES` among the options of an initialisation."""

STORED = {"rnn": 1.0, "ugrnn": 0.92, "gru": 0.82, "lstm": 0.85, "intersection": 0.75, "irnn": 0.75}
"""Factor of the samples per parameter for each cell, since cells store more or less."""

SMALL, SMALL_SHARE = 500, 0.88
"""Number of parameters below which a network gets fewer samples per parameter, and the factor."""

RISES_FROM = 0.2
"""Fraction of a run after which q rises."""


def uniform(random_number: random.Random, between: Range) -> float:
    """Draw a number, log-uniformly if the least one is positive."""
    least, greatest = between
    share = random_number.random()
    return least * (greatest / least) ** share if least > 0 else least + share * (greatest - least)


def draw_settings(way: Way, cell: str, parameters: int, count: int) -> list[dict[str, float]]:
    """Draw the settings of a way's networks of one cell: rate, b per parameter, q, scales, clipping and seed.

    The numbers behind them are the same for every way, so that ways differ in their ranges alone.
    """
    fewer = STORED[cell] * (SMALL_SHARE if parameters < SMALL else 1)
    ranges = {"rate": way.rate_by_size.get(parameters, way.rate), "samples": way.samples, "exponent": way.exponent}
    found = []
    for number in range(count):
        source = random.Random(number)
        settings = {name: uniform(source, between) for name, between in ranges.items()}
        settings["samples"] *= fewer
        for name, scale in zip(SCALE_NAMES, way.scales.get(cell, SCALES[cell]), strict=False):
            settings[name] = uniform(source, (scale / 1.25, scale * 1.25))
        found.append({**settings, "clip_norm": uniform(source, (0.05, 1.0)), "seed": source.randrange(10000)})
    return found


def make_member(
    way: Way, cell: str, parameters: int, settings: dict[str, float], steps: int, part: Range = (0, 1)
) -> Member:
    """Make a network with its training from drawn settings.

    Args:
        way: The way.
        cell: The cell.
        parameters: Most parameters.
        settings: One of `draw_settings`.
        steps: Optimizer steps.
        part: Fractions of a longer run at which this one begins and ends.
    """
    begin, end = part
    task = way.task(samples_per_parameter=settings["samples"], **{"steps": 2, **way.options})
    scales: Any = {name: settings[name] for name in SCALE_NAMES}
    module = RecurrentModule(
        cell,
        CELLS[cell].depth,
        max_parameters=parameters,
        input_size=task.input_size,
        b_fg=way.scales.get(cell, SCALES[cell])[3],
        initialization=Initialization(**scales),
        optimizer=partial(way.optimizer, lr=settings["rate"]),
        schedule=way.schedule if part == (0, 1) else partial(cosine, begin=begin, end=end),
        clip_norm=settings["clip_norm"],
        seed=int(settings["seed"]),
    )
    samples = round(settings["samples"] * module.parameters_total)
    given = {
        "samples": samples,
        "samples_per_parameter": None,
        "batch_size": -(-samples // way.batches) if way.batches > 1 else None,
        "loss_exponent": settings["exponent"] if end > RISES_FROM else 0.0,
        "loss_exponent_from": max(0.0, (RISES_FROM - begin) / (end - begin)) if end > RISES_FROM else 0.0,
    }
    return Member(module, way.task(**{"steps": 2, **way.options, **given}), steps)
