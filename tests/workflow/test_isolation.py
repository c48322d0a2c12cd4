"""A drill that must be isolated is refused if it is not, with the reason, and its record says why it was."""

from typing import Any

import pytest

from recovery.packing import unpack
from sandbox import networks
from tests.support.product import HUB, WEST, Product
from tests.support.profiled_runs import DRILL, calls_made, launched, lay_networks, plan_of
from tests.support.runs import decide, wait_until_asked_for
from tests.support.shops import target_client

REQUIRED = {**DRILL, "isolation": "required"}
ROUTE = f"route {networks.SOURCE_CIDR} of {networks.DRILL_ROUTES} goes to peering {networks.DRILL_PEERING}"
UNTOLD = "name the subnets and the security groups in the launch profile"
READS = (
    "DescribeVpcs", "DescribeRouteTables", "DescribeNetworkAcls", "DescribeSecurityGroups", "DescribeVpcEndpoints",
    "DescribeNetworkInterfaces", "DescribeVpcPeeringConnections",
)  # fmt: skip


@pytest.fixture(autouse=True)
def laid(product: Product) -> None:
    lay_networks(product)


def add(product: Product, kind: str, **resource: Any) -> None:
    product.emulator.control.add_ec2_resource(kind, HUB, WEST, resource)


def route(product: Product, *routes: dict[str, Any]) -> None:
    """Give the drill subnets these routes beside their own."""
    add(product, "RouteTable", **networks.build_drill_routes(*routes))


def isolation_of(product: Product, execution_id: str) -> list[dict[str, Any]]:
    """What the record of a run has of isolation."""
    rows = [row for row in product.items("Executions") if row["item"].startswith("FINDINGS#")]
    return [
        each for row in rows if row["executionId"] == execution_id for each in unpack(bytes(row["packed"]))["isolation"]
    ]


def start_with(product: Product, plan: str, **options: Any) -> dict[str, Any]:
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", options)
    return product.finish(reply.body["executionId"])


def events_of(product: Product, record: dict[str, Any], wave: str | None = None) -> dict[str, str]:
    """The texts of the events of a wave, or of the run itself, by name."""
    found = product.request("GET", f"/executions/{record['executionId']}/events").body["events"]
    return {each["event"]: each["text"] for each in found if each["wave"] == wave}


# --- required -----------------------------------------------------------------------------------------------------
def test_a_drill_with_a_route_to_the_sources_is_refused_and_runs_when_the_route_is_gone(product: Product) -> None:
    plan = plan_of(product, product.seed(3), {"drill": REQUIRED})
    route(product, networks.build_route_to_sources())
    refused = product.drill(plan)
    assert refused["status"] == "NOT_READY", refused
    assert f"{ROUTE} ({networks.SOURCE_VPC}" in refused["reason"], refused["reason"]
    assert "StartRecovery" not in product.calls()
    assert "not isolated" in events_of(product, refused)["NETWORKS_NOT_ISOLATED"]

    route(product)
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    assert len(launched(product)) == 3
    (text,) = {text for event, text in events_of(product, record).items() if event == "NETWORKS_ISOLATED"}
    assert text.startswith(f"networks of {HUB}/{WEST} are isolated: ")
    assert f"all routes of {networks.DRILL_ROUTES} are local" in text
    assert f"no other instances are in {networks.DRILL_VPC}" in text


def test_no_tolerance_and_no_optional_group_lets_a_drill_run_that_is_not_isolated(product: Product) -> None:
    connected, others = product.seed(1), product.seed(9, prefix="other")
    groups = [
        {"groupId": product.group(connected, launchProfiles={"drill": REQUIRED}), "optional": True},
        {"groupId": product.group(others, name="others")},
    ]
    plan = product.plan({"name": "web", "groups": groups, "maxFailedPercent": 99})
    route(product, networks.build_route_to_sources())
    record = product.drill(plan)
    assert record["status"] == "NOT_READY", record
    assert "wave web: 1 server must not be drilled" in record["reason"]
    assert "StartRecovery" not in product.calls()


def test_a_recovery_into_the_network_of_the_sources_is_no_drill(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": REQUIRED})
    route(product, networks.build_route_to_sources())
    assert product.finish(product.start(plan, "recoveries"))["status"] == "COMPLETED"
    assert calls_made(product, *READS) == []


def test_a_readiness_run_names_what_a_drill_would_be_refused_for(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": REQUIRED})
    route(product, networks.build_route_to_sources())
    record = product.finish(product.start(plan, "readiness"))
    assert record["status"] == "NOT_READY"
    assert ROUTE in record["reason"]
    assert {each["isolated"] for each in isolation_of(product, record["executionId"])} == {"NO"}
    assert ROUTE in events_of(product, record)["NETWORKS_NOT_ISOLATED"]


def test_a_drill_of_a_plan_without_such_profiles_reads_no_network(product: Product) -> None:
    assert product.drill(plan_of(product, product.seed(1), {"drill": DRILL}))["status"] == "COMPLETED"
    assert calls_made(product, *READS) == []


# --- what else may be required ------------------------------------------------------------------------------------
def test_the_internet_is_a_way_out_unless_it_is_allowed(product: Product) -> None:
    add(product, "InternetGateway", InternetGatewayId="igw-0d111111", Attachments=[])
    route(product, {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0d111111", "State": "active"})
    servers = product.seed(1)
    refused = product.drill(plan_of(product, servers, {"drill": REQUIRED}))
    assert refused["status"] == "NOT_READY"
    assert "route 0.0.0.0/0 of rtb-0d111111 goes to internet gateway igw-0d111111" in refused["reason"]
    allowed = product.drill(plan_of(product, servers, {"drill": {**REQUIRED, "isolation": "internetAllowed"}}))
    assert allowed["status"] == "COMPLETED", allowed
    route(product, networks.build_route_to_sources())
    again = product.drill(plan_of(product, servers, {"drill": {**REQUIRED, "isolation": "internetAllowed"}}))
    assert again["status"] == "NOT_READY"


def test_a_drill_that_only_reports_runs_and_its_record_says_what_its_servers_could_reach(product: Product) -> None:
    route(product, networks.build_route_to_sources())
    record = product.drill(plan_of(product, product.seed(1), {"drill": {**REQUIRED, "isolation": "reported"}}))
    assert record["status"] == "COMPLETED", record
    for verdict in isolation_of(product, record["executionId"]):
        assert (verdict["isolated"], verdict["vpcId"]) == ("NO", networks.DRILL_VPC)
        assert verdict["because"][0].startswith(ROUTE)
    assert ROUTE in events_of(product, record)["NETWORKS_NOT_ISOLATED"]


def test_a_drill_that_skips_profiles_cannot_be_isolated_by_them(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": REQUIRED})
    record = start_with(product, plan, launchProfiles="skip")
    assert record["status"] == "NOT_READY", record
    assert "the run does not apply launch profiles" in record["reason"]


def test_a_profile_without_subnets_is_judged_by_where_the_template_launches(product: Product) -> None:
    (server,) = product.seed(1)
    refused = product.drill(plan_of(product, [server], {"drill": {"isolation": "required"}}))
    assert refused["status"] == "NOT_READY"
    assert UNTOLD in refused["reason"], refused["reason"]
    set_template(product, server, {"SubnetId": networks.DRILL_SUBNETS["a"], "Groups": [networks.DRILL_GROUP]})
    record = product.drill(plan_of(product, [server], {"drill": {"isolation": "required"}}))
    assert record["status"] == "COMPLETED", record
    (verdict,) = isolation_of(product, record["executionId"])
    assert verdict["subnetId"] == networks.DRILL_SUBNETS["a"]
    assert verdict["securityGroups"] == [networks.DRILL_GROUP]


def test_groups_of_the_template_count_if_the_profile_names_none(product: Product) -> None:
    (server,) = product.seed(1)
    profile = {"subnets": networks.drill_subnets(WEST), "isolation": "required"}
    route(product, networks.build_route_to_sources())
    nothing: dict[str, Any] = {"IpPermissions": [], "IpPermissionsEgress": []}
    add(product, "SecurityGroup", GroupId="sg-0d1111ff", VpcId=networks.DRILL_VPC, GroupName="closed", **nothing)
    set_template(product, server, {"SubnetId": networks.DRILL_SUBNETS["a"], "Groups": ["sg-0d1111ff"]})
    record = product.drill(plan_of(product, [server], {"drill": profile}))
    assert record["status"] == "COMPLETED", record
    assert "but sg-0d1111ff blocks it" in events_of(product, record)["NETWORKS_ISOLATED"]
    set_template(product, server, {"SubnetId": networks.DRILL_SUBNETS["a"], "Groups": [networks.DRILL_GROUP]})
    refused = product.drill(plan_of(product, [server], {"drill": profile}))
    assert refused["status"] == "NOT_READY"
    assert ROUTE in refused["reason"]


def test_readiness_and_a_drill_refuse_groups_that_only_some_interfaces_name(product: Product) -> None:
    (server,) = product.seed(1)
    set_template(product, server, {"Groups": [networks.DRILL_GROUP]}, {})
    plan = plan_of(product, [server], {"drill": {"subnets": networks.drill_subnets(WEST), "isolation": "required"}})
    for record in (product.finish(product.start(plan, "readiness")), product.drill(plan)):
        assert record["status"] == "NOT_READY", record
        assert UNTOLD in record["reason"]


def set_template(product: Product, server_id: str, *interfaces: dict[str, Any]) -> None:
    """Let the launch template of a server have these network interfaces."""
    template = product.emulator.client(HUB, WEST).get_launch_configuration(sourceServerID=server_id)
    ec2, template_id = target_client(product, "ec2"), template["ec2LaunchTemplateID"]
    data = {"NetworkInterfaces": [{"DeviceIndex": index, **each} for index, each in enumerate(interfaces)]}
    made = ec2.create_launch_template_version(
        LaunchTemplateId=template_id, SourceVersion="$Default", LaunchTemplateData=data
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion=number)


def test_a_group_that_requires_isolation_is_not_overruled_by_the_profile_of_another_group(product: Product) -> None:
    servers = product.seed(1)
    route(product, networks.build_route_to_sources())
    groups = [
        product.group(servers, name="tagged", launchProfiles={"drill": {**DRILL, "tags": {"purpose": "drill"}}}),
        product.group(servers, name="isolated", launchProfiles={"drill": REQUIRED}),
    ]
    plan = product.plan({"name": "web", "groups": groups})
    record = product.drill(plan)
    assert record["status"] == "NOT_READY", record
    assert ROUTE in record["reason"]
    assert product.finish(product.start(plan, "readiness"))["status"] == "NOT_READY"


def test_a_drill_that_replaces_an_existing_instance_is_not_isolated_by_its_profile(product: Product) -> None:
    (server,) = product.seed(1)
    instance = "i-0123456789abcdef0"
    product.emulator.client(HUB, WEST).update_launch_configuration(
        sourceServerID=server, launchIntoInstanceProperties={"launchIntoEC2InstanceID": instance}
    )
    record = start_with(product, plan_of(product, [server], {"drill": REQUIRED}), replaceExisting=True)
    assert "StartRecovery" not in product.calls(), record
    assert f"launches into instance {instance}" in record["sourceServers"][0]["reason"]


# --- what is in the network ---------------------------------------------------------------------------------------
def test_an_instance_that_no_drill_has_launched_is_named_and_those_of_drills_are_not(product: Product) -> None:
    servers = product.seed(2)
    waves = [
        {"name": name, "groups": [product.group([server], name=name, launchProfiles={"drill": REQUIRED})], **more}
        for name, server, more in (("first", servers[0], {}), ("second", servers[1], {"dependsOn": ["first"]}))
    ]
    plan = product.plan(*waves)
    assert product.drill(plan)["status"] == "COMPLETED", "the instances of its own first wave are no strangers"
    assert product.drill(plan)["status"] == "COMPLETED", "nor are those of the drill before"
    product.emulator.control.add_ec2_instance(
        {"accountId": HUB, "region": WEST, "instanceId": "i-0aaaabbbbccccdddd", "state": "running"}
        | {"subnetId": networks.DRILL_SUBNETS["b"], "privateIpAddress": "10.77.200.9"}
    )
    record = product.drill(plan)
    assert record["status"] == "NOT_READY", record
    place = f"is at 10.77.200.9 in {networks.DRILL_SUBNETS['b']} of the same VPC"
    assert f"instance i-0aaaabbbbccccdddd {place}" in record["reason"]


def test_an_instance_that_a_recovery_has_launched_is_no_part_of_a_drill(product: Product) -> None:
    server, other = product.seed(2)
    drill = {"subnets": REQUIRED["subnets"], "securityGroups": REQUIRED["securityGroups"]}
    live = product.finish(product.start(plan_of(product, [other], {"recovery": drill}), "recoveries"))
    assert live["status"] == "COMPLETED"
    record = product.drill(plan_of(product, [server], {"drill": REQUIRED}))
    assert record["status"] == "NOT_READY"
    assert f"instance {launched(product)[other]['InstanceId']} is at " in record["reason"]


# --- what cannot be read ------------------------------------------------------------------------------------------
def test_a_role_that_hides_the_networks_proves_nothing_and_the_reason_names_the_parameter(product: Product) -> None:
    product.fault("ACCESS_DENIED", operation="DescribeRouteTables")
    servers = product.seed(1)
    record = product.drill(plan_of(product, servers, {"drill": REQUIRED}))
    assert record["status"] == "NOT_READY", record
    assert "AllowDeepReadiness" in record["reason"]
    assert "is not proven to be isolated" in record["reason"]
    assert [each["isolated"] for each in isolation_of(product, record["executionId"])] == ["UNKNOWN"] * 2
    assert "not proven" in events_of(product, record)["NETWORKS_NOT_ISOLATED"]

    reported = product.drill(plan_of(product, servers, {"drill": {**REQUIRED, "isolation": "reported"}}))
    assert reported["status"] == "COMPLETED", reported


def test_networks_that_are_not_shown_for_a_moment_are_asked_for_again(product: Product) -> None:
    product.fault("THROTTLING", operation="DescribeNetworkAcls", count=2)
    assert product.drill(plan_of(product, product.seed(1), {"drill": REQUIRED}))["status"] == "COMPLETED"


def test_the_proof_for_a_thousand_servers_takes_as_many_calls_as_for_one(product: Product) -> None:
    route(product, networks.build_route_to_sources())
    for servers in (product.seed(1), product.seed(1_000, prefix="many")):
        before = len(calls_made(product, *READS))
        assert product.drill(plan_of(product, servers, {"drill": REQUIRED}))["status"] == "NOT_READY"
        assert len(calls_made(product, *READS)) - before == len(READS)


# --- right before a start -----------------------------------------------------------------------------------------
def test_a_route_that_is_made_while_a_wave_waits_withholds_its_servers(product: Product) -> None:
    first, second = product.seed(1, prefix="first"), product.seed(2, prefix="second")
    plan = product.plan(
        {"name": "first", "groups": [product.group(first, launchProfiles={"drill": REQUIRED})]},
        {"name": "second", "groups": [product.group(second, name="second", launchProfiles={"drill": REQUIRED})]}
        | {"dependsOn": ["first"], "approval": {"required": True}},
    )
    run = product.start(plan)
    wait_until_asked_for(product, run, "APPROVAL")
    route(product, networks.build_route_to_sources())
    decide(product, run, "waves/second/approve")
    record = product.finish(run)
    assert record["status"] == "PARTIAL", record
    assert launched(product).keys() == set(first)
    for server in record["sourceServers"]:
        if server["sourceServerId"] in second:
            assert ROUTE in server["reason"]
    before = "before the start of batch 1 of wave"
    assert f"are isolated {before} first: " in events_of(product, record, "first")["NETWORKS_ISOLATED"]
    found = events_of(product, record, "second")
    assert "NETWORKS_ISOLATED" not in found
    assert f"are not isolated {before} second: " in found["NETWORKS_NOT_ISOLATED"]
    assert ROUTE in found["NETWORKS_NOT_ISOLATED"]
    answer = product.request("GET", f"/executions/{run}/findings").body
    assert {each["isolated"] for each in answer["isolation"]} == {"YES"}, "as the inspection found them"
    looks = [(each["wave"], each["batch"], each["isolated"]) for each in answer["looks"]]
    assert set(looks) == {("first", 1, "YES"), ("second", 1, "NO")}
    assert looks == sorted(looks), "oldest first"
    times = [each["lookedAt"] for each in (*answer["isolation"], *answer["looks"])]
    assert times == sorted(times)
    assert times[0] < times[-1]


def test_a_look_before_a_start_names_the_vpc_of_the_sources_too(product: Product) -> None:
    (server,) = product.seed(1, sourceNetworkID="sn-0123456789abcdef0")
    group = product.group([server], launchProfiles={"drill": REQUIRED})
    plan = product.plan({"name": "web", "groups": [group], "pauseBefore": True})
    run = product.start(plan)
    wait_until_asked_for(product, run, "RESUME")
    (sources,) = target_client(product, "drs").describe_source_networks()["items"]
    to_sources = {"VpcId": sources["sourceVpcID"], "OwnerId": HUB}
    add(
        product, "VpcPeeringConnection", VpcPeeringConnectionId=networks.DRILL_PEERING, Status={"Code": "active"},
        RequesterVpcInfo={"VpcId": networks.DRILL_VPC, "OwnerId": HUB}, AccepterVpcInfo=to_sources,
    )  # fmt: skip
    route(product, networks.build_route_to_sources())
    decide(product, run, "resume")
    record = product.finish(run)
    assert f"{sources['sourceVpcID']} of the sources" in events_of(product, record, "web")["NETWORKS_NOT_ISOLATED"]
