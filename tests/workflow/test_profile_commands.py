"""`drs-waves profiles`, and the options of a start that concern launch profiles, through HTTP."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.commands import profiles
from cli.main import app
from recovery.store.launches.settings_changes import ChangeStatus
from tests.support.api_http_server import ApiHttpServer
from tests.support.changed_settings import (
    change_settings,
    ec2,
    read_settings,
    rows_left,
    template_of,
    wait_for_restores,
)
from tests.support.drill_networks import DRILL_GROUP, DRILL_SUBNET, add_drill_network
from tests.support.product import HUB, WEST, Product
from tests.support.runs import launching_run

UNKNOWN = "s-0123456789abcdef0"
PROFILES = {
    "drill": {
        "subnets": {f"{WEST}a": DRILL_SUBNET},
        "securityGroups": [DRILL_GROUP],
        "privateIp": "release",
        "isolation": "required",
    },
    "recovery": {"privateIp": "keep", "instanceTypes": ["m5.large", "m5.xlarge"]},
}

OF_RECOVERIES = {"recovery": {"privateIp": "keep"}}
"""Profiles that a drill leaves alone."""


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, answers: str | None = None) -> Result:
    return CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST], input=answers)


def own(text: str) -> str:
    """What the command printed. The product's functions run in this process, and log in JSON lines."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(('{"level"', '{"_aws"')))


def succeed(api_server: ApiHttpServer, *words: str, answers: str | None = None) -> str:
    result = run(api_server, *words, answers=answers)
    assert result.exit_code == 0, result.output
    return own(result.output)


def make_shop(product: Product, launch_profiles: dict[str, Any] | None = None, servers: int = 2) -> list[str]:
    """A plan `shop` of one group with these launch profiles; return the ids of its servers."""
    ids = product.seed(servers)
    group = product.group(ids, name="web servers", launchProfiles=launch_profiles or PROFILES)
    product.plan({"name": "web", "groups": [group]}, name="shop")
    return ids


def end_run_with_changes(product: Product) -> tuple[str, str]:
    """A server whose settings an ended run has changed and nothing has put back, and the run."""
    ids = make_shop(product, OF_RECOVERIES, servers=1)
    with launching_run(product, product.request("GET", "/recovery-plans").body["recoveryPlans"][0]["planId"]) as drill:
        pass
    product.finish(drill)
    wait_for_restores(product)
    change_settings(product, ids[0], drill)
    return ids[0], drill


# --- diff -----------------------------------------------------------------------------------------------------------
def test_diff_shows_what_the_profile_of_a_drill_changes(product: Product, api_server: ApiHttpServer) -> None:
    add_drill_network(product)
    ids = make_shop(product)
    lines = succeed(api_server, "profiles", "diff", "shop").splitlines()
    assert len(lines) == 3
    for server_id, line in zip(sorted(ids), lines[1:], strict=True):
        assert line.startswith(server_id)
        assert f"-> {DRILL_SUBNET}" in line
        assert f"-> {DRILL_GROUP}" in line
        assert "web servers" in line


def test_diff_shows_the_profile_of_a_recovery(product: Product, api_server: ApiHttpServer) -> None:
    make_shop(product)
    printed = succeed(api_server, "profiles", "diff", "shop", "--mode", "recovery")
    assert "-> m5.large" in printed
    assert DRILL_SUBNET not in printed


def test_diff_prints_json_and_csv(product: Product, api_server: ApiHttpServer) -> None:
    add_drill_network(product)
    ids = make_shop(product)
    items = json.loads(succeed(api_server, "profiles", "diff", "shop", "--json"))["launchSettings"]
    assert sorted(each["sourceServerId"] for each in items) == sorted(ids)
    assert {each["wanted"]["subnetIds"][0] for each in items} == {DRILL_SUBNET}
    assert {(each["accountId"], each["region"], each["isolation"]) for each in items} == {(HUB, WEST, "required")}
    rows = list(csv.DictReader(io.StringIO(succeed(api_server, "profiles", "diff", "shop", "-o", "csv"))))
    assert [json.loads(row["wanted"])["subnetIds"] for row in rows] == [[DRILL_SUBNET]] * 2


def test_diff_says_why_a_server_cannot_be_launched_with_its_profile(
    product: Product, api_server: ApiHttpServer
) -> None:
    make_shop(product)  # the drill's subnet does not exist
    assert f"a subnet that does not exist: {DRILL_SUBNET}" in succeed(api_server, "profiles", "diff", "shop")


def test_diff_without_a_profile_says_so(product: Product, api_server: ApiHttpServer) -> None:
    make_shop(product, {"recovery": {"privateIp": "keep"}})
    printed = succeed(api_server, "profiles", "diff", "shop")
    assert "These groups have no launch profile for a drill." in printed


def test_diff_of_an_unknown_group_names_those_of_the_plan(product: Product, api_server: ApiHttpServer) -> None:
    make_shop(product)
    result = run(api_server, "profiles", "diff", "shop", "--group", "database")
    assert result.exit_code == 3
    assert "web servers" in result.output


def test_diff_reads_only_the_servers_that_the_plan_uses(product: Product, api_server: ApiHttpServer) -> None:
    ids = product.seed(12)
    group = product.group(ids, launchProfiles={"drill": {"privateIp": "release"}})
    product.plan({"name": "web", "groups": [{"groupId": group, "sourceServerIds": ids[:11]}]}, name="shop")
    items = json.loads(succeed(api_server, "profiles", "diff", "shop", "--json"))["launchSettings"]
    assert sorted(each["sourceServerId"] for each in items) == sorted(ids[:11])


# --- show -----------------------------------------------------------------------------------------------------------
def test_show_lists_what_a_run_has_changed(product: Product, api_server: ApiHttpServer) -> None:
    server_id, drill = end_run_with_changes(product)
    head, line = succeed(api_server, "profiles", "show").splitlines()
    assert head.startswith("server")
    assert line.startswith(server_id)
    assert drill in line
    assert "CHANGED" in line
    assert "copyPrivateIp" in line
    assert "1 -> " in line


def test_show_of_another_region_is_empty(product: Product, api_server: ApiHttpServer) -> None:
    end_run_with_changes(product)
    printed = succeed(api_server, "profiles", "show", "--target", f"{HUB}/eu-central-1")
    assert printed.strip() == "No run has changed launch settings that are not put back."


@pytest.mark.parametrize("target", ["us-west-2", "1111/us-west-2", f"{HUB}/../x", ""])
def test_a_target_that_is_none_is_refused(api_server: ApiHttpServer, target: str) -> None:
    assert run(api_server, "profiles", "show", "--target", target).exit_code == 2


# --- restore --------------------------------------------------------------------------------------------------------
@pytest.mark.speed(120)
def test_restore_shows_what_it_does_and_puts_back(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "has_terminal", lambda: True)
    ids = make_shop(product, OF_RECOVERIES, servers=1)
    before = read_settings(product, ids[0])
    plan_id = product.request("GET", "/recovery-plans").body["recoveryPlans"][0]["planId"]
    product.finish(drill := product.start(plan_id))
    wait_for_restores(product)
    change_settings(product, ids[0], drill)
    printed = succeed(api_server, "profiles", "restore", "--server", ids[0], answers="y\n")
    assert "The launch settings of 1 server are put back:" in printed
    assert f"{ids[0]} in {HUB}/{WEST}, CHANGED by {drill}, wave web" in printed
    assert "copyPrivateIp" in printed
    wait_for_restores(product)
    assert read_settings(product, ids[0]) == before
    assert rows_left(product) == []


def test_restore_changes_nothing_unless_it_is_confirmed(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "has_terminal", lambda: True)
    server_id, _ = end_run_with_changes(product)
    changed = read_settings(product, server_id)
    result = run(api_server, "profiles", "restore", answers="n\n")
    assert result.exit_code == 3
    assert "Nothing was changed." in result.output
    assert len(rows_left(product)) == 1
    assert read_settings(product, server_id) == changed


def test_restore_without_a_terminal_needs_yes(product: Product, api_server: ApiHttpServer) -> None:
    end_run_with_changes(product)
    result = run(api_server, "profiles", "restore")
    assert result.exit_code == 2
    assert "give --yes" in result.output


@pytest.mark.speed(120)
def test_what_a_person_has_changed_is_put_back_only_with_force(product: Product, api_server: ApiHttpServer) -> None:
    server_id, _ = end_run_with_changes(product)
    template = template_of(product, server_id)
    person = ec2(product).create_launch_template_version(
        LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "c5.large"}
    )["LaunchTemplateVersion"]["VersionNumber"]
    ec2(product).modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(person))
    succeed(api_server, "profiles", "restore", "--yes")
    wait_for_restores(product)
    (row,) = rows_left(product)
    assert row.status is ChangeStatus.LEFT
    assert "restore --help" in succeed(api_server, "profiles", "show")
    again = succeed(api_server, "profiles", "restore", "--yes")
    assert f"Those of {server_id} stay, because a person has changed them; see --force." in again
    assert "None of these launch settings are put back:" in again
    forced = succeed(api_server, "profiles", "restore", "--server", server_id, "--force", "--yes")
    assert f"What people have changed of {server_id} since then is lost." in forced
    wait_for_restores(product)
    assert rows_left(product) == []
    assert read_settings(product, server_id).version == 1


@pytest.mark.speed(120)
def test_restore_with_keep_leaves_the_settings_and_forgets_the_change(
    product: Product, api_server: ApiHttpServer
) -> None:
    server_id, _ = end_run_with_changes(product)
    changed = read_settings(product, server_id)
    printed = succeed(api_server, "profiles", "restore", "--server", server_id, "--keep", "--yes")
    assert "stay as they are now, and what was there before is forgotten" in printed
    wait_for_restores(product)
    assert rows_left(product) == []
    assert read_settings(product, server_id) == changed


def test_restore_of_a_server_without_changes_says_so(product: Product, api_server: ApiHttpServer) -> None:
    make_shop(product)
    result = run(api_server, "profiles", "restore", "--server", UNKNOWN)
    assert result.exit_code == 3
    assert f"No run has changed launch settings of {UNKNOWN}." in result.output


def test_restore_with_nothing_to_put_back_says_so(product: Product, api_server: ApiHttpServer) -> None:
    make_shop(product)
    assert "No run has changed launch settings" in succeed(api_server, "profiles", "restore")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--force",), "needs --server or --target"),
        (("--keep",), "needs --server or --target"),
        (("--server", UNKNOWN, "--force", "--keep"), "not both"),
        (("--server", "web-01"), "not the id of a source server"),
    ],
)
def test_a_wrong_restore_is_refused_before_the_api_is_asked(
    api_server: ApiHttpServer, words: tuple[str, ...], said: str
) -> None:
    result = run(api_server, "profiles", "restore", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


# --- starts ---------------------------------------------------------------------------------------------------------
def test_a_recovery_shows_the_profiles_before_it_asks(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.commands.runs.has_terminal", lambda: True)
    make_shop(product)
    result = run(api_server, "run", "shop", "--mode", "recovery", "--reserve-capacity", answers="no\n")
    printed = own(result.output)
    assert "profiles       web servers: the address of the source; type m5.large, or else m5.xlarge" in printed
    assert "reserves       EC2 capacity for the waves to come" in printed
    assert product.request("GET", "/executions").body["executions"] == []


def test_a_recovery_without_profiles_says_that_they_are_skipped(
    product: Product, api_server: ApiHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.commands.runs.has_terminal", lambda: True)
    make_shop(product)
    result = run(api_server, "run", "shop", "--mode", "recovery", "--profiles", "skip", answers="no\n")
    assert "skipped: servers are launched as their own launch settings say" in own(result.output)
    assert "m5.large" not in result.output


def test_the_options_of_a_start_are_on_record(product: Product, api_server: ApiHttpServer) -> None:
    make_shop(product, {"drill": {"privateIp": "release"}})
    succeed(api_server, "run", "shop", "--profiles", "skip", "--reserve-capacity", "--no-wait")
    (listed,) = product.request("GET", "/executions").body["executions"]
    record = product.record(listed["executionId"])
    assert (record["profilesOption"], record["reserveCapacity"]) == ("skip", True)


def test_an_unknown_choice_of_profiles_is_refused(api_server: ApiHttpServer) -> None:
    result = run(api_server, "run", "shop", "--profiles", "none")
    assert result.exit_code == 2
    assert "give apply or skip" in " ".join(result.output.split())


# --- plan files -----------------------------------------------------------------------------------------------------
FILE = f"""
protectionGroups:
  - name: databases
    accountId: '{HUB}'
    region: {WEST}
    sourceServers: [srv-001, srv-002]
    launchProfiles:
      drill: {{subnets: {{{WEST}a: {DRILL_SUBNET}}}, privateIp: release, isolation: required}}
      servers:
        srv-002: {{recovery: {{privateIp: 10.20.4.11}}}}
recoveryPlan:
  name: shop
  waves:
    - name: database
      groups: [databases]
"""


def test_launch_profiles_of_a_file_are_applied_by_host_name_and_exported_again(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    first, second = product.seed(2)
    file, exported = tmp_path / "shop.yaml", tmp_path / "exported.yaml"
    file.write_text(FILE)
    succeed(api_server, "plan", "apply", str(file), "--yes")
    (group,) = product.request("GET", "/protection-groups").body["protectionGroups"]
    assert group["launchProfiles"]["drill"]["isolation"] == "required"
    assert group["launchProfiles"]["servers"] == {second: {"recovery": {"privateIp": "10.20.4.11"}}}
    assert sorted(group["sourceServerIds"]) == sorted([first, second])
    assert "Nothing to change" in succeed(api_server, "plan", "diff", str(file))
    succeed(api_server, "plan", "export", "shop", "--output", str(exported))
    assert second in exported.read_text()
    assert "Nothing to change" in succeed(api_server, "plan", "diff", str(exported))
    file.write_text(FILE.replace("privateIp: release", "privateIp: keep"))
    changed = succeed(api_server, "plan", "diff", str(file))
    assert 'launchProfiles.drill.privateIp: "release" -> "keep"' in changed


def test_a_host_name_of_a_profile_without_a_server_is_reported_with_its_line(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    product.seed(2, tags={"tier": "db"})
    file = tmp_path / "shop.yaml"
    file.write_text(FILE.replace("sourceServers: [srv-001, srv-002]", "tags: {tier: db}").replace("srv-002:", "srv-9:"))
    result = run(api_server, "plan", "diff", str(file))
    assert result.exit_code == 2
    place = "shop.yaml:10: protectionGroups[0].launchProfiles.servers.srv-9:"
    assert place in result.output
    assert f"{HUB}/{WEST} has no source server with the host name 'srv-9'" in result.output
