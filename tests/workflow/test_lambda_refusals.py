"""Lambda refuses to run functions: all of them for an hour, or those beyond the ten of a new account of AWS."""

import threading
from collections import Counter
from typing import Any

import pytest

from tests.harness.lambda_runtime import FunctionFault
from tests.support import waits
from tests.support.cleanups import clean_up
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_plan, make_wave
from tests.support.product import HUB, OTHER, Product
from tests.support.runs import decide, wait_until_asked_for

HOUR = 3_600
REFUSED = "Lambda.TooManyRequestsException"
# Operators ask the API, which is not what is refused here.
API = ("Api",)
TASKS_OF_A_RUN = [
    *("LoadPlan", "InspectTarget", "JudgeReadiness", "StartWave", "CheckCapacity", "StartRecovery", "PollJob"),
    *("SettleBatch", "SettleWave", "FinishExecution"),
]
TASKS_OF_A_CLEAN_UP = [
    *("FindInstances", "LeaseCapacity", "TerminateInstances", "PollTermination", "ForgetInstances", "FinishCleanup"),
]
TASKS_OF_A_SYNC = ["ListTargets", "SyncCache", "RecordSync"]


def refuse_for_an_hour(product: Product, function: str) -> None:
    """Refuse every function for an hour, beginning with the next time that this one would run."""
    runtime = product.engine.runtime

    def close(*_: Any) -> None:
        runtime.limit_concurrency(0, exempt=API)
        opens = threading.Timer(HOUR / product.engine.speed, runtime.limit_concurrency, [None])
        opens.daemon = True
        opens.start()
        raise FunctionFault(REFUSED)

    runtime.before(function, close, times=1)


def assert_recovered(product: Product, record: dict[str, Any], servers: int) -> None:
    """Assert that each server was launched once, that no machine failed, and that Lambda did refuse."""
    assert record["status"] == "COMPLETED", record
    assert record["servers"]["launched"] == servers
    started = [server["sourceServerID"] for job in product.jobs() for server in job["participatingServers"]]
    assert len(started) == len(set(started)) == servers
    assert {machine.status for machine in product.engine.executions("recover-target")} == {"SUCCEEDED"}
    assert product.engine.runtime.refused > 10
    now = product.emulator.world.clock.now()  # a lease can expire in that hour; its row then stays until the next one
    leases = [lease for row in product.items("Limits") for lease in row.get("leases", {}).values()]
    assert not [lease for lease in leases if lease["expiresAt"] > now]


def test_an_hour_in_which_lambda_refuses_everything_fails_no_batch_and_fits_the_history(product: Product) -> None:
    refuse_for_an_hour(product, "PollJob")
    record = product.drill(make_plan(product))
    assert_recovered(product, record, 3)
    (machine,) = product.engine.executions("recover-target")
    failed = Counter(event["type"] for event in machine.history)["TaskFailed"]
    assert failed > 20
    assert len(machine.history) <= 60 + 20 * 9 + failed * waits.EVENTS_OF_A_TRY


@pytest.mark.proof
@pytest.mark.parametrize("task", TASKS_OF_A_RUN)
def test_an_hour_in_which_lambda_refuses_everything_from_any_task_on_fails_no_run(product: Product, task: str) -> None:
    refuse_for_an_hour(product, task)
    assert_recovered(product, product.drill(make_plan(product)), 3)
    assert product.engine.runtime.invocations_of("NotifyOperators") == []


@pytest.mark.proof
def test_a_wave_that_waits_for_an_approval_keeps_its_token_after_an_hour_of_refusals(product: Product) -> None:
    refuse_for_an_hour(product, "KeepToken")
    approval = {"required": True, "timeoutMinutes": 10_000}
    run = product.start(product.plan(make_wave(product, "db", approval=approval)))
    wait_until_asked_for(product, run, "APPROVAL")
    assert decide(product, run, "waves/db/approve").status == 200
    assert_recovered(product, product.finish(run), 1)


@pytest.mark.proof
def test_a_message_to_operators_is_sent_after_an_hour_of_refusals() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        refuse_for_an_hour(product, "NotifyOperators")
        product.fault("THROTTLING", operation="StartRecovery", count=6)
        record = product.drill(make_plan(product))
        assert_recovered(product, record, 3)
        assert len(inbox.of_kind("RETRIES_EXHAUSTED")) == 1


@pytest.mark.proof
@pytest.mark.parametrize("task", TASKS_OF_A_CLEAN_UP)
def test_an_hour_in_which_lambda_refuses_everything_fails_no_clean_up(product: Product, task: str) -> None:
    record = product.drill(make_plan(product))
    refuse_for_an_hour(product, task)
    shown = clean_up(product, record)
    assert shown["status"] == "COMPLETED", shown
    assert shown["instances"] == {"total": 3, "terminated": 3, "failed": 0}
    assert product.engine.runtime.refused > 10


@pytest.mark.proof
@pytest.mark.parametrize("task", TASKS_OF_A_SYNC)
def test_an_hour_in_which_lambda_refuses_everything_fails_no_sync(product: Product, task: str) -> None:
    product.drill(make_plan(product))
    refuse_for_an_hour(product, task)
    machine = product.engine.run(product.engine.machine_arn("sync-cache"), {})
    assert (machine.status, machine.output["failed"]) == ("SUCCEEDED", 0)
    assert product.engine.runtime.refused > 10


@pytest.mark.proof
@pytest.mark.speed(40)  # at a higher speed, a function of a busy machine holds one of the ten for simulated minutes
def test_forty_waves_in_five_targets_recover_all_in_an_account_that_runs_ten_functions_at_a_time(
    product: Product,
) -> None:
    targets = [
        (HUB, "us-east-1"),
        (HUB, "us-east-2"),
        (HUB, "us-west-2"),
        (OTHER, "eu-west-1"),
        (OTHER, "eu-central-1"),
    ]
    servers = [product.seed(40, account=account, region=region) for account, region in targets]
    groups = [
        product.group(ids, account=account, region=region)
        for ids, (account, region) in zip(servers, targets, strict=True)
    ]

    def wave(number: int) -> dict[str, Any]:
        """One server of each target."""
        uses = [
            {"groupId": group, "sourceServerIds": [ids[number]]} for group, ids in zip(groups, servers, strict=True)
        ]
        return {"name": f"wave-{number}", "groups": uses, "dependsOn": []}

    plan = product.plan(*map(wave, range(40)))
    product.engine.runtime.limit_concurrency(10, exempt=API)
    run = product.start(plan)
    ended = product.machine(run).wait(500).output["status"]
    not_launched = Counter(
        (each["status"], each["reason"]) for each in product.servers(run) if each["status"] != "LAUNCHED"
    )
    assert (ended, dict(not_launched)) == ("COMPLETED", {})
    batches = [row for row in product.items("Executions") if row["item"].startswith("BATCH#")]
    assert len(batches) == 200
    assert {(row["status"], int(row["launched"])) for row in batches} == {("SETTLED", 1)}
    launched = [
        server["sourceServerID"]
        for account, region in targets
        for job in product.jobs(account, region)
        for server in job["participatingServers"]
    ]
    assert len(launched) == len(set(launched)) == 200
    assert {machine.status for machine in product.engine.executions("recover-target")} == {"SUCCEEDED"}
    assert product.engine.runtime.refused > 500
    (machine,) = product.engine.executions("recover-plan")
    assert len(machine.history) < 25_000
