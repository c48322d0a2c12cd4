"""Accounts, groups and plans through the API: versions protect changes, and each write is complete."""

import json
import threading
from typing import Any

import botocore.client
import pytest

from recovery.drs import fan_out
from recovery.errors import DrsWavesError
from tests.support.api_without_aws import call_without_aws, problems_by_field
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product, Reply

SERVER, SECOND = "s-0123456789abcdef0", "s-0123456789abcdef1"
ACCOUNT = {
    "accountId": "777788889999",
    "name": "shop production",
    "roleArn": "arn:aws:iam::777788889999:role/drs-waves-target",
    "externalId": "a-shared-secret-of-two",
    "regions": [WEST, EUROPE],
}
GROUP = {"name": "web", "accountId": HUB, "region": WEST, "sourceServerIds": [SERVER]}
NEW = {name: value for name, value in ACCOUNT.items() if name != "accountId"}


def wave(*groups: str, name: str = "web", **more: Any) -> dict[str, Any]:
    return {"name": name, "groups": [{"groupId": group} for group in groups], **more}


def plan_body(*groups: str, **more: Any) -> dict[str, Any]:
    return {"name": "shop", "waves": [wave(*groups)], **more}


# --- errors and headers -----------------------------------------------------------------------------------------
def test_an_error_is_problem_json_with_advice_and_a_correlation_id() -> None:
    status, body = call_without_aws("GET", "/protection-groups/-")
    assert status == 404
    assert body["type"] == "urn:drs-waves:problem:GroupNotFound"
    assert (body["title"], body["status"], body["code"]) == ("Group not found", 404, "GroupNotFound")
    assert body["detail"] == body["message"]
    assert body["instance"].endswith(body["correlationId"])
    assert body["advice"]


@pytest.mark.parametrize(
    ("method", "path", "status", "content_type"),
    [
        ("GET", "/protection-groups", 200, "application/json"),
        ("GET", "/nowhere", 404, "application/problem+json"),
        ("POST", "/protection-groups", 400, "application/problem+json"),
        ("DELETE", "/recovery-plans/rp-none", 404, "application/problem+json"),
    ],
)
def test_every_answer_carries_the_correlation_id(
    product: Product, method: str, path: str, status: int, content_type: str
) -> None:
    reply = product.request(method, path)
    assert reply.status == status
    assert reply.headers["X-Correlation-Id"] == "7a1c"
    assert reply.headers["Content-Type"] == content_type


def test_an_unexpected_error_is_problem_json_without_its_text(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_(*_: Any) -> None:
        raise ZeroDivisionError("the secret of the house")

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", break_)
    status, body = call_without_aws("GET", "/protection-groups/pg-1")
    assert (status, body["code"], body["status"]) == (500, "InternalError", 500)
    assert "secret" not in json.dumps(body)


def every_error() -> list[type[DrsWavesError]]:
    found, left = [], [DrsWavesError]
    while left:
        found.append(left.pop())
        left.extend(found[-1].__subclasses__())
    return found


@pytest.mark.parametrize("kind", every_error())
def test_every_error_has_a_status_a_title_and_advice(kind: type[DrsWavesError]) -> None:
    assert 400 <= kind.status <= 599
    assert kind.advice.endswith(".")
    assert kind.title().replace(" ", "").lower() == kind.__name__.lower()


def test_health_shows_each_table(product: Product) -> None:
    reply = product.request("GET", "/health")
    assert (reply.status, reply.body["status"]) == (200, "ok")
    assert set(reply.body["tables"].values()) == {"ok"}
    product.engine.client("dynamodb").delete_table(TableName="drs-waves-Limits")
    reply = product.request("GET", "/health")
    assert (reply.status, reply.body["status"]) == (200, "degraded")
    assert "ResourceNotFound" in reply.body["tables"]["limits"]
    assert reply.body["tables"]["executions"] == "ok"


# --- target accounts --------------------------------------------------------------------------------------------
def test_an_account_is_registered_read_listed_changed_and_deleted(product: Product) -> None:
    created = product.request("POST", "/target-accounts", ACCOUNT)
    assert created.status == 201
    assert "externalId" not in created.body
    path = created.headers["Location"]
    assert product.request("GET", path).body == created.body
    assert created.body in product.request("GET", "/target-accounts").body["targetAccounts"]
    assert "a-shared-secret" not in json.dumps(product.request("GET", "/target-accounts").body)

    changed = product.request("PUT", path, {**NEW, "externalId": None, "regions": [WEST], "version": 1})
    assert (changed.status, changed.body["regions"], changed.body["version"]) == (200, [WEST], 2)
    assert changed.headers["ETag"] == '"2"'
    (row,) = [row for row in product.items("TargetAccounts") if row["accountId"] == ACCOUNT["accountId"]]
    assert row["externalId"] == ACCOUNT["externalId"]

    assert product.request("DELETE", path).status == 204
    assert product.request("GET", path).status == 404
    assert product.request("DELETE", path).status == 404


def test_registering_again_changes_nothing_and_with_other_values_is_refused(product: Product) -> None:
    assert product.request("POST", "/target-accounts", ACCOUNT).status == 201
    assert product.request("POST", "/target-accounts", ACCOUNT).status == 201
    other = product.request("POST", "/target-accounts", {**ACCOUNT, "regions": [WEST]})
    assert (other.status, other.body["code"]) == (409, "AccountAlreadyRegistered")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"accountId": "12"}, "accountId"),
        ({"roleArn": "drs-waves-target"}, "roleArn"),
        ({"roleArn": "arn:aws:iam::111122223333:role/drs-waves-target"}, "roleArn"),
        ({"externalId": "x"}, "externalId"),
        ({"externalId": "fifteen-letters"}, "externalId"),
        ({"externalId": "no spaces here"}, "externalId"),
        ({"externalId": None}, "externalId"),
        ({"regions": []}, "regions"),
        ({"regions": [WEST, WEST]}, "regions"),
        ({"regions": ["Oregon"]}, "regions[0]"),
        ({"regions": ["us-wset-2"]}, "regions[0]"),
        ({"regions": ["eu-west-22"]}, "regions[0]"),
        ({"regions": [WEST, "us-gov-west-1"]}, "regions"),
        ({"name": "a\x00"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_bad_account_is_refused_with_the_field(change: dict[str, Any], field: str) -> None:
    status, body = call_without_aws("POST", "/target-accounts", body=json.dumps(ACCOUNT | change))
    assert status == 400
    assert field in problems_by_field(body)


def test_an_external_id_has_at_least_sixteen_characters(product: Product) -> None:
    sixteen = {**ACCOUNT, "externalId": "sixteen-letters-"}
    assert product.request("POST", "/target-accounts", sixteen).status == 201
    path = f"/target-accounts/{ACCOUNT['accountId']}"
    shorter = product.request("PUT", path, {**NEW, "externalId": "fifteen-letters", "version": 1})
    assert (shorter.status, problems_by_field(shorter.body)) == (
        400,
        {"externalId": "must have at least 16 characters"},
    )
    assert product.request("PUT", path, {**NEW, "externalId": "seventeen-letters", "version": 1}).status == 200


@pytest.mark.parametrize(
    ("typed", "meant"), [("us-wset-2", "us-west-2"), ("eu-west-22", "eu-west-2"), ("us-gov-west-2", "us-gov-west-1")]
)
def test_a_mistyped_region_of_an_account_or_a_group_is_refused_with_the_one_that_is_meant(
    typed: str, meant: str
) -> None:
    """Otherwise the first run would learn of it, from an endpoint that does not exist."""
    for path, body, field in (
        ("/target-accounts", ACCOUNT | {"regions": [typed]}, "regions[0]"),
        ("/protection-groups", GROUP | {"region": typed}, "region"),
    ):
        status, answer = call_without_aws("POST", path, body=json.dumps(body))
        assert status == 400
        assert f"did you mean {meant}?" in problems_by_field(answer)[field]


def test_a_role_in_another_partition_takes_regions_of_that_partition(product: Product) -> None:
    role = ACCOUNT["roleArn"].replace("arn:aws:", "arn:aws-us-gov:")
    body = ACCOUNT | {"roleArn": role, "regions": ["us-gov-west-1"]}
    assert product.request("POST", "/target-accounts", body).status == 201


@pytest.mark.parametrize("text", ["-", "12", "1111222233334", "\u0661" * 12, "..", "{}"])
def test_text_that_cannot_be_an_account_is_not_looked_up(text: str) -> None:
    body = json.dumps({**NEW, "version": 1})
    for method, path in (
        ("GET", "/target-accounts/{}"),
        ("PUT", "/target-accounts/{}"),
        ("DELETE", "/target-accounts/{}"),
        ("POST", "/target-accounts/{}/verify"),
        ("GET", "/capacity/{}"),
        ("GET", "/capacity/{}/us-west-2"),
        ("GET", "/targets/{}/us-west-2/source-servers"),
    ):
        assert call_without_aws(method, path.format(text), body=body)[0] == 404, path


def test_an_account_in_which_groups_have_servers_is_not_deleted(product: Product) -> None:
    group = product.group([SERVER], name="web servers")
    reply = product.request("DELETE", f"/target-accounts/{HUB}")
    assert (reply.status, reply.body["protectionGroups"]) == (409, ["web servers"])
    assert product.request("DELETE", f"/protection-groups/{group}").status == 204
    assert product.request("DELETE", f"/target-accounts/{HUB}").status == 204


# --- versions ---------------------------------------------------------------------------------------------------
def test_a_group_is_changed_from_the_version_that_was_read(product: Product) -> None:
    path = f"/protection-groups/{product.group([SERVER])}"
    body = {"name": "by tags", "accountId": HUB, "region": WEST, "tags": {"tier": "web"}}
    missing = product.request("PUT", path, body)
    assert (missing.status, list(problems_by_field(missing.body))) == (400, ["version"])
    changed = product.request("PUT", path, {**body, "version": 1})
    assert changed.status == 200
    assert changed.body | body == changed.body
    assert "sourceServerIds" not in changed.body
    assert product.request("GET", path).body == changed.body
    stale = product.request("PUT", path, {**body, "name": "third", "version": 1})
    assert (stale.status, stale.body["code"], stale.body["version"]) == (409, "VersionConflict", 2)
    by_header = product.request("PUT", path, {**body, "name": "third"}, headers={"If-Match": '"2"'})
    assert (by_header.status, by_header.headers["ETag"]) == (200, '"3"')


@pytest.mark.parametrize("header", ["*", '"0"', '"1", "2"', "one", "-1", '"' + "9" * 400 + '"'])
def test_an_if_match_that_names_no_version_is_refused(header: str) -> None:
    group = {"name": "web", "accountId": HUB, "region": WEST, "sourceServerIds": [SERVER]}
    status, body = call_without_aws(
        "PUT", "/protection-groups/pg-1", body=json.dumps(group), headers={"If-Match": header}
    )
    assert (status, list(problems_by_field(body))) == (400, ["If-Match"])


def test_a_body_and_a_header_that_differ_are_refused() -> None:
    group = {"name": "web", "accountId": HUB, "region": WEST, "sourceServerIds": [SERVER], "version": 2}
    status, body = call_without_aws(
        "PUT", "/protection-groups/pg-1", body=json.dumps(group), headers={"if-match": '"1"'}
    )
    assert (status, list(problems_by_field(body))) == (400, ["version"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/protection-groups/pg-none", {"name": "x", "accountId": HUB, "region": WEST, "tags": {"a": "b"}}),
        ("/recovery-plans/rp-none", {"name": "x"}),
        ("/target-accounts/777788889999", NEW),
    ],
)
def test_a_change_of_a_missing_resource_creates_nothing(product: Product, path: str, body: dict[str, Any]) -> None:
    if "plans" in path:
        body = {**body, "waves": [wave(product.group([SERVER]))]}
    assert product.request("PUT", path, {**body, "version": 1}).status == 404
    assert product.items("RecoveryPlans") == []
    assert len(product.items("TargetAccounts")) == 2


def test_a_change_whose_answer_was_lost_may_be_sent_again(product: Product) -> None:
    plan = product.plan(wave(product.group([SERVER])))
    (row,) = product.items("RecoveryPlans")
    body = {"name": "second", "waves": [wave(product.group([SECOND]))], "version": 1}
    product.engine.runtime.lose_answer("Api")
    lost = product.engine.client("lambda").invoke(
        FunctionName="Api",
        Payload=json.dumps({"path": f"/recovery-plans/{plan}", "httpMethod": "PUT", "body": json.dumps(body)}),
    )
    assert "FunctionError" in lost
    again = product.request("PUT", f"/recovery-plans/{plan}", body)
    assert (again.status, again.body["version"], row["version"]) == (200, 2, 1)


def both(first: Any, second: Any) -> list[Reply]:
    """The answers of two simultaneous calls."""
    replies: list[Reply] = []
    gate = threading.Barrier(2)

    def run(call: Any) -> None:
        gate.wait()
        replies.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_of_two_changes_based_on_one_version_one_succeeds(product: Product) -> None:
    first, second = product.group([SERVER]), product.group([SECOND])
    plan = product.plan(wave(first))
    path = f"/recovery-plans/{plan}"
    for version in range(1, 6):
        bodies = [plan_body(group, description=f"{version} {group}", version=version) for group in (first, second)]
        replies = both(*(lambda body=body: product.request("PUT", path, body) for body in bodies))
        assert sorted(reply.status for reply in replies) == [200, 409]
        (made,) = [reply.body for reply in replies if reply.status == 200]
        assert product.request("GET", path).body.items() >= made.items()
        used = {row["groupId"]: row.get("usedBy") for row in product.items("ProtectionGroups")}
        assert used == {group: {plan} if group == made["waves"][0]["groups"][0]["groupId"] else None for group in used}


# --- plans that run ---------------------------------------------------------------------------------------------
def test_a_plan_that_runs_is_changed_and_the_run_keeps_its_copy(product: Product) -> None:
    servers = product.seed(2)
    plan = product.plan(wave(product.group(servers[:1])))
    running = product.start(plan)
    body = plan_body(product.group(servers[1:]), version=1)
    changed = product.request("PUT", f"/recovery-plans/{plan}", body)
    assert (changed.status, changed.body["activeExecutionId"]) == (200, running)
    again = product.request("POST", f"/recovery-plans/{plan}/drills")
    assert (again.status, again.body["executionId"]) == (409, running)
    record = product.finish(running)
    assert [server["sourceServerId"] for server in record["sourceServers"]] == servers[:1]
    assert product.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] is None


def test_a_start_and_a_change_at_once_lose_neither_the_lock_nor_the_change(product: Product) -> None:
    groups = [product.group(tags={"no": "where"}), product.group(tags={"nor": "there"})]
    for number in range(4):
        plan = product.plan(wave(groups[0]))
        path = f"/recovery-plans/{plan}"
        replies = both(
            lambda path=path: product.request("PUT", path, plan_body(groups[1], version=1)),
            lambda path=path: product.request("POST", f"{path}/drills"),
        )
        assert sorted(reply.status for reply in replies) == [200, 202], number
        (started,) = [reply.body["executionId"] for reply in replies if reply.status == 202]
        product.finish(started)
        now = product.request("GET", path).body
        assert (now["version"], now["activeExecutionId"]) == (2, None)
        assert now["waves"][0]["groups"] == [{"groupId": groups[1]}]


def test_a_running_plan_is_not_deleted_and_an_idle_one_releases_its_groups(product: Product) -> None:
    group = product.group(product.seed(1))
    plan = product.plan(wave(group))
    running = product.start(plan)
    refused = product.request("DELETE", f"/recovery-plans/{plan}")
    assert (refused.status, refused.body["code"], refused.body["executionId"]) == (409, "PlanInUse", running)
    product.finish(running)
    stale = product.request("DELETE", f"/recovery-plans/{plan}", headers={"If-Match": '"7"'})
    assert (stale.status, stale.body["version"]) == (409, 1)
    assert product.request("DELETE", f"/recovery-plans/{plan}").status == 204
    assert product.request("GET", f"/recovery-plans/{plan}").status == 404
    assert product.record(running)["status"] == "COMPLETED"
    assert product.request("DELETE", f"/protection-groups/{group}").status == 204


def test_a_start_and_a_delete_at_once_never_leave_a_run_without_its_plan(product: Product) -> None:
    group = product.group(tags={"no": "where"})
    for _ in range(6):
        plan = product.plan(wave(group))
        path = f"/recovery-plans/{plan}"
        replies = both(
            lambda path=path: product.request("DELETE", path),
            lambda path=path: product.request("POST", f"{path}/drills"),
        )
        statuses = sorted(reply.status for reply in replies)
        # A run that finds nothing to recover may be over before the delete looks.
        assert statuses in ([202, 409], [204, 404], [202, 204])
        for reply in replies:
            if reply.status == 202:
                product.finish(reply.body["executionId"])


# --- groups that are used ---------------------------------------------------------------------------------------
def test_a_group_that_plans_use_is_not_deleted_and_the_plans_are_named(product: Product) -> None:
    group, other = product.group([SERVER]), product.group([SECOND])
    plans = [product.plan(wave(group)), product.plan(wave(group), wave(other, name="second"))]
    path = f"/protection-groups/{group}"
    assert product.request("GET", path).body["usedBy"] == sorted(plans)
    refused = product.request("DELETE", path)
    assert (refused.status, refused.body["code"]) == (409, "GroupInUse")
    assert refused.body["recoveryPlans"] == [f"a plan ({plan})" for plan in sorted(plans)]
    assert product.request("PUT", f"/recovery-plans/{plans[0]}", plan_body(other, version=1)).status == 200
    assert product.request("DELETE", path).status == 409
    assert product.request("DELETE", f"/recovery-plans/{plans[1]}").status == 204
    assert product.request("DELETE", path).status == 204
    assert product.request("DELETE", path).status == 404
    assert product.request("GET", f"/protection-groups/{other}").body["usedBy"] == [plans[0]]


def test_a_plan_and_the_delete_of_its_group_at_once_never_leave_a_plan_without_its_group(product: Product) -> None:
    for _ in range(6):
        group = product.group([SERVER])
        replies = both(
            lambda group=group: product.request("DELETE", f"/protection-groups/{group}"),
            lambda group=group: product.request("POST", "/recovery-plans", plan_body(group)),
        )
        assert sorted(reply.status for reply in replies) in ([201, 409], [204, 400])
    kept = {row["groupId"] for row in product.items("ProtectionGroups")}
    for row in product.items("RecoveryPlans"):
        assert {use["groupId"] for each in row["waves"] for use in each["groups"]} <= kept


def test_a_group_keeps_the_servers_that_plans_name(product: Product) -> None:
    group = product.group([SERVER, SECOND])
    plan = product.plan({"name": "web", "groups": [{"groupId": group, "sourceServerIds": [SECOND]}]})
    body = {"name": "one", "accountId": HUB, "region": WEST, "version": 1}
    refused = product.request("PUT", f"/protection-groups/{group}", {**body, "sourceServerIds": [SERVER]})
    assert (refused.status, refused.body["recoveryPlans"]) == (409, [f"a plan ({plan})"])
    assert product.request("PUT", f"/protection-groups/{group}", {**body, "sourceServerIds": [SECOND]}).status == 200


# --- targets: verify, capacity, source servers ------------------------------------------------------------------
def register(product: Product, account: str, *regions: str) -> None:
    role = f"arn:aws:iam::{account}:role/drs-waves-target"
    row = {"accountId": account, "roleArn": role, "externalId": "not-a-secret", "regions": list(regions)}
    product.put("TargetAccounts", row)


def test_verify_shows_whether_each_region_can_be_reached(product: Product) -> None:
    product.seed(1)
    product.seed(1, region="eu-west-1")
    register(product, HUB, WEST, EUROPE, "eu-west-1")
    product.fault("REGION_DOWN", region="eu-west-1")
    reply = product.request("POST", f"/target-accounts/{HUB}/verify")
    assert (reply.status, reply.body["ok"]) == (200, False)
    standing = {each["region"]: each["status"] for each in reply.body["regions"]}
    assert standing == {WEST: "OK", EUROPE: "NOT_SET_UP", "eu-west-1": "UNREACHABLE"}
    assert all(each["advice"] for each in reply.body["regions"] if each["status"] != "OK")


def test_an_account_without_regions_is_not_verified(product: Product) -> None:
    register(product, HUB)
    reply = product.request("POST", f"/target-accounts/{HUB}/verify")
    assert (reply.status, reply.body["ok"], reply.body["regions"]) == (200, False, [])


def test_verify_assumes_the_role_anew(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.seed(1)
    register(product, HUB, WEST)
    assert product.request("POST", f"/target-accounts/{HUB}/verify").body["ok"]
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def deny(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "AssumeRole":
            error: Any = {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}
            raise botocore.client.ClientError(error, operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", deny)
    reply = product.request("POST", f"/target-accounts/{HUB}/verify")
    assert [each["status"] for each in reply.body["regions"]] == ["DENIED"]
    assert "external id" in reply.body["regions"][0]["advice"]


@pytest.mark.speed(10)  # the job is on for as long as the test reads
def test_capacity_is_shown_for_one_region_an_account_and_all(product: Product) -> None:
    servers = product.seed(3)
    product.seed(2, account=OTHER, region=EUROPE)
    product.seed(1, region=EUROPE, replicationState="DISCONNECTED")
    register(product, HUB, WEST, EUROPE)
    register(product, OTHER, EUROPE)
    drs = product.emulator.client(HUB, WEST)
    drs.start_recovery(sourceServers=[{"sourceServerID": server} for server in servers[:2]], isDrill=True)

    one = product.request("GET", f"/capacity/{HUB}/{WEST}").body
    assert one["status"] == "OK"
    assert one["jobs"] == {"used": 1, "free": 19, "quota": 20}
    assert one["serversInJobs"] == {"used": 2, "free": 498, "quota": 500}
    assert one["replicatingServers"] == {"used": 3, "free": 297, "quota": 300, "byState": {"CONTINUOUS": 3}}
    assert one["largestJob"] == 100
    account = product.request("GET", f"/capacity/{HUB}").body["targets"]
    assert [entry["region"] for entry in account] == [WEST, EUROPE]
    assert account[1]["replicatingServers"]["used"] == 0
    everywhere = product.request("GET", "/capacity").body
    assert {(entry["accountId"], entry["region"]) for entry in everywhere["targets"]} == {
        (HUB, WEST),
        (HUB, EUROPE),
        (OTHER, EUROPE),
    }
    assert everywhere["nextToken"] is None
    assert everywhere["accountsWithoutRegions"] == []


def test_quotas_that_aws_has_raised_are_shown(product: Product) -> None:
    product.seed(2)
    product.emulator.control.change_settings({"quotas": {"jobsInProgress": 40, "replicatingServers": 1}})
    entry = product.request("GET", f"/capacity/{HUB}/{WEST}").body
    assert entry["quotasFrom"] == "Service Quotas"
    assert (entry["jobs"]["quota"], entry["serversInJobs"]["quota"]) == (40, 500)
    assert entry["replicatingServers"] | {"used": 2, "free": 0, "quota": 1} == entry["replicatingServers"]


def test_quotas_that_the_role_may_not_read_are_shown_with_their_defaults(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    product.seed(1)
    call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def deny(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "ListServiceQuotas":
            error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise botocore.client.ClientError(error, operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", deny)
    entry = product.request("GET", f"/capacity/{HUB}/{WEST}").body
    assert (entry["status"], entry["jobs"]["quota"], entry["quotasFrom"]) == ("OK", 20, "defaults")


@pytest.mark.real_durations  # the job is on while the test reads
def test_a_run_uses_capacity_of_its_target_and_a_request_for_it_uses_none(product: Product) -> None:
    plan = product.plan(wave(product.group(product.seed(3))))
    register(product, HUB, WEST)
    running = product.start(plan)
    while product.record(running)["status"] == "PENDING":
        pass
    used = [product.request("GET", f"/capacity/{HUB}").body["targets"][0]["serversInJobs"]["used"] for _ in range(3)]
    assert used == [3, 3, 3]
    product.finish(running)
    assert product.request("GET", f"/capacity/{HUB}").body["targets"][0]["serversInJobs"]["used"] == 0


def test_a_target_that_is_down_does_not_hide_the_others(product: Product) -> None:
    product.seed(1)
    product.seed(1, account=OTHER, region=EUROPE)
    register(product, HUB, WEST, "eu-west-1")
    register(product, OTHER, EUROPE)
    product.fault("REGION_DOWN", region=EUROPE)
    product.put("TargetAccounts", {"accountId": "777788889999", "roleArn": "arn", "externalId": "xy"})
    body = product.request("GET", "/capacity").body
    entries = {(entry["accountId"], entry["region"]): entry for entry in body["targets"]}
    assert entries[HUB, WEST]["status"] == "OK"
    assert entries[HUB, "eu-west-1"]["status"] == "NOT_SET_UP"
    assert entries[OTHER, EUROPE]["status"] == "UNREACHABLE"
    assert "jobs" not in entries[OTHER, EUROPE]
    assert body["accountsWithoutRegions"] == ["777788889999"]


def test_a_target_that_hangs_does_not_delay_the_answer(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    product.seed(1)
    product.seed(1, region=EUROPE)
    register(product, HUB, WEST, EUROPE)
    product.fault("LATENCY", region=EUROPE, milliseconds=4_000)
    monkeypatch.setattr(fan_out.ask_all, "__defaults__", (1.5,))
    entries = {entry["region"]: entry for entry in product.request("GET", f"/capacity/{HUB}").body["targets"]}
    assert entries[WEST]["status"] == "OK"
    assert entries[EUROPE]["status"] == "UNREACHABLE"
    assert "1.5 s" in entries[EUROPE]["message"]


def test_source_servers_are_listed_with_their_replication_page_by_page(product: Product) -> None:
    product.seed(2, tags={"tier": "web"})
    product.seed(1, prefix="late", replicationState="STALLED", lagDuration="PT1H2M", replicationError="AGENT_NOT_SEEN")
    path, found, query = f"/targets/{HUB}/{WEST}/source-servers", [], {"limit": "2"}
    while True:
        body = product.request("GET", path, **query).body
        found += body["sourceServers"]
        if body["nextToken"] is None:
            break
        query["nextToken"] = body["nextToken"]
    by_name = {server["hostname"]: server for server in found}
    assert sorted(by_name) == ["late-001", "srv-001", "srv-002"]
    assert by_name["srv-001"]["tags"] == {"tier": "web"}
    assert (by_name["srv-001"]["replicationState"], by_name["srv-001"]["lagSeconds"]) == ("CONTINUOUS", 0)
    late = by_name["late-001"]
    assert (late["replicationState"], late["lagSeconds"], late["replicationError"]) == (
        "STALLED",
        3720,
        "AGENT_NOT_SEEN",
    )
    assert late["lastSeenAt"]


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        (f"/targets/{HUB}/Oregon/source-servers", {}, 400, "region"),
        (f"/capacity/{HUB}/Oregon", {}, 400, "region"),
        (f"/targets/{HUB}/{WEST}/source-servers", {"nextToken": "made-up"}, 400, "nextToken"),
        (f"/targets/{HUB}/{WEST}/source-servers", {"limit": "0"}, 400, "limit"),
        (f"/targets/777788889999/{WEST}/source-servers", {}, 404, None),
        (f"/capacity/777788889999/{WEST}", {}, 404, None),
        ("/capacity/777788889999", {}, 404, None),
        (f"/targets/{HUB}/eu-north-1/source-servers", {}, 409, None),
    ],
)
def test_invalid_requests_for_a_target_are_refused(
    product: Product, path: str, query: dict[str, str], status: int, field: str | None
) -> None:
    product.seed(1)
    reply = product.request("GET", path, **query)
    assert reply.status == status, reply
    assert field is None or list(problems_by_field(reply.body)) == [field]
