"""The state machines: checks without running them, and the cost of a run."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.schemas.requests.plans import WAVE_PATTERN
from recovery import errors, target_errors
from recovery.cleanup import cleanup
from recovery.domain.execution import Mode
from recovery.errors import DrsRefused, QuotaExceeded, ServerBusy, Transient
from recovery.runs import start
from scripts import machines
from tests.harness import jsonata_evaluator
from tests.harness.asl import (
    Definition,
    assert_sound,
    execution_log_problem,
    execution_name_problem,
    load,
    placeholders,
    states,
)
from tests.harness.engine import Execution
from tests.support import product as products
from tests.support.product import EUROPE, HUB, OTHER, SHORT_DURATIONS, WEST, Product
from tests.support.raised_errors import ERRORS, can_raise
from tests.support.runs import wait_for_calls

SOURCES = sorted(machines.SOURCES.glob("*.asl.yaml"))
FILES = [machines.BUILT / source.with_suffix(".json").name for source in SOURCES]
RECOVER_PLAN, RECOVER_TARGET, SYNC_CACHE, CLEAN_UP_DRILL = (
    machines.BUILT / f"{name}.asl.json" for name in ("recover_plan", "recover_target", "sync_cache", "clean_up_drill")
)

# Names that AWS gives to errors; the Sandbox's is the one of a function past its timeout.
NAMES_OF_AWS = re.compile(r"(States|Lambda|StepFunctions|Runtime|Sandbox)\.\w+")
OUR_NAMES = {
    name
    for module in (errors, target_errors)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}

LARGEST_PAYLOAD = 8 * 1024


def definition(file: Path) -> Definition:
    return load(file, dict.fromkeys(placeholders(file), "arn:aws:lambda:us-west-2:111122223333:function:any"))


def state(file: Path, name: str) -> dict[str, Any]:
    return next(one.body for one in states(definition(file)) if one.name == name)


def claims(file: Path, sentence: str) -> list[int]:
    """The numbers in a sentence of the source's header. The sentence can span several lines."""
    source = machines.SOURCES / file.with_suffix(".yaml").name
    header = " ".join(line.lstrip("# ") for line in source.read_text().partition("\nComment:")[0].splitlines())
    found = re.search(sentence, header)
    assert found, f"{file.name}: the header no longer says {sentence!r}"
    return [int(number.replace(",", "")) for number in found.groups()]


def test_what_is_built_is_what_the_sources_say() -> None:
    """If it fails, run `make machines`."""
    for name, machine in machines.expand_all().items():
        assert (machines.BUILT / f"{name}.asl.json").read_text() == machines.to_json(machine), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_machine_holds_the_rules_of_aws_and_of_the_house(file: Path) -> None:
    assert_sound(definition(file), name=file.name)


def test_the_template_deploys_every_machine_and_fills_in_every_placeholder_and_no_other() -> None:
    deployed = {
        (products.ROOT / "cfn" / machine["DefinitionUri"]).resolve(): set(machine["DefinitionSubstitutions"])
        for machine in products.resources("AWS::Serverless::StateMachine").values()
    }
    assert deployed == {file: placeholders(file) for file in FILES}


def test_a_machine_waits_only_for_executions_of_a_version_that_is_kept() -> None:
    """Otherwise a run would recover its next wave with the other machine as the latest deployment changed it."""
    resources, waiting = products.template()["Resources"], 0
    for machine in products.resources("AWS::Serverless::StateMachine").values():
        file = products.ROOT / "cfn" / machine["DefinitionUri"]
        for one in states(load(file, {name: name for name in placeholders(file)})):
            if "startExecution.sync" not in str(one.body.get("Resource")):
                continue
            waiting += 1
            version = resources[machine["DefinitionSubstitutions"][one.body["Arguments"]["StateMachineArn"]]]
            assert version["Type"] == "AWS::StepFunctions::StateMachineVersion", one.where
            assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("Retain", "Retain"), one.where
            # The revision is what makes each change of the machine a version of its own.
            started = version["Properties"]["StateMachineArn"]
            assert version["Properties"]["StateMachineRevisionId"] == started, one.where
            assert resources[started]["Type"] == "AWS::Serverless::StateMachine", one.where
    assert waiting == 6


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_error_a_machine_handles_by_name_is_one_that_is_raised(file: Path) -> None:
    named = {
        (one.where, name)
        for one in states(definition(file))
        for rule in (*one.body.get("Retry", ()), *one.body.get("Catch", ()))
        for name in rule["ErrorEquals"]
    }
    assert named
    assert not {(where, name) for where, name in named if name not in OUR_NAMES and not NAMES_OF_AWS.fullmatch(name)}


def handlers() -> dict[str, str]:
    """The handler behind each placeholder of a machine: `PollJobArn` is `tasks.poll_job.handler`."""
    functions = products.resources("AWS::Serverless::Function")
    return {
        placeholder: functions[logical_id]["Handler"]
        for machine in products.resources("AWS::Serverless::StateMachine").values()
        for placeholder, logical_id in machine["DefinitionSubstitutions"].items()
        if logical_id in functions
    }


def tasks() -> Iterator[tuple[Path, str, dict[str, Any], str]]:
    """Every state that runs a function: its file, where it is, its body, and the function's handler."""
    for file in FILES:
        named = load(file, {name: name for name in placeholders(file)})
        for one in states(named):
            if (name := one.body.get("Arguments", {}).get("FunctionName")) is not None:
                yield file, one.where, one.body, handlers()[name]


TASKS = [pytest.param(*each, id=f"{each[0].name.split('.')[0]}/{each[1]}") for each in tasks()]


def named_in(rules: list[dict[str, Any]]) -> set[str]:
    return {name for rule in rules for name in rule["ErrorEquals"]}


# States that lead to a wait and then back to the task that failed. After WaitForJob the job is polled; what was not
# read ahead is read at another poll or by StartRecovery.
WAITS = ("WaitForAws", "WaitForDrs", "WaitForTarget", "WaitLonger?", "WaitForJob")


def catches_all(body: dict[str, Any]) -> str | None:
    """The state that follows an error that no other Catch names."""
    return next((rule["Next"] for rule in body.get("Catch", ()) if "States.ALL" in rule["ErrorEquals"]), None)


@pytest.mark.parametrize(("file", "where", "body", "handler"), TASKS)
def test_an_error_that_passes_by_itself_is_waited_for_by_name(
    file: Path, where: str, body: dict[str, Any], handler: str
) -> None:
    """Otherwise States.ALL would catch it, and a server or a run would fail."""
    passing = {kind.__name__ for kind in can_raise(handler) if issubclass(kind, Transient)}
    if where == "FinishExecution":  # batches that nobody follows are settled if that can be, and else left as they are
        passing = {"AwsUnavailable"}
    if where == "JudgeReadiness":  # what a target does not answer about steps is left out of the verdict
        passing = {"AwsUnavailable"}
    if (file, where) == (RECOVER_PLAN, "InspectTargets/InspectTarget"):
        passing.discard("ServerBusy")  # the part of each wave in the target waits for it in recover-target
    if where.endswith("/SyncCache"):  # a circuit stays open for a minute; the next sync comes in five
        passing.discard("CircuitOpen")
    if catches_all(body) in WAITS:
        return
    caught = [rule for rule in body.get("Catch", ()) if rule["Next"] != catches_all(body)]
    assert passing <= named_in(body.get("Retry", [])) | named_in(caught)


@pytest.mark.parametrize(
    ("file", "where", "body", "handler"), [each for each in TASKS if each.values[0] == RECOVER_TARGET]
)
def test_retries_of_a_batch_that_are_used_up_lead_to_a_wait_and_fail_no_server(
    file: Path, where: str, body: dict[str, Any], handler: str
) -> None:
    passing = {kind.__name__ for kind in can_raise(handler) if issubclass(kind, Transient)}
    everything = catches_all(body)
    if everything in WAITS:
        return
    assert passing <= named_in([rule for rule in body["Catch"] if rule["Next"] != everything])


@pytest.mark.parametrize(("file", "where", "body", "handler"), TASKS)
def test_an_error_that_does_not_pass_ends_no_machine_without_a_word(
    file: Path, where: str, body: dict[str, Any], handler: str
) -> None:
    """The state, or a state around it, catches the error by its name or by States.ALL."""
    if where in ("FinishExecution", "FinishCleanup", "CorrectWave"):
        assert body["Next"], "it is the last; what breaks it can only be shown by the machine's own failure"
        return
    lasting = {kind.__name__ for kind in can_raise(handler) if not issubclass(kind, Transient)}
    around = [one.body for one in states(definition(file)) if where.startswith(f"{one.where}/")]
    if not any(catches_all(each) for each in (body, *around)):
        assert lasting <= named_in(body.get("Catch", []))


def test_the_reading_of_the_code_finds_the_errors_a_task_is_known_to_raise() -> None:
    """If the reading found nothing, the tests of the machines would pass without checking anything."""
    found = {handler: {kind.__name__ for kind in can_raise(handler)} for handler in handlers().values()}
    assert all(found.values()), [handler for handler, kinds in found.items() if not kinds]
    start, poll = found["tasks.start_recovery.handler"], found["tasks.poll_job.handler"]
    assert start - poll >= {ServerBusy.__name__, QuotaExceeded.__name__, "LateMessage"}
    assert poll >= {"RetryExhausted", "CircuitOpen", "RateBudgetExhausted", "AwsUnavailable", DrsRefused.__name__}
    assert "JobTooLarge" in found["tasks.check_capacity.handler"]
    assert "TargetNotInitialized" in found["tasks.inspect_target.handler"]
    assert found["tasks.settle_wave.handler"] == {"AwsUnavailable", "ExecutionNotFound"}


def test_every_error_is_raised_by_some_function() -> None:
    """A name that no function raises would mislead readers of the errors or of a machine."""
    raised = {kind for handler in {*handlers().values(), "api.app.handler"} for kind in can_raise(handler)}
    bases = {base for kind in ERRORS.values() for base in kind.__mro__[1:]}
    assert {kind for kind in ERRORS.values() if kind not in bases} <= raised


# The expressions by which recover-plan names the executions that it waits for.
NAMES_OF_CHILDREN = [
    state(RECOVER_PLAN, name)["Arguments"]["Name"]
    for name in (
        "RecoverTarget",
        "VerifyTarget",
        "RunActionsBefore",
        "RunActionsAfter",
        "RunActionsBeforePlan",
        "RunActionsAfterPlan",
    )
]

KNOWN_REGIONS = sorted(
    region
    for partition in botocore.session.Session().get_available_partitions()
    for region in botocore.session.Session().get_available_regions("ec2", partition)
)


@given(
    mode=st.sampled_from([Mode.DRILL, Mode.RECOVERY]),
    wave=st.from_regex(re.compile(WAVE_PATTERN.rstrip("$"), re.ASCII), fullmatch=True),
    order=st.integers(1, 40),
    attempt=st.integers(0, 99),
    region=st.sampled_from(KNOWN_REGIONS),
)
@example(mode=Mode.RECOVERY, wave="a" * 63, order=40, attempt=99, region=max(KNOWN_REGIONS, key=len))
@settings(max_examples=300)
def test_step_functions_and_cloudwatch_logs_take_the_name_of_every_execution(
    mode: Mode, wave: str, order: int, attempt: int, region: str
) -> None:
    run = start._new_execution_id(mode)
    states_of_plan = {"input": {"accountId": HUB, "region": region}}
    values = {"executionId": run, "order": order, "turn": attempt, "wave": wave, "states": states_of_plan}
    children = [jsonata_evaluator.Expression(text[2:-2]).evaluate(values) for text in NAMES_OF_CHILDREN]
    for name in (run, *children, cleanup.machine_name(run, attempt)):
        assert execution_name_problem(name) is None
        assert execution_log_problem(name) is None
        assert name.split("_")[0] == run, "the report finds the executions of a run by this"


@pytest.mark.parametrize("name", ["RecoverTarget", "VerifyTarget"])
def test_no_two_executions_for_targets_have_the_same_name(name: str) -> None:
    text = state(RECOVER_PLAN, name)["Arguments"]["Name"]
    values = {
        "executionId": "recovery-20261122-081530-4f1c09",
        "order": 40,
        "turn": 99,
        "wave": "a" * 63,
        "states": {"input": {"accountId": HUB, "region": "us-gov-west-1"}},
    }
    others = [
        values,
        values | {"order": 39},
        values | {"turn": 98},
        values | {"states": {"input": {"accountId": OTHER, "region": "us-gov-west-1"}}},
        values | {"states": {"input": {"accountId": HUB, "region": "eu-west-1"}}},
        values | {"executionId": "recovery-20261122-081530-4f1c0a"},
    ]
    expression = jsonata_evaluator.Expression(text[2:-2])
    assert len({expression.evaluate(other) for other in others}) == len(others)


def test_no_two_executions_for_actions_have_the_same_name() -> None:
    of_actions = [text for text in NAMES_OF_CHILDREN if "_before" in text or "_after" in text]
    values = {"executionId": "recovery-20261122-081530-4f1c09", "order": 40, "turn": 99, "wave": "a" * 63}
    others = [values, values | {"order": 39}, values | {"turn": 98}]
    names = {jsonata_evaluator.Expression(text[2:-2]).evaluate(other) for text in of_actions for other in others}
    assert len(of_actions) == 4
    assert len(names) == 2 * len(others) + 2


# --- what a run costs -----------------------------------------------------------------------------------------------


def of_machine(product: Product, name: str) -> list[Execution]:
    return product.engine.executions(name)


def entries(execution: Execution) -> Counter[str]:
    return Counter(execution.states_entered())


def distances(execution: Execution, name: str) -> list[int]:
    """The number of events between one entry of a state and the next."""
    history = execution.history
    at = [n for n, event in enumerate(history) if event.get("stateEnteredEventDetails", {}).get("name") == name]
    return [later - earlier for earlier, later in itertools.pairwise(at)]


def payloads(execution: Execution) -> Iterator[tuple[int, str]]:
    for event in execution.history:
        for details in event.values():
            for field in ("input", "output", "parameters"):
                if isinstance(details, dict) and isinstance(text := details.get(field), str):
                    yield len(json.dumps(json.loads(text), separators=(",", ":")).encode()), event["type"]


@pytest.mark.real_durations
@pytest.mark.speed(300)
def test_a_batch_and_each_poll_of_its_job_cost_the_events_the_header_says(product: Product) -> None:
    batch, poll, most_polls = claims(
        RECOVER_TARGET, r"a batch, without what follows +(\d+) .* a poll of its job +(\d+) +at most (\d+) times"
    )
    product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(1))]}))
    (execution,) = of_machine(product, "recover-target")
    (ahead,) = claims(RECOVER_TARGET, r"a read ahead +(\d+) +at most twice for each batch")
    polls, aheads = entries(execution)["PollJob"], entries(execution)["ReadAhead"]
    assert 1 < polls <= most_polls
    assert aheads == 1, "nothing comes next, so it is done at once"
    assert sorted(distances(execution, "PollJob")) == [poll] * (polls - 2) + [poll + ahead]
    assert len(execution.history) - polls * poll - aheads * ahead <= batch


def test_each_batch_reads_ahead_at_most_as_often_as_the_header_says() -> None:
    with Product(speed=120, durations={}) as product:
        first, second = (product.group(product.seed(1, prefix=name), name=name) for name in ("first", "second"))
        plan = product.plan(
            {"name": "first", "groups": [first]}, {"name": "second", "groups": [second], "dependsOn": ["first"]}
        )
        run = product.start(plan, "recoveries")
        wait_for_calls(product, "StartRecovery")
        product.engine.runtime.fail("InspectTarget", "KeyError", times=5)
        assert product.finish(run)["servers"]["launched"] == 2
        assert {entries(execution)["ReadAhead"] for execution in of_machine(product, "recover-target")} == {2}


def test_a_batch_that_is_tried_again_costs_no_more_than_the_header_says(product: Product) -> None:
    batch, poll = claims(RECOVER_TARGET, r"a batch, without what follows +(\d+) .* a poll of its job +(\d+) ")
    product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(1, failsAt="LAUNCH"))]}))
    (execution,) = of_machine(product, "recover-target")
    assert entries(execution)["StartRecovery"] == 2
    (ahead,) = claims(RECOVER_TARGET, r"a read ahead +(\d+) +at most twice for each batch")
    others = entries(execution)["PollJob"] * poll + entries(execution)["ReadAhead"] * ahead
    assert len(execution.history) - others <= batch


def test_a_target_of_a_sync_costs_the_events_the_header_says(product: Product) -> None:
    (target,) = claims(SYNC_CACHE, r"A target costs about (\d+),")
    product.group(product.seed(1))
    product.group(product.seed(1, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    machine = product.engine.run(product.engine.machine_arn("sync-cache"), {})
    assert machine.status == "SUCCEEDED"
    run = 20  # ListTargets, the Map, RecordSync
    assert len(machine.history) <= run + 2 * target


def test_a_chunk_of_a_clean_up_and_each_poll_of_its_job_cost_the_events_the_header_says(product: Product) -> None:
    chunk, poll = claims(CLEAN_UP_DRILL, r"instances costs about (\d+), each poll of its job (\d+)")
    record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(1))]}))
    (machine,) = [
        product.engine.run(product.engine.machine_arn("clean-up-drill"), {"executionId": record["executionId"]})
    ]
    assert machine.status == "SUCCEEDED", machine
    polls = entries(machine)["PollTermination"]
    assert set(distances(machine, "PollTermination")) <= {poll}
    run = 20  # FindInstances, the Map, FinishCleanup
    assert len(machine.history) - polls * poll <= run + chunk


def test_each_wait_for_capacity_costs_the_events_the_header_says() -> None:
    (wait,) = claims(RECOVER_TARGET, r"a wait for capacity +(\d+) ")
    an_hour = {"drill": {"pending": 3_600}}  # 6 s here: on a busy machine, too, the run waits at least twice
    with Product(durations=an_hour, CONCURRENT_JOBS="1", QUOTA_HELD_AFTER_SECONDS="7200") as product:
        foreign, own = product.seed(2)
        product.emulator.client(HUB, WEST).start_recovery(sourceServers=[{"sourceServerID": foreign}], isDrill=True)
        product.emulator.control.change_settings({"durations": dict(SHORT_DURATIONS)})
        record = product.drill(product.plan({"name": "web", "groups": [product.group([own])]}))
        assert record["status"] == "COMPLETED", record
        (execution,) = of_machine(product, "recover-target")
        assert set(distances(execution, "CheckCapacity")) == {wait}


def test_a_wave_and_each_of_its_targets_cost_the_events_the_header_says(product: Product) -> None:
    wave, target, waves, targets, most = claims(
        RECOVER_PLAN,
        r"A wave costs about (\d+), each of its targets about (\d+), "
        r".*\((\d+) waves, each in (\d+) targets\) uses about ([\d,]+) of",
    )
    here = product.group(product.seed(3))
    there = product.group(product.seed(3, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    record = product.drill(
        product.plan(
            {"name": "first", "groups": [here, there]},
            {"name": "second", "groups": [product.group(product.seed(1, prefix="more"))]},
        )
    )
    assert record["status"] == "COMPLETED", record
    (execution,) = of_machine(product, "recover-plan")
    (round_of_probes,) = claims(RECOVER_PLAN, r"Each round of probes in a target costs (\d+)")
    rounds = entries(execution)["InspectTarget"] - 2  # a round is short at this speed
    run = 40 + rounds * round_of_probes  # LoadPlan, two InspectTargets, JudgeReadiness, FinishExecution
    assert len(execution.history) <= run + 2 * wave + 3 * target
    assert 40 + waves * (wave + targets * target) <= most * 1.1


def test_each_round_of_probes_costs_the_events_the_header_says(product: Product) -> None:
    (events,) = claims(RECOVER_PLAN, r"Each round of probes in a target costs (\d+)")
    product.finish(
        product.start(product.plan({"name": "web", "groups": [product.group(product.seed(20))]}), "readiness")
    )
    (execution,) = of_machine(product, "recover-plan")
    assert set(distances(execution, "InspectTarget")) == {events}


def test_each_wait_for_a_target_costs_the_events_the_header_says(product: Product) -> None:
    events, most = claims(RECOVER_TARGET, r"a wait for the target +(\d+) +at most (\d+) times")
    group = product.group(product.seed(1))
    product.fault("REGION_DOWN", region=WEST, durationSeconds=6 * 3_600)
    record = product.drill(product.plan({"name": "web", "groups": [group]}))
    assert record["status"] == "COMPLETED", record
    (execution,) = of_machine(product, "recover-target")
    assert min(distances(execution, "InspectTarget")) == events
    assert f"$waits > {most} " in json.dumps(state(RECOVER_TARGET, "WaitLonger?"))


@pytest.mark.proof
@pytest.mark.speed(300)
def test_no_state_of_a_drill_of_300_servers_carries_more_than_a_few_kilobytes(product: Product) -> None:
    product.seed(300, tags={"tier": "web"})
    record = product.drill(product.plan({"name": "web", "groups": [product.group(tags={"tier": "web"})]}), timeout=100)
    assert record["status"] == "COMPLETED", record
    largest = max(size for execution in product.engine.executions() for size in payloads(execution))
    assert largest[0] < LARGEST_PAYLOAD, largest
