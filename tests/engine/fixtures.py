"""Fixtures for workflow tests; a plugin (`pytest_plugins = ["tests.engine.fixtures"]`) or to import by name."""

from collections.abc import Iterator

import pytest

from tests.engine.world import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An Engine in which a minute takes a second."""
    with Engine(speed=60) as running:
        yield running
