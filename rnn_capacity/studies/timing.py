"""Intervals of a worker's heartbeats, and the time limits after which workers count as dead and calls as failed."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_capacity.checks import check_minimum, check_positive


@dataclass(frozen=True)
class Timing:
    """Intervals of heartbeats and retries in seconds, which should be the same for all workers of a study.

    Raises:
        ValueError: If `heartbeat` is not positive, `grace` not longer than it, or `retry_seconds` negative.

    Example:
        >>> Timing(heartbeat=10, grace=30).retry_seconds
        120.0
    """

    heartbeat: float = 60.0
    """Seconds between two heartbeats, by which a worker shows others that it is alive."""

    grace: float = 180.0
    """Seconds without a heartbeat after which a worker counts as dead and its trials are run again."""

    retry_seconds: float = 120.0
    """Seconds for which a storage call is repeated while the storage is locked or unreachable."""

    def __post_init__(self) -> None:
        check_positive(heartbeat=self.heartbeat)
        check_minimum(0, retry_seconds=self.retry_seconds)
        if not self.grace > self.heartbeat:
            raise ValueError(f"grace must be longer than the heartbeat of {self.heartbeat} seconds, got {self.grace}")
