"""Draws launch profiles and reservations, remembers the launch settings of servers, and changes some by hand.

A person changes the launch template of a server while a run goes on, whether the run has changed it by then or not.
What the person has set must be there at the end of the round; of every other server, what was there before.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from sandbox import networks
from sandbox.stack import Sandbox

Row = dict[str, Any]
Place = tuple[str, str]
"""An account and Region."""

# A person tries again when a fault of the scenario strikes the call.
INSIST = Retrying(
    retry=retry_if_exception_type((BotoCoreError, ClientError)),
    stop=stop_after_attempt(50),
    wait=wait_fixed(0.2),
    reraise=True,
)

# Real seconds after which EC2 shows a new default version under every profile of the emulator.
VISIBLE_SECONDS = 1.0
WITH_PROFILE, WITH_RESERVATION, SKIPPED, BY_HAND = 0.7, 0.3, 0.1, 0.2
"""The part of the groups that has a profile, those of the starts that reserve capacity and that skip profiles, and that
of the runs in which a person changes a template."""
TYPES = (["m5.large"], ["m5.large", "m5.xlarge"], ["c5.large", "m5.large"])
CHANGING = (
    "CreateLaunchTemplateVersion",
    "ModifyLaunchTemplate",
    "DeleteLaunchTemplateVersions",
    "UpdateLaunchConfiguration",
    "CreateCapacityReservation",
    "CancelCapacityReservation",
)
"""What changes launch settings and reservations. Their answers are lost more often than others."""


class Profiles:
    """Draws from the chance of a scenario. `seen` counts what a person has changed by hand.

    `before` has the settings of each server before any run, and `by_hand` the default version that a person has set.
    `places` has the account and Region of each server.
    """

    def __init__(self, sandbox: Sandbox, chance: random.Random, seen: Counter[str]) -> None:
        self._sandbox, self._chance, self._seen = sandbox, chance, seen
        self.places: dict[str, Place] = {}
        self.before: dict[str, Row] = {}
        self.by_hand: dict[str, int] = {}

    # --- what is drawn
    def draw(self, region: str) -> Row:
        """The launch profiles of a group, or none."""
        if self._chance.random() >= WITH_PROFILE:
            return {}
        drill = {
            "subnets": networks.drill_subnets(region),
            "securityGroups": [networks.DRILL_GROUP],
            "privateIp": "release",
            "isolation": self._chance.choice(("required", "required", "reported")),
            **self._draw_more(),
        }
        recovery = {
            "subnets": networks.recovery_subnets(region),
            "securityGroups": [networks.RECOVERY_GROUP],
            **self._chance.choice(({"privateIp": "release"}, {"privateIpMap": {"10.1.0.0/16": "10.20.0.0/16"}})),
            **self._draw_more(),
        }
        return {"launchProfiles": {"drill": drill, "recovery": recovery}}

    def _draw_more(self) -> Row:
        more: Row = {}
        if self._chance.random() < 0.4:
            more["instanceTypes"] = self._chance.choice(TYPES)
        if self._chance.random() < 0.3:
            more["tags"] = {"purpose": "chaos"}
        if self._chance.random() < 0.2:
            more["disposition"] = "STARTED"
        return more

    def draw_options(self) -> Row:
        """The body of a start."""
        options: Row = {}
        if self._chance.random() < WITH_RESERVATION:
            options["reserveCapacity"] = True
        if self._chance.random() < SKIPPED:
            options["launchProfiles"] = "skip"
        return options

    def draw_moment(self) -> int | None:
        """After how many reads of a run with launching servers a person changes a template, if one does."""
        return self._chance.randint(1, 8) if self._chance.random() < BY_HAND else None

    # --- what is remembered
    def remember(self, place: Place, server_ids: Iterable[str]) -> None:
        """Keep what the servers are launched with now; some of them copy the address of their source."""
        drs = self._sandbox.client("drs", account=place[0], region=place[1])
        copied = [server_id for server_id in server_ids if self._chance.random() < 0.5]
        for server_id in copied:
            drs.update_launch_configuration(sourceServerID=server_id, copyPrivateIp=True)
        if copied:  # DRS may write a version then, which EC2 shows later
            time.sleep(VISIBLE_SECONDS)
        for server_id in server_ids:
            self.places[server_id] = place
            self.before[server_id] = read_settings(self._sandbox, place, server_id)

    # --- what a person does
    def change_by_hand(self, server_ids: Iterable[str]) -> None:
        """Make a new version of the template of one of these servers the default one, and remember its number."""
        server_id = self._chance.choice(sorted(server_ids))
        account, region = self.places[server_id]
        ec2 = self._sandbox.client("ec2", account=account, region=region)
        template = self.before[server_id]["template"]
        made = INSIST(
            ec2.create_launch_template_version,
            LaunchTemplateId=template,
            SourceVersion="$Default",
            VersionDescription="by hand",
            LaunchTemplateData={"InstanceType": "r5.large"},
        )
        number = int(made["LaunchTemplateVersion"]["VersionNumber"])
        INSIST(ec2.modify_launch_template, LaunchTemplateId=template, DefaultVersion=str(number))
        self.by_hand[server_id] = number
        self._seen["template changed by hand"] += 1


def read_settings(sandbox: Sandbox, place: Place, server_id: str) -> Row:
    """The launch configuration of a server, and the number and the data of the default version of its template."""
    drs = sandbox.client("drs", account=place[0], region=place[1])
    ec2 = sandbox.client("ec2", account=place[0], region=place[1])
    configuration: Mapping[str, Any] = drs.get_launch_configuration(sourceServerID=server_id)
    template = configuration["ec2LaunchTemplateID"]
    (default,) = ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=["$Default"])[
        "LaunchTemplateVersions"
    ]
    kept = {name: value for name, value in configuration.items() if name != "ResponseMetadata"}
    return {
        "template": template,
        "configuration": json.dumps(kept, sort_keys=True),
        "version": default["VersionNumber"],
        "data": json.dumps(default["LaunchTemplateData"], sort_keys=True),
    }


def list_faults() -> list[Row]:
    """Faults of the calls that change launch settings and reservations."""
    lost: list[Row] = [{"kind": "CUT_AFTER", "operation": each, "probability": 0.2} for each in CHANGING]
    refused: list[Row] = [{"kind": "SERVER_ERROR", "operation": each, "probability": 0.1} for each in CHANGING]
    return [*lost, *refused]
