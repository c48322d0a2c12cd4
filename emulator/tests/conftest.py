"""One emulator serves all tests, with a clock that only a test's `advance` moves. Tests call it over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from drs_emulator import Emulator
from drs_emulator.behaviour import PROFILES
from emulator_support.client import EmulatorClient


@pytest.fixture(scope="session")
def _running() -> Iterator[tuple[Emulator, EmulatorClient, Any]]:
    with Emulator(speed=0, seed=7) as emulator:
        client = EmulatorClient(emulator)
        yield emulator, client, client.control("GET", "settings")[1]


@pytest.fixture
def captured(_running: tuple[Emulator, EmulatorClient, Any]) -> EmulatorClient:
    """The emulator as it is by default."""
    return _prepare(_running)


@pytest.fixture
def emulator(_running: tuple[Emulator, EmulatorClient, Any]) -> EmulatorClient:
    """The emulator with the profile `generous`, whose answers tell a test everything."""
    return _prepare(_running, profile="generous")


@pytest.fixture(params=PROFILES)
def any_profile(_running: tuple[Emulator, EmulatorClient, Any], request: pytest.FixtureRequest) -> EmulatorClient:
    return _prepare(_running, profile=request.param)


def _prepare(running: tuple[Emulator, EmulatorClient, Any], **more: Any) -> EmulatorClient:
    _, client, defaults = running
    client.control("POST", "reset")
    limits: dict[str, Any] = dict.fromkeys(client.control("GET", "settings")[1]["rateLimits"])
    limits["default"] = {"perSecond": 1000, "burst": 100_000}
    client.change(**defaults | {"rateLimits": limits})
    if more:
        client.change(**more)
    return client
