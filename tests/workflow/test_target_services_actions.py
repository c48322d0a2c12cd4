"""Functions, state machines and event buses of a target, on moto; and what refusals of any service become."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from recovery.domain.target import Target
from recovery.drs import assumed_roles, rate_limiter
from recovery.errors import AwsUnavailable, DrsWavesError, TargetAccessDenied
from recovery.settings import settings
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import (
    automation,
    calls,
    event_buses,
    functions,
    instance_status,
    lookups,
    managed_instances,
    run_command,
    state_machines,
    target_health,
)
from recovery.target_services.lookups import DocumentKind
from recovery.target_services.permissions import Permission
from recovery.target_services.state_machines import ExecutionOutcome
from tests.support.product import WEST, Product
from tests.support.refusing_service import refusing
from tests.support.templates import load

# The account in which the engine makes functions and machines.
ACCOUNT = DEFAULT_ACCOUNT_ID
TARGET = Target(ACCOUNT, WEST)
MACHINE = f"arn:aws:states:{WEST}:{ACCOUNT}:stateMachine:Shop-Promote"
GROUP = f"arn:aws:elasticloadbalancing:{WEST}:{ACCOUNT}:targetgroup/web/0123456789abcdef"
INSTANCE = "i-0123456789abcdef0"
RUN_ID = "92853adf-ba41-4cd6-9a88-142d1e00aaaa"


@pytest.fixture
def shop(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    """The product's own environment in this process, because the test calls its modules."""
    for name, value in product.engine.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", WEST)
    settings.cache_clear()
    role = f"arn:aws:iam::{ACCOUNT}:role/drs-waves-target"
    product.put("TargetAccounts", {"accountId": ACCOUNT, "roleArn": role, "externalId": "not-a-secret", "version": 1})
    yield product
    settings.cache_clear()
    assumed_roles.discard_clients()


# --- functions ----------------------------------------------------------------------------------------------------
def test_a_function_gets_its_payload_and_its_answer_comes_back(shop: Product) -> None:
    shop.engine.create_function("Shop-Smoke", lambda event, _: {"got": event["key"]})
    result = functions.invoke(TARGET, "Shop-Smoke", {"key": "drill-1/web/0"}, 60)
    assert result.has_succeeded
    assert json.loads(result.output) == {"got": "drill-1/web/0"}


def test_a_function_that_raises_is_told_apart_from_a_call_that_fails(shop: Product) -> None:
    def fail(event: Any, _: Any) -> None:
        raise ValueError("The shop is closed")

    shop.engine.create_function("Shop-Fails", fail)
    result = functions.invoke(TARGET, "Shop-Fails", {}, 60)
    assert not result.has_succeeded
    assert (result.error, result.output) == ("ValueError", "The shop is closed")


def test_an_answer_is_kept_up_to_500_characters(shop: Product) -> None:
    shop.engine.create_function("Shop-Talks", lambda event, _: "x" * 100_000)
    assert functions.invoke(TARGET, "Shop-Talks", {}, 60).output == '"' + "x" * 499


def test_a_payload_that_is_too_large_is_not_sent(shop: Product) -> None:
    with pytest.raises(TargetRefused, match="256000"):
        functions.invoke(TARGET, "Shop-Smoke", {"text": "x" * 300_000}, 60)


def test_a_function_that_is_not_there_is_known_before_and_by_its_call(shop: Product) -> None:
    shop.engine.create_function("Shop-Smoke", lambda event, _: {})
    lookups.find_function(TARGET, "Shop-Smoke")
    with pytest.raises(NotInTarget, match=f"GetFunctionConfiguration in {TARGET.key}"):
        lookups.find_function(TARGET, "Shop-None")
    with pytest.raises(NotInTarget, match=f"Invoke in {TARGET.key}"):
        functions.invoke(TARGET, "Shop-None", {}, 60)


def test_an_answer_that_breaks_off_leaves_open_whether_the_function_ran(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(200, "any", missing=100) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        with pytest.raises(AwsUnavailable) as caught:
            functions.invoke(TARGET, "Shop-Smoke", {}, 60)
    assert caught.value.facts["sent"]


def test_a_call_waits_as_long_as_its_caller_says(shop: Product) -> None:
    client = assumed_roles.get_client("lambda", TARGET, read_timeout=840)
    assert client.meta.config.read_timeout == 840
    assert client.meta.config.tcp_keepalive
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert assumed_roles.get_client("lambda", TARGET).meta.config.read_timeout == 20


# --- state machines -----------------------------------------------------------------------------------------------
def make_machine(shop: Product, state: dict[str, Any]) -> None:
    shop.engine.create_machine(
        "Shop-Promote", {"QueryLanguage": "JSONata", "StartAt": "Only", "States": {"Only": state}}
    )


def end_of(arn: str, shop: Product) -> state_machines.ExecutionState:
    shop.engine.execution(arn).wait()
    return state_machines.describe(TARGET, arn)


def test_an_execution_runs_once_under_its_name(shop: Product) -> None:
    make_machine(shop, {"Type": "Pass", "End": True})
    first = state_machines.start(TARGET, MACHINE, "promote-1", {"mode": "drill"})
    state = end_of(first, shop)
    assert (state.outcome, json.loads(state.output)) == (ExecutionOutcome.SUCCEEDED, {"mode": "drill"})
    for payload in ({"mode": "drill"}, {"mode": "recovery"}):
        assert state_machines.start(TARGET, MACHINE, "promote-1", payload) == first
    assert len(shop.engine.executions("Shop-Promote")) == 1
    assert state_machines.start(TARGET, MACHINE, "promote-2", {}) != first


def test_an_execution_that_fails_gives_its_error_and_cause(shop: Product) -> None:
    make_machine(shop, {"Type": "Fail", "Error": "NotPromoted", "Cause": "The replica is behind"})
    state = end_of(state_machines.start(TARGET, MACHINE, "promote-1", {}), shop)
    assert (state.outcome, state.error) == (ExecutionOutcome.FAILED, "NotPromoted: The replica is behind")


def test_an_execution_is_stopped(shop: Product) -> None:
    make_machine(shop, {"Type": "Wait", "Seconds": 100_000, "End": True})
    arn = state_machines.start(TARGET, MACHINE, "promote-1", {})
    assert not state_machines.describe(TARGET, arn).outcome.has_ended
    assert state_machines.stop(TARGET, arn, "The run was cancelled")
    assert end_of(arn, shop).outcome is ExecutionOutcome.CANCELLED
    assert not state_machines.stop(TARGET, state_machines.execution_arn(MACHINE, "none"), "The run was cancelled")


def test_a_state_machine_that_does_not_exist_or_is_express_cannot_be_used(shop: Product) -> None:
    for ask in (lookups.find_state_machine, lambda target, arn: state_machines.start(target, arn, "a", {})):
        with pytest.raises(NotInTarget):
            ask(TARGET, MACHINE)
    make_machine(shop, {"Type": "Pass", "End": True})
    lookups.find_state_machine(TARGET, MACHINE)
    text = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    express = shop.engine.client("stepfunctions").create_state_machine(
        name="Shop-Express", definition=text, roleArn=shop.engine.role, type="EXPRESS"
    )
    with pytest.raises(TargetRefused, match="express"):
        lookups.find_state_machine(TARGET, express["stateMachineArn"])


@pytest.mark.parametrize("ending", ["", ":3", ":live"])
def test_the_arn_of_an_execution_leaves_out_version_and_alias(ending: str) -> None:
    arn = state_machines.execution_arn(MACHINE + ending, "promote-1")
    assert arn == f"arn:aws:states:{WEST}:{ACCOUNT}:execution:Shop-Promote:promote-1"


# --- event buses --------------------------------------------------------------------------------------------------
def test_an_event_gets_an_id(shop: Product) -> None:
    shop.engine.client("events").create_event_bus(Name="Shop")
    event = event_buses.put(TARGET, "Shop", "drs-waves", "WaveRecovered", {"key": "drill-1/web/0"}, [MACHINE])
    assert re.fullmatch("[0-9a-f-]{36}", event)
    lookups.find_event_bus(TARGET, "Shop")


def test_an_event_for_a_bus_that_does_not_exist_is_not_lost_silently(shop: Product) -> None:
    """EventBridge itself would answer with the id of an event."""
    for ask in (lookups.find_event_bus, lambda target, bus: event_buses.put(target, bus, "a", "b", {})):
        with pytest.raises(NotInTarget, match=f"DescribeEventBus in {TARGET.key}"):
            ask(TARGET, "None")


def test_an_entry_that_failed_in_a_call_that_succeeded_is_an_error(shop: Product) -> None:
    shop.engine.client("events").create_event_bus(Name="Shop")
    with pytest.raises(TargetRefused, match="PutEvents in") as caught:
        event_buses.put(TARGET, "Shop", "", "WaveRecovered", {})
    assert caught.value.facts["code"]
    entry = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]}
    with pytest.raises(AwsUnavailable) as slow:
        event_buses._read_entry(TARGET, entry)
    assert slow.value.facts["sent"] is False


# --- refusals -----------------------------------------------------------------------------------------------------
CALLS: dict[str, tuple[str, Permission, Callable[[], object]]] = {
    "instance status": ("EC2", Permission.CHECKS, lambda: instance_status.describe(TARGET, [INSTANCE])),
    "agents": ("SSM", Permission.CHECKS, lambda: managed_instances.describe(TARGET, [INSTANCE])),
    "health": ("ELASTIC_LOAD_BALANCING_V2", Permission.CHECKS, lambda: target_health.describe(TARGET, GROUP, [])),
    "send": (
        "SSM",
        Permission.COMMANDS,
        lambda: run_command.send(TARGET, "Shop-Check", None, {}, [INSTANCE], "key", 60),
    ),
    "find command": ("SSM", Permission.COMMANDS, lambda: run_command.find(TARGET, "Shop-Check", "key", 0)),
    "invocations": ("SSM", Permission.COMMANDS, lambda: run_command.list_invocations(TARGET, RUN_ID)),
    "cancel": ("SSM", Permission.COMMANDS, lambda: run_command.cancel(TARGET, RUN_ID)),
    "start automation": (
        "SSM",
        Permission.AUTOMATIONS,
        lambda: automation.start(TARGET, "Shop-Freeze", None, {"Mode": ["drill"]}, "key"),
    ),
    "find automation": ("SSM", Permission.AUTOMATIONS, lambda: automation.find(TARGET, "key")),
    "get automation": ("SSM", Permission.AUTOMATIONS, lambda: automation.get(TARGET, RUN_ID)),
    "stop automation": ("SSM", Permission.AUTOMATIONS, lambda: automation.stop(TARGET, RUN_ID)),
    "document": (
        "SSM",
        Permission.AUTOMATIONS,
        lambda: lookups.find_document(TARGET, "Shop-Freeze", None, DocumentKind.AUTOMATION),
    ),
    "invoke": ("LAMBDA", Permission.FUNCTIONS, lambda: functions.invoke(TARGET, "Shop", {}, 60)),
    "look up of a function": ("LAMBDA", Permission.FUNCTIONS, lambda: functions.look_up(TARGET, "Shop")),
    "start": ("SFN", Permission.STATE_MACHINES, lambda: state_machines.start(TARGET, MACHINE, "a", {})),
    "describe": ("SFN", Permission.STATE_MACHINES, lambda: state_machines.describe(TARGET, MACHINE)),
    "stop": ("SFN", Permission.STATE_MACHINES, lambda: state_machines.stop(TARGET, MACHINE, "cause")),
    "machine": ("SFN", Permission.STATE_MACHINES, lambda: lookups.find_state_machine(TARGET, MACHINE)),
    "event": ("EVENTBRIDGE", Permission.EVENT_BUSES, lambda: event_buses.put(TARGET, "Shop", "a", "b", {})),
}
DENIALS = {"EC2": "UnauthorizedOperation", "ELASTIC_LOAD_BALANCING_V2": "AccessDenied"}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_denied_names_the_parameter_of_the_template(
    shop: Product, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    service, permission, call = CALLS[name]
    with refusing(403, DENIALS.get(service, "AccessDeniedException"), "not authorized") as url:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        assumed_roles.discard_clients()
        with pytest.raises(TargetAccessDenied) as caught:
            call()
    assert f"parameter {permission} of cfn/target_account.yaml" in caught.value.message
    assert "not authorized" in caught.value.message
    assert permission.value in caught.value.advice
    assert caught.value.facts["parameter"] == permission.value


def test_each_permission_is_a_parameter_of_the_template() -> None:
    assert {each.value for each in Permission} <= set(load("target_account.yaml")["Parameters"])


@pytest.mark.parametrize(
    ("name", "status", "code", "kind", "sent"),
    [
        ("send", 400, "ThrottlingException", AwsUnavailable, False),
        ("send", 500, "InternalServerError", AwsUnavailable, True),
        ("send", 400, "InvalidDocument", NotInTarget, None),
        ("send", 400, "MaxDocumentSizeExceeded", TargetRefused, None),
        ("send", 400, "ExpiredTokenException", AwsUnavailable, False),
        ("send", 400, "UnrecognizedClientException", AwsUnavailable, None),
        ("start automation", 400, "AutomationExecutionLimitExceededException", AwsUnavailable, False),
        ("start", 400, "ExecutionLimitExceeded", AwsUnavailable, False),
        ("invoke", 429, "TooManyRequestsException", AwsUnavailable, False),
        ("invoke", 409, "ResourceConflictException", AwsUnavailable, False),
        ("invoke", 502, "ResourceNotReadyException", AwsUnavailable, True),
        ("invoke", 502, "KMSDisabledException", TargetRefused, None),
        ("invoke", 404, "ResourceNotFoundException", NotInTarget, None),
    ],
)
def test_a_refusal_is_transient_missing_or_for_good(
    shop: Product,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    status: int,
    code: str,
    kind: type[DrsWavesError],
    sent: bool | None,
) -> None:
    service, _, call = CALLS[name]
    with refusing(status, code) as url:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", url)
        assumed_roles.discard_clients()
        with pytest.raises(kind) as caught:
            call()
    assert type(caught.value) is kind
    assert caught.value.facts.get("sent") is sent
    assert caught.value.message.split(" in ")[0].isalpha()


def test_a_service_that_cannot_be_reached_has_surely_done_nothing(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(400, "any") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)
    with pytest.raises(AwsUnavailable) as caught:
        CALLS["send"][2]()
    assert caught.value.facts["sent"] is False


def test_each_service_has_a_budget_of_its_own_within_the_limit_of_the_target(shop: Product) -> None:
    shop.engine.client("events").create_event_bus(Name="Shop")
    event_buses.put(TARGET, "Shop", "drs-waves", "WaveRecovered", {})
    rows = [row["item"].split("#")[0] for row in shop.items("Limits") if row["target"] == TARGET.key]
    assert set(rows) == {rate_limiter.EVENTS_CALLS}
    budgets = set(calls.BUDGETS.values())
    assert len(budgets) == len(calls.BUDGETS)
    assert rate_limiter.DRS_CALLS not in budgets
    assert {rate_limiter.budget_per_second(each) for each in budgets} == {10, 5}
