"""drs-waves deployed in the sandbox, through its HTTP API."""

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loopback.guard import SECRET_HEADER
from sandbox.settings import EXTERNAL_ID, HUB_ACCOUNT, REGION, TARGET_ACCOUNT
from sandbox.stack import Sandbox
from tests.support.deployed import Operator

pytestmark = pytest.mark.e2e
EUROPE, IRELAND = "eu-central-1", "eu-west-1"


def instances(sandbox: Sandbox, account: str, region: str) -> dict[str, dict[str, Any]]:
    """The running instances of an account and Region, by their Name."""
    ec2 = sandbox.client("ec2", account=account, region=region)
    found = {}
    for page in ec2.get_paginator("describe_instances").paginate():
        for instance in (one for reservation in page["Reservations"] for one in reservation["Instances"]):
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
            found[tags.get("Name", "")] = {"id": instance["InstanceId"], "tags": tags, **instance["State"]}
    return found


def test_a_drill_in_two_accounts_launches_instances_that_carry_the_servers_tags(
    operator: Operator, sandbox: Sandbox
) -> None:
    tags = {"Name": "db-1", "tier": "database"}
    database = operator.seed("db-1", account=HUB_ACCOUNT, region=REGION, tags=tags)
    tags = {"Name": "web-1", "tier": "web", "owner": "shop"}
    web = operator.seed("web-1", account=TARGET_ACCOUNT, region=EUROPE, tags=tags)
    plan = operator.plan(
        database=operator.group(database, account=HUB_ACCOUNT, region=REGION),
        web=operator.group(web, account=TARGET_ACCOUNT, region=EUROPE),
    )
    running = operator.start(plan)
    again = operator.request("POST", f"/recovery-plans/{plan}/recoveries")
    assert (again.status, again.body["executionId"]) == (409, running)

    record = operator.finish(running)

    assert record["status"] == "COMPLETED", record
    first, second = record["waves"]
    assert first["endedAt"] <= second["startedAt"]
    here, there = instances(sandbox, HUB_ACCOUNT, REGION), instances(sandbox, TARGET_ACCOUNT, EUROPE)
    assert here["db-1"]["Name"] == there["web-1"]["Name"] == "running"
    assert here["db-1"]["tags"]["tier"] == "database"
    assert there["web-1"]["tags"]["owner"] == "shop"
    assert "web-1" not in here
    assert "db-1" not in there


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/protection-groups", {"name": "x", "accountId": "12", "region": REGION, "tags": {"a": "b"}}, "accountId"),
        ("/recovery-plans", {"name": "x", "waves": []}, "waves"),
        ("/recovery-plans", ["no object"], "body"),
    ],
)
def test_bad_input_is_refused_with_the_field(operator: Operator, path: str, body: Any, field: str) -> None:
    reply = operator.request("POST", path, body)
    assert reply.status == 400, reply
    assert field in {problem["field"] for problem in reply.body["problems"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/executions/drill-none"),
        ("GET", "/recovery-plans/rp-none"),
        ("POST", "/recovery-plans/rp-none/drills"),
        ("GET", "/nowhere"),
    ],
)
def test_what_is_not_there_answers_404(operator: Operator, method: str, path: str) -> None:
    reply = operator.request(method, path)
    assert reply.status == 404, reply
    assert reply.body["correlationId"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/executions"), ("POST", "/recovery-plans/rp-none/drills")])
def test_an_unsigned_request_is_refused(sandbox: Sandbox, method: str, path: str) -> None:
    headers = {SECRET_HEADER: sandbox.secret}  # the sandbox knows the sender; the API does not
    request = urllib.request.Request(f"{sandbox.api_url}{path}", headers=headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20)
    assert refused.value.code == 403
    assert refused.value.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(refused.value.read())
    assert (problem["code"], problem["status"]) == ("NotSigned", 403)
    assert problem["correlationId"] == refused.value.headers["X-Correlation-Id"]


def test_a_role_in_a_target_is_taken_on_only_by_who_says_which_function_it_is(sandbox: Sandbox) -> None:
    sts = sandbox.client("sts")
    role = {"RoleArn": sandbox.target_roles[TARGET_ACCOUNT], "RoleSessionName": "any", "ExternalId": EXTERNAL_ID}
    function = {"Key": "drs-waves:function", "Value": "drs-waves-poll-job"}
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        sts.assume_role(**role)
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        sts.assume_role(**role, Tags=[function, {"Key": "team", "Value": "shop"}])
    assert sts.assume_role(**role, Tags=[function])["Credentials"]


def test_the_other_account_is_reached_only_with_its_external_id(operator: Operator, sandbox: Sandbox) -> None:
    # In a Region of its own: functions keep the clients of a target that they have reached before.
    servers = operator.seed("ie-1", account=TARGET_ACCOUNT, region=IRELAND, tags={"Name": "ie-1"})
    plan = operator.plan(web=operator.group(servers, account=TARGET_ACCOUNT, region=IRELAND))
    operator.register(TARGET_ACCOUNT, external_id="not-the-right-one")
    try:
        record = operator.drill(plan)
        assert record["status"] == "NOT_READY", record
        assert "TargetAccessDenied" in record["reason"]
        assert TARGET_ACCOUNT in record["reason"]
        assert instances(sandbox, TARGET_ACCOUNT, IRELAND) == {}
    finally:
        operator.register(TARGET_ACCOUNT)
    assert operator.drill(plan)["status"] == "COMPLETED"
    assert "ie-1" in instances(sandbox, TARGET_ACCOUNT, IRELAND)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/capacity", 405, "MethodNotAllowed"),
        ("PUT", "/executions/drill-none/job-log", 405, "MethodNotAllowed"),
        ("DELETE", "/", 405, "MethodNotAllowed"),
        ("GET", "/targets", 404, "NoSuchRoute"),
        ("GET", "/executions/drill-none/events", 404, "ExecutionNotFound"),
        ("GET", "/executions/drill-none/job-log?jobId=drsjob-1", 404, "ExecutionNotFound"),
        ("GET", "/target-accounts/999999999999", 404, "AccountNotFound"),
        ("POST", "/target-accounts/999999999999/verify", 404, "AccountNotFound"),
    ],
)
def test_the_function_answers_every_path_also_those_that_api_gateway_knows(
    operator: Operator, method: str, path: str, status: int, code: str
) -> None:
    reply = operator.request(method, path)
    assert (reply.status, reply.body["code"]) == (status, code)


def test_the_root_says_what_this_is_and_where_to_read_on(operator: Operator) -> None:
    reply = operator.request("GET", "/")
    assert (reply.status, reply.body["name"]) == (200, "drs-waves")
    for path in reply.body["links"].values():
        assert operator.request("GET", path).status == 200


def test_api_gateway_holds_the_limit_of_a_route_that_calls_drs_and_no_other(operator: Operator) -> None:
    def ask(path: str) -> str:
        return str(operator.request("GET", path).body.get("code", "OK"))

    with ThreadPoolExecutor(10) as pool:
        limited = Counter(pool.map(ask, ["/executions/drill-none/job-log?jobId=drsjob-1"] * 40))
        others = Counter(pool.map(ask, ["/executions/drill-none/events"] * 40))
    assert limited.keys() == {"ExecutionNotFound", "TooManyRequests"}, limited
    assert others.keys() == {"ExecutionNotFound"}
    time.sleep(2)  # so that the route answers the next test


def test_verify_tells_of_a_wrong_external_id_and_of_the_right_one(operator: Operator, sandbox: Sandbox) -> None:
    operator.seed("fr-1", account=TARGET_ACCOUNT, region="eu-west-3")
    path = f"/target-accounts/{TARGET_ACCOUNT}"
    body = {"roleArn": sandbox.target_roles[TARGET_ACCOUNT], "regions": ["eu-west-3", "eu-south-1"]}

    def verified(**more: str) -> dict[str, str]:
        version = operator.request("GET", path).body["version"]
        reply = operator.request("PUT", path, {**body, **more, "version": version})
        assert reply.status == 200, reply
        regions = operator.request("POST", f"{path}/verify").body["regions"]
        return {each["region"]: each["status"] for each in regions}

    try:
        assert verified(externalId="not-the-right-one") == {"eu-west-3": "DENIED", "eu-south-1": "DENIED"}
    finally:
        assert verified(externalId=EXTERNAL_ID) == {"eu-west-3": "OK", "eu-south-1": "NOT_SET_UP"}
    (entry,) = [
        each
        for each in operator.request("GET", f"/capacity/{TARGET_ACCOUNT}").body["targets"]
        if each["region"] == "eu-west-3"
    ]
    assert (entry["status"], entry["replicatingServers"]["used"]) == ("OK", 1)
    assert operator.request("GET", "/health").body["status"] == "ok"
