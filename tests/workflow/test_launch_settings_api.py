"""Launch settings through the API: what runs have changed, what launch profiles would change, and putting back."""

from typing import Any

import pytest

from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from tests.support.drill_networks import DRILL_GROUP, DRILL_SUBNET, add_drill_network
from tests.support.product import HUB, WEST, Product

RUN = "drill-20261122-081530-4f1c09"
HERE = {"accountId": HUB, "region": WEST}


def make_change(server_id: str, status: ChangeStatus = ChangeStatus.CHANGED, **more: Any) -> SettingsChange:
    """A row of a batch's change."""
    target = Target(HUB, WEST)
    return SettingsChange(
        target=target,
        server_id=server_id,
        owner=BatchRef(RUN, "web", target, 0),
        status=status,
        template_id="lt-0123456789abcdef0",
        version_before=1,
        version=2,
        configuration_before={"copyPrivateIp": True},
        configuration={"copyPrivateIp": False},
        changed_at="2026-11-22T08:15:30.123Z",
        revision=1,
        **more,
    )


def read_preview(product: Product, group_id: str, mode: str = "drill", **query: str) -> dict[str, Any]:
    reply = product.request("GET", f"/protection-groups/{group_id}/launch-settings", mode=mode, **query)
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


# --- what would change ----------------------------------------------------------------------------------------------
def test_the_settings_after_a_profile_are_shown_beside_those_of_now(product: Product) -> None:
    add_drill_network(product)
    (server_id,) = product.seed(1)
    profile = {
        "subnets": {f"{WEST}a": DRILL_SUBNET},
        "securityGroups": [DRILL_GROUP],
        "privateIp": "release",
        "instanceTypes": ["t3.large"],
        "tags": {"purpose": "drill"},
        "isolation": "required",
    }
    group = product.group([server_id], launchProfiles={"drill": profile})
    found = read_preview(product, group)
    assert found["isolation"] == "required"
    (server,) = found["launchSettings"]
    assert server["hostname"] == "srv-001"
    assert server["hasProfile"] is True
    assert server["wanted"]["subnetIds"] == [DRILL_SUBNET]
    assert server["wanted"]["securityGroups"] == [DRILL_GROUP]
    assert server["wanted"]["instanceType"] == "t3.large"
    assert server["wanted"]["tags"] == {**server["now"]["tags"], "purpose": "drill"}
    assert {"subnetIds", "securityGroups", "instanceType", "tags"} <= set(server["changes"])
    assert server["now"]["disposition"] == server["wanted"]["disposition"]
    assert "disposition" not in server["changes"]
    assert "UpdateLaunchConfiguration" not in product.calls()
    assert "CreateLaunchTemplateVersion" not in product.calls()


def test_a_mode_without_a_profile_changes_nothing(product: Product) -> None:
    (server_id,) = product.seed(1)
    group = product.group([server_id], launchProfiles={"drill": {"privateIp": "release"}})
    found = read_preview(product, group, "recovery")
    (server,) = found["launchSettings"]
    assert (server["hasProfile"], server["wanted"], server["changes"]) == (False, None, [])
    assert server["now"] is not None
    assert found["isolation"] is None


def test_a_kept_address_is_that_of_the_source(product: Product) -> None:
    (server_id,) = product.seed(1, ip="10.1.2.3")
    group = product.group([server_id], launchProfiles={"drill": {"privateIp": "keep"}})
    (server,) = read_preview(product, group)["launchSettings"]
    assert server["wanted"]["privateIp"] == "10.1.2.3"


def test_a_profile_that_does_not_suit_a_server_says_why(product: Product) -> None:
    first, second = product.seed(2)
    profiles = {
        "drill": {"privateIp": "release"},
        "servers": {first: {"drill": {"subnets": {f"{WEST}a": DRILL_SUBNET}}}},
    }
    group = product.group([first, second], launchProfiles=profiles)
    servers = {each["sourceServerId"]: each for each in read_preview(product, group)["launchSettings"]}
    assert f"a subnet that does not exist: {DRILL_SUBNET}" in servers[first]["refused"]
    assert servers[first]["wanted"] is None
    assert servers[first]["now"] is not None
    assert servers[second]["refused"] is None
    assert servers[second]["wanted"] is not None


def test_a_template_that_is_gone_is_named(product: Product) -> None:
    (server_id,) = product.seed(1)
    group = product.group([server_id], launchProfiles={"drill": {"privateIp": "release"}})
    (server,) = read_preview(product, group)["launchSettings"]
    template = server["launchTemplateId"]
    product.emulator.control.change_launch_template(template, {**HERE, "defaultVersion": 9})
    (server,) = read_preview(product, group)["launchSettings"]
    assert template in server["unread"]
    assert server["now"] is None


def test_a_group_by_tags_is_read_page_by_page(product: Product) -> None:
    ids = product.seed(12, tags={"tier": "web"})
    group = product.group(tags={"tier": "web"}, launchProfiles={"drill": {"privateIp": "release"}})
    first = read_preview(product, group)
    second = read_preview(product, group, nextToken=first["nextToken"])
    assert [len(first["launchSettings"]), len(second["launchSettings"])] == [10, 2]
    assert second["nextToken"] is None
    read = [each["sourceServerId"] for page in (first, second) for each in page["launchSettings"]]
    assert read == sorted(ids)


def test_only_named_servers_are_read(product: Product) -> None:
    first, second = product.seed(2)
    group = product.group([first, second], launchProfiles={"drill": {"privateIp": "release"}})
    found = read_preview(product, group, sourceServerIds=second)
    assert [each["sourceServerId"] for each in found["launchSettings"]] == [second]


def test_a_server_whose_settings_a_run_has_changed_names_the_run(product: Product) -> None:
    first, second = product.seed(2)
    product.put("TargetChanges", make_change(first).to_item())
    group = product.group([first, second], launchProfiles={"drill": {"privateIp": "release"}})
    changed = {each["sourceServerId"]: each["changedBy"] for each in read_preview(product, group)["launchSettings"]}
    assert changed == {first: RUN, second: None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "mode"),
        ({"mode": "readiness"}, "mode"),
        ({"mode": "drill", "sourceServerIds": "srv-001"}, "sourceServerIds[0]"),
        ({"mode": "drill", "sourceServerIds": "s-0123456789abcdef0"}, "sourceServerIds[0]"),
        ({"mode": "drill", "limit": "11"}, "limit"),
    ],
)
def test_a_wrong_question_is_refused_with_the_field(product: Product, query: dict[str, str], field: str) -> None:
    group = product.group(product.seed(1))
    reply = product.request("GET", f"/protection-groups/{group}/launch-settings", **query)
    assert reply.status == 400
    assert [each["field"] for each in reply.body["problems"]] == [field]


# --- what was changed -----------------------------------------------------------------------------------------------
def test_changed_settings_are_listed_with_their_run(product: Product) -> None:
    (server_id,) = product.seed(1)
    product.put("TargetChanges", make_change(server_id, ChangeStatus.LEFT, reason="version 3 is ana's").to_item())
    reply = product.request("GET", "/launch-settings", **HERE)
    assert reply.status == 200
    (row,) = reply.body["launchSettings"]
    assert row["sourceServerId"] == server_id
    assert (row["executionId"], row["wave"], row["batch"]) == (RUN, "web", 0)
    assert (row["status"], row["reason"]) == ("LEFT", "version 3 is ana's")
    assert (row["versionBefore"], row["version"]) == (1, 2)
    assert row["configurationBefore"] == {"copyPrivateIp": True}
    assert product.request("GET", "/launch-settings", accountId=HUB, region="eu-central-1").body["launchSettings"] == []


def test_changed_settings_come_in_pages(product: Product) -> None:
    for server_id in product.seed(3):
        product.put("TargetChanges", make_change(server_id).to_item())
    first = product.request("GET", "/launch-settings", **HERE, limit="2").body
    second = product.request("GET", "/launch-settings", **HERE, limit="2", nextToken=first["nextToken"]).body
    assert [len(first["launchSettings"]), len(second["launchSettings"])] == [2, 1]
    assert second["nextToken"] is None


@pytest.mark.parametrize("query", [{}, {"accountId": HUB}, {"accountId": "1", "region": WEST}, {**HERE, "region": "x"}])
def test_changed_settings_are_those_of_one_region(product: Product, query: dict[str, str]) -> None:
    assert product.request("GET", "/launch-settings", **query).status == 400


# --- putting back ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "accountId"),
        ({**HERE, "sourceServerIds": ["s-0123456789abcdef0"], "force": True, "keep": True}, "body"),
        ({**HERE, "sourceServerIds": ["s-0123456789abcdef0"]}, "sourceServerIds[0]"),
    ],
)
def test_a_wrong_restore_is_refused_with_the_field(product: Product, body: dict[str, Any], field: str) -> None:
    reply = product.request("POST", "/launch-settings/restore", body)
    assert reply.status == 400
    assert field in [each["field"] for each in reply.body["problems"]]
