"""Calls keep to their limits whatever DRS answers and in whatever order, and the metrics report what happened."""

import json
import os
import threading
import types
import unittest.mock
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drs_emulator import Emulator
from recovery import clock, errors
from recovery.aws import dynamodb
from recovery.call_shares import CallShare
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.capacity.usage import LEASE_SECONDS, QuotaUsage
from recovery.domain.drs_shapes.jobs import Job, Launch
from recovery.domain.execution import Mode
from recovery.domain.target import Target
from recovery.drs import calls, circuit_breaker, rate_limiter
from recovery.drs import client as drs
from recovery.drs.calls import ERROR_BY_CODE
from recovery.drs.rate_limiter import DRS_CALLS
from recovery.errors import DrsRefused, DrsThrottled, DrsUnavailable, DrsWavesError, Transient
from recovery.observability import metrics
from recovery.observability.task_handler import logger, task
from recovery.settings import settings as product_settings
from tests.support import telemetry
from tests.support.moto_tables import empty, product_tables
from tests.support.product import HUB, OTHER, WEST, account_of

pytestmark = pytest.mark.proof

HERE, THERE = Target(HUB, WEST), Target(OTHER, "eu-central-1")
NEVER = "1000000"


class World(NamedTuple):
    """DRS, the source servers it has, and the clock of the product."""

    emulator: Emulator
    servers: list[str]
    time: "Time"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(clock, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """DRS with 23 servers, whose answers have five items a page, and the tables that calls to it need."""
    with (
        unittest.mock.patch.dict(os.environ),  # `limits` changes it
        product_tables(),
        pytest.MonkeyPatch.context() as patch,
        Emulator(speed=60, account_of=account_of) as emulator,
    ):
        patch.setenv("AWS_ENDPOINT_URL_DRS", emulator.url)
        for account in (HUB, OTHER):
            role = f"arn:aws:iam::{account}:role/drs-waves-target"
            dynamodb.put("target_accounts", {"accountId": account, "roleArn": role, "externalId": "an-id"})
        emulator.control.change_settings(
            {
                "pageSize": {"default": 5, "maximum": 5},
                "rateLimits": {"default": {"perSecond": 1e6, "burst": 1e6}},
            }
        )
        servers = emulator.seed(HUB, WEST, [{"hostname": f"srv-{number}"} for number in range(23)])
        yield World(emulator, servers, Time(patch))


def limits(**values: Any) -> None:
    """New settings, full buckets and an empty table of limits."""
    os.environ.update({name.upper(): str(value) for name, value in values.items()})
    product_settings.cache_clear()
    rate_limiter.get_bucket.cache_clear()
    empty("limits")


def reserved() -> int:
    """The calls for which functions requested and got a share of the common budget."""
    rows = dynamodb.client().scan(TableName="limits")["Items"]
    return sum(int(row["calls"]["N"]) for row in rows if row["item"]["S"].startswith("CALLS#"))


# --- every call is limited, and told as it was -------------------------------------------------------------------
def ask(what: str, servers: list[str]) -> None:
    if what == "all servers":
        drs.describe_source_servers(HERE)
    elif what == "some servers":
        drs.describe_source_servers(HERE, servers[:7])
    elif what == "jobs":
        drs.list_live_jobs(HERE)
    elif what == "a job that is not there":
        drs.describe_job(HERE, "drsjob-00000000000000000")
    else:
        batch = Batch(BatchRef("drill-1", "web", HERE, 1), (servers[0],), 1, BatchStatus.STARTING, 1, clock.iso())
        if what != "start again" or drs.find_job(batch) is None:
            drs.start_recovery(batch, Mode.DRILL)


KINDS = ["all servers", "some servers", "jobs", "a job that is not there", "start", "start again"]
# What keeps a call from being made at all.
NOT_MADE = {"CircuitOpen", "RateBudgetExhausted"}
OUTCOMES = {"OK": "ok"} | {code: kind.__name__ for code, kind in ERROR_BY_CODE.items()}


def answers(emulator: Emulator) -> Counter[tuple[str, str]]:
    operations = emulator.control.calls(detail=False)["operations"]
    return Counter(
        {
            (operation, OUTCOMES.get(outcome, "DrsRefused")): count
            for operation, outcomes in operations.items()
            for outcome, count in outcomes.items()
        }
    )


@pytest.mark.timeout(300)  # a few thousand requests over HTTP
@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(KINDS), st.sampled_from(["THROTTLING", "SERVER_ERROR"]), st.integers(0, 4)),
        min_size=1,
        max_size=3,
    ),
    calls_per_second=st.sampled_from([2, NEVER]),
    circuit_failures=st.sampled_from([2, NEVER]),
)
def test_each_request_to_drs_is_reserved_once_and_counted_with_its_outcome(
    world: World,
    steps: list[tuple[str, str, int]],
    calls_per_second: Any,
    circuit_failures: Any,
) -> None:
    """Each page and each retry is a request. The test compares with the requests that DRS received."""
    emulator, servers, time = world
    limits(calls_per_second=calls_per_second, calls_burst=NEVER, circuit_failures=circuit_failures)
    emulator.control.remove_faults(None)
    metrics._pending.clear()
    seen, granted = answers(emulator), reserved()
    with telemetry.capture() as told:
        for what, kind, count in steps:
            if count:
                emulator.world.faults.add({"kind": kind, "count": count}, emulator.world.clock.now())
            try:
                ask(what, servers)
            except DrsWavesError:
                time.sleep(1)
        metrics.flush()
    made = answers(emulator) - seen
    calls = Counter(told.counts("Calls", "Operation", "Outcome"))
    assert {key: count for key, count in calls.items() if key[1] not in NOT_MADE} == made
    outcomes = Counter[str]()
    for (_, outcome), count in calls.items():
        outcomes[outcome] += int(count)
    # A call that an open circuit stops has been reserved; one that is not granted leaves no trace.
    assert reserved() - granted == sum(made.values()) + outcomes["CircuitOpen"]
    limited = {name: outcomes[name] for name in ("DrsThrottled", "RateBudgetExhausted") if outcomes[name]}
    assert told.counts("RateLimitErrors", "ErrorType") == limited
    retried = Counter((line["operation"].split()[0], str(line["attempt"])) for line in told.logs if "attempt" in line)
    assert told.counts("Retries", "Operation", "Attempt") == retried


def test_a_call_that_boto3_will_not_even_send_says_nothing_about_the_region(world: World) -> None:
    """It is a bug of ours. A retry would fail again, and the failure must not open the circuit."""
    limits(calls_per_second=NEVER, calls_burst=NEVER, circuit_failures=1)
    world.emulator.control.remove_faults(None)
    batch = Batch(BatchRef("drill-1", "web", HERE, 1), (), 0, BatchStatus.STARTING, 1, clock.iso())
    with pytest.raises(DrsRefused, match="Invalid length"):
        drs.start_recovery(batch, Mode.DRILL)
    assert drs.list_live_jobs(HERE) is not None
    metrics._pending.clear()


@pytest.mark.parametrize(
    ("status", "kind"), [(429, DrsThrottled), (500, DrsUnavailable), (503, DrsUnavailable), (400, DrsRefused)]
)
def test_a_code_nobody_knows_is_read_by_its_status(status: int, kind: type[DrsWavesError]) -> None:
    assert calls._error_by_status(status) is kind


# --- targets are independent -------------------------------------------------------------------------------------
ACTIONS = st.sampled_from(["reserve", "bucket", "fails", "answers"])


def act(target: Target, action: str) -> str:
    """Do this in a target, and return the outcome. Sleeping moves the clock."""

    def fails() -> None:
        raise DrsUnavailable("no answer")

    try:
        if action == "reserve":
            rate_limiter.reserve_call(target)
        elif action == "bucket":
            return str(rate_limiter.get_bucket(target, DRS_CALLS, CallShare.RUN).try_acquire())
        else:
            circuit_breaker.call_through_circuit(target, fails if action == "fails" else lambda: None)
    except DrsWavesError as error:
        return type(error).__name__
    return "ok"


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.booleans(), ACTIONS, st.sampled_from([0.0, 0.0, 0.2, 1.0, 8.0])), min_size=2, max_size=14
    )
)
def test_what_happens_in_one_target_is_as_if_there_were_no_other(
    world: World, steps: list[tuple[bool, str, float]]
) -> None:
    """Compares the outcomes in one target with and without actions in the other, at the same times."""
    assume({here for here, _, _ in steps} == {True, False})
    time = world.time
    given_limits = {"calls_per_second": 2, "calls_burst": 4, "circuit_failures": 2, "circuit_seconds": 10}
    began = time.now
    limits(**given_limits)
    both = []
    for here, action, pause in steps:
        time.sleep(pause)
        moment, got = time.now, act(HERE if here else THERE, action)
        both.append((here, moment, action, got, time.now))
        if not here:
            time.now = moment  # functions of two targets wait side by side
    time.now = began
    limits(**given_limits)
    for here, moment, action, got, after in both:
        if here:
            time.now = moment
            assert (act(HERE, action), time.now) == (got, after)
    metrics._pending.clear()
    time.now = began + 100_000


# --- metrics -----------------------------------------------------------------------------------------------------
NAMES = st.sampled_from(["DescribeJobs", "StartRecovery", "ok", "DrsThrottled"])
EVENTS = st.one_of(
    st.tuples(st.just("Calls"), NAMES, NAMES),
    st.tuples(st.just("RateLimitErrors"), NAMES),
    st.tuples(st.just("Retries"), NAMES, st.integers(2, 6)),
    st.tuples(st.just("RetriesExhausted"), NAMES),
    st.tuples(st.just("CircuitChanges"), st.sampled_from(["open", "half-open", "closed"])),
)
TELL: dict[str, tuple[Any, tuple[str, ...]]] = {
    "Calls": (metrics.count_call, ("Operation", "Outcome")),
    "RateLimitErrors": (metrics.count_rate_limit, ("ErrorType",)),
    "Retries": (metrics.count_retry, ("Operation", "Attempt")),
    "RetriesExhausted": (metrics.count_exhausted, ("Operation",)),
    "CircuitChanges": (metrics.count_circuit_change, ("State",)),
}


@settings(max_examples=200, deadline=None)
@given(runs=st.lists(st.lists(st.tuples(st.booleans(), EVENTS), max_size=20), max_size=4))
def test_the_lines_of_any_number_of_runs_add_up_to_what_was_counted(
    runs: list[list[tuple[bool, tuple[Any, ...]]]],
) -> None:
    metrics._pending.clear()
    expected = Counter[telemetry.Series]()
    with telemetry.capture() as told:
        for run in runs:
            before = len(told.lines)
            for here, (metric, *values) in run:
                target = HERE if here else THERE
                function, names = TELL[metric]
                function(target, *values)
                named = dict(zip(names, map(str, values), strict=True))
                stack = {"Stack": "drs-waves"}
                series = {**stack, "Account": target.account_id, "Region": target.region, **named}
                expected[metric, frozenset(series.items())] += 1
                expected[metric, frozenset(stack.items())] += 1
                if alone := {"Calls": "Outcome", "CircuitChanges": "State"}.get(metric):
                    expected[metric, frozenset({**stack, alone: named[alone]}.items())] += 1
            metrics.flush()
            assert len(told.lines) - before <= len({event for _, event in run}) * 2
    assert telemetry.published(told.emf) == expected


def test_threads_that_count_and_write_at_once_lose_nothing() -> None:
    metrics._pending.clear()

    def work() -> None:
        for number in range(300):
            metrics.count_call(HERE, "DescribeJobs", "ok")
            if number % 7 == 0:
                metrics.flush()

    with telemetry.capture() as told:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        metrics.flush()
    assert told.counts("Calls") == {(): 2400}


# --- capacity: the verdict ---------------------------------------------------------------------------------------
QUOTAS = types.SimpleNamespace(concurrent_jobs=4, servers_in_jobs=120)
KEYS = st.sampled_from([f"drill/web/{HERE.key}/{number:04}#1" for number in range(1, 8)])
STEPS = st.one_of(
    st.tuples(st.just("lease"), KEYS, st.integers(1, 100)),
    st.tuples(st.just("give back"), KEYS, st.just(0)),
    st.tuples(st.just("observe"), st.lists(st.integers(1, 60), max_size=4), st.booleans()),
    st.tuples(st.just("pass"), st.just(""), st.integers(1, LEASE_SECONDS)),
)


def job(name: str, servers: int, holder: str | None = None) -> Job:
    batch, _, attempt = (holder or "").rpartition("#")
    tags = {"drs-waves:batch": batch, "drs-waves:attempt": attempt} if holder else {}
    return Job(
        name, "STARTED", clock.iso(0), None, tuple(Launch(f"s-{n}", "PENDING", None) for n in range(servers)), tags
    )


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_leases_never_pass_the_quotas_and_none_is_refused_while_there_is_room(steps: list[tuple[Any, ...]]) -> None:
    now, item = 1_800_000_000.0, dict[str, Any]()
    leases, foreign = dict[str, tuple[int, float]](), list[int]()
    for kind, what, number in steps:
        load = QuotaUsage.from_item(item, now)
        leases = {key: held for key, held in leases.items() if held[1] > now}
        if kind == "pass":
            now += number
            continue
        if kind == "lease" and what not in leases:
            jobs, servers = len(leases) + len(foreign), sum(n for n, _ in leases.values()) + sum(foreign)
            free = jobs + 1 <= QUOTAS.concurrent_jobs and servers + number <= QUOTAS.servers_in_jobs
            assert load.has_room(number, QUOTAS) == free  # type: ignore[arg-type]
            if free:
                load = load.with_lease(what, number, now)
                leases[what] = (number, now + LEASE_SECONDS)
                assert load.jobs <= QUOTAS.concurrent_jobs
                assert load.servers <= QUOTAS.servers_in_jobs
        elif kind == "give back":
            load = load.without_lease(what)
            leases.pop(what, None)
        elif kind == "observe":
            foreign = what
            # Jobs of batches that hold a lease are seen too, and are not counted twice.
            ours = [job(f"ours-{key}", held[0], key) for key, held in leases.items()] if number else []
            load = load.with_foreign([*ours, *(job(f"theirs-{n}", count) for n, count in enumerate(what))], now)
        assert (load.jobs, load.servers) == (
            len(leases) + len(foreign),
            sum(n for n, _ in leases.values()) + sum(foreign),
        )
        item = json.loads(json.dumps(load.to_item()))


# --- log lines ---------------------------------------------------------------------------------------------------
TEXTS = st.text(max_size=30)
RAISED = st.sampled_from(
    [None, KeyError, *(kind for kind in vars(errors).values() if isinstance(kind, type) and kind is not errors.Any)]
)
LEVELS = {"INFO", "WARNING", "ERROR", "CRITICAL"}


@settings(max_examples=200, deadline=None)
@given(
    event=st.fixed_dictionaries(
        {"executionId": TEXTS},
        optional={
            "wave": TEXTS,
            "accountId": st.from_regex(r"\d{12}", fullmatch=True),
            "region": st.sampled_from([WEST, "eu-central-1"]),
            "batch": st.integers(1, 40),
            "retries": st.integers(0, 20),
            "capacityChecks": st.integers(),
        },
    ),
    raised=RAISED,
    message=TEXTS,
)
def test_every_line_of_a_task_is_json_with_its_ids_and_a_level_that_fits(
    event: dict[str, Any], raised: type[Exception] | None, message: str
) -> None:
    event = {**event, "taskToken": "AQC8-a-secret"}

    context: Any = types.SimpleNamespace(
        function_name="f", memory_limit_in_mb=128, invoked_function_arn="arn:f", aws_request_id="request-1"
    )
    with pytest.MonkeyPatch.context() as patch, telemetry.capture() as told:
        patch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")  # powertools reads it where a handler is decorated

        @task
        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            logger.info("worked", extra={"said": message})
            if raised:
                raise raised(message)
            return {}

        if raised:
            with pytest.raises(raised):
                handler(event, context)
        else:
            handler(event, context)
    worked, *after = told.logs
    assert worked["said"] == message
    for line in told.logs:
        assert line["correlation_id"] == line["executionId"] == event["executionId"]
        assert (line["function_request_id"], line["task"]) == ("request-1", "test_limits_properties")
        assert line["service"]
        assert line["level"] in LEVELS
        assert line.keys() >= event.keys() & {"wave", "accountId", "region"}
        assert ("target" in line) == ({"accountId", "region"} <= event.keys())
        assert ("batch" in line) == ({"wave", "accountId", "region", "batch"} <= event.keys())
    if raised is None:
        assert after == []
    else:
        assert [line["level"] for line in after] == ["WARNING" if issubclass(raised, Transient) else "ERROR"]
        assert after[0]["error"] == raised.__name__
    assert "AQC8-a-secret" not in told.text
    repeated = int("region" in event and "accountId" in event and event.get("retries", 0) > 0)
    assert sum(told.counts("Retries").values()) == repeated
