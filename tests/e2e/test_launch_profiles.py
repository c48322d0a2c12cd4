"""Launch profiles over HTTP: drills land in networks of their own, and launch settings are as before afterwards."""

import html
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from sandbox import networks
from sandbox.settings import HUB_ACCOUNT, ROOT
from sandbox.stack import Sandbox
from tests.support.deployed import MAX_WAIT_SECONDS, Operator, decide, wait_until
from tests.support.launch_settings import change_as_a_person, list_own_versions, read_settings, template_of

pytestmark = pytest.mark.e2e
REGION = "eu-west-3"  # of this module alone
PLACE = {"account": HUB_ACCOUNT, "region": REGION}
TARGET = {"accountId": HUB_ACCOUNT, "region": REGION}
ROWS = f"/launch-settings?accountId={HUB_ACCOUNT}&region={REGION}"
DRILL = {
    "subnets": networks.drill_subnets(REGION),
    "securityGroups": [networks.DRILL_GROUP],
    "privateIp": "release",
    "isolation": "required",
}


@pytest.fixture(autouse=True)
def isolated(sandbox: Sandbox) -> Iterator[None]:
    """The networks as they begin, before and after each test, and no fault after it."""
    networks.lay_networks(sandbox.control_emulator, HUB_ACCOUNT, REGION)
    yield
    sandbox.control_emulator("DELETE", "/faults")
    networks.lay_networks(sandbox.control_emulator, HUB_ACCOUNT, REGION)


class Shop:
    """Servers whose own launch settings copy the source's address into production, and a group with a drill profile."""

    def __init__(self, operator: Operator, name: str, servers: int) -> None:
        self.operator, self.sandbox = operator, operator.sandbox
        production = {"DeviceIndex": 0, "SubnetId": networks.RECOVERY_SUBNETS["a"], "Groups": [networks.RECOVERY_GROUP]}
        template = {"NetworkInterfaces": [production], "InstanceType": "m5.large"}
        names = [f"{name}-{number}" for number in range(1, servers + 1)]
        self.servers = operator.seed(*names, **PLACE, launchTemplate=template)
        self.drs, self.ec2 = (self.sandbox.client(service, **PLACE) for service in ("drs", "ec2"))
        for server in self.servers:
            self.drs.update_launch_configuration(sourceServerID=server, copyPrivateIp=True)
        body = {"name": name, **TARGET, "sourceServerIds": self.servers, "launchProfiles": {"drill": DRILL}}
        reply = operator.request("POST", "/protection-groups", body)
        assert reply.status == 201, reply
        self.group = reply.body["groupId"]
        self.before = self.settings()

    def plan(self, servers: Sequence[str] = ()) -> str:
        use = {"groupId": self.group, **({"sourceServerIds": list(servers)} if servers else {})}
        body = {"name": "drilled", "waves": [{"name": "all", "groups": [use]}]}
        reply = self.operator.request("POST", "/recovery-plans", body)
        assert reply.status == 201, reply
        return str(reply.body["planId"])

    def settings(self) -> dict[str, str]:
        return read_settings(self.drs, self.ec2, self.servers)

    def changed(self) -> list[Any]:
        """The rows of its servers: what runs have changed and have not put back."""
        reply = self.operator.request("GET", ROWS)
        assert reply.status == 200, reply
        return [row for row in reply.body["launchSettings"] if row["sourceServerId"] in self.servers]

    def assert_as_before(self) -> None:
        wait_for(lambda: not self.changed())
        assert self.settings() == self.before
        assert list_own_versions(self.drs, self.ec2, self.servers) == []

    def instances(self, execution_id: str) -> list[Mapping[str, Any]]:
        """What EC2 says of the instances that the run launched."""
        listed = self.operator.request("GET", f"/executions/{execution_id}/servers").body["servers"]
        ids = [server["recoveryInstanceId"] for server in listed if server["recoveryInstanceId"]]
        pages = self.ec2.describe_instances(InstanceIds=ids)["Reservations"]
        return [instance for each in pages for instance in each["Instances"]]

    def hold_jobs(self) -> str:
        fault = {"kind": "JOB_STAYS_PENDING", **TARGET}
        return str(self.sandbox.control_emulator("POST", "/faults", fault)["id"])

    def let_go(self, held: str) -> None:
        self.sandbox.control_emulator("DELETE", f"/faults/{held}")


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not (result := found()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return result


def write_report(sandbox: Sandbox, execution_id: str, folder: Path) -> str:
    """The text of the report that the command writes."""
    environment = {**sandbox.build_caller_environment(), "DRS_WAVES_API_URL": sandbox.api_url}
    command = [sys.executable, "-c", "from cli.main import app; app()", "report", execution_id, "--to", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return (folder / "report.html").read_text()


def is_launching(record: Mapping[str, Any]) -> bool:
    return bool(record["servers"]["launching"])


def test_a_drill_lands_in_the_drill_subnets_and_leaves_the_launch_settings_as_they_were(operator: Operator) -> None:
    shop = Shop(operator, "drilled", 4)
    record = operator.drill(shop.plan())
    assert record["status"] == "COMPLETED", record
    instances = shop.instances(record["executionId"])
    assert len(instances) == 4
    assert {each["SubnetId"] for each in instances} == set(networks.DRILL_SUBNETS.values())
    assert {group["GroupId"] for each in instances for group in each["SecurityGroups"]} == {networks.DRILL_GROUP}
    addresses = {ip_address(each["PrivateIpAddress"]) for each in instances}
    assert len(addresses) == 4
    assert all(address in ip_network(networks.DRILL_CIDR) for address in addresses), addresses
    shop.assert_as_before()


def test_the_record_and_the_report_of_a_drill_say_why_its_networks_count_as_isolated(
    operator: Operator, tmp_path: Path
) -> None:
    shop = Shop(operator, "proven", 2)
    record = operator.drill(shop.plan())
    assert record["status"] == "COMPLETED", record
    reply = operator.request("GET", f"/executions/{record['executionId']}/findings")
    assert reply.status == 200, reply
    found = reply.body["isolation"]
    assert {each["subnetId"] for each in found} <= set(networks.DRILL_SUBNETS.values())
    assert found
    for place in found:
        assert (place["vpcId"], place["isolated"]) == (networks.DRILL_VPC, "YES"), place
        assert any(networks.DRILL_ROUTES in reason for reason in place["because"]), place
    events = operator.request("GET", f"/executions/{record['executionId']}/events?limit=200").body["events"]
    assert any("isolated" in event["text"] for event in events), events
    shop.assert_as_before()
    report = write_report(operator.sandbox, record["executionId"], tmp_path)
    for place in found:
        assert place["subnetId"] in report
        assert all(html.escape(reason, quote=False) in report for reason in place["because"]), place["because"]


def test_a_drill_into_a_subnet_with_a_route_to_the_sources_is_refused_until_the_route_is_gone(
    operator: Operator, sandbox: Sandbox
) -> None:
    shop = Shop(operator, "reaching", 2)
    plan = shop.plan()
    routes = networks.build_drill_routes(networks.build_route_to_sources())
    networks.set_resource(sandbox.control_emulator, HUB_ACCOUNT, REGION, "RouteTable", routes)
    refused = operator.drill(plan)
    assert refused["status"] == "NOT_READY", refused
    for named in (networks.SOURCE_CIDR, networks.DRILL_ROUTES, networks.DRILL_PEERING):
        assert named in refused["reason"], refused["reason"]
    assert _jobs_of(shop, refused["executionId"]) == []
    assert shop.settings() == shop.before

    without = networks.build_drill_routes()
    networks.set_resource(sandbox.control_emulator, HUB_ACCOUNT, REGION, "RouteTable", without)
    record = operator.drill(plan)
    assert record["status"] == "COMPLETED", record
    shop.assert_as_before()


def _jobs_of(shop: Shop, execution_id: str) -> list[Any]:
    jobs = shop.drs.describe_jobs(filters={})["items"]
    return [job for job in jobs if job.get("tags", {}).get("drs-waves:execution") == execution_id]


def test_a_drill_that_is_cancelled_in_the_middle_puts_the_launch_settings_back(operator: Operator) -> None:
    shop = Shop(operator, "cancelled", 3)
    held = shop.hold_jobs()
    run = operator.start(shop.plan())
    wait_until(operator, run, is_launching)
    assert shop.settings() != shop.before
    assert {row["status"] for row in shop.changed()} == {"CHANGED"}
    decide(operator, run, "cancel")
    shop.let_go(held)
    assert operator.finish(run)["status"] == "CANCELLED"
    shop.assert_as_before()


def test_a_drill_that_is_aborted_in_step_functions_puts_the_launch_settings_back(
    operator: Operator, sandbox: Sandbox
) -> None:
    shop = Shop(operator, "aborted", 3)
    held = shop.hold_jobs()
    run = operator.start(shop.plan())
    record = wait_until(operator, run, is_launching)
    sandbox.client("stepfunctions").stop_execution(executionArn=record["executionArn"])
    assert operator.finish(run)["status"] == "FAILED"
    assert shop.settings() != shop.before, "the job that was started still reads the templates"
    shop.let_go(held)
    shop.assert_as_before()
    assert {each["SubnetId"] for each in _launched(shop)} <= set(networks.DRILL_SUBNETS.values())


def _launched(shop: Shop) -> list[Mapping[str, Any]]:
    found = shop.drs.describe_recovery_instances(filters={"sourceServerIDs": shop.servers})["items"]
    ids = [each["ec2InstanceID"] for each in found]
    pages = shop.ec2.describe_instances(InstanceIds=ids)["Reservations"] if ids else []
    return [instance for each in pages for instance in each["Instances"]]


def test_two_drills_over_different_servers_of_one_group_put_back_what_each_has_changed(operator: Operator) -> None:
    shop = Shop(operator, "shared", 4)
    runs = [operator.start(shop.plan(servers)) for servers in (shop.servers[:2], shop.servers[2:])]
    for run in runs:
        record = operator.finish(run)
        assert record["status"] == "COMPLETED", record
        assert {each["SubnetId"] for each in shop.instances(run)} <= set(networks.DRILL_SUBNETS.values())
    shop.assert_as_before()


def test_a_template_that_a_person_changes_during_a_drill_is_left_until_the_person_says_what_counts(
    operator: Operator,
) -> None:
    shop = Shop(operator, "by-hand", 2)
    by_hand, other = shop.servers
    held = shop.hold_jobs()
    run = operator.start(shop.plan())
    wait_until(operator, run, is_launching)
    template = template_of(shop.drs, by_hand)
    number = change_as_a_person(shop.ec2, template, InstanceType="m5.2xlarge")
    shop.let_go(held)
    assert operator.finish(run)["status"] == "COMPLETED"
    (left,) = wait_for(lambda: [row for row in shop.changed() if row["status"] == "LEFT"])
    assert left["sourceServerId"] == by_hand
    assert str(number) in left["reason"], left
    (now,) = shop.ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"]
    assert now["DefaultVersionNumber"] == number
    wait_for(lambda: len(shop.changed()) == 1)
    assert shop.settings()[other] == shop.before[other]

    body = {**TARGET, "sourceServerIds": [by_hand], "force": True}
    reply = operator.request("POST", "/launch-settings/restore", body)
    assert reply.status == 202, reply
    shop.assert_as_before()
