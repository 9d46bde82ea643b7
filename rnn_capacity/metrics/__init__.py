"""What is measured: pure functions first, then the torchmetrics that sum what they need."""

from rnn_capacity.metrics.bits import (
    bits_per_parameter,
    class_logits,
    likelihood_bits,
    negative_log_likelihood,
    stored_bits,
)
from rnn_capacity.metrics.characters import UNSCORED, CharactersRight, nats_per_character, share_right
from rnn_capacity.metrics.counting import Counting, counting_loss
from rnn_capacity.metrics.direction import optimum
from rnn_capacity.metrics.language import BitsPerCharacter
from rnn_capacity.metrics.reconstruction import Reconstruction, dimensions_recovered, least_linear_mse
from rnn_capacity.metrics.stored import StoredInformation
from rnn_capacity.metrics.water_filling import ImpliedBits, implied_bits, implied_loss, sample_weights

__all__ = [
    "UNSCORED",
    "BitsPerCharacter",
    "CharactersRight",
    "Counting",
    "ImpliedBits",
    "Reconstruction",
    "StoredInformation",
    "bits_per_parameter",
    "class_logits",
    "counting_loss",
    "dimensions_recovered",
    "implied_bits",
    "implied_loss",
    "least_linear_mse",
    "likelihood_bits",
    "nats_per_character",
    "negative_log_likelihood",
    "optimum",
    "sample_weights",
    "share_right",
    "stored_bits",
]
