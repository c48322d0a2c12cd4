"""What a report says against the targets, of waits, counts, the plan as run, and where it is from."""

from typing import Any

import pytest

from cli.text import describe_rto
from recovery.identities import SCHEDULE
from recovery.wording import shorten_outage
from report.document import Facts, build_document
from report.drawings import timeline
from report.page import render_html
from report.plan.table import describe_plan_as_run
from tests.support.report_facts import HUB, WEST, Page, at, batch, decision, page, record, server, wave


def with_lost(count: int = 12, **lost: Any) -> list[dict[str, Any]]:
    """Twelve servers of wave db, of which the last was not launched."""
    servers = [server(f"h{number}", snapshotAt=at(-5)) for number in range(1, count)]
    return [*servers, server("lost", **{"status": "FAILED", "recoveryInstanceId": None, **lost})]


# --- RTO ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["FAILED", "EXCLUDED", "SKIPPED", "PENDING"])
def test_a_run_that_ended_without_a_required_server_has_missed_its_rto(status: str) -> None:
    told = record(wave("db", "PARTIAL", 2, 20, rtoTargetMinutes=60), status="PARTIAL", rtoTargetMinutes=60)
    servers = with_lost(status=status)
    rto = build_document(Facts(told, servers))["rto"]
    for judged in (rto["whole"], rto["waves"][0]):
        assert (judged["met"], judged["required"], judged["unrecovered"]) == (False, 12, 1)
    assert page(Facts(told, servers)).text.count("✗ missed: 1 of 12 servers was not recovered") == 3
    said = list(describe_rto(told, servers))
    assert said == [f"missed by {name}: 1 of 12 servers was not recovered" for name in ("the run", "wave db")]


def test_an_optional_server_that_was_not_recovered_does_not_miss_the_rto() -> None:
    told = record(wave("db", "COMPLETED", 2, 20, rtoTargetMinutes=60), rtoTargetMinutes=60)
    servers = with_lost(optional=True)
    rto = build_document(Facts(told, servers))["rto"]
    for judged in (rto["whole"], rto["waves"][0]):
        assert (judged["met"], judged["required"], judged["unrecovered"]) == (True, 11, 0)
    assert list(describe_rto(told, servers)) == ["met by the run"]


def test_a_server_of_another_wave_does_not_miss_the_rto_of_this_one() -> None:
    waves = (wave("db", "PARTIAL", 2, 20, rtoTargetMinutes=60), wave("web", "COMPLETED", 2, 20, rtoTargetMinutes=60))
    servers = [*with_lost(), server("web", wave="web")]
    rto = build_document(Facts(record(*waves, status="PARTIAL"), servers))["rto"]
    assert [each["met"] for each in rto["waves"]] == [False, True]


# --- a run that is on -----------------------------------------------------------------------------------------------
def test_targets_of_an_open_run_are_open() -> None:
    told = record(
        wave("db", "COMPLETED", 2, 20),
        status="POLLING",
        state="CANCELLING",
        endedAt=None,
        rtoTargetMinutes=60,
        rpoTargetMinutes=60,
    )
    document = build_document(Facts(told, [server("a", snapshotAt=at(-5))]))
    assert (document["rto"]["whole"]["met"], document["rpo"]["met"]) == (None, None)
    assert (document["verdict"]["state"], document["verdict"]["words"]) == ("CANCELLING", "cancelling")
    html = render_html(document)
    assert "<strong>Cancelling</strong>" in html
    assert "POLLING" not in html
    assert "✓ met" not in html


def test_the_data_of_an_open_run_can_miss_the_target_already() -> None:
    told = record(wave("db", "COMPLETED", 2, 20), status="POLLING", endedAt=None, rpoTargetMinutes=60)
    assert build_document(Facts(told, [server("a", snapshotAt=at(-90))]))["rpo"]["met"] is False


# --- counts, decisions, outages -------------------------------------------------------------------------------------
def test_the_counts_of_servers_add_up() -> None:
    counts = {"total": 62, "launched": 35, "failed": 1, "excluded": 0, "launching": 0}
    servers = [server(str(number), status="SKIPPED") for number in range(26)]
    told = Facts(record(wave("db", "SKIPPED", None, None), servers=counts), servers)
    assert build_document(told)["servers"] == {**counts, "skipped": 26, "checked": 0, "pending": 0}
    assert "35 of 62<small>1 failed, 0 excluded, 26 skipped</small>" in render_html(build_document(told))
    open_run = build_document(Facts(record(servers=counts)))
    assert open_run["servers"]["pending"] == 26


def test_only_of_an_approval_or_acceptance_is_it_a_question_who_gave_it() -> None:
    ana = record()["requestedBy"]
    given = [
        {**decision("approve", 1, "db"), "by": ana},
        {**decision("accept", 2, "db"), "by": "arn:aws:iam::111122223333:user/ben"},
        {**decision("retry", 3, "db"), "by": ana},
        {**decision("approve", 4, "db"), "by": "the plan"},
    ]
    document = build_document(Facts(record(decisions=given)))
    assert [each["bySamePerson"] for each in document["decisions"]] == [True, False, None, None]
    assert render_html(document).count("! may be who started the run") == 1


def test_an_outage_names_its_target_once_and_no_attempt_that_is_over() -> None:
    target = f"{HUB}/{WEST}"
    reason = f"CircuitOpen: {target} has not been answering; the next attempt is at {at(7)}"
    assert shorten_outage(target, reason) == "has not been answering"
    assert shorten_outage(target, "DrsThrottled: slow down") == "DrsThrottled: slow down"
    batches = [batch("db", outages=[{"since": at(3), "until": at(6), "reason": reason}])]
    (found,) = build_document(Facts(record(wave("db", "COMPLETED", 2, 20), batches=batches)))["outages"]
    assert found["reason"] == "has not been answering"


# --- waits ----------------------------------------------------------------------------------------------------------
def test_a_wait_before_a_wave_is_not_in_its_time_and_one_within_is() -> None:
    waits = [
        {"wave": "db", "for": "APPROVAL", "since": at(1), "until": at(5), "by": "ana"},
        {"wave": "db", "for": "DECISION", "since": at(10), "until": at(12), "by": "ana"},
        {"wave": None, "for": "RESUME", "since": at(11), "until": at(14), "by": "ana"},
        {"wave": "web", "for": "APPROVAL", "since": at(20), "until": at(30), "by": None},
    ]
    told = record(wave("db", "COMPLETED", 5, 20), wave("web", "SKIPPED", None, None, endedAt=at(30)), waits=waits)
    document = build_document(Facts(told))
    waited = [
        (each["waitedBeforeStartSeconds"], each["waitedWithinSeconds"], each["seconds"])
        for each in document["rto"]["waves"]
    ]
    assert waited == [(240, 240, 900), (600, 0, None)]
    text = Page(render_html(document)).text
    assert "waited 4:00 for people before its start, which its time does not have" in text
    assert "waited 4:00 for people after its start, which its time has" in text


# --- a chain --------------------------------------------------------------------------------------------------------
def chain(last_ended: bool = True) -> dict[str, Any]:
    first = {"executionId": "drill-20261122-070000-abcdef", "status": "PARTIAL"}
    second = {"executionId": "drill-20261122-080000-abcdef", "status": "COMPLETED"}
    times = {"requestedAt": at(-60), "endedAt": at(30) if last_ended else None}
    return {
        "executions": [{**each, **times} for each in (first, second)],
        **times,
        "durationSeconds": 5400,
        "servers": {"total": 2, "launched": 2, "failed": 0, "excluded": 0},
    }


def test_the_data_of_a_chain_is_measured_from_its_first_request() -> None:
    told = record(wave("db", "COMPLETED", 2, 20), chain=chain(), rpoTargetMinutes=30)
    earlier = [server("a", snapshotAt=at(-70)), server("b", status="FAILED", recoveryInstanceId=None)]
    now = [server("b", snapshotAt=at(-65))]
    rpo = build_document(Facts(told, now, earlier=earlier))["rpo"]
    assert (rpo["worstSeconds"], rpo["met"]) == (65 * 60, False)
    judged = {name: rpo["chain"][name] for name in ("measuredFrom", "known", "worstSeconds", "unrecovered", "met")}
    expected = {"measuredFrom": "firstRequest", "known": 2, "worstSeconds": 600, "unrecovered": 0, "met": True}
    assert judged == expected
    assert "10:00 before the chain's first request" in page(Facts(told, now, earlier=earlier)).text


def test_the_data_of_a_chain_is_unknown_if_its_servers_cannot_be_read() -> None:
    told = record(wave("db", "COMPLETED", 2, 20), chain=chain(), rpoTargetMinutes=30)
    assert build_document(Facts(told, earlier=None))["rpo"]["chain"] is None
    assert build_document(Facts(record()))["rpo"]["chain"] is None


# --- sandbox, plan --------------------------------------------------------------------------------------------------
def test_a_report_from_the_sandbox_says_so_first() -> None:
    banner = "Sandbox: AWS, DRS, the servers and the time are emulated. This report proves nothing about AWS."
    there, here = (build_document(Facts(record(), is_sandbox=value)) for value in (False, True))
    assert (there["environment"], here["environment"]) == ("aws", "sandbox")
    assert banner not in render_html(there)
    assert "<title>Drill of shop: COMPLETED (sandbox)</title>" in render_html(here)
    body = render_html(here).split("<body>")[1]
    assert body.index(banner) < body.index("<h1>")


def test_the_page_shows_the_plan_as_run() -> None:
    waves = [
        {"name": "db", "groups": [{"groupId": "pg-1"}], "onFailure": "stop", "maxFailedPercent": 10},
        {
            "name": "web",
            "groups": [{"groupId": "pg-1", "sourceServerIds": ["s-1", "s-2"], "optional": True}],
            "approval": {"required": True, "timeoutMinutes": 45, "onTimeout": "reject"},
            "runAfter": "completion",
            "onFailure": "ask",
            "rtoTargetMinutes": 90,
        },
    ]
    options = {"fourEyes": True, "commentsRequired": False, "launchAttempts": 2, "cleanUpAfterHours": 48}
    plan = {"planId": "rp-0123456789ab", "name": "shop", "version": 1, "waves": waves, **options}
    place = {"groupId": "pg-1", "name": "databases", "accountId": HUB, "region": WEST, "version": 1}
    told = record(wave("db", "COMPLETED", 2, 20), wave("web", "COMPLETED", 20, 30, dependsOn=["db"]))
    html = render_html(build_document(Facts(told, plan=plan, groups=[place])))
    section = html.split("<h3>The plan as run</h3>")[1].split("</table>")[0]
    text = Page(section.replace("><", "> <")).text
    for said in (
        "attempts to launch a server 2 another person approves yes comments required no "
        "drills are cleaned up 48 hours after their end drill policy none",
        "db databases – – stop 10 % none",
        "web databases (2 servers of it, optional) db (whatever their result) "
        "required within 45 min, else reject ask 0 % 1:30:00",
    ):
        assert said in text
    assert "The plan as run" not in render_html(build_document(Facts(record())))


@pytest.mark.parametrize(
    ("hours", "by", "said"),
    [
        (6, SCHEDULE, "6 hours after their end, as the drill policy says"),
        (48, SCHEDULE, "48 hours after their end"),
        (6, "arn:aws:iam::111122223333:user/ana", "6 hours after their end"),
    ],
)
def test_the_plan_as_run_has_its_drill_policy_and_whose_clean_up_it_was(hours: int, by: str, said: str) -> None:
    policy = {"schedule": "0 2 * * SAT", "timezone": "Europe/Berlin", "cleanUpAfterHours": 6}
    plan = {"planId": "rp-0123456789ab", "name": "shop", "version": 1, "waves": [], "cleanUpAfterHours": hours}
    facts = Facts({**record(), "requestedBy": by}, plan={**plan, "drillPolicy": policy})
    table = describe_plan_as_run(build_document(facts))
    assert table is not None
    settings = dict(table.settings)
    assert settings["drills are cleaned up"] == said
    assert settings["drill policy"].startswith("0 2 * * SAT Europe/Berlin, by itself within 240 min")


# --- the drawing ----------------------------------------------------------------------------------------------------
def test_no_hatching_and_no_mark_covers_the_label_of_a_wave() -> None:
    waits = [{"wave": "db", "for": "DECISION", "since": at(2), "until": at(14), "by": "ana"}]
    told = record(wave("db", "COMPLETED", 2, 30), waits=waits, decisions=[decision("accept", 14, "db")])
    chart = timeline.draw(build_document(Facts(told)))
    bar, wait = (next(each for each in chart.bars if each.kind == kind) for kind in ("good", "wait"))
    (mark,) = chart.marks
    assert bar.label == "COMPLETED 28:00"
    assert bar.x + bar.covered >= max(wait.x + wait.width, mark.x + timeline.HALF_MARK)
    hidden = [{**waits[0], "until": at(30)}]
    told = record(wave("db", "COMPLETED", 2, 30), waits=hidden)
    chart = timeline.draw(build_document(Facts(told)))
    assert [each.label for each in chart.bars if each.kind == "good"] == [""]


def test_a_narrow_page_says_that_the_timeline_scrolls() -> None:
    html = render_html(build_document(Facts(record())))
    narrow = html.split("@media screen and (max-width: 44rem)")[1].split("@media print")[0]
    assert ".scrolls { display: block" in narrow
    assert 'class="scrolls"' in html.split("<h2>Timeline</h2>")[1].split("<svg")[0]
