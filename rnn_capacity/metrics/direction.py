"""The direction in which a metric improves."""

from typing import Literal

Direction = Literal["max", "min"]
"""Whether the largest or the smallest value of a metric is the best."""
