"""What readiness finds beyond missing things: launch profiles, sources, isolation, what it may not read, its cost."""

from typing import Any

import pytest

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.findings.catalogue import CATALOGUE
from recovery.domain.findings.codes import Code
from recovery.domain.findings.finding import Severity
from recovery.domain.readiness import Probe
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.drs import client as drs
from recovery.launch_checks.look import look_at_launches
from recovery.launch_checks.plan_launches import CheckedServers
from recovery.store.launches import findings
from tests.support.launch_needs import (
    PLACE,
    ZONES,
    add_subnet,
    choose_type,
    configure,
    list_findings,
    look,
    move_to,
    plan_of,
    template_of,
)
from tests.support.native_plans import hold_by_plan_of_drs
from tests.support.product import HUB, WEST, Product

DRILL, RECOVERY = RunMode.DRILL, RunMode.RECOVERY
TARGET = Target(HUB, WEST)


def strange(product: Product, server_id: str, **record: Any) -> None:
    """Let DRS describe the server with these members."""
    sent = {**PLACE, "operation": "DescribeSourceServers", "of": server_id, "record": record}
    product.emulator.control.add_strange_record(sent)


def warned(record: dict[str, Any]) -> dict[str, list[str]]:
    return {each["sourceServerId"]: each["warnings"] for each in record["sourceServers"] if each["warnings"]}


# --- launch profiles ----------------------------------------------------------------------------------------------
def test_the_settings_of_drills_and_of_recoveries_are_judged_apart(product: Product) -> None:
    (server,) = product.seed(1)
    gone = add_subnet(product, 77)
    plan = plan_of(product, [server], launchProfiles={"drill": {"subnets": {ZONES[0]: gone}, "privateIp": "release"}})
    product.emulator.control.remove_ec2_resource(gone)
    record, found = look(product, plan)
    assert found[Code.SUBNET_MISSING].modes == (DRILL,)
    assert gone in found[Code.SUBNET_MISSING].evidence
    assert "Its subnet does not exist (in drills)" in record["reason"]


def test_a_profile_mends_what_the_template_lacks(product: Product) -> None:
    """The template is that of neither kind of run: it is judged only as far as profiles leave it."""
    (server,) = product.seed(1)
    gone, good = add_subnet(product, 77), add_subnet(product, 78)
    move_to(product, server, gone)
    product.emulator.control.remove_ec2_resource(gone)
    profile = {"subnets": {ZONES[0]: good}, "securityGroups": ["sg-0d000078"]}
    plan = plan_of(product, [server], launchProfiles={"drill": profile, "recovery": profile})
    record, found = look(product, plan)
    assert (record["status"], found) == ("READY", {}), record["reason"]


def test_a_profile_that_does_not_suit_a_server_is_named(product: Product) -> None:
    inside, outside = product.seed(1, prefix="in", ip="10.1.2.3") + product.seed(1, prefix="out", ip="10.9.9.9")
    subnet = add_subnet(product, 77)
    profile = {"subnets": {ZONES[0]: subnet}, "privateIpMap": {"10.1.2.0/24": "10.77.0.0/24"}}
    plan = plan_of(product, [inside, outside], launchProfiles={"drill": profile})
    record, found = look(product, plan)
    assert found.keys() == {Code.PROFILE_REFUSED, Code.ADDRESS_RESERVED}
    assert (found[Code.PROFILE_REFUSED].server_ids, found[Code.PROFILE_REFUSED].modes) == ((outside,), (DRILL,))
    assert found[Code.ADDRESS_RESERVED].server_ids == (inside,)
    assert "10.9.9.9" in record["reason"]


# --- what blocks whom ---------------------------------------------------------------------------------------------
def test_a_finding_of_one_server_is_tolerated_as_its_wave_says_and_one_of_the_target_is_not(product: Product) -> None:
    wrong, right = product.seed(2)
    subnet = add_subnet(product, 77)
    move_to(product, wrong, subnet)
    product.emulator.control.remove_ec2_resource(subnet)
    choose_type(product, right, "m5.xlarge")
    plan = product.plan({"name": "web", "groups": [product.group([wrong, right])], "maxFailedPercent": 50})
    record = product.finish(product.start(plan, "readiness"))
    assert (record["status"], record["servers"]["excluded"]) == ("READY", 1), record
    product.emulator.control.set_quota({**PLACE, "quotaCode": "L-1216C47A", "value": 2})
    record = product.finish(product.start(plan, "readiness"))
    assert record["status"] == "NOT_READY"
    assert "The vCPU quota is too small for the plan" in record["reason"]


def test_a_drill_is_not_judged_by_what_readiness_looks_at(product: Product) -> None:
    """It costs calls and time that a run with a deadline does not spend."""
    (server,) = product.seed(1)
    record = product.drill(plan_of(product, [server]))
    assert record["status"] == "COMPLETED"
    assert list_findings(record["executionId"]) == []
    assert "DescribeInstanceTypes" not in product.calls()


# --- sources ------------------------------------------------------------------------------------------------------
def test_what_drs_says_of_a_source_is_a_warning_of_its_server(product: Product) -> None:
    disk, staged, silent, usual = product.seed(4)
    strange(
        product,
        disk,
        dataReplicationInfo={
            "dataReplicationState": "CONTINUOUS",
            "replicatedDisks": [{"deviceName": "/dev/sdb", "volumeStatus": "CONTAINS_MARKETPLACE_PRODUCT_CODES"}],
        },
    )
    strange(product, staged, stagingArea={"status": "EXTENSION_ERROR", "errorMessage": "AccessDenied"})
    strange(product, silent, lifeCycle={"lastSeenByServiceDateTime": "2026-01-02T03:04:05.000Z"})
    record, found = look(product, plan_of(product, [disk, staged, silent, usual]))
    assert (record["status"], found) == ("READY", {})
    assert warned(record) == {
        disk: [
            "A disk has a volume that may not be launched as it is: the volume of /dev/sdb is "
            "CONTAINS_MARKETPLACE_PRODUCT_CODES"
        ],
        staged: ["DRS cannot reach its staging area in the other account: AccessDenied"],
        silent: ["DRS has not heard of its agent for long: since 2026-01-02"],
    }


def test_a_machine_that_a_type_does_not_suit_is_named(product: Product) -> None:
    arm, old, good = product.seed(3)
    for each in (arm, old, good):
        choose_type(product, each, "m6g.large" if each == good else "m5.large")
    system = {"os": {"fullString": "Linux"}, "disks": [], "networkInterfaces": []}
    strange(product, arm, sourceProperties={**system, "architecture": "arm64"})
    strange(product, old, sourceProperties={**system, "architecture": "x86_64", "supportsNitroInstances": False})
    strange(product, good, sourceProperties={**system, "architecture": "arm64", "supportsNitroInstances": True})
    _, found = look(product, plan_of(product, [arm, old, good]))
    assert {code: each.server_ids for code, each in found.items()} == {
        Code.TYPE_OF_OTHER_ARCHITECTURE: (arm,),
        Code.TYPE_NEEDS_NITRO: (old,),
    }


def test_a_launch_action_without_its_document_is_a_warning(product: Product) -> None:
    wrong, right, off = product.seed(3)
    control = product.emulator.control
    control.add_document({**PLACE, "name": "Shop-Smoke", "type": "Command", "parameters": []})
    for each, document in ((wrong, "Shop-Smoek"), (right, "Shop-Smoke"), (off, "Shop-Smoek")):
        configure(product, each, postLaunchEnabled=each != off)
        product.emulator.client(HUB, WEST).put_launch_action(
            resourceId=each,
            actionId="11111111-2222-3333-4444-555555555555",
            actionCode=document,
            actionVersion="1",
            active=True,
            name="smoke",
            order=1001,
            optional=True,
            category="OTHER",
            description="smoke",
        )
    record, found = look(product, plan_of(product, [wrong, right, off]))
    assert (record["status"], found) == ("READY", {})
    assert warned(record) == {
        wrong: ["A launch action runs a document that does not exist: Shop-Smoek version 1 is not there"]
    }


def test_a_server_that_a_recovery_plan_of_drs_holds_is_warned_of(product: Product) -> None:
    held, free = product.seed(2)
    execution = hold_by_plan_of_drs(product, held)
    record, found = look(product, plan_of(product, [held, free]))
    assert (record["status"], found) == ("READY", {})
    ((server, (warning,)),) = warned(record).items()
    assert server == held
    assert execution in warning


# --- isolation ----------------------------------------------------------------------------------------------------
def test_a_drill_into_a_network_that_is_not_isolated_is_a_warning_and_blocks_if_isolation_is_required(
    product: Product,
) -> None:
    free, bound, apart = product.seed(3)
    isolated = add_subnet(product, 77)
    (default,) = {
        each["SubnetId"]
        for each in product.emulator.ec2_client(HUB, WEST).describe_subnets()["Subnets"]
        if each["AvailabilityZone"] == ZONES[0] and each["DefaultForAz"]
    }
    groups = [
        product.group([free], name="free"),
        product.group(
            [bound],
            name="bound",
            launchProfiles={"drill": {"subnets": {ZONES[0]: default}, "isolation": "required"}},
        ),
        product.group(
            [apart],
            name="apart",
            launchProfiles={"drill": {"subnets": {ZONES[0]: isolated}, "isolation": "required"}},
        ),
    ]
    record, found = look(product, product.plan({"name": "web", "groups": groups}))
    assert {code: (each.server_ids, each.modes) for code, each in found.items()} == {
        Code.ISOLATION_UNMET: ((bound,), (DRILL,))
    }
    assert "igw-" in found[Code.ISOLATION_UNMET].evidence
    all_found = list_findings(record["executionId"])
    warnings = [each for each in all_found if each.code == Code.NOT_ISOLATED]
    assert {each.severity for each in warnings} == {Severity.WARNING}
    assert {each.server_ids for each in warnings} == {(free,)}
    (target,) = findings.list_findings(record["executionId"])
    assert {each["subnetId"]: each["isolated"] for each in target.isolation}[isolated] == "YES"


# --- what the role does not permit --------------------------------------------------------------------------------
def test_what_may_not_be_read_is_noted_once_with_the_parameter_and_blocks_nothing(product: Product) -> None:
    servers = product.seed(2)
    subnet = add_subnet(product, 77)
    for each in servers:
        move_to(product, each, subnet)
    product.emulator.control.remove_ec2_resource(subnet)
    for service in ("ec2", "iam", "service-quotas"):
        product.emulator.control.add_fault({"kind": "ACCESS_DENIED", "service": service})
    record, found = look(product, plan_of(product, servers))
    assert (record["status"], found) == ("READY", {}), record["reason"]
    (note,) = [each for each in list_findings(record["executionId"]) if each.code == Code.NOT_LOOKED_AT]
    assert note.severity is Severity.NOTE
    assert "AllowDeepReadiness" in note.evidence
    assert "AllowDeepReadiness to true" in note.remedy
    assert any("not looked at" in each for each in record["notes"])


def test_one_read_that_is_not_permitted_leaves_the_others(product: Product) -> None:
    (server,) = product.seed(1)
    subnet = add_subnet(product, 77)
    move_to(product, server, subnet)
    product.emulator.control.remove_ec2_resource(subnet)
    product.emulator.control.add_fault(
        {"kind": "ACCESS_DENIED", "service": "service-quotas", "operation": "ListServiceQuotas"}
    )
    record, found = look(product, plan_of(product, [server]))
    assert found.keys() == {Code.SUBNET_MISSING}
    (note,) = [each for each in list_findings(record["executionId"]) if each.code == Code.NOT_LOOKED_AT]
    assert "quotas of EC2, quotas of EBS" in note.evidence
    assert "subnets" not in note.evidence


# --- codes and sizes ----------------------------------------------------------------------------------------------
def test_every_reason_of_a_server_has_a_code(product: Product) -> None:
    states = ["STALLED", "STOPPED", "PAUSED", "INITIAL_SYNC", "DISCONNECTED", "CONTINUOUS"]
    servers = [
        product.seed(1, prefix=state.lower().replace("_", ""), replicationState=state, lagDuration="PT9H")[0]
        for state in states
    ]
    plan = product.plan(
        {"name": "web", "groups": [product.group(servers)], "maxFailedPercent": 100}, rpoTargetMinutes=10
    )
    record = product.finish(product.start(plan, "readiness"))
    found = list_findings(record["executionId"])
    for server in record["sourceServers"]:
        mine = [each for each in found if server["sourceServerId"] in each.server_ids]
        coded = {each.evidence for each in mine if each.code != Code.NOT_ISOLATED}
        reasons = server["warnings"] if server["readiness"] != "BLOCKED" else server["reason"].split("; ")
        assert set(reasons) == coded, server
    codes = {each.code for each in found}
    assert {Code.REPLICATION_STALLED, Code.REPLICATION_STOPPED, Code.INITIAL_SYNC, Code.LAG_OVER_RPO} <= codes
    assert all(each.severity is CATALOGUE[Code(each.code)].severity for each in found)


def test_a_target_that_cannot_be_used_has_a_code(product: Product) -> None:
    plan = plan_of(product, product.seed(1))
    product.emulator.control.add_fault({"kind": "ACCESS_DENIED", "operation": "DescribeSourceServers"})
    _, found = look(product, plan)
    assert found.keys() == {Code.TARGET_UNUSABLE}


def test_a_refused_action_and_an_empty_group_have_codes(product: Product) -> None:
    product.emulator.control.add_document(
        {**PLACE, "name": "Shop-Freeze", "type": "Automation", "steps": [{"name": "freeze"}]}
    )
    action = {"name": "freeze", "ssmAutomation": {"document": "Shop-Freeze", "parameters": {}}}
    empty = product.group(tags={"app": "nothing"}, name="nothing")
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1)), empty], "before": [action]})
    product.emulator.control.add_fault({"kind": "ACCESS_DENIED", "service": "ssm", "operation": "DescribeDocument"})
    _, found = look(product, plan)
    assert found.keys() == {Code.GROUP_EMPTY, Code.STEP_REFUSED}
    assert "AutomationDocuments" in found[Code.STEP_REFUSED].remedy


def test_the_size_of_launches_is_kept_for_drills_and_recoveries(product: Product) -> None:
    servers = product.seed(2, disks=[{"gib": 100}])
    for each in servers:
        choose_type(product, each, "m5.xlarge")
    drill = {"instanceTypes": ["t3.large"]}
    record, _ = look(product, plan_of(product, servers, launchProfiles={"drill": drill}))
    (target,) = findings.list_findings(record["executionId"])
    sizes = {each.mode: (each.instance_type, each.vcpus, each.servers, each.disks_bytes) for each in target.launches}
    assert sizes == {DRILL: ("t3.large", 2, 2, 200 * 1024**3), RECOVERY: ("m5.xlarge", 4, 2, 200 * 1024**3)}


# --- cost ---------------------------------------------------------------------------------------------------------
@pytest.mark.speed(60)
def test_twelve_hundred_servers_cost_fewer_than_sixty_calls(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside one call for the launch configuration of each server and one for its snapshots, as before.

    Each server keeps its own address, which costs the most calls.
    """
    for name, value in {**product.engine.environment, "AWS_DEFAULT_REGION": WEST}.items():
        monkeypatch.setenv(name, value)
    machines = [
        {"hostname": f"srv-{number}", "ip": f"10.77.{number // 250}.{number % 250 + 4}"} for number in range(1_200)
    ]
    product.emulator.control.seed({**PLACE, "servers": machines})
    known = {server.server_id: server for server in drs.describe_source_servers(TARGET)}
    assert template_of(product, min(known)) == f"lt-{min(known).removeprefix('s-')}"
    probes = {each: Probe(configuration=_configuration(f"lt-{each.removeprefix('s-')}")) for each in known}
    before = product.calls()
    looked = look_at_launches(TARGET, CheckedServers(known, probes, lambda _, __: None))
    spent = {name: count - before.get(name, 0) for name, count in product.calls().items()}
    assert len(known) == 1_200
    assert [(each.mode, each.servers) for each in looked.sizes] == [(DRILL, 1_200), (RECOVERY, 1_200)]
    assert sum(spent.values()) < 60, spent


def _configuration(template_id: str) -> LaunchConfiguration:
    return LaunchConfiguration(None, template_id=template_id, right_sizing="BASIC", copies_private_ip=True)
