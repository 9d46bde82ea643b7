from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.search.searching import Searching


@pytest.fixture
def searching(toy: Callable[..., list[str]], tmp_path: Path) -> Searching:
    return Searching(toy, tmp_path)
