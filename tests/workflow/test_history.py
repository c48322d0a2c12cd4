"""The history of plans, groups and accounts: who changed what, when, and what was different, whatever goes wrong."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.fault_injection import killed_after_change, killed_before
from tests.support.product import ANA, HUB, WEST, Product

BEN = ANA.replace("ana", "ben")
SERVER, SECOND = "s-0123456789abcdef0", "s-0123456789abcdef1"
ACCOUNT_ID = "777788889999"
ACCOUNT = {
    "name": "shop production",
    "roleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/drs-waves-target",
    "externalId": "a-shared-secret-of-two",
    "regions": [WEST],
}
GROUP = {"name": "web servers", "accountId": HUB, "region": WEST, "sourceServerIds": [SERVER]}


def make(product: Product, kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """Create a plan, group or account; return its path, and the body that creates it without what PUT refuses."""
    match kind:
        case "plan":
            group = {"groupId": product.group([SERVER])}
            body = {"name": "shop", "waves": [{"name": "web", "groups": [group]}], **more}
            path, sent = "/recovery-plans", body
        case "group":
            path, body = "/protection-groups", {**GROUP, **more}
            sent = body
        case _:
            path, body = "/target-accounts", {**ACCOUNT, **more}
            sent = {"accountId": ACCOUNT_ID, **body}
    created = product.request("POST", path, sent)
    assert created.status == 201, created
    return created.headers["Location"], body


def history(product: Product, path: str, **query: str) -> list[Any]:
    found = product.request("GET", f"{path}/history", **query)
    assert found.status == 200, found
    return list(found.body["history"])


def entries(product: Product) -> int:
    return len(product.items("CatalogHistory"))


KINDS = ["plan", "group", "account"]


# --- what is kept -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_every_change_leaves_one_entry_with_who_when_and_what(product: Product, kind: str) -> None:
    path, body = make(product, kind)
    before = entries(product)
    changed = product.request("PUT", path, {**body, "name": "other", "version": 1}, caller=BEN)
    assert changed.status == 200
    assert product.request("DELETE", path, caller=BEN).status == 204
    assert entries(product) == before + 2

    deleted, second, first = history(product, path)
    assert [each["version"] for each in (first, second, deleted)] == [1, 2, 3]
    assert [each["by"] for each in (first, second, deleted)] == [ANA, BEN, BEN]
    assert first["at"] <= second["at"] <= deleted["at"]
    assert second["changes"] == [{"field": "name", "before": body["name"], "after": "other"}]
    assert (deleted["deleted"], deleted["changes"], deleted["name"]) == (True, [], "other")
    fields = {each["field"]: each for each in first["changes"]}
    assert fields["name"] == {"field": "name", "before": None, "after": body["name"]}
    assert not any(each["found"] for each in (first, second, deleted))


def test_a_changed_external_id_is_shown_as_changed_and_never_kept(product: Product) -> None:
    path, body = make(product, "account")
    assert product.request("PUT", path, {**body, "externalId": "another-secret-of-two", "version": 1}).status == 200
    assert product.request("PUT", path, {**body, "externalId": None, "name": "x", "version": 2}).status == 200
    named, changed, _ = history(product, path)
    assert changed["changes"] == [{"field": "externalId", "before": "hidden", "after": "hidden, changed"}]
    assert [each["field"] for each in named["changes"]] == ["name"]
    assert "secret-of-two" not in json.dumps(product.items("CatalogHistory"), default=str)


def test_waves_differ_by_name_and_groups_by_their_names(product: Product) -> None:
    path, body = make(product, "plan")
    group = body["waves"][0]["groups"][0]["groupId"]
    waves = [{"name": "web", "groups": [{"groupId": group, "optional": True}], "maxFailedPercent": 10}]
    assert product.request("PUT", path, {**body, "waves": waves, "version": 1}).status == 200
    assert history(product, path)[0]["changes"] == [
        {"field": "waves[web].groups[some servers].optional", "before": None, "after": "true"},
        {"field": "waves[web].maxFailedPercent", "before": "0", "after": "10"},
    ]


def test_a_plan_that_uses_a_group_and_a_run_that_locks_a_plan_are_no_changes(product: Product) -> None:
    server = product.seed(1)
    group = product.group(server)
    plan = product.plan({"name": "web", "groups": [group]})
    product.drill(plan)
    assert len(history(product, f"/protection-groups/{group}")) == 1
    assert len(history(product, f"/recovery-plans/{plan}")) == 1
    reply = product.request("PUT", f"/protection-groups/{group}", {**GROUP, "sourceServerIds": server, "version": 1})
    assert reply.status == 200
    assert [each["found"] for each in history(product, f"/protection-groups/{group}")] == [False, False]


# --- refused, stale and repeated --------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_refused_and_stale_requests_leave_no_entry(product: Product, kind: str) -> None:
    path, body = make(product, kind)
    before = entries(product)
    for more in ({"version": 7}, {"version": 1, "name": 5}, {"version": 0}):
        assert product.request("PUT", path, {**body, **more}).status in (400, 409)
    assert product.request("DELETE", path, headers={"If-Match": '"9"'}).status == 409
    collection = path.rpartition("/")[0]
    assert product.request("PUT", f"{collection}/{'1' * 12}", {**body, "version": 1}).status == 404
    assert product.request("DELETE", f"{collection}/{'1' * 12}").status == 404
    assert product.request("POST", collection, {"name": "x"}).status == 400
    assert entries(product) == before


def test_a_group_in_use_and_a_locked_plan_that_stay_leave_no_entry(product: Product) -> None:
    path, body = make(product, "plan")
    group = f"/protection-groups/{body['waves'][0]['groups'][0]['groupId']}"
    row = next(row for row in product.items("RecoveryPlans"))
    product.put("RecoveryPlans", {**row, "activeExecutionId": "drill-x"})
    before = entries(product)
    assert product.request("DELETE", group).status == 409
    assert product.request("DELETE", path).status == 409
    assert entries(product) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_request_leaves_one_entry(product: Product, kind: str) -> None:
    path, body = make(product, kind)
    change = {**body, "name": "other", "version": 1}
    replies = [product.request("PUT", path, change, caller=caller) for caller in (ANA, ANA, BEN)]
    assert [reply.status for reply in replies] == [200, 200, 200]
    assert [(each["version"], each["by"]) for each in history(product, path)] == [(2, ANA), (1, ANA)]


def test_registering_an_account_twice_leaves_one_entry(product: Product) -> None:
    path, _ = make(product, "account")
    make(product, "account")
    refused = product.request("POST", "/target-accounts", {"accountId": ACCOUNT_ID, **ACCOUNT, "name": "x"})
    assert refused.status == 409
    assert len(history(product, path)) == 1


def test_an_account_that_is_registered_again_goes_on_with_its_history(product: Product) -> None:
    path, _ = make(product, "account")
    assert product.request("DELETE", path).status == 204
    make(product, "account", name="again")
    again, deleted, first = history(product, path)
    assert [(each["number"], each["version"]) for each in (again, deleted, first)] == [(3, 1), (2, 2), (1, 1)]
    assert {"field": "name", "before": None, "after": "again"} in again["changes"]


# --- faults -----------------------------------------------------------------------------------------------------
def send_all(product: Product, kind: str) -> list[Callable[[], Any]]:
    path, body = make(product, kind)
    return [
        lambda: product.request("PUT", path, {**body, "name": "other", "version": 1}),
        lambda: product.request("DELETE", path),
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dies", ["before the write", "after the write"])
def test_a_function_that_dies_at_its_write_has_made_both_or_neither(product: Product, kind: str, dies: str) -> None:
    writes = {"TransactWriteItems", "UpdateItem", "PutItem", "DeleteItem"}
    for number, send in enumerate(send_all(product, kind)):
        before = entries(product)
        if dies == "before the write":
            death: Any = killed_before("Api", lambda operation, _: operation in writes, lambda: None)
        else:
            death = killed_after_change("Api", 1, writes)
        with death:
            assert send().status == 500
        assert entries(product) == before + (dies == "after the write")
        again = send()
        assert again.status in (200, 204) if number == 0 or dies == "before the write" else again.status == 404
        assert entries(product) == before + 1


@pytest.mark.parametrize("kind", KINDS)
def test_of_concurrent_updates_one_is_written_and_has_the_one_entry(product: Product, kind: str) -> None:
    path, body = make(product, kind)
    barrier, statuses = threading.Barrier(6), list[int]()

    def change(number: int) -> None:
        barrier.wait()
        statuses.append(product.request("PUT", path, {**body, "name": f"by {number}", "version": 1}).status)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]
    second, _ = history(product, path)
    assert second["name"] == product.request("GET", path).body["name"]


# --- rows that the API has not written ---------------------------------------------------------------------------
def forget_history(product: Product) -> None:
    for row in product.items("CatalogHistory"):
        product.delete("CatalogHistory", {"subject": row["subject"], "version": row["version"]})


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_change_after_an_upgrade_keeps_what_was_there_before(product: Product, kind: str) -> None:
    path, body = make(product, kind)
    forget_history(product)
    (found,) = history(product, path)
    assert (found["version"], found["found"], found["changes"]) == (1, True, [])
    assert product.request("PUT", path, {**body, "name": "other", "version": 1}, caller=BEN).status == 200
    changed, first = history(product, path)
    assert first == found
    assert first["by"] == (None if kind == "account" else ANA)
    assert changed["changes"] == [{"field": "name", "before": body["name"], "after": "other"}]
    assert (changed["found"], changed["by"]) == (False, BEN)


@pytest.mark.parametrize("kind", KINDS)
def test_a_deletion_after_an_upgrade_keeps_what_is_deleted(product: Product, kind: str) -> None:
    path, _ = make(product, kind)
    forget_history(product)
    assert product.request("DELETE", path).status == 204
    assert [(each["version"], each["deleted"]) for each in history(product, path)] == [(2, True), (1, False)]


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_restore_the_entries_stay_and_show_what_the_restore_took_back(product: Product, kind: str) -> None:
    path, body = make(product, kind)
    table = {"plan": "RecoveryPlans", "group": "ProtectionGroups", "account": "TargetAccounts"}[kind]
    (old,) = [row for row in product.items(table) if path.endswith(tuple(map(str, row.values())))]
    for version, name in enumerate(("second", "third"), start=1):
        assert product.request("PUT", path, {**body, "name": name, "version": version}).status == 200
    kept = history(product, path)

    product.put(table, old)
    found = history(product, path)[0]
    assert (found["number"], found["version"], found["found"]) == (4, 1, True)
    assert found["changes"] == [{"field": "name", "before": "third", "after": body["name"]}]
    assert product.request("PUT", path, {**body, "name": "after it", "version": 1}, caller=BEN).status == 200
    after = history(product, path)
    assert after[2:] == kept
    assert after[1] == found
    assert [(each["number"], each["version"], each["by"]) for each in after[:1]] == [(5, 2, BEN)]
    assert after[0]["changes"] == [{"field": "name", "before": body["name"], "after": "after it"}]


# --- reading ----------------------------------------------------------------------------------------------------
def test_two_hundred_versions_are_read_page_by_page_each_with_what_it_changed(product: Product) -> None:
    path, body = make(product, "group")
    for version in range(1, 200):
        assert product.request("PUT", path, {**body, "description": f"{version + 1}", "version": version}).status == 200
    seen, query = [], dict[str, str]()
    while True:
        page = product.request("GET", f"{path}/history", limit="30", **query).body
        seen += page["history"]
        if not page["nextToken"]:
            break
        query = {"nextToken": page["nextToken"]}
    assert [each["version"] for each in seen] == list(range(200, 0, -1))
    for each in seen[:-2]:
        before, after = str(each["version"] - 1), str(each["version"])
        assert each["changes"] == [{"field": "description", "before": before, "after": after}]


@pytest.mark.parametrize(
    "path", ["/recovery-plans/rp-none", "/protection-groups/pg-none", f"/target-accounts/{'1' * 12}"]
)
def test_what_never_was_has_no_history(product: Product, path: str) -> None:
    assert product.request("GET", f"{path}/history").status == 404


def test_a_token_of_another_history_is_refused_or_ends(product: Product) -> None:
    path, body = make(product, "group")
    assert product.request("PUT", path, {**body, "name": "x", "version": 1}).status == 200
    token = product.request("GET", f"{path}/history", limit="1").body["nextToken"]
    other, _ = make(product, "group")
    assert product.request("GET", f"{other}/history", nextToken=token).status == 400
    assert product.request("GET", f"{path}/history", nextToken="x").status == 400


def test_the_largest_plan_has_a_history(product: Product) -> None:
    group = {"groupId": product.group([SERVER])}
    says = [{"name": f"say-{number}", "manual": {"instructions": "x" * 1_900}} for number in range(190)]
    waves = [
        {"name": f"wave-{number}", "groups": [group], "before": says[at : at + 10]}
        for number, at in enumerate(range(0, 190, 10))
    ]
    created = product.request("POST", "/recovery-plans", {"name": "large", "waves": waves})
    assert created.status == 201, created
    path = created.headers["Location"]
    assert product.request("DELETE", path).status == 204
    deleted, first = history(product, path)
    assert (deleted["deleted"], len(first["changes"])) == (True, 4)
    assert max(len(each["after"]) for each in first["changes"]) < 210
