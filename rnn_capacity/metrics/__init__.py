"""What is measured: pure functions first, then the torchmetrics that sum what they need."""

from rnn_capacity.metrics.bits import (
    bits_per_parameter,
    class_logits,
    likelihood_bits,
    negative_log_likelihood,
    stored_bits,
)
from rnn_capacity.metrics.stored import StoredInformation

__all__ = [
    "StoredInformation",
    "bits_per_parameter",
    "class_logits",
    "likelihood_bits",
    "negative_log_likelihood",
    "stored_bits",
]
