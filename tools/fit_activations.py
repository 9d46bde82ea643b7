"""Fit the polynomials of the compiled kernel's float activations, and measure the error of its tanh and sigmoid.

    python tools/fit_activations.py

Prints the coefficients as rnn_capacity/kernels/native/vector.h has them and fails if the header has others:

    exp           (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, the polynomial of least relative error in exp(r)
    tanh_p, _q    tanh(x / 2) = x p(x^2) / q(x^2), the fraction of least error in tanh(x), whose last bits and
                  common factor are then changed at random as long as that lessens the error in float arithmetic

and the largest errors of the kernel in units in the last place (ulp). The double activations use Taylor's series.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import torch
from measuring import script_parser
from recording import ROOT

from rnn_capacity.kernels.native import native_library

HEADER = ROOT / "rnn_capacity/kernels/native/vector.h"
Array = Any  # numpy types most results so
f32, BOUND = np.float32, 9.2  # tanh of more is 1


def reweighted(weights: Array, errors: Array) -> Array:
    """Increase least-squares weights where errors are large, as Lawson's algorithm does for a minimax fit."""
    return (raised := weights * (errors / errors.mean() + 1e-3)) / raised.mean()


def fit_exp(degree: int = 4, rounds: int = 200) -> Array:
    """Fit the coefficients, in ascending powers of r, of the polynomial (exp(r) - 1 - r) / r^2."""
    r = np.log(2) / 2 * 1.0005 * np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)
    matrix = r[:, None] ** np.arange(degree + 1) * (r * r / np.exp(r))[:, None]
    wanted = (np.expm1(r) - r) / np.exp(r)
    weights = np.ones_like(r)
    for _ in range(rounds):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(matrix * root[:, None], wanted * root, rcond=None)[0]
        weights = reweighted(weights, np.abs(matrix @ found - wanted))
    return found


def fit_tanh(degree: int = 3, rounds: int = 100) -> Array:
    """Fit p and q of tanh(x / 2) = x p(x^2) / q(x^2), returned as two rows of coefficients in ascending powers."""
    spread = 4.56 * np.sin((np.arange(3000) + 0.5) / 3000 * np.pi / 2)
    z = np.unique(np.concatenate([spread, np.geomspace(1e-3, 4.56, 1500)]))
    t, powers = np.tanh(z), (2 * z)[:, None] ** (2 * np.arange(degree + 1))
    passed_on = np.maximum((1 - t * t) / (1 + t * t), 1e-9)  # the share of an error of t in 2 t / (1 + t^2)
    weights, q = np.ones_like(z), np.ones_like(z)
    for _ in range(rounds):  # the fraction times the denominator of the round before is linear
        matrix = np.concatenate([2 * z[:, None] * powers / t[:, None], -powers[:, 1:]], 1) * (passed_on / q)[:, None]
        scaled = matrix * np.sqrt(weights)[:, None]
        size = np.abs(scaled).max(0)
        found = np.linalg.lstsq(scaled / size, passed_on / q * np.sqrt(weights), rcond=None)[0] / size
        both = np.stack([found[: degree + 1], np.concatenate([[1.0], found[degree + 1 :]])])
        q = powers @ both[1]
        ratio = 2 * z * (powers @ both[0]) / q
        weights = reweighted(weights, np.abs(2 * ratio / (1 + ratio * ratio) / np.tanh(2 * z) - 1))
    return both


def float_tanh(both: Array, x: Array) -> Array:
    """Compute tanh(x) as the kernel does, in float32 with fused products and sums."""

    def fused(a: Array, b: Array, c: Array) -> Array:
        return (a.astype(np.float64) * b + c).astype(f32)

    size = np.minimum(x, f32(BOUND))
    square = size * size
    p, q = (np.full_like(square, row[-1]) for row in both)
    for place in reversed(range(both.shape[1] - 1)):
        p, q = fused(p, square, both[0, place]), fused(q, square, both[1, place])
    p = size * p
    product = p * q
    return (product + product) / fused(p, p, q * q)


def tune_tanh(both: Array, tries: int) -> Array:
    """Lower the float32 error of tanh by random changes of its coefficients' last bits and common factor."""
    x = np.unique(np.concatenate([np.linspace(1e-4, BOUND, 300001), np.geomspace(1e-6, 1, 50001)]).astype(f32))
    exact = np.tanh(x.astype(np.float64))
    unit = np.where(exact.astype(f32) == 1, 2.0**-24, np.spacing(exact.astype(f32)))

    def error(both: Array) -> float:
        found = float_tanh(both, x)
        return float(np.abs((found - exact) / unit).max()) if found.max() <= 1 else np.inf

    best = both.astype(f32)
    least, random = error(best), np.random.default_rng(1)
    for _ in range(tries):
        drawn = best.copy()
        if random.random() < 0.3:
            drawn *= f32(1 + random.random())
        for _ in range(random.integers(0, 4)):
            place = np.unravel_index(random.integers(0, drawn.size), drawn.shape)
            for _ in range(random.integers(1, 3)):
                drawn[place] = np.nextafter(drawn[place], f32(np.inf if random.random() < 0.5 else -np.inf))
        best, least = min((best, least), (drawn, error(drawn)), key=lambda one: one[1])
    return best


def header_values(name: str) -> Array:
    """Return the coefficients of a named array in vector.h, or an empty array if there is none."""
    found = re.search(rf"constexpr float {name}\[\] = {{([^}}]*)}}", HEADER.read_text(encoding="utf-8"))
    return np.array([float(number.strip().rstrip("f")) for number in found[1].split(",")] if found else [], f32)


def largest_errors(stride: int) -> dict[str, int]:
    """Measure the kernel's largest errors of tanh and sigmoid, in units in the last place, against float64."""
    if (library := native_library()) is None:
        return {}
    worst = {f"tanh ({library.build})": 0, f"sigmoid ({library.build})": 0}
    for first in range(0, 2**32, 2**28):
        x = torch.from_numpy(np.arange(first, first + 2**28, stride, dtype=np.uint32).view(f32))
        x = x[torch.isfinite(x)]
        x = x[: len(x) // 16 * 16].clone()
        exact = x.double().tanh().float(), x.double().sigmoid().float()
        for name, found, wanted in zip(worst, library.activations(x), exact, strict=True):
            normal = wanted.abs() >= torch.finfo(torch.float32).tiny  # the kernel flushes denormal numbers
            distance = (found.view(torch.int32).long() - wanted.view(torch.int32)).abs()[normal]
            worst[name] = max(worst[name], int(distance.max()) if len(distance) else 0)
    return worst


def main() -> None:
    """Fit and print the coefficients, measure errors, and fail if vector.h has other coefficients."""
    parser = script_parser(__doc__)
    parser.add_argument("--tries", type=int, default=700, help="random changes of tanh's coefficients")
    parser.add_argument("--stride", type=int, default=257, help="distance of the numbers whose error is measured")
    arguments = parser.parse_args()
    fitted = dict(zip(("tanh_p", "tanh_q"), tune_tanh(fit_tanh(), arguments.tries), strict=True))
    fitted["exp"] = fit_exp().astype(f32)
    for name, values in fitted.items():
        print(f"{name} = {{{', '.join(f'{float(value)!r}f' for value in values)}}}")
    for name, error in largest_errors(arguments.stride).items():
        print(f"{name}: at most {error} ulp")
    if different := [name for name in fitted if not np.array_equal(fitted[name], header_values(name))]:
        sys.exit(f"{HEADER.name} has other coefficients of {', '.join(different)}")


if __name__ == "__main__":
    main()
