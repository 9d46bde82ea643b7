from __future__ import annotations

import pytest

from rnn_capacity.formatting import format_value, metric_label


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "null"),
        ("gru", "gru"),
        (0.000123456, "0.0001235"),
        (1e-7, "1e-07"),
        (3.14159, "3.142"),
        (1234.5678, "1,235"),
        (-12345.6, "-12,346"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (2500, "2,500"),
    ],
)
def test_a_value_has_four_significant_digits_and_commas_between_thousands(value: object, text: str) -> None:
    assert format_value(value) == text


def test_a_metric_is_named_in_words_that_tell_it_from_the_others() -> None:
    assert metric_label("accuracy") == "accuracy"
    assert metric_label("sequence_accuracy") == "sequence accuracy"
    assert metric_label("bits_per_parameter") != metric_label("likelihood_bits_per_parameter")
