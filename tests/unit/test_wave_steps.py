"""Checks and actions of plans: what is accepted, what is refused and with which words, and what they count for."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schemas.requests.base import parse
from api.schemas.requests.plans import MAX_PLAN_BYTES, PlanRequest
from recovery.domain import verdicts
from recovery.domain.execution import ExecutionStatus, Mode, Run, RunSnapshot, WaveState, WaveStatus
from recovery.domain.plan import OnFailure, RecoveryPlan, Wave
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.domain.wave_steps import placeholders
from recovery.domain.wave_steps.actions import Action, ActionKind, OnActionFailure
from recovery.domain.wave_steps.checks import Check, CheckKind, build_ladder
from recovery.domain.wave_steps.modes import RunMode
from recovery.errors import InvalidRequest

WEST = Target("111122223333", "us-west-2")
# pragma: allowlist nextline secret
TARGET_GROUP = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/shop/0123456789abcdef"
SHOP: dict[str, Any] = {
    "name": "shop",
    "before": [
        {"name": "freeze-writes", "ssmAutomation": {"document": "Shop-Freeze", "parameters": {"Mode": "{mode}"}}}
    ],
    "waves": [
        {
            "name": "database",
            "groups": [{"groupId": "pg-1", "checks": [{"tcp": {"port": 5432}}]}],
            "checks": [
                "agent",
                "boot",
                "postLaunchActions",
                {"http": {"port": 8080, "path": "/health?deep=1"}, "successes": 2, "in": ["drill"]},
                {"command": {"document": "AWS-RunShellScript", "parameters": {"commands": ["pg_isready"]}}},
                {"targetGroup": TARGET_GROUP},
            ],
            "before": [{"name": "settle", "wait": {"minutes": 5}, "in": ["recovery"]}],
            "after": [
                {"name": "warm-up", "ssmCommand": {"document": "Shop-WarmUp"}, "onFailure": "continue"},
                {"name": "dns", "lambda": {"function": "shop-dns", "payload": {"to": ["{privateIps}"]}}},
                {"name": "tell", "event": {"detailType": "Database up", "detail": {"run": "{executionId}"}}},
                {"name": "switch", "stateMachine": {"name": "shop-switch", "input": {"key": "{actionKey}"}}},
                {"name": "sign-off", "manual": {"instructions": "Place an order and look for it."}},
            ],
        }
    ],
}


def change(*path: str | int, to: Any) -> dict[str, Any]:
    """The body of the shop with another value at this place."""
    body = copy.deepcopy(SHOP)
    place: Any = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = to
    return body


def problems(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(PlanRequest, body).to_plan("rp-1")
    return {problem["field"]: problem["message"] for problem in refused.value.problems}


# --- what is stored -------------------------------------------------------------------------------------------------
def test_a_plan_is_read_as_it_was_stored() -> None:
    plan = parse(PlanRequest, SHOP).to_plan("rp-1")
    assert RecoveryPlan.from_item(plan.to_item()) == plan
    assert plan.waves[0].checks[0] == Check(CheckKind.AGENT)
    assert plan.waves[0].after[0].on_failure is OnActionFailure.CONTINUE


def test_what_the_api_returns_can_be_sent_back_as_it_is() -> None:
    plan = parse(PlanRequest, SHOP).to_plan("rp-1")
    row = plan.to_item()
    body = {name: row[name] for name in SHOP}
    assert parse(PlanRequest, body).to_plan("rp-1") == plan


def test_a_plan_without_checks_and_actions_is_stored_as_before() -> None:
    plain = {"name": "shop", "waves": [{"name": "database", "groups": [{"groupId": "pg-1"}]}]}
    assert set(parse(PlanRequest, plain).to_plan("rp-1").to_item()["waves"][0]) == {
        "name",
        "groups",
        "dependsOn",
        "runAfter",
        "maxFailedPercent",
        "onFailure",
    }


def test_times_that_are_left_out_are_those_of_the_kind() -> None:
    minutes = {
        action.name: action.timeout_minutes for action in parse(PlanRequest, SHOP).to_plan("rp-1").waves[0].after
    }
    assert minutes == {"warm-up": 30, "dns": 14, "tell": 30, "switch": 30, "sign-off": 24 * 60}


# --- ladders --------------------------------------------------------------------------------------------------------
def test_a_server_takes_the_cheapest_check_first_and_each_once() -> None:
    database = parse(PlanRequest, SHOP).to_plan("rp-1").waves[0]
    drill = build_ladder([*database.checks, *database.groups[0].checks], RunMode.DRILL, WEST)
    assert [check.name for check in drill] == [
        "boot",
        "postLaunchActions",
        "agent",
        "tcp :5432",
        "http :8080/health?deep=1",
        "command AWS-RunShellScript",
        "target group shop",
    ]
    recovery = build_ladder(database.checks, RunMode.RECOVERY, WEST)
    assert CheckKind.HTTP not in [check.kind for check in recovery]


def test_a_target_group_is_no_check_of_servers_elsewhere() -> None:
    check = Check(CheckKind.TARGET_GROUP, {"arn": TARGET_GROUP})
    assert build_ladder([check], RunMode.DRILL, WEST) == (check,)
    assert build_ladder([check], RunMode.DRILL, Target("111122223333", "eu-west-1")) == ()


checks = st.builds(
    Check,
    kind=st.sampled_from([CheckKind.BOOT, CheckKind.AGENT, CheckKind.TCP]),
    settings=st.fixed_dictionaries({"port": st.integers(1, 3)}),
    successes=st.integers(1, 3),
    modes=st.sampled_from([(RunMode.DRILL,), (RunMode.RECOVERY,), tuple(RunMode)]),
)


@given(st.lists(checks, max_size=8), st.sampled_from(RunMode))
def test_a_ladder_has_each_question_once_with_the_most_successes_asked_for(chosen: list[Check], mode: RunMode) -> None:
    ladder = build_ladder(chosen, mode, WEST)
    wanted = [check for check in chosen if mode in check.modes]
    assert len({check.key for check in ladder}) == len(ladder)
    assert {check.key for check in ladder} == {check.key for check in wanted}
    for check in ladder:
        assert check.successes == max(each.successes for each in wanted if each.key == check.key)
    assert [list(CheckKind).index(check.kind) for check in ladder] == sorted(
        list(CheckKind).index(check.kind) for check in ladder
    )


# --- names in braces ------------------------------------------------------------------------------------------------
def test_names_in_braces_are_replaced_and_other_braces_stay() -> None:
    values = {"mode": "drill", "instanceIds": ["i-1", "i-2"]}
    given_value = {
        "Mode": ["{mode}", "x-{mode}"],
        "Ids": ["{instanceIds}"],
        "script": "for i in {instanceIds}; do echo ${mode} {{mode}} {} {1} { mode }; done",
        "number": 5,
    }
    assert placeholders.fill_in(given_value, values) == {
        "Mode": ["drill", "x-drill"],
        "Ids": ["i-1", "i-2"],
        "script": "for i in i-1,i-2; do echo ${mode} {{mode}} {} {1} { mode }; done",
        "number": 5,
    }


@given(st.recursive(st.text("{}$ab "), lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner)))
def test_what_has_no_known_name_stays_as_it_is(value: Any) -> None:
    assert placeholders.fill_in(value, {"mode": "drill"}) == value


@given(st.text(max_size=40))
def test_a_filled_in_value_is_never_filled_in_again(text: str) -> None:
    assert placeholders.fill_in("{planName}", {"planName": text, "mode": "drill"}) == text


# --- what is refused ------------------------------------------------------------------------------------------------
CHECKS, AFTER = ("waves", 0, "checks"), ("waves", 0, "after")
MISTAKES: list[tuple[dict[str, Any], str, str]] = [
    (change(*CHECKS, to=["bot"]), "waves[0].checks[0]", "must be boot, postLaunchActions, agent, or a mapping"),
    (change(*CHECKS, to=["tcp"]), "waves[0].checks[0]", 'needs settings, such as {"tcp": {"port": 5432}}'),
    (change(*CHECKS, to=[{}]), "waves[0].checks[0]", "has no kind: give one of boot, postLaunchActions"),
    (
        change(*CHECKS, to=[{"boot": {}, "tcp": {"port": 1}}]),
        "waves[0].checks[0]",
        "is of several kinds, boot and tcp: write each as a check of its own",
    ),
    (change(*CHECKS, to=["boot", "boot"]), "waves[0].checks", "entry 1 repeats an earlier one"),
    (
        change(*CHECKS, to=[{"http": {"port": 80, "path": "/a\nb"}}]),
        "waves[0].checks[0].http.path",
        "must be a path that begins with /",
    ),
    (
        change(*CHECKS, to=[{"http": {"port": 80, "path": "/a\n"}}]),
        "waves[0].checks[0].http.path",
        "must be a path that begins with /",
    ),
    (
        change(*CHECKS, to=[{"http": {"port": 80, "path": "/';reboot;'"}}]),
        "waves[0].checks[0].http.path",
        "must be a path that begins with /",
    ),
    (
        change(*CHECKS, to=[{"http": {"port": 80, "host": "-o /etc/passwd"}}]),
        "waves[0].checks[0].http.host",
        "must be a host name",
    ),
    (change(*CHECKS, to=[{"tcp": {"port": 0}}]), "waves[0].checks[0].tcp.port", "must be the number of a port, from 1"),
    (change(*CHECKS, to=[{"htp": {"port": 80}}]), "waves[0].checks[0].htp", "unknown field; did you mean http?"),
    (change("waves", 0, "checksTimeoutMinutes", to=0), "waves[0].checksTimeoutMinutes", "must be minutes, from 1"),
    (change(*AFTER, to=[{"name": "x"}]), "waves[0].after[0]", "has no kind: give one of ssmAutomation, ssmCommand"),
    (
        change(*AFTER, to=[{"name": "freeze-writes", "wait": {"minutes": 5}}]),
        "waves[0].after[0].name",
        "freeze-writes is the name of before[0] too",
    ),
    (
        change("waves", 0, "before", 0, to={"name": "x", "ssmCommand": {"document": "Shop-WarmUp"}}),
        "waves[0].before[0]",
        "put it into `after` of a wave",
    ),
    (
        change("before", 0, "ssmAutomation", "parameters", to={"Mode": ["{nope}"]}),
        "before[0]",
        "has {nope}, which is no name that drs-waves knows here",
    ),
    (
        change("waves", 0, "before", 0, to={"name": "x", "event": {"detailType": "{instanceIds}"}}),
        "waves[0].before[0]",
        "has {instanceIds}, which is no name that drs-waves knows here",
    ),
    (
        change("before", 0, "ssmAutomation", "parameters", to={"Wave": ["{wave}"]}),
        "before[0]",
        "has {wave}, which is no name that drs-waves knows here",
    ),
    (
        change("waves", 0, "after", 1, "timeoutMinutes", to=15),
        "waves[0].after[1]",
        "waits at most 14 minutes for a function",
    ),
    (
        change("waves", 0, "after", 1, "accountId", to="111122223333"),
        "waves[0].after[1]",
        "names only one of accountId and region",
    ),
    (
        change(*AFTER, to=[{"name": "x", "wait": {"minutes": 5}, "accountId": "111122223333", "region": "us-west-2"}]),
        "waves[0].after[0]",
        "acts in no account",
    ),
    (
        change(
            *AFTER,
            to=[
                {
                    "name": "x",
                    "lambda": {"function": "arn:aws:lambda:us-west-2:444455556666:function:dns"},
                    "accountId": "111122223333",
                    "region": "us-west-2",
                }
            ],
        ),
        "waves[0].after[0]",
        "its ARN is of another account or Region",
    ),
    (
        change(*AFTER, to=[{"name": "x", "event": {"detailType": "Up", "source": "aws.ec2"}}]),
        "waves[0].after[0].event",
        "which EventBridge keeps for AWS",
    ),
]


@pytest.mark.parametrize(("body", "field", "message"), MISTAKES, ids=[f"{each[1]} {each[2]}" for each in MISTAKES])
def test_a_mistake_is_named_with_its_field_and_what_to_do(body: dict[str, Any], field: str, message: str) -> None:
    found = problems(body)
    assert list(found) == [field]
    assert message in found[field]


SECRETS = [
    {"password": "hunter22"},  # pragma: allowlist secret
    {"DbPassword": ["correct horse"]},
    {"commands": ["mysql --user app --password=hunter22secret"]},
    {"commands": ["curl https://app:hunter22@shop.example/"]},  # pragma: allowlist secret
    {"key": ["AKIAIOSFODNN7EXAMPLE"]},  # pragma: allowlist secret
    {"nested": {"api_key": "0123456789abcdef"}},
    {"text": "-----BEGIN RSA PRIVATE KEY-----"},
]


@pytest.mark.parametrize("payload", SECRETS, ids=str)
def test_a_secret_is_refused_and_never_repeated(payload: dict[str, Any]) -> None:
    found = problems(change("waves", 0, "after", 1, "lambda", "payload", to=payload))
    assert list(found) == ["waves[0].after[1].lambda.payload"]
    (message,) = found.values()
    assert "Secrets Manager" in message
    assert not any(text in message for text in ("hunter22", "correct horse", "AKIA", "0123456789abcdef", "BEGIN"))


def test_instructions_for_people_hold_no_secret_either() -> None:
    found = problems(change("waves", 0, "after", 4, "manual", "instructions", to="Log in with password=Sup3rS3cret!"))
    assert list(found) == ["waves[0].after[4].manual.instructions"]
    assert "Sup3r" not in found["waves[0].after[4].manual.instructions"]


REFERENCES = [
    {"password": "{{ssm-secure:shop-password}}"},
    {"secretArn": "arn:aws:secretsmanager:us-west-2:111122223333:secret:shop"},  # pragma: allowlist secret
    {"passwordParameter": "/shop/password"},
    {"commands": ["mysql --password=$DB_PASSWORD", 'PASSWORD="$(cat /run/secret)"']},
    {"useSecret": "true"},  # pragma: allowlist secret
    {"token": "{executionId}"},
]


@pytest.mark.parametrize("payload", REFERENCES, ids=str)
def test_a_reference_to_a_secret_is_accepted(payload: dict[str, Any]) -> None:
    parse(PlanRequest, change("waves", 0, "after", 1, "lambda", "payload", to=payload)).to_plan("rp-1")


def test_a_plan_that_no_row_can_hold_is_refused() -> None:
    long = {f"name-{number}": "x" * 800 for number in range(19)}
    wave = {"groups": [{"groupId": "pg-1"}]}
    waves = [
        {
            **wave,
            "name": f"w{at}",
            "after": [{"name": f"a{at}-{n}", "event": {"detailType": "Up", "detail": long}} for n in range(3)],
        }
        for at in range(9)
    ]
    assert f"a plan has at most {MAX_PLAN_BYTES:,}" in problems({"name": "shop", "waves": waves})["waves"]


def test_an_arn_says_where_an_action_acts() -> None:
    action = {"name": "x", "stateMachine": {"name": "arn:aws:states:eu-west-1:444455556666:stateMachine:switch"}}
    (after,) = parse(PlanRequest, change(*AFTER, to=[action])).to_plan("rp-1").waves[0].after
    assert after.target == Target("444455556666", "eu-west-1")
    assert after.title == "state machine switch"


# --- verdicts -------------------------------------------------------------------------------------------------------
RUN = Run("drill-1", "rp-1", "shop", Mode.DRILL, ExecutionStatus.POLLING, "2026-01-01T00:00:00.000Z", "ana")
ASKING = Wave("db", (), on_failure=OnFailure.ASK)


def judged(wave: Wave, tally: Tally, shortfalls: tuple[str, ...] = ()) -> verdicts.WaveVerdict:
    snapshot = RunSnapshot(RUN, {"db": WaveState("db", WaveStatus.IN_PROGRESS)})
    return verdicts.judge_wave(wave, snapshot, tally, (), shortfalls)


def test_a_server_that_is_not_verified_counts_as_failed() -> None:
    tally = Tally(total=10, launched=10, checked=10, verified=9, unverified=1)
    assert judged(Wave("db", ()), tally).status is WaveStatus.FAILED
    assert judged(Wave("db", (), max_failed_percent=10), tally).status is WaveStatus.PARTIAL
    assert judged(ASKING, tally).status is WaveStatus.AWAITING_DECISION
    assert (
        "10 of 10 servers were launched, 0 failed, 0 excluded, 9 verified, 1 unverified" in judged(ASKING, tally).reason
    )


def test_servers_that_a_cancel_kept_from_their_checks_are_named_apart_from_those_that_failed_one() -> None:
    tally = Tally(total=10, launched=10, checked=10, verified=4, unverified=6, cut_off=5)
    assert judged(ASKING, tally).reason.startswith(
        "10 of 10 servers were launched, 0 failed, 0 excluded, 4 verified, 1 unverified, 5 not checked to the end; "
    )


def test_an_optional_server_that_is_not_verified_fails_no_wave() -> None:
    tally = Tally(
        total=10,
        launched=10,
        checked=10,
        verified=9,
        unverified=1,
        optional=2,
        optional_launched=2,
        optional_unverified=1,
    )
    assert judged(Wave("db", ()), tally).status is WaveStatus.PARTIAL


def test_a_wave_whose_servers_have_all_passed_says_so() -> None:
    every = judged(Wave("db", ()), Tally(total=3, launched=3, checked=3, verified=3))
    assert every == verdicts.WaveVerdict(WaveStatus.COMPLETED, "all 3 servers were launched and verified")
    some = judged(Wave("db", ()), Tally(total=3, launched=3, checked=2, verified=2))
    assert some == verdicts.WaveVerdict(WaveStatus.COMPLETED, "all 3 servers were launched, 2 of them verified")


def test_no_server_passed_is_no_success_whatever_the_tolerance() -> None:
    tally = Tally(total=3, launched=3, checked=3, unverified=3)
    assert judged(Wave("db", (), max_failed_percent=100), tally).status is WaveStatus.FAILED


def test_an_action_that_failed_fails_the_wave_whose_servers_are_up() -> None:
    failed = ("action sign-off failed: rejected by ben",)
    tally = Tally(total=3, launched=3)
    verdict = judged(Wave("db", (), max_failed_percent=100), tally, failed)
    assert verdict.status is WaveStatus.FAILED
    assert failed[0] in verdict.reason


def test_an_action_of_the_plan_that_failed_makes_a_complete_run_partial() -> None:
    statuses = {"db": WaveStatus.COMPLETED}
    assert verdicts.judge_execution(statuses).status is ExecutionStatus.COMPLETED
    verdict = verdicts.judge_execution(statuses, failures=["action tell failed: no such bus"])
    assert verdict.status is ExecutionStatus.PARTIAL
    assert "action tell failed: no such bus" in verdict.reason


counts = st.builds(
    lambda total, launched, checked, verified: Tally(
        total=total,
        launched=min(launched, total),
        checked=min(checked, launched, total),
        verified=min(verified, checked, launched, total),
        unverified=min(checked, launched, total) - min(verified, checked, launched, total),
    ),
    *(st.integers(0, 8) for _ in range(4)),
)


@given(counts, st.integers(0, 100))
def test_a_wave_succeeds_only_if_enough_servers_were_launched_and_verified(tally: Tally, percent: int) -> None:
    verdict = judged(Wave("db", (), max_failed_percent=percent), tally)
    lost = tally.total - tally.launched + tally.unverified
    enough = lost == 0 or (tally.recovered > 0 and lost * 100 <= tally.total * percent)
    assert verdict.status.succeeded == enough


@given(counts, counts)
def test_counts_add_up(one: Tally, other: Tally) -> None:
    both = one + other
    assert both.missing == one.missing + other.missing
    assert both.recovered == one.recovered + other.recovered
    assert both.verified == one.verified + other.verified


@pytest.mark.parametrize("kind", ActionKind, ids=str)
def test_every_kind_of_action_has_a_title(kind: ActionKind) -> None:
    settings = {
        "document": "Shop-Freeze",
        "function": "dns",
        "name": "dns",
        "detailType": "Up",
        "minutes": 5,
        "instructions": "Look.",
    }
    assert Action("x", kind, settings).title


def test_a_drill_may_leave_actions_out() -> None:
    assert RUN.actions.value == "run"
    item = {**RUN.to_item(), "actions": "verifyOnly"}
    assert Run.from_item(item).request_to_item()["actions"] == "verifyOnly"
