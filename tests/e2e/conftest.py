"""The product as an operator has it: deployed by sam, reached over HTTP, with DRS and a second account behind it."""

from collections.abc import Iterator

import pytest

from sandbox import seeding
from sandbox.stack import Sandbox
from tests.support.deployed import Operator
from tests.support.processes import free_ports
from tests.support.product import SHORT_DURATIONS


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One sandbox for all tests: it starts in eight seconds. A drill's job takes 0.6 s, a recovery's 4.5 s."""
    port, drs_port = free_ports(2)
    parameters = {"SyncRate": "rate(1 minute)"}
    with Sandbox(port=port, drs_port=drs_port, speed=400, parameters=parameters) as running:
        seeding.register_accounts(running)
        durations = {"drill": SHORT_DURATIONS["drill"], "recovery": {"pending": 900, "started": 900}}
        running.control_emulator("PUT", "/settings", {"durations": durations})
        yield running


@pytest.fixture
def operator(sandbox: Sandbox) -> Operator:
    return Operator(sandbox)
