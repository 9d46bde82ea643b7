"""Which way a figure gets better."""

from __future__ import annotations

from typing import Literal

HIGHER = {
    "accuracy",
    "bits_per_parameter",
    "characters_right",
    "counts_right",
    "dimensions_recovered",
    "exact_match",
    "implied_bits",
    "implied_bits_per_parameter",
    "likelihood_bits",
    "likelihood_bits_per_parameter",
    "reals_per_state_real",
    "reals_per_unit",
    "sequences_right",
    "stored_bits",
}
"""Bits, reals and shares right."""

LOWER = {"bits_per_character", "cross_entropy", "excess_bits_per_character", "loss", "mse", "weighted_mse"}
"""Losses."""


def optimum(figure: str) -> Literal["max", "min"] | None:
    """Whether the most or the least of a figure is best; None where neither is, or it is not this package's.

    Args:
        figure: A key of summary.json, with or without what precedes it, as in `val/loss` or `val_loss`.
    """
    name = figure.rpartition("/")[2].removeprefix("val_")
    if name in HIGHER:
        return "max"
    return "min" if name in LOWER else None
