"""The ways to train small networks that tools/training_methods.py compares, with the ranges of their settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from torch.optim.lr_scheduler import LambdaLR
from training_losses import ConstantExponent, SquaredError
from training_schedules import cosine, linear, restarts

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

    trainer: Literal["kernel", "halving", "muon", "soap", "kfac", "ademamix", "noise", "lm"] = "kernel"
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

SMALL_WAYS = {
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
    "kfac": Way("Adam in K-FAC's eigenbases, q rising", trainer="kfac"),
    "ademamix": Way("AdEMAMix, q rising", trainer="ademamix"),
    "lm": Way("Levenberg-Marquardt, constant q", exponent=(0.25, 0.4), trainer="lm"),
    "lm_many": Way("Levenberg-Marquardt, 24 draws", exponent=(0.25, 0.4), trainer="lm", draws=24),
    "lm_entropy": Way("Levenberg-Marquardt, cross-entropy", exponent=(0, 0), samples=LESS, trainer="lm"),
    "lm_hinge": Way("Levenberg-Marquardt, squared hinge", samples=LESS, trainer="lm", hinge=True),
    "lm_3": Way("Levenberg-Marquardt, 3 unrolled steps", exponent=(0.25, 0.4), options={"steps": 3}, trainer="lm"),
    "lm_last": Way("Adam, q rising, then Levenberg-Marquardt", trainer="lm", warm=0.8),
    "lm_last_more": Way(
        "Adam, larger b, q rising, then Levenberg-Marquardt", samples=(4.6, 5.1), trainer="lm", warm=0.8
    ),
}
"""The ways by name."""
