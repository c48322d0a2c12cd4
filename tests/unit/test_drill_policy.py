"""What a drill policy may say, and the words with which a wrong one is refused."""

from typing import Any

import pytest

from api.schemas.requests.base import parse
from api.schemas.requests.drills.policy import DrillPolicyRequest
from api.schemas.requests.plans import PlanRequest
from recovery.domain.drills.cron import read_expression
from recovery.domain.drills.policy import CountsIf, DrillPolicy, Invalidation
from recovery.errors import InvalidRequest

WAVE = {"name": "db", "groups": [{"groupId": "pg-1"}]}
CHECKED = {**WAVE, "checks": ["postLaunchActions"]}


def problems(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        parse(DrillPolicyRequest, body)
    return {each["field"]: each["message"] for each in refused.value.problems}


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("0 2 * * SAT", "0 2 * * SAT"),
        ("0 2 * * sat", "0 2 * * SAT"),
        ("30  4 L * *", "30 4 L * *"),
        ("cron(0 2 ? * SAT *)", "0 2 * * SAT"),
        ("cron(0 2 ? * 1 *)", "0 2 * * 0"),
        ("cron(0 2 ? * 7 *)", "0 2 * * 6"),
        ("cron(0 2 ? * 2-6 *)", "0 2 * * 1-5"),
        ("cron(0 2 ? * 2,6 *)", "0 2 * * 1,5"),
        ("cron(0 2 ? * 2/2 *)", "0 2 * * 1,3,5"),
        ("cron(0 2 ? * 6L *)", "0 2 * * 5L"),
        ("cron(0 2 ? * FRIL *)", "0 2 * * 5L"),
        ("cron(0 2 ? * 2#1 *)", "0 2 * * 1#1"),
        ("cron(0 2 ? * L *)", "0 2 * * SAT"),
        ("cron(0 2 1 * ? *)", "0 2 1 * *"),
        ("cron(0 2 LW * ? *)", "0 2 LW * *"),
    ],
)
def test_an_expression_of_aws_is_translated_and_one_of_cron_stays(given: str, meant: str) -> None:
    assert read_expression(given) == meant
    assert read_expression(meant) == meant


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("0 2 * *", "five fields"),
        ("0 2 ? * SAT *", "cron(0 2 ? * SAT *)"),
        ("0 2 ? * SAT", "write * instead"),
        ("0 2,14 * * *", "at least a day apart"),
        ("*/5 * * * *", "at least a day apart"),
        ("0 2 30 2 *", "is due on no date: month 2 has no day 30"),
        ("0 2 31 FEB,APR *", "month FEB,APR has no day 31"),
        ("0 2 32 * *", "day of month is wrong"),
        ("0 2 32 2 *", "day of month is wrong"),
        ("0 2 30 13 *", "month is wrong"),
        ("61 2 * * *", "minute is wrong"),
        ("0 2 * * 8", "day of week is wrong"),
        ("cron(0 2 1W * ? *)", "W is not supported"),
        ("cron(0 2 1 * ? 2027)", "year 2027, which is not supported"),
        ("cron(0 2 1 * MON *)", "must have ?"),
        ("cron(0 2 ? * 0 *)", "1 (SUN) to 7 (SAT)"),
        ("cron(0 2 ? * SAT)", "six fields"),
        ("rate(5 days)", "five fields"),
    ],
)
def test_an_expression_that_is_none_is_refused_with_what_to_write(given: str, says: str) -> None:
    assert says in problems({"schedule": given})["schedule"]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({}, "body", "has neither of everyDays and schedule"),
        ({"everyDays": 90, "schedule": "0 2 * * SAT"}, "body", "has both of everyDays and schedule"),
        ({"schedule": "0 2 * * SAT", "at": "02:00"}, "body", "at belongs to everyDays"),
        ({"schedule": "0 2 * * SAT", "firstOn": "2027-01-01"}, "body", "firstOn belongs to everyDays"),
        (
            {"schedule": "0 2 * * SAT", "at": "02:00", "firstOn": "2027-01-01"},
            "body",
            "at and firstOn belong to everyDays",
        ),
        ({"everyDays": 0}, "everyDays", "1"),
        ({"everyDays": 401}, "everyDays", "400"),
        ({"everyDays": "90d"}, "everyDays", "90"),
        ({"everyDays": 90, "at": "2:00"}, "at", "02:00"),
        ({"everyDays": 90, "at": "24:00"}, "at", "HH:MM"),
        ({"everyDays": 90, "firstOn": "2027-02-30"}, "firstOn", "no date of the calendar"),
        ({"everyDays": 90, "timezone": "Europe/Berln"}, "timezone", "did you mean 'Europe/Berlin'?"),
        ({"everyDays": 90, "timezone": "Berlin"}, "timezone", "did you mean 'Europe/Berlin'?"),
        ({"everyDays": 90, "timezone": "posix/Europe/Berlin"}, "timezone", "no time zone"),
        ({"everyDays": 90, "windowMinutes": 14}, "windowMinutes", "15"),
        ({"everyDays": 90, "windowMinutes": 1441}, "windowMinutes", "1440"),
        ({"everyDays": 90, "cleanUpAfterHours": 673}, "cleanUpAfterHours", "672"),
        ({"everyDays": 90, "countsIf": "done"}, "countsIf", "launched"),
        ({"everyDays": 90, "invalidatedBy": ["drift"]}, "invalidatedBy[0]", "planChange"),
        ({"everyDays": 90, "since": "2026-11-22T08:15:30Z"}, "since", "unknown field"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_field_and_what_to_write(
    body: dict[str, Any], field: str, says: str
) -> None:
    assert says in problems(body)[field]


def test_a_policy_that_counts_verified_servers_needs_checks_in_each_wave() -> None:
    body = {"name": "shop", "waves": [CHECKED, {**WAVE, "name": "web"}]}
    policy = {"everyDays": 90, "countsIf": "verified"}
    with pytest.raises(InvalidRequest) as refused:
        parse(PlanRequest, {**body, "drillPolicy": policy}).to_plan("rp-1")
    (problem,) = refused.value.problems
    assert problem["field"] == "drillPolicy.countsIf"
    assert "in each wave, and web has none; add checks" in problem["message"]
    many = [{**WAVE, "name": f"w{number}"} for number in range(9)]
    with pytest.raises(InvalidRequest) as refused:
        parse(PlanRequest, {**body, "waves": many, "drillPolicy": policy}).to_plan("rp-1")
    assert "and w0, w1, w2, w3, w4 and 4 more have none; add checks" in refused.value.problems[0]["message"]
    parse(PlanRequest, {**body, "waves": [CHECKED], "drillPolicy": policy}).to_plan("rp-1")
    parse(PlanRequest, {**body, "drillPolicy": {"everyDays": 90}}).to_plan("rp-1")


def test_a_policy_is_the_same_after_it_was_stored() -> None:
    body = {"everyDays": 90, "at": "04:30", "timezone": "Europe/Berlin", "invalidatedBy": ["serverAdded"]}
    made = parse(DrillPolicyRequest, body).to_policy()
    assert made.invalidated_by == {Invalidation.SERVER_ADDED}
    assert made.counts_if is CountsIf.LAUNCHED
    assert DrillPolicy.from_item(made.to_item()) == made
    cron = parse(DrillPolicyRequest, {"schedule": "cron(0 2 ? * SAT *)"}).to_policy()
    assert DrillPolicy.from_item(cron.to_item()) == cron
    assert cron.schedule == "0 2 * * SAT"


def test_a_leap_day_is_a_schedule() -> None:
    assert read_expression("0 2 29 2 *") == "0 2 29 2 *"
