from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.search.toy_search import Started, ToySearch
from tests.studies.conftest import database as database
from tests.studies.conftest import prepared_file as prepared_file
from tests.studies.conftest import server as server


@pytest.fixture
def searching(toy: Callable[..., list[str]], tmp_path: Path) -> ToySearch:
    return ToySearch(toy, tmp_path)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """A function that starts a search in a process of its own, which does not outlive the test."""
    started: list[Started] = []

    def start(options: list[str], workers: str = "fork") -> Started:
        started.append(Started(options, tmp_path / f"said{len(started)}.txt", workers))
        return started[-1]

    yield start
    for search in started:
        search.kill()
