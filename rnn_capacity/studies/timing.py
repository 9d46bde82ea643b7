"""How often a worker says that it is alive, and how long anyone waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Times in seconds; every worker of a study should have the same."""

    heartbeat: int = 60
    """Between two signs of life of a running trial."""

    grace: int = 180
    """Without a sign of life, after which a trial's worker counts as dead and the trial is run again."""

    patience: float = 120.0
    """How long a storage that is locked or out of reach is tried again before a `StorageError`."""

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat < self.grace:
            raise ValueError(f"heartbeat must lie between 0 and grace, got {self.heartbeat} and {self.grace} seconds")
        if self.patience < 0:
            raise ValueError(f"patience must be at least 0 seconds, got {self.patience}")
