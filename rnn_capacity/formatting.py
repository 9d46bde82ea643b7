"""Formats values and metric names for tables, plots and progress lines."""

from __future__ import annotations

from typing import Any

LABELS = {
    "bits_per_parameter": "bits per parameter (accuracy)",
    "likelihood_bits_per_parameter": "bits per parameter (likelihood)",
}
"""Printed names of metrics whose keys do not say how the two kinds of bits per parameter differ."""


def format_value(value: Any) -> str:
    """Format a metric or hyperparameter as text: floats to four significant digits, or to integers from 10,000 on.

    Args:
        value: A number, boolean or text; None is "null", as in YAML.

    Example:
        >>> [format_value(value) for value in (True, 0.00012345, 3.14159, 12345.6, 2500, None, "gru")]
        ['yes', '0.0001234', '3.142', '12,346', '2,500', 'null', 'gru']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if 9999.5 <= abs(value) < 1e15 else f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def metric_label(key: str) -> str:
    """Return the printed name of a metric, such as "sequence accuracy" for sequence_accuracy.

    Args:
        key: A key of summary.json.

    Example:
        >>> metric_label("bits_per_parameter"), metric_label("sequence_accuracy")
        ('bits per parameter (accuracy)', 'sequence accuracy')
    """
    return LABELS.get(key, key.replace("_", " "))
