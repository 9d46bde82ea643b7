"""Metrics: pure functions in bits, nats and accuracies, and the torchmetrics built on them."""

from rnn_capacity.metrics.bits import (
    bits_per_parameter,
    class_logits,
    likelihood_bits,
    negative_log_likelihood,
    stored_bits,
)
from rnn_capacity.metrics.bits_per_character import BitsPerCharacter
from rnn_capacity.metrics.characters import UNSCORED, CharacterAccuracy, character_accuracy, nats_per_character
from rnn_capacity.metrics.counting import CountAccuracy, counting_loss
from rnn_capacity.metrics.reconstruction import ReconstructionError, dimensions_recovered, theoretical_mse
from rnn_capacity.metrics.stored_information import StoredInformation
from rnn_capacity.metrics.summed import Direction
from rnn_capacity.metrics.water_filling import ImpliedBits, implied_bits, implied_loss, sample_weights

__all__ = [
    "UNSCORED",
    "BitsPerCharacter",
    "CharacterAccuracy",
    "CountAccuracy",
    "Direction",
    "ImpliedBits",
    "ReconstructionError",
    "StoredInformation",
    "bits_per_parameter",
    "character_accuracy",
    "class_logits",
    "counting_loss",
    "dimensions_recovered",
    "implied_bits",
    "implied_loss",
    "likelihood_bits",
    "nats_per_character",
    "negative_log_likelihood",
    "sample_weights",
    "stored_bits",
    "theoretical_mse",
]
