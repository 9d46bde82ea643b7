"""The ways of training that tools/training_methods.py compares, with the ranges of their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR
from training_losses import ConstantExponent, SquaredError
from training_schedules import cosine, linear, restarts, warmed_up

from rnn_capacity.tasks import RandomMapping

Range = tuple[float, float]
"""Least and greatest value of a random draw, uniform in its logarithm if the least is positive."""


class Way(NamedTuple):
    """A way to train: who makes the steps, with which loss, optimizer and ranges of the settings."""

    label: str
    """Name in the table and the figure."""

    rate: Range = (0.003, 0.009)
    """Learning rates."""

    exponent: Range = (0.5, 0.9)
    """Exponents q of the generalized cross-entropy at the end of the run; 0 is the cross-entropy."""

    samples: Range = (4.5, 4.9)
    """Numbers of samples b per parameter."""

    optimizer: Callable[..., Optimizer] = Adam
    """The optimizer, without its learning rate."""

    task: type[RandomMapping] = RandomMapping
    """Class of the task, which decides the loss."""

    options: Mapping[str, Any] = MappingProxyType({})
    """More options of the task."""

    schedule: Callable[..., LambdaLR] = cosine
    """Learning-rate schedule."""

    batches: int = 1
    """Minibatches in an epoch."""

    trainer: Literal["kernel", "halving", "muon", "soap", "noise", "lm"] = "kernel"
    """The compiled kernel, the same after successive halving, an update rule outside it, or Levenberg-Marquardt."""

    warm: float = 0.3
    """Share of the time in which Adam trains before Levenberg-Marquardt begins."""

    rising: tuple[float, ...] = ()
    """Exponents q of Levenberg-Marquardt, one after another; none takes the exponent that is drawn."""

    hinge: bool = False
    """Whether Levenberg-Marquardt minimises the squared hinge loss instead of the generalized cross-entropy."""

    draws: int = 8
    """Draws of settings that share the time."""

    scales: Mapping[str, tuple[float, float, float, float]] = MappingProxyType({})
    """Scales of recurrent, input and readout matrices and b_fg by cell, where they are not those of every way."""

    rate_by_size: Mapping[int, Range] = MappingProxyType({})
    """Learning rates by the most parameters, where they are not `rate`."""


LESS: Range = (4.1, 4.5)
"""Samples per parameter for losses that do not give samples up."""

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

LARGE_LM: dict[str, Any] = {"samples": (5.6, 6.2), "trainer": "lm", "rising": RISING, "draws": 3}
"""What ways with Levenberg-Marquardt have in common for such networks."""

WAYS = {
    "sgd": Way("SGD, cross-entropy", (0.5, 4.0), (0, 0), LESS, SGD),
    "sgd_gce": Way("SGD, q rising", (0.5, 4.0), optimizer=SGD),
    "momentum": Way("momentum, cross-entropy", (0.05, 0.4), (0, 0), LESS, partial(SGD, momentum=0.95)),
    "momentum_gce": Way("momentum, q rising", (0.05, 0.4), optimizer=partial(SGD, momentum=0.95)),
    "rmsprop": Way("RMSProp, cross-entropy", (0.001, 0.006), (0, 0), LESS, RMSprop),
    "rmsprop_gce": Way("RMSProp, q rising", (0.001, 0.006), optimizer=RMSprop),
    "adam": Way("Adam, cross-entropy", exponent=(0, 0), samples=LESS),
    "adam_gce": Way("Adam, q rising to 0.5-0.9"),
    "adam_gce_1": Way("Adam, q rising to 1", exponent=(1, 1)),
    "adam_constant": Way("Adam, constant q", exponent=(0.2, 0.5), task=ConstantExponent),
    "adam_squared": Way("Adam, squared error", exponent=(0, 0), samples=LESS, task=SquaredError),
    "adamw": Way("AdamW, q rising", optimizer=partial(AdamW, weight_decay=0.01)),
    "adam_batches": Way("Adam, 2 minibatches, q rising", batches=2),
    "adam_noise": Way("Adam, gradient noise, q rising", trainer="noise"),
    "adam_linear": Way("Adam, linear schedule, q rising", schedule=linear),
    "adam_restarts": Way("Adam, warm restarts, q rising", schedule=restarts),
    "adam_halving": Way("Adam, successive halving, q rising", trainer="halving"),
    "adam_many": Way("Adam, 24 shorter draws, q rising", draws=24),
    "adam_more": Way("Adam, larger b, q rising", samples=(5.0, 5.5)),
    "adam_3": Way("Adam, 3 unrolled steps, q rising", options={"steps": 3}),
    "adam_13": Way("Adam, 13 input bits, q rising", options={"input_size": 13}),
    "muon": Way("Muon, q rising", (0.006, 0.03), trainer="muon"),
    "soap": Way("SOAP, q rising", trainer="soap"),
    "lm": Way("Levenberg-Marquardt, constant q", exponent=(0.25, 0.4), trainer="lm"),
    "lm_many": Way("Levenberg-Marquardt, 24 draws", exponent=(0.25, 0.4), trainer="lm", draws=24),
    "lm_entropy": Way("Levenberg-Marquardt, cross-entropy", exponent=(0, 0), samples=LESS, trainer="lm"),
    "lm_hinge": Way("Levenberg-Marquardt, squared hinge", samples=LESS, trainer="lm", hinge=True),
    "lm_3": Way("Levenberg-Marquardt, 3 unrolled steps", exponent=(0.25, 0.4), options={"steps": 3}, trainer="lm"),
    "lm_last": Way("Adam, q rising, then Levenberg-Marquardt", trainer="lm", warm=0.8),
    "lm_last_more": Way(
        "Adam, larger b, q rising, then Levenberg-Marquardt", samples=(4.6, 5.1), trainer="lm", warm=0.8
    ),
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
        **{
            **WARM_UP_5,
            "rate": (0.09, 0.118),
            "exponent": (0.52, 0.6),
            "samples": (6.4, 7.45),
            "options": {"steps": 4},
            "scales": FEWER_STEPS,
        },
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

LARGE_WAYS = (
    "adam_entropy_5",
    "adam_entropy_5_high_rate",
    "adam_5_high_rate",
    "lm_5_high_rate",
    "lm_5_more",
    "lm_5_warm_up",
    "adam_5_warm_up",
    "adam_5_warm_up_gated",
    "lm_4_warm_up",
    "adam_4_warm_up",
    "lm_5_warm_up_many",
    "adam_5_halving",
    "adam_large",
    "lm_large",
    "lm_large_2",
    "lm_large_high_rate",
)
"""Ways that are measured at the large sizes, and at the others for a given number of seconds, with every cell."""
