"""Commands and automations in a target: sent or started once, found again, followed, and stopped."""

from collections.abc import Iterator
from typing import Any

import pytest

from recovery.errors import AwsUnavailable, DrsWavesError
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import automation, lookups, run_command
from recovery.target_services.automation import AutomationOutcome
from recovery.target_services.lookups import DocumentKind, DocumentParameter
from recovery.target_services.run_command import CommandOutcome, Invocation, SentCommand
from tests.support.product import HUB, WEST
from tests.support.recovered_instances import TARGET, Recovered, recovered

SHELL = "AWS-RunShellScript"
KEY = "drill-20271122-0815-a1b2/database/after/0/1"
UNKNOWN = "i-0123456789abcdef0"
# Longer than any command, and than an automation of two steps.
LONG = 120
# After which a new command is shown, whatever the profile.
SHOWN = 10


@pytest.fixture(params=["captured", "unkind"])
def world(request: pytest.FixtureRequest) -> Iterator[Recovered]:
    with recovered(profile=request.param) as found:
        yield found


@pytest.fixture
def unkind() -> Iterator[Recovered]:
    with recovered(profile="unkind") as found:
        yield found


def send(*ids: str, script: str = "echo ready", key: str = KEY, timeout: int = 60, **more: Any) -> SentCommand:
    parameters = {"commands": [script], **more}
    return run_command.send(TARGET, SHELL, None, parameters, ids, key, timeout)


def sent(*ids: str, **more: Any) -> str:
    """Send a command, and return its id."""
    command = send(*ids, **more)
    assert command.command_id
    return command.command_id


def find_id(document: str, key: str, sent_after: float) -> str | None:
    found = run_command.find(TARGET, document, key, sent_after)
    return found.command_id if found else None


def result(world: Recovered, command_id: str, instance_id: str, seconds: float = LONG) -> Invocation:
    world.wait(seconds)
    return run_command.list_invocations(TARGET, command_id)[instance_id]


# --- commands -----------------------------------------------------------------------------------------------------
def test_a_command_runs_on_each_instance_and_gives_its_output(world: Recovered) -> None:
    world.rule("COMMAND", contains="pg_isready", effect="SUCCEEDS", seconds=60, stdout="ready")
    ids = world.boot("db01", "db02").values()
    command = sent(*ids, script="pg_isready")
    world.wait(SHOWN)
    running = run_command.list_invocations(TARGET, command)
    assert {each.outcome for each in running.values()} == {CommandOutcome.RUNNING}
    assert {each.response_code for each in running.values()} == {None}
    world.wait(LONG)
    found = run_command.list_invocations(TARGET, command)
    assert set(found) == set(ids)
    assert {(each.outcome, each.response_code, each.output) for each in found.values()} == {
        (CommandOutcome.SUCCEEDED, 0, "ready")
    }


def test_a_script_that_fails_gives_its_code_and_what_it_wrote(world: Recovered) -> None:
    world.rule("COMMAND", contains="pg_isready", effect="FAILS", exitCode=2, stderr="no response")
    (instance,) = world.boot("db01").values()
    found = result(world, sent(instance, script="pg_isready"), instance)
    assert (found.outcome, found.response_code, found.detail) == (CommandOutcome.FAILED, 2, "Failed")
    assert "no response" in found.output


def test_a_failure_on_one_instance_does_not_keep_the_command_from_the_others(world: Recovered) -> None:
    world.rule("COMMAND", hostname="srv-00", effect="FAILS")
    ids = world.boot(*(f"srv-{number:02}" for number in range(50)))
    command = sent(*ids.values())
    world.wait(LONG)
    found = run_command.list_invocations(TARGET, command)
    failed = [each for each, invocation in found.items() if invocation.outcome is CommandOutcome.FAILED]
    assert failed == [ids["srv-00"]]
    assert {found[each].outcome for each in found if each not in failed} == {CommandOutcome.SUCCEEDED}
    assert (world.calls("SendCommand"), world.calls("ListCommandInvocations")) == (1, 1)


def test_an_output_is_kept_up_to_500_characters(world: Recovered) -> None:
    world.rule("COMMAND", effect="SUCCEEDS", stdout="abc", stdoutLength=24_000)
    (instance,) = world.boot("db01").values()
    found = result(world, sent(instance), instance)
    assert found.output == ("abc" * 200)[:500]


@pytest.mark.parametrize("lost_agent", ["DeliveryTimedOut", "Undeliverable"])
def test_a_command_that_no_agent_takes_was_not_delivered(world: Recovered, lost_agent: str) -> None:
    world.play(lostAgent=lost_agent)
    world.rule("INSTANCE", hostname="db01", agentLostSeconds=60)
    (instance,) = world.boot("db01").values()
    found = result(world, sent(instance, timeout=30), instance, 4_000)
    assert (found.outcome, found.detail) == (CommandOutcome.NOT_DELIVERED, lost_agent)
    assert found.response_code is None


def test_a_script_that_hangs_times_out_by_its_own_parameter(world: Recovered) -> None:
    world.rule("COMMAND", effect="HANGS")
    (instance,) = world.boot("db01").values()
    command = sent(instance, executionTimeout=["30"])
    assert result(world, command, instance, 20).outcome is CommandOutcome.RUNNING
    found = result(world, command, instance, 60)
    assert found.outcome is CommandOutcome.TIMED_OUT


def test_a_command_that_is_cancelled_says_so(world: Recovered) -> None:
    world.play(cancelCommand="stops")
    world.rule("COMMAND", effect="HANGS")
    (instance,) = world.boot("db01").values()
    command = sent(instance)
    world.wait(10)
    assert run_command.cancel(TARGET, command)
    assert result(world, command, instance).outcome is CommandOutcome.CANCELLED
    assert run_command.cancel(TARGET, command), "a repeated cancel changes nothing"


def test_a_script_may_run_on_when_it_is_cancelled(world: Recovered) -> None:
    world.play(cancelCommand="ignored")
    world.rule("COMMAND", effect="HANGS")
    (instance,) = world.boot("db01").values()
    command = sent(instance)
    world.wait(10)
    assert run_command.cancel(TARGET, command)
    assert not result(world, command, instance).outcome.has_ended


def test_a_command_that_does_not_exist_cannot_be_cancelled_and_has_no_results(world: Recovered) -> None:
    unknown = "92853adf-ba41-4cd6-9a88-142d1e00aaaa"
    assert not run_command.cancel(TARGET, unknown)
    assert run_command.list_invocations(TARGET, unknown) == {}


def test_instances_without_an_agent_are_named_and_the_others_get_the_command(world: Recovered) -> None:
    world.rule("INSTANCE", hostname="db02", agent="absent")
    ids = world.boot("db01", "db02")
    command = send(*ids.values(), UNKNOWN)
    assert command.unmanaged == {ids["db02"], UNKNOWN}
    assert command.command_id
    world.wait(LONG)
    assert set(run_command.list_invocations(TARGET, command.command_id)) == {ids["db01"]}
    assert send(UNKNOWN, key="another") == SentCommand(None, frozenset({UNKNOWN}))


def test_a_command_whose_answer_was_lost_is_found_by_its_key(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    before = world.now
    world.fault("CUT_AFTER", "SendCommand", count=1)
    with pytest.raises(AwsUnavailable) as caught:
        send(instance)
    assert caught.value.facts["sent"]
    assert world.calls("SendCommand") == 1, "a command is never sent by itself again"
    world.wait(SHOWN)
    found = find_id(SHELL, KEY, before)
    assert found
    assert result(world, found, instance).outcome is CommandOutcome.SUCCEEDED
    again = run_command.find(TARGET, SHELL, KEY, before)
    assert again
    assert again.instance_ids == {instance}
    assert find_id(SHELL, "another key", before) is None
    assert find_id(SHELL, KEY, world.now + 3_600) is None


def test_a_command_of_a_document_that_is_named_by_its_arn_is_found(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    arn = f"arn:aws:ssm:{WEST}::document/{SHELL}"
    command = run_command.send(TARGET, arn, None, {"commands": ["echo ready"]}, [instance], KEY, 60)
    world.wait(SHOWN)
    assert find_id(arn, KEY, world.now - LONG) == command.command_id is not None


def test_a_call_that_was_throttled_has_surely_done_nothing(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    world.fault("THROTTLING", "SendCommand", count=1)
    with pytest.raises(AwsUnavailable) as caught:
        send(instance)
    assert caught.value.facts["sent"] is False
    assert find_id(SHELL, KEY, world.now) is None


def test_a_new_command_is_not_listed_at_once(unkind: Recovered) -> None:
    (instance,) = unkind.boot("db01").values()
    before = unkind.now
    command = sent(instance)
    assert find_id(SHELL, KEY, before) is None
    assert run_command.list_invocations(TARGET, command) == {}
    unkind.wait(10)
    assert find_id(SHELL, KEY, before) == command


def test_a_command_is_found_behind_several_pages_of_others(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    before = world.now
    command = sent(instance)
    for number in range(120):
        sent(instance, key=f"another-{number}")
    world.wait(SHOWN)
    assert find_id(SHELL, KEY, before) == command
    assert world.calls("ListCommands") == 3


def test_a_key_that_is_too_long_for_a_comment_is_found_all_the_same(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    keys = ["w" * 200 + "/1", "w" * 200 + "/2"]
    commands = [sent(instance, key=key) for key in keys]
    world.wait(SHOWN)
    assert [find_id(SHELL, key, world.now - 60) for key in keys] == commands


def test_a_wrong_parameter_is_refused_and_no_message_shows_a_value(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    for parameters in ({"commands": ["x"], "executionTimeout": ["hunter2-secret"]}, {"commands": [42_4242]}):
        with pytest.raises(TargetRefused) as caught:
            run_command.send(TARGET, SHELL, None, parameters, [instance], KEY, 60)  # type: ignore[arg-type]
        error: BaseException | None = caught.value
        while error:
            assert "hunter2" not in str(error)
            assert "424242" not in str(error)
            error = error.__cause__
        assert caught.value.message.startswith(f"SendCommand in {TARGET.key}")


def test_a_document_for_another_platform_is_refused(world: Recovered) -> None:
    (instance,) = world.boot("win01", os="Windows Server 2022").values()
    with pytest.raises(TargetRefused) as caught:
        send(instance)
    assert caught.value.facts["code"] == "UnsupportedPlatformType"


@pytest.mark.parametrize(("document", "version"), [("Shop-None", None), (SHELL, "99")])
def test_a_document_or_a_version_that_does_not_exist_is_an_error_of_its_own(
    world: Recovered, document: str, version: str | None
) -> None:
    (instance,) = world.boot("db01").values()
    with pytest.raises(NotInTarget):
        run_command.send(TARGET, document, version, {"commands": ["x"]}, [instance], KEY, 60)


@pytest.mark.parametrize(
    ("status", "details", "outcome"),
    [
        ("Delayed", "Delayed", CommandOutcome.RUNNING),
        ("Cancelling", "Cancelling", CommandOutcome.RUNNING),
        ("TimedOut", "Delivery Timed Out", CommandOutcome.NOT_DELIVERED),
        ("TimedOut", "Execution Timed Out", CommandOutcome.TIMED_OUT),
        ("TimedOut", "", CommandOutcome.TIMED_OUT),
        ("Failed", "Invalid Platform", CommandOutcome.NOT_DELIVERED),
        ("Failed", "AccessDenied", CommandOutcome.NOT_DELIVERED),
        ("Cancelled", "Terminated", CommandOutcome.CANCELLED),
        ("Failed", "Something New", CommandOutcome.FAILED),
        ("New", "Something New", CommandOutcome.RUNNING),
    ],
)
def test_each_status_of_the_guide_has_an_outcome(status: str, details: str, outcome: CommandOutcome) -> None:
    found = Invocation.from_ssm({"InstanceId": UNKNOWN, "Status": status, "StatusDetails": details})
    assert found.outcome is outcome


def test_the_output_is_that_of_the_step_that_failed() -> None:
    steps = [
        {"Name": "first", "Status": "Success", "ResponseCode": 0, "Output": "fine"},
        {"Name": "second", "Status": "Failed", "ResponseCode": 3, "Output": "broken"},
        {"Name": "third", "Status": "Cancelled", "ResponseCode": 0, "Output": ""},
    ]
    found = Invocation.from_ssm({"InstanceId": UNKNOWN, "Status": "Failed", "CommandPlugins": steps})
    assert (found.response_code, found.output) == (3, "broken")


def test_every_status_of_the_model_has_an_outcome(world: Recovered) -> None:
    model = world.emulator.ssm_client(HUB, WEST).meta.service_model
    assert set(model.shape_for("CommandInvocationStatus").enum) <= set(run_command.OUTCOMES)
    assert set(model.shape_for("AutomationExecutionStatus").enum) == set(automation.OUTCOMES)


# --- automations --------------------------------------------------------------------------------------------------
DOCUMENT = "Shop-FreezeWrites"


@pytest.fixture
def shop(world: Recovered) -> Recovered:
    return add_document(world)


def add_document(world: Recovered) -> Recovered:
    steps = [{"name": "drain", "seconds": 30, "outputs": {"Drained": ["17", "18"]}}, {"name": "freeze", "seconds": 30}]
    add(world, DOCUMENT, steps=steps, parameters=["Mode", {"name": "Hosts", "type": "StringList", "default": "all"}])
    return world


def add(world: Recovered, name: str, **more: Any) -> None:
    world.control.add_document({"accountId": HUB, "region": WEST, "name": name, "type": "Automation", **more})


def start(key: str = KEY, mode: str = "drill") -> str:
    return automation.start(TARGET, DOCUMENT, None, {"Mode": [mode]}, key, {"drs-waves:execution": "drill-1"})


def test_an_automation_runs_step_by_step_and_gives_its_outputs(shop: Recovered) -> None:
    execution = start()
    shop.wait(10)
    running = automation.get(TARGET, execution)
    assert (running.outcome, running.step) == (AutomationOutcome.RUNNING, "drain")
    shop.wait(LONG)
    ended = automation.get(TARGET, execution)
    assert (ended.outcome, ended.output) == (AutomationOutcome.SUCCEEDED, "drain.Drained: 17, 18")
    assert ended.outcome.has_ended


def test_an_automation_that_fails_half_way_says_why(shop: Recovered) -> None:
    shop.rule("AUTOMATION", document=DOCUMENT, step="freeze", effect="FAILS", message="The queue is not empty")
    execution = start()
    shop.wait(LONG)
    failed = automation.get(TARGET, execution)
    assert failed.outcome is AutomationOutcome.FAILED
    assert "The queue is not empty" in failed.failure


def test_an_automation_that_waits_for_an_approval_is_told_apart(world: Recovered) -> None:
    add(world, "Shop-Approve", steps=[{"name": "approve", "action": "aws:approve"}])
    execution = automation.start(TARGET, "Shop-Approve", None, {}, KEY)
    world.wait(LONG)
    found = automation.get(TARGET, execution)
    assert (found.outcome, found.step) == (AutomationOutcome.WAITING, "approve")
    assert not found.outcome.has_ended


def test_an_automation_stops_when_it_is_told_to_and_stays_stopped(shop: Recovered) -> None:
    execution = start()
    shop.wait(10)
    assert automation.stop(TARGET, execution)
    shop.wait(LONG)
    assert automation.get(TARGET, execution).outcome is AutomationOutcome.CANCELLED
    assert not automation.stop(TARGET, execution)
    assert not automation.stop(TARGET, "92853adf-ba41-4cd6-9a88-142d1e00aaaa")


def test_an_automation_whose_answer_was_lost_is_started_once(shop: Recovered) -> None:
    shop.fault("CUT_AFTER", "StartAutomationExecution", count=1)
    with pytest.raises(AwsUnavailable) as caught:
        start()
    assert caught.value.facts["sent"]
    found = automation.find(TARGET, KEY)
    assert found
    assert start() == found.execution_id
    assert start("another key") != found.execution_id


def test_an_automation_is_found_by_its_key_when_its_token_is_forgotten(unkind: Recovered) -> None:
    add_document(unkind)
    execution = start()
    unkind.wait(3_600)
    assert start() != execution, "the token is forgotten, so that the tag matters"
    found = automation.find(TARGET, KEY)
    assert found
    assert found.execution_id == execution, "the first one is the one that counts"
    assert automation.find(TARGET, "another key") is None


def test_a_key_has_one_token_and_tags_have_no_character_that_aws_refuses(shop: Recovered) -> None:
    odd = "drill/wave (1), after; 50 %/0/1"
    execution = start(odd)
    found = automation.find(TARGET, odd)
    assert found
    assert found.execution_id == execution
    assert automation.token_of(odd) == automation.token_of(odd) != automation.token_of(KEY)


def test_the_same_key_with_other_parameters_is_refused(shop: Recovered) -> None:
    start()
    with pytest.raises(TargetRefused) as caught:
        start(mode="recovery")
    assert caught.value.facts["code"] == "IdempotentParameterMismatch"


def test_an_automation_without_a_required_parameter_is_refused(shop: Recovered) -> None:
    with pytest.raises(TargetRefused, match="Mode"):
        automation.start(TARGET, DOCUMENT, None, {}, KEY)
    for document, version in (("Shop-None", None), (DOCUMENT, "9")):
        with pytest.raises(NotInTarget):
            automation.start(TARGET, document, version, {"Mode": ["drill"]}, KEY)
    with pytest.raises(NotInTarget):
        automation.get(TARGET, "92853adf-ba41-4cd6-9a88-142d1e00aaaa")


# --- documents ----------------------------------------------------------------------------------------------------
def test_a_document_tells_its_parameters_and_which_are_required(shop: Recovered) -> None:
    found = lookups.find_document(TARGET, DOCUMENT, None, DocumentKind.AUTOMATION)
    assert found.parameters == (
        DocumentParameter("Mode", "String", True),
        DocumentParameter("Hosts", "StringList", False),
    )
    shell = lookups.find_document(TARGET, SHELL, None, DocumentKind.COMMAND)
    assert "commands" in {each.name for each in shell.parameters if each.is_required}
    assert "Linux" in shell.platforms


@pytest.mark.parametrize(
    ("name", "version", "kind", "error"),
    [
        ("Shop-None", None, DocumentKind.AUTOMATION, NotInTarget),
        (DOCUMENT, "9", DocumentKind.AUTOMATION, NotInTarget),
        (DOCUMENT, None, DocumentKind.COMMAND, TargetRefused),
        (SHELL, None, DocumentKind.AUTOMATION, TargetRefused),
    ],
)
def test_a_document_that_cannot_be_run_says_why(
    shop: Recovered, name: str, version: str | None, kind: DocumentKind, error: type[DrsWavesError]
) -> None:
    with pytest.raises(error, match=f"DescribeDocument in {TARGET.key}"):
        lookups.find_document(TARGET, name, version, kind)
