"""The cache of recovery instances agrees with DRS in the end, in whatever order syncs and clean-ups run.

DRS and EC2 are a dict here, which a test changes between the steps of a sync; the table is moto's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import to_wire
from recovery.cache import recovery_instances, sync, sync_status
from recovery.cache.sync_status import SYNCED
from recovery.catalog import targets
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs import ec2
from recovery.drs.ec2 import Ec2Instance
from recovery.errors import DrsUnavailable, TargetNotInitialized
from tests.support.moto_tables import empty, product_tables

pytestmark = pytest.mark.proof

HERE, THERE = Target("111122223333", "us-west-2"), Target("444455556666", "eu-central-1")
SERVERS = [f"s-{number:017}" for number in range(4)]


@pytest.fixture(scope="module", autouse=True)
def on_moto() -> Iterator[None]:
    """Tables that are created once; each example empties them."""
    with product_tables():
        yield


@dataclass
class World:
    """What DRS and EC2 have, and a clock that moves by a second with each step."""

    launched: dict[str, tuple[str, str]] = field(default_factory=dict)
    now: float = 1_700_000_000.0
    made: int = 0
    looked: Callable[[], None] = lambda: None
    fails: bool = False
    initialized: bool = True

    def launch(self, server: str) -> None:
        self.made += 1
        self.launched[server] = (f"i-{self.made:017x}", "RUNNING")

    def change(self, server: str, state: str) -> None:
        if server in self.launched:
            self.launched[server] = (self.launched[server][0], state)

    def terminate(self, server: str) -> str | None:
        return self.launched.pop(server, (None, ""))[0]

    def describe(self, target: Target, ids: Any = None) -> tuple[list[LaunchedInstance], int]:
        self.tick()
        if self.fails:
            raise DrsUnavailable("down")
        if not self.initialized:
            raise TargetNotInitialized("never set up")
        if target != HERE:
            return [], 1
        found = [
            LaunchedInstance(instance_id, instance_id, server, state, "host", None, True, "2026-01-01T00:00:00Z")
            for server, (instance_id, state) in sorted(self.launched.items())
        ]
        self.looked()
        return found, 1

    def describe_servers(self, target: Target, ids: Any) -> list[SourceServer]:
        return [SourceServer(server, "host", {}, "CONTINUOUS", staging_account_id=target.account_id) for server in ids]

    def describe_ec2(self, target: Target, ids: Any) -> tuple[dict[str, Ec2Instance], int]:
        states = dict(self.launched.values())
        return {
            each: Ec2Instance(each, states[each].lower(), "web", "10.0.0.1", None, "m5.large", None, "vpc-1",
                              "subnet-1", ("sg-1",), None)
            for each in ids if each in states
        }, 1  # fmt: skip

    def tick(self) -> None:
        self.now += 1


@pytest.fixture
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def begin(patch: pytest.MonkeyPatch, world: World) -> None:
    for table in ("recovery_instances", "limits"):
        empty(table)
    patch.setattr(clock, "now", lambda: world.now)
    patch.setattr(drs, "describe_recovery_instances", world.describe)
    patch.setattr(drs, "describe_source_servers", world.describe_servers)
    patch.setattr(ec2, "describe_instances", world.describe_ec2)
    recovery_instances._sync_versions.clear()


def cached() -> dict[str, tuple[str, str]]:
    rows = recovery_instances.get_rows(SERVERS).values()
    return {row["sourceServerId"]: (row["recoveryInstanceId"], row["ec2InstanceState"]) for row in rows if
            "recoveryInstanceId" in row}  # fmt: skip


def table() -> list[dict[str, Any]]:
    return sorted(dynamodb.scan("recovery_instances"), key=lambda row: str(row["sourceServerId"]))


Change = tuple[str, str]
changes = st.lists(
    st.tuples(st.sampled_from(["launch", "stop", "start", "terminate"]), st.sampled_from(SERVERS)), max_size=6
)


def apply(world: World, change: Change) -> None:
    kind, server = change
    world.tick()
    if kind == "launch":
        world.launch(server)
    elif kind == "terminate":
        world.terminate(server)
    else:
        world.change(server, "STOPPED" if kind == "stop" else "RUNNING")


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(changes, min_size=1, max_size=3))
def test_a_sync_leaves_what_drs_has_and_a_second_one_changes_nothing(steps: list[list[Change]]) -> None:
    world, last = World(), 0
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, world)
        for step in steps:
            for change in step:
                apply(world, change)
            sync.sync_target(HERE)
            assert cached() == world.launched
            rows, version = table(), sync_status.get_version(HERE)
            again = sync.sync_target(HERE)
            assert (again.changes, table()) == (0, rows)
            assert sync_status.get_version(HERE) > version > last
            last = version


COMPLETE = {
    "sourceServerId", "recoveryInstanceId", "ec2InstanceId", "ec2InstanceState", "name", "privateIp", "instanceType",
    "accountId", "region", "isDrill", "replicationStagingAccountId", "vpcId", "subnetId", "securityGroupIds",
    "pointInTimeSnapshotAt", "target", "version",
}  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(servers=st.sets(st.sampled_from(SERVERS), min_size=1), forgotten=st.sets(st.sampled_from(SERVERS)))
def test_every_row_is_complete_or_says_that_its_instance_is_gone(servers: set[str], forgotten: set[str]) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, world)
        for server in sorted(servers):
            world.launch(server)
        sync.sync_target(HERE)
        for server in sorted(forgotten & servers):
            gone = world.terminate(server)
            recovery_instances.mark_terminated(server, str(gone))
        for row in table():
            if row["sourceServerId"] in forgotten:
                assert row.keys() == {"sourceServerId", "version", "expiresAt"}
            else:
                assert row.keys() >= COMPLETE


@settings(max_examples=100, deadline=None)
@given(
    before=changes,
    first=changes,
    during=changes,
    newer_runs_during=st.booleans(),
    cleaned=st.sets(st.sampled_from(SERVERS)),
)
def test_an_older_sync_that_races_a_newer_one_and_a_clean_up_ends_right(
    before: list[Change],
    first: list[Change],
    during: list[Change],
    newer_runs_during: bool,
    cleaned: set[str],
) -> None:
    """The older sync reads from DRS. Everything else happens before it writes."""
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, world)
        for change in before:
            apply(world, change)
        sync.sync_target(HERE)
        for change in first:
            apply(world, change)
        times: dict[str, str] = {}
        forgotten = set[str]()

        def meanwhile() -> None:
            world.looked = lambda: None
            for change in during:
                apply(world, change)
            for server in sorted(cleaned):
                if gone := world.terminate(server):
                    began_at = world.now
                    world.tick()
                    recovery_instances.mark_terminated(server, gone, began_at)
                    forgotten.add(gone)
            if newer_runs_during:
                sync.sync_target(HERE)
                assert cached() == world.launched
            rows = [row for row in table() if "recoveryInstanceId" in row]
            times.update({row["sourceServerId"]: recovery_instances.last_sync_at(row) for row in rows})

        world.looked = meanwhile
        sync.sync_target(HERE)
        recovery_instances._sync_versions.clear()
        for row in table():
            if "recoveryInstanceId" in row:
                assert recovery_instances.last_sync_at(row) >= times.get(row["sourceServerId"], "")
        if newer_runs_during:
            assert cached() == world.launched
        assert not forgotten & {instance_id for instance_id, _ in cached().values()}
        world.tick()
        sync.sync_target(HERE)
        assert cached() == world.launched


@settings(max_examples=100, deadline=None)
@given(before=changes, after=changes, initialized=st.booleans())
def test_a_sync_that_fails_changes_nothing_and_one_of_a_place_without_drs_empties_its_part(
    before: list[Change], after: list[Change], initialized: bool
) -> None:
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, world)
        for change in before:
            apply(world, change)
        sync.sync_target(HERE)
        rows, limits = table(), list(dynamodb.scan("limits"))
        for change in after:
            apply(world, change)
        world.fails = True
        with pytest.raises(DrsUnavailable):
            sync.sync_target(HERE)
        assert (table(), list(dynamodb.scan("limits"))) == (rows, limits)
        world.fails, world.initialized = False, initialized
        done = sync.sync_target(HERE)
        assert done.status == ("SYNCED" if initialized else "NOT_SET_UP")
        assert cached() == (world.launched if initialized else {})


@settings(max_examples=100, deadline=None)
@given(moments=st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=8))
def test_the_last_sync_of_a_target_never_goes_back(moments: list[tuple[int, bool]]) -> None:
    world, latest = World(), 0
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, world)
        for moment, succeeds in moments:
            version = moment * 1_000
            if succeeds:
                recorded = sync_status.record_success(HERE, version, SYNCED, 1, 1.0)
                assert recorded == (version >= latest)
            else:
                sync_status.record_failure(HERE, "DrsUnavailable: down", clock.iso(moment))
            latest = max(latest, version if succeeds else 0)
            assert sync_status.get_version(HERE) == latest


regions = st.sampled_from(["us-west-2", "eu-central-1", "eu-west-3"])


@settings(max_examples=100, deadline=None)
@given(
    accounts=st.dictionaries(st.sampled_from(["111122223333", "444455556666"]), st.none() | st.lists(regions)),
    groups=st.lists(st.tuples(st.sampled_from(["111122223333", "444455556666"]), regions), max_size=4),
)
def test_every_configured_region_is_covered_once(
    accounts: dict[str, list[str] | None], groups: list[tuple[str, str]]
) -> None:
    for name, key in (("target_accounts", "accountId"), ("protection_groups", "groupId")):
        for row in dynamodb.scan(name):
            dynamodb.client().delete_item(TableName=name, Key=to_wire({key: row[key]}))
    for account, named in accounts.items():
        dynamodb.put("target_accounts", {"accountId": account, "roleArn": "arn", "externalId": "x", "regions": named})
    for number, (account, region) in enumerate(groups):
        dynamodb.put("protection_groups", {"groupId": f"pg-{number}", "accountId": account, "region": region})
    wanted = {(account, region) for account, named in accounts.items() for region in named or ()} | set(groups)
    found = [(target.account_id, target.region) for target in targets.list_targets()]
    assert found == sorted(wanted)


def test_of_two_instances_of_a_server_the_one_that_lives_is_kept() -> None:
    world = World()
    old = LaunchedInstance("i-00000001", "i-00000001", SERVERS[0], "SHUTTING-DOWN", "h", None, True, "2026-02-01")
    new = replace(
        old, instance_id="i-00000002", ec2_instance_id="i-00000002", state="RUNNING", snapshot_at="2026-01-01"
    )
    with pytest.MonkeyPatch.context() as patch:
        begin(patch, world)
        for both in ([old, new], [new, old]):
            world.tick()
            patch.setattr(drs, "describe_recovery_instances", lambda target, both=both: (both, 1))
            sync.sync_target(HERE)
            assert cached() == {SERVERS[0]: ("i-00000002", "RUNNING")}
