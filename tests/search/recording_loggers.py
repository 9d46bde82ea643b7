"""Loggers that keep what a search tells them."""

from __future__ import annotations

from typing import Any

from pytorch_lightning.loggers import Logger

RECORDED: list[RecordingLogger] = []
"""The loggers of this process, in their order."""


class RecordingLogger(Logger):
    """Keeps the numbers that it is given; it takes no texts, as TensorBoard's does not."""

    def __init__(self) -> None:
        super().__init__()
        self.config: dict[str, Any] = {}
        self.rows: list[tuple[int | None, dict[str, float]]] = []
        self.ended = ""
        RECORDED.append(self)

    @property
    def name(self) -> str:
        return "heard"

    @property
    def version(self) -> int:
        return 0

    def log_hyperparams(self, params: dict[str, Any]) -> None:  # type: ignore[override]  # Lightning's takes more
        self.config = params

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step, {name: float(value) for name, value in metrics.items()}))

    def finalize(self, status: str) -> None:
        self.ended = status


class RecordingTableLogger(RecordingLogger):
    """Takes tables and pictures, and with them texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, tuple[list[str], list[list[Any]]]] = {}
        self.pictures: dict[str, Any] = {}

    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        self.rows.append((step, metrics))

    def log_table(self, key: str, columns: list[str], data: list[list[Any]], step: int | None = None) -> None:
        self.tables[key] = (columns, data)

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        self.pictures[key] = images
