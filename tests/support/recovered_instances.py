"""A target with recovered instances, for tests of the calls that checks and actions make.

It has the product's tables on moto and an emulator. Both have one clock, which the test moves by hand, and which a
short wait of the product moves too.
"""

import os
import unittest.mock
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from drs_emulator import Emulator
from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.drs import rate_limiter
from recovery.settings import settings as product_settings
from tests.support.moto_tables import product_tables
from tests.support.product import HUB, OTHER, WEST, account_of

TARGET = Target(HUB, WEST)
START = 1_800_000_000.0
# Longer than a drill of the emulator; boots begin at its end.
DRILL_SECONDS = 600
# Agents register after five minutes, and checks pass ten minutes later.
BOOT = {"pending": 300, "started": 600}
# Longer than a boot, with the delays of the profile `unkind`.
BOOT_SECONDS = 1_200


class Recovered:
    """An emulator, and what a test does with the instances that it plays."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator, self.control, self.now = emulator, emulator.control, START

    def launch(self, *hostnames: str, **more: Any) -> dict[str, str]:
        """Start a drill of new servers, wait for its end, and return the ids of their instances by host name."""
        ids = self.emulator.seed(HUB, WEST, [{"hostname": each, **more} for each in hostnames])
        for at in range(0, len(ids), 100):
            servers = [{"sourceServerID": each} for each in ids[at : at + 100]]
            self.emulator.client(HUB, WEST).start_recovery(sourceServers=servers, isDrill=True)  # type: ignore[arg-type]
        self.wait(DRILL_SECONDS)
        shown = self.control.instances()
        return {each["hostname"]: each["instanceId"] for each in shown if each["hostname"] in hostnames}

    def boot(self, *hostnames: str, **more: Any) -> dict[str, str]:
        """Launch servers and wait until their checks have passed."""
        found = self.launch(*hostnames, **more)
        self.wait(BOOT_SECONDS)
        return found

    def wait(self, seconds: float) -> None:
        """Move both clocks."""
        self.now += max(seconds, 0)
        self.control.advance(max(seconds, 0))

    def play(self, **behaviour: Any) -> None:
        """Set knobs of the emulator, by their names in its settings."""
        self.control.change_settings({"behaviour": behaviour})

    def fault(self, kind: str, operation: str, **more: Any) -> None:
        """Break calls of an operation from now on."""
        self.control.add_fault({"kind": kind, "operation": operation, **more})

    def rule(self, kind: str, **more: Any) -> None:
        """Say what instances, commands or automations do from now on."""
        self.control.add_rule({"kind": kind, **more})

    def calls(self, operation: str) -> int:
        """How often the operation was called."""
        return sum(self.control.calls()["operations"].get(operation, {}).values())


@contextmanager
def recovered(**settings: Any) -> Iterator[Recovered]:
    """Run a target with these settings of the emulator, such as `profile`."""
    with (
        unittest.mock.patch.dict(os.environ),
        product_tables(),
        pytest.MonkeyPatch.context() as patch,
        Emulator(speed=0, origin=START, account_of=account_of) as emulator,
    ):
        for service in ("DRS", "EC2", "SSM", "ELASTIC_LOAD_BALANCING_V2"):
            patch.setenv(f"AWS_ENDPOINT_URL_{service}", emulator.url)
        product_settings.cache_clear()
        rate_limiter.get_bucket.cache_clear()
        for account in (HUB, OTHER):
            role = f"arn:aws:iam::{account}:role/drs-waves-target"
            dynamodb.put("target_accounts", {"accountId": account, "roleArn": role, "externalId": "an-id"})
        found = Recovered(emulator)
        emulator.control.change_settings({"durations": {"boot": BOOT}, **settings})
        patch.setattr(clock, "now", lambda: found.now)
        patch.setattr(clock, "sleep", found.wait)
        yield found
    product_settings.cache_clear()
    rate_limiter.get_bucket.cache_clear()
