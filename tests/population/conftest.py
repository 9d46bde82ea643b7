"""Fixture that runs every test of the population without the compiled kernel and with its fastest build."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kernel_builds import kernel_build


@pytest.fixture(params=["off", "auto"], autouse=True)
def build(request: pytest.FixtureRequest) -> Iterator[str]:
    """The build of the compiled kernel that the test uses."""
    with kernel_build(request.param):
        yield request.param
