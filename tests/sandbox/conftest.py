"""Fixtures of the tests of the sandbox."""

import pytest

from tests.support import processes


@pytest.fixture(scope="session")
def free_ports() -> list[int]:
    """Two ports on which no process listens at the moment."""
    return processes.free_ports(2)
