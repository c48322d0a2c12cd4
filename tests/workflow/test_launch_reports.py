"""What people see of launch profiles after a run: in the report, in the status, and in the list of applied settings."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from sandbox import networks
from tests.support.api_http_server import ApiHttpServer
from tests.support.changed_settings import ec2, rows_left, template_of, wait_for_restores
from tests.support.instance_cache import sync
from tests.support.product import HUB, WEST, Product
from tests.support.profiled_runs import DRILL, DRILL_SUBNETS, launched, lay_networks, plan_of
from tests.support.report_schema import list_violations
from tests.support.runs import decide, launching_run, wait_until_asked_for


@pytest.fixture
def api_server(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(('{"level"', '{"_aws"')))


def report(api_server: ApiHttpServer, run_id: str, folder: Path) -> tuple[dict[str, Any], str, list[dict[str, str]]]:
    """The report as JSON, which is as its schema has it; the page; and the rows of the table of servers."""
    run(api_server, "report", run_id, "--to", str(folder))
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert list_violations(document) == []
    with (folder / "servers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return document, (folder / "report.html").read_text(), rows


@pytest.mark.speed(120)
def test_a_drill_by_profile_says_where_it_was_launched_why_that_is_isolated_and_what_was_put_back(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    lay_networks(product)
    plan = plan_of(product, product.seed(2), {"drill": {**DRILL, "isolation": "required"}}, name="shop")
    drill = product.drill(plan, timeout=120)["executionId"]
    wait_for_restores(product)
    sync(product)
    document, page, rows = report(api_server, drill, tmp_path)
    launches = document["launches"]
    assert launches["option"] == "apply"
    assert launches["settings"] == {"PUT_BACK": 2}
    assert launches["profiles"][0]["words"].endswith("only if its networks are isolated")
    assert {each["subnetId"] for each in launches["isolation"]} <= DRILL_SUBNETS
    assert {each["isolated"] for each in launches["isolation"]} == {"YES"}
    assert all(each["because"] for each in launches["isolation"])
    for server in document["sourceServers"]:
        assert set(server["launchSettings"]["subnetIds"]) <= DRILL_SUBNETS
        assert server["launchSettings"]["profileOf"] == "some servers"
    assert {(row["launchProfile"], row["launchSettings"]) for row in rows} == {("some servers", "PUT_BACK")}
    assert {row["subnets"] for row in rows} <= DRILL_SUBNETS
    assert "<h2>Launch profiles and isolation</h2>" in page
    assert launches["isolation"][0]["because"][0].split("'")[0] in page
    assert "Launch settings of the servers with a profile: 2 put back." in page
    assert f'data-l="groups"><span class="id">{networks.DRILL_GROUP}</span>' in page
    assert "no route, and nothing in the VPC, lets a connection begin" in page
    assert "as the inspection and the looks before jobs found them, the worst answer first</caption>" in page
    assert "networks are read again before each job" in page
    assert launches["landing"] == {"launched": 2, "asAsked": 2, "differs": 0, "unknown": 0}
    assert "Landed as asked: 2 of 2, by the subnet, VPC, security groups and private address" in page
    assert {(row["landing"], row["landedVpc"]) for row in rows} == {("AS_ASKED", networks.DRILL_VPC)}
    for each in launches["isolation"]:
        assert each["looks"] == 2, "of the inspection, and before the only job"
        assert each["firstLookAt"] < each["lastLookAt"]
        assert [answer["isolated"] for answer in each["answers"]] == ["YES"]
    status = run(api_server, "status", drill)
    assert f"launch settings of 2 servers: 2 put back  drs-waves profiles applied {drill}" in status
    applied = run(api_server, "profiles", "applied", drill)
    assert applied.count("PUT_BACK") == 2
    assert networks.DRILL_GROUP in applied


def test_no_yes_of_the_inspection_stands_for_a_network_that_was_found_open_later(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    lay_networks(product)
    profiles = {"drill": {**DRILL, "subnets": {f"{WEST}a": networks.DRILL_SUBNETS["a"]}, "isolation": "required"}}
    first, second = (product.group(product.seed(1, prefix=each), name=each, launchProfiles=profiles) for each in "ab")
    plan = product.plan(
        {"name": "first", "groups": [first]},
        {"name": "second", "groups": [second], "dependsOn": ["first"], "pauseBefore": True},
    )
    drill = product.start(plan)
    wait_until_asked_for(product, drill, "RESUME")
    routes = networks.build_drill_routes(networks.build_route_to_sources())
    product.emulator.control.add_ec2_resource("RouteTable", HUB, WEST, routes)
    decide(product, drill, "resume")
    product.finish(drill)
    document, page, _ = report(api_server, drill, tmp_path)
    (place,) = document["launches"]["isolation"]
    assert (place["isolated"], place["looks"]) == ("NO", 3)
    answers = [(each["isolated"], each["looks"], each["wave"]) for each in place["answers"]]
    assert answers == [("NO", 1, "second"), ("YES", 2, None)], "the worst first"
    assert networks.DRILL_PEERING in place["because"][0]
    open_at, closed_from, closed_until = (
        place["answers"][0]["from"], place["answers"][1]["from"], place["answers"][1]["until"],
    )  # fmt: skip
    assert closed_from < closed_until < open_at
    cell = f"no at {open_at[11:19]}; yes from {closed_from[11:19]} to {closed_until[11:19]}"
    assert f'<td data-l="isolated">{cell}</td>' in page
    assert f"no at {open_at[11:19]}, before the start of batch 1 of wave second: route" in page
    found = run(api_server, "findings", drill)
    assert found.index("NO ") < found.index("YES ")
    assert "before the start of batch 1 of wave second: route" in found


@pytest.mark.speed(120)
def test_an_instance_that_landed_elsewhere_is_named_with_what_differs(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    lay_networks(product)
    elsewhere, right = product.seed(2)
    profile = {**DRILL, "subnets": {f"{WEST}a": networks.DRILL_SUBNETS["a"]}, "isolation": "reported"}
    drill = product.drill(plan_of(product, [elsewhere, right], {"drill": profile}), timeout=120)["executionId"]
    wait_for_restores(product)
    document, page, _ = report(api_server, drill, tmp_path / "before")
    assert document["launches"]["landing"] == {"launched": 2, "asAsked": 0, "differs": 0, "unknown": 2}
    assert "Not known of 2: the cache of recovery instances is not synced yet" in page
    subnet = networks.RECOVERY_SUBNETS["b"]
    moved = {"instanceId": launched(product)[elsewhere]["InstanceId"], "subnetId": subnet, "accountId": HUB}
    product.emulator.control.add_ec2_instance({**moved, "region": WEST, "privateIpAddress": "10.20.200.7"})
    sync(product)
    document, page, rows = report(api_server, drill, tmp_path / "after")
    assert document["launches"]["landing"] == {"launched": 2, "asAsked": 1, "differs": 1, "unknown": 0}
    landings = {each["sourceServerId"]: each["landing"] for each in document["sourceServers"]}
    assert landings[right]["state"] == "AS_ASKED"
    assert landings[elsewhere]["differences"] == [
        f"subnet {subnet}, not {networks.DRILL_SUBNETS['a']}",
        f"VPC {networks.RECOVERY_VPC}, not {networks.DRILL_VPC}",
        f"security groups none, not {networks.DRILL_GROUP}",
    ]
    assert f"did not land as asked: subnet {subnet}, not {networks.DRILL_SUBNETS['a']}" in page
    assert "Landed as asked: 1 of 2" in page
    (row,) = [each for each in rows if each["id"] == elsewhere]
    assert (row["landing"], row["landedSubnet"]) == ("DIFFERS", subnet)
    assert (row["landedVpc"], row["landedAddress"]) == (networks.RECOVERY_VPC, "10.20.200.7")


@pytest.mark.speed(120)
def test_what_a_person_has_changed_meanwhile_is_reported_as_left(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    (server_id,) = product.seed(1)
    plan = plan_of(product, [server_id], {"drill": {"tags": {"purpose": "drill"}}}, name="shop")
    with launching_run(product, plan) as drill:
        template = template_of(product, server_id)
        made = ec2(product).create_launch_template_version(
            LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "c5.large"}
        )["LaunchTemplateVersion"]["VersionNumber"]
        ec2(product).modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(made))
    product.finish(drill)
    wait_for_restores(product)
    (row,) = rows_left(product)
    document, page, rows = report(api_server, drill, tmp_path)
    assert document["launches"]["settings"] == {"LEFT": 1}
    assert document["sourceServers"][0]["launchSettings"]["reason"] == row.reason
    assert str(row.reason).split(",")[0] in page
    assert rows[0]["launchSettings"] == "LEFT"
    assert "1 left, because a person has changed them" in run(api_server, "status", drill)


def test_a_run_without_profiles_has_no_such_section(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    drill = product.drill(plan)["executionId"]
    document, page, rows = report(api_server, drill, tmp_path)
    assert document["launches"] is None
    assert document["sourceServers"][0]["launchSettings"] is None
    assert "Launch profiles and isolation" not in page
    assert rows[0]["launchProfile"] == ""
    assert "launch settings" not in run(api_server, "status", drill)


def test_a_run_that_skips_profiles_says_so(product: Product, api_server: ApiHttpServer, tmp_path: Path) -> None:
    plan = plan_of(product, product.seed(1), {"drill": {"tags": {"purpose": "drill"}}})
    drill = product.request("POST", f"/recovery-plans/{plan}/drills", {"launchProfiles": "skip"}).body["executionId"]
    product.finish(drill)
    document, page, _ = report(api_server, drill, tmp_path)
    assert (document["launches"]["option"], document["launches"]["settings"]) == ("skip", {})
    assert "The run skipped launch profiles" in page
