"""Fixtures of the tests of the harness."""

from collections.abc import Iterator

import pytest

from tests.harness.engine import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An Engine in which a minute takes a second."""
    with Engine(speed=60) as running:
        yield running
