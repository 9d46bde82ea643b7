"""Decides whether a claim holds: the whole confidence interval of a number must lie inside or outside of bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from rnn_capacity.report.estimates import Estimate
from rnn_capacity.report.results import Rows

MIN_TRIALS = 8
"""Smallest number of trials by which a claim is judged; with fewer the bootstrap interval is too narrow."""

Verdict = Literal["holds", "differs", "not enough data"]


@dataclass(frozen=True)
class Condition:
    """A number with bounds between which it must lie for a claim to hold, bounds included."""

    estimate: Estimate
    """The measured number with its confidence interval."""

    at_least: float = -math.inf
    """Smallest value that meets the condition."""

    at_most: float = math.inf
    """Largest value that meets the condition."""

    @property
    def verdict(self) -> Verdict:
        """Verdict: holds if the confidence interval lies inside the bounds, differs if outside of them."""
        interval = self.estimate.interval
        if interval is None or self.estimate.fewest < MIN_TRIALS:
            return "not enough data"
        low, high = interval
        if self.at_least <= low and high <= self.at_most:
            return "holds"
        return "differs" if high < self.at_least or low > self.at_most else "not enough data"

    @property
    def doubt(self) -> str:
        """Reason for which this condition has no verdict, such as too few trials; empty if it has one."""
        if self.verdict != "not enough data":
            return ""
        if self.estimate.fewest < MIN_TRIALS:
            return f"{MIN_TRIALS} trials of each network, the fewest has {self.estimate.fewest}"
        if self.estimate.interval is None:
            return "a finite number in every bootstrap sample"
        return "an interval on one side of the bound"


@dataclass(frozen=True)
class Finding:
    """What our trials say about a claim: one condition on a measured number for each part of the claim's rule."""

    conditions: list[Condition] = field(default_factory=list)
    """Conditions that must all hold for the claim to hold; the first one's number is reported as measured."""

    rows: Rows = field(default_factory=list)
    """The trials that the numbers are computed from."""

    quantity: str = ""
    """Name of the number that is reported as measured."""

    missing: str = ""
    """Cells, tasks or sizes that the rule asks for and no study has trained; if any, the claim cannot hold."""

    @property
    def verdict(self) -> Verdict:
        """The claim's verdict: differs if one condition does, holds if all do and nothing is missing."""
        verdicts = {condition.verdict for condition in self.conditions}
        if "differs" in verdicts:
            return "differs"
        return "holds" if verdicts == {"holds"} and not self.missing else "not enough data"

    @property
    def lack(self) -> str:
        """Cells, tasks, sizes or trials that a claim lacks for a verdict; empty if the claim has a verdict."""
        if self.verdict != "not enough data":
            return ""
        return self.missing or next((one.doubt for one in self.conditions if one.doubt), "")
