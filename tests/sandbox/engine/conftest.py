"""MiniStack with all patches and without any, side by side."""

from collections.abc import Iterator

import pytest

from tests.support.ministack import MiniStack, run_ministack
from tests.support.processes import free_ports


@pytest.fixture(scope="session")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    with run_ministack(tmp_path_factory.mktemp("patched"), *free_ports(1), without="") as running:
        yield running


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    with run_ministack(tmp_path_factory.mktemp("unpatched"), *free_ports(1), without="all") as running:
        yield running
