"""The ways to train large networks that tools/training_methods.py compares, with the ranges of their settings.

With a given number of seconds they are measured for small networks, too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch.optim import Adam
from training_schedules import warmed_up
from training_ways import Way

RISING = tuple(round(0.05 * step, 2) for step in range(1, 11))
"""Exponents with which Levenberg-Marquardt, too, begins near the cross-entropy and then gives up the worst samples."""

LARGE: dict[str, Any] = {
    "rate": (0.0015, 0.003),
    "exponent": (0.6, 1.0),
    "options": {"steps": 3},
}
"""Ranges and options for networks of several thousand parameters with three unrolled steps."""

HIGH_RATE_5: dict[str, Any] = {
    "rate": (0.03, 0.045),
    "rate_by_size": {7000: (0.016, 0.021)},
    "options": {"steps": 5},
    "scales": {
        "rnn": (0.4, 1.3, 15.0, 0.0),
        "ugrnn": (0.5, 0.9, 7.0, 0.5),
        "gru": (1.6, 0.6, 7.0, 0.0),
        "lstm": (1.0, 1.2, 6.0, 0.1),
    },
    "draws": 3,
}
"""Ranges and options for such networks with five unrolled steps and high learning rates."""

WARM_UP_5: dict[str, Any] = {
    **HIGH_RATE_5,
    "rate": (0.1, 0.14),
    "rate_by_size": {7000: (0.05, 0.06)},
    "exponent": (0.4, 0.6),
    "samples": (6.1, 6.5),
    "optimizer": partial(Adam, betas=(0.9, 0.99)),
    "schedule": warmed_up,
}
"""Ranges and options for still higher learning rates, which a run reaches after a warm-up."""

FEWER_STEPS = {"intersection": (1.35, 0.4, 2.5, 0.2)}
"""Scales and b_fg of the +RNN with three or four unrolled steps at high learning rates."""

WARM_UP_4: dict[str, Any] = {
    **WARM_UP_5,
    "rate": (0.09, 0.118),
    "rate_by_size": {7000: (0.09, 0.112)},
    "options": {"steps": 4},
    "scales": FEWER_STEPS,
}
"""Ranges and options of the +RNN after a warm-up, with four unrolled steps."""

KFAC_5: dict[str, Any] = {
    **WARM_UP_5,
    "rate": (0.12, 0.15),
    "rate_by_size": {7000: (0.035, 0.047)},
    "samples": (6.4, 6.6),
    "trainer": "kfac",
}
"""Ranges and options of Adam in K-FAC's eigenbases."""

ADEMAMIX_5: dict[str, Any] = {
    **WARM_UP_5,
    "rate": (0.14, 0.17),
    "rate_by_size": {7000: (0.1, 0.125)},
    "samples": (6.45, 6.7),
    "optimizer": partial(Adam, betas=(0.8, 0.99)),
    "trainer": "ademamix",
}
"""Ranges and options of AdEMAMix."""

LARGE_LM: dict[str, Any] = {"samples": (5.6, 6.2), "trainer": "lm", "rising": RISING, "draws": 3}
"""What ways with Levenberg-Marquardt have in common for such networks."""

LARGE_WAYS = {
    "adam_entropy_5": Way(
        "Adam, 5 unrolled steps, cross-entropy",
        rate=(0.004, 0.007),
        exponent=(0, 0),
        samples=(4.6, 4.8),
        options={"steps": 5},
        draws=3,
        scales={"rnn": (0.67, 0.85, 7.5, 0.0)},
    ),
    "adam_entropy_5_high_rate": Way(
        "Adam at higher rates, 5 unrolled steps, cross-entropy",
        exponent=(0, 0),
        samples=(4.8, 5.0),
        **HIGH_RATE_5,
    ),
    "adam_5_high_rate": Way(
        "Adam at higher rates, 5 unrolled steps, q rising",
        exponent=(0.4, 0.6),
        samples=(5.2, 5.4),
        **HIGH_RATE_5,
    ),
    "lm_5_high_rate": Way(
        "Adam at higher rates, 5 unrolled steps, q rising, then Levenberg-Marquardt, q rising",
        exponent=(0.4, 0.6),
        warm=0.8,
        **{**LARGE_LM, **HIGH_RATE_5, "samples": (5.5, 6.0)},
    ),
    "lm_5_more": Way(
        "Adam at higher rates, 5 unrolled steps, larger b, q rising to 0.65-0.9, then Levenberg-Marquardt, q rising",
        warm=0.7,
        **{
            **LARGE_LM,
            **HIGH_RATE_5,
            "rate_by_size": {7000: (0.018, 0.0215)},
            "exponent": (0.65, 0.9),
            "samples": (5.8, 6.3),
            "scales": {"rnn": (0.37, 1.5, 17.0, 0.0)},
        },
    ),
    "lm_5_warm_up": Way(
        "Adam at the highest rates after a warm-up, 5 unrolled steps, q rising, then Levenberg-Marquardt, q rising",
        warm=0.65,
        **{**LARGE_LM, **WARM_UP_5, "rate": (0.1, 0.13), "samples": (5.9, 6.2)},
    ),
    "adam_5_warm_up": Way("Adam at the highest rates after a warm-up, 5 unrolled steps, q rising", **WARM_UP_5),
    "adam_5_warm_up_gated": Way(
        "Adam at still higher rates after a warm-up, 5 unrolled steps, q rising",
        **{**WARM_UP_5, "rate": (0.14, 0.2), "rate_by_size": {7000: (0.09, 0.12)}},
    ),
    "lm_4_warm_up": Way(
        "Adam at the highest rates after a warm-up, 4 unrolled steps, q rising, then Levenberg-Marquardt, q rising",
        rate=(0.07, 0.1),
        exponent=(0.7, 0.9),
        options={"steps": 4},
        warm=0.7,
        schedule=warmed_up,
        scales=FEWER_STEPS,
        **LARGE_LM,
    ),
    "adam_4_warm_up": Way(
        "Adam at the highest rates after a warm-up, 4 unrolled steps, larger b, q rising to 0.52-0.6",
        **{**WARM_UP_4, "exponent": (0.52, 0.6), "samples": (6.4, 7.45)},
    ),
    "adam_5_warm_up_more": Way(
        "Adam at still higher rates after a warm-up, 5 unrolled steps, larger b, q rising",
        **{
            **WARM_UP_5,
            "rate": (0.14, 0.2),
            "rate_by_size": {7000: (0.11, 0.15)},
            "exponent": (0.5, 0.65),
            "samples": (7.0, 7.3),
        },
    ),
    "adam_4_warm_up_more": Way(
        "Adam at the highest rates after a warm-up, 4 unrolled steps, still larger b, q rising",
        **{**WARM_UP_4, "exponent": (0.5, 0.65), "samples": (7.4, 7.75)},
    ),
    "kfac_5": Way("Adam in K-FAC's eigenbases after a warm-up, 5 unrolled steps, larger b, q rising", **KFAC_5),
    "kfac_5_less": Way(
        "Adam in K-FAC's eigenbases after a warm-up, 5 unrolled steps, medium b, q rising",
        **{**KFAC_5, "samples": (5.9, 6.05)},
    ),
    "kfac_5_more": Way(
        "Adam in K-FAC's eigenbases after a warm-up, 5 unrolled steps, still larger b, q rising to 0.6-0.8",
        **{**KFAC_5, "rate": (0.08, 0.11), "exponent": (0.6, 0.8), "samples": (6.9, 7.1)},
    ),
    "ademamix_5": Way("AdEMAMix after a warm-up, 5 unrolled steps, medium b, q rising", **ADEMAMIX_5),
    "ademamix_5_more": Way(
        "AdEMAMix after a warm-up, 5 unrolled steps, larger b, q rising",
        **{**ADEMAMIX_5, "rate": (0.1, 0.14), "rate_by_size": {7000: (0.09, 0.115)}, "samples": (6.8, 7.0)},
    ),
    "lm_5_warm_up_many": Way(
        "Adam at the highest rates after a warm-up, 5 unrolled steps, 24 draws, q rising, then Levenberg-Marquardt",
        rate=(0.045, 0.1),
        exponent=(0.7, 0.9),
        options={"steps": 5},
        warm=0.8,
        schedule=warmed_up,
        scales={"intersection": (1.8, 0.5, 1.3, -0.6)},
        **{**LARGE_LM, "samples": (5.4, 5.9), "draws": 24},
    ),
    "adam_5_halving": Way(
        "Adam at higher rates, 5 unrolled steps, successive halving, q rising",
        rate=(0.02, 0.035),
        exponent=(0.7, 0.9),
        samples=(5.2, 5.7),
        options={"steps": 5},
        trainer="halving",
        draws=32,
        scales={"intersection": (1.8, 0.5, 1.3, -0.6)},
    ),
    "adam_large": Way("Adam, 3 unrolled steps, q rising", samples=(5.2, 5.6), draws=3, **LARGE),
    "lm_large": Way(
        "Adam, 3 unrolled steps, q rising, then Levenberg-Marquardt, q rising", warm=0.4, **LARGE, **LARGE_LM
    ),
    "lm_large_2": Way(
        "Adam, 2 unrolled steps, q rising, then Levenberg-Marquardt, q rising",
        rate=(0.004, 0.01),
        exponent=(0.6, 1.0),
        warm=0.4,
        **LARGE_LM,
    ),
    "lm_large_high_rate": Way(
        "Adam at higher rates, 3 unrolled steps, q rising, then Levenberg-Marquardt, q rising",
        rate=(0.008, 0.02),
        exponent=(0.8, 1.0),
        options={"steps": 3},
        warm=0.6,
        scales=FEWER_STEPS,
        **LARGE_LM,
    ),
}
"""The ways by name."""
