"""When a claim holds: conditions on estimates, of which the whole interval must meet or fail the rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import Rows

MIN_TRIALS = 8
"""Trials without which no number decides a claim: an interval from fewer draws is too narrow."""

Verdict = Literal["holds", "differs", "not enough data"]


@dataclass(frozen=True)
class Condition:
    """The condition that a number lies between two bounds, bounds included."""

    estimate: Estimate
    """The number."""

    at_least: float = -math.inf
    """Lower bound."""

    at_most: float = math.inf
    """Upper bound."""

    @property
    def verdict(self) -> Verdict:
        """Whether the number's whole interval lies inside the bounds, or outside of them, if it has `MIN_TRIALS`."""
        interval = self.estimate.interval
        if interval is None or self.estimate.fewest < MIN_TRIALS:
            return "not enough data"
        low, high = interval
        if self.at_least <= low and high <= self.at_most:
            return "holds"
        return "differs" if high < self.at_least or low > self.at_most else "not enough data"


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim: one condition for each part of its rule."""

    conditions: list[Condition] = field(default_factory=list)
    """The conditions; the first one's number is the claim's measured value."""

    rows: Rows = field(default_factory=list)
    """The trials behind it."""

    quantity: str = ""
    """What the measured value is."""

    missing: str = ""
    """What the rule asks for and no study has measured; with it a claim may differ but not hold."""

    @property
    def verdict(self) -> Verdict:
        """Whether all conditions hold, or one of them differs."""
        verdicts = {condition.verdict for condition in self.conditions}
        if "differs" in verdicts:
            return "differs"
        return "holds" if verdicts == {"holds"} and not self.missing else "not enough data"
