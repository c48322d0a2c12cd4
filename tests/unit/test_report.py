"""The report of a run, from made-up records, some of them with hostile text."""

import itertools
import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import text as wording
from cli.report.write import write_file
from recovery.free_text import clean
from report.document import SCHEMA, Facts, build_document
from report.drawings import scale, timeline
from report.page import render_html
from tests.support.report_facts import (
    ALL,
    HUB,
    NASTY,
    WEST,
    Page,
    action,
    at,
    batch,
    decision,
    job,
    nasty,
    page,
    record,
    server,
    unended,
    verification,
    wave,
)


# --- verdicts -----------------------------------------------------------------------------------------------------
def test_a_run_and_its_waves_are_compared_with_their_rto_targets() -> None:
    waves = (
        wave("db", "COMPLETED", 2, 20, rtoTargetMinutes=20),
        wave("web", "COMPLETED", 20, 30, rtoTargetMinutes=5),
        wave("mail", "FAILED", 20, 21, rtoTargetMinutes=60),
        wave("batch", "SKIPPED", None, None, endedAt=at(30), rtoTargetMinutes=60),
        wave("other", "COMPLETED", 2, 30),
    )
    rto = build_document(Facts(record(*waves, rtoTargetMinutes=30)))["rto"]
    assert rto["whole"] == {
        "seconds": 1800,
        "targetMinutes": 30,
        "met": False,
        "required": 0,
        "unrecovered": 0,
    }  # it has not recovered all
    assert build_document(Facts(record(*waves[:2], rtoTargetMinutes=30)))["rto"]["whole"]["met"] is True
    assert [each["met"] for each in rto["waves"]] == [True, False, False, False, None]
    assert [each["seconds"] for each in rto["waves"]] == [1080, 600, 60, None, 1680]


@pytest.mark.parametrize(
    ("status", "seconds", "met"),
    [("POLLING", 60, None), ("POLLING", 601, False), ("COMPLETED", 601, False), ("FAILED", 60, False)],
)
def test_a_target_is_missed_as_soon_as_that_is_certain(status: str, seconds: int, met: bool | None) -> None:
    told = record(status=status, durationSeconds=seconds, rtoTargetMinutes=10)
    assert build_document(Facts(told))["rto"]["whole"]["met"] is met


def test_the_age_of_data_is_reported_or_unknown() -> None:
    servers = [
        server("a", snapshotAt=at(-10)),
        server("b", snapshotAt=at(-30)),
        server("c"),
        server("d"),
        server("e", status="FAILED", snapshotAt=at(-600)),
        server("f", snapshotAt=at(1)),
    ]
    cached = [
        {**server("c"), "pointInTimeSnapshotAt": at(-20)},
        {**server("d"), "recoveryInstanceId": "i-of-another-run", "pointInTimeSnapshotAt": at(-20)},
    ]
    told = build_document(Facts(record(wave("db", "COMPLETED", 2, 30), rpoTargetMinutes=15), servers, (), cached))
    assert told["rpo"] == {
        "targetMinutes": 15,
        "measuredFrom": "requestedAt",
        "known": 3,
        "unknown": 2,
        "newerThanRequest": 1,
        "unrecovered": 1,
        "worstSeconds": 1800,
        "medianSeconds": 1200,
        "missed": 2,
        "met": False,
        "metVacuously": False,
        "chain": None,
    }
    assert {each["hostname"]: each["rpoSeconds"] for each in told["sourceServers"]} == {
        "a": 600,
        "b": 1800,
        "c": 1200,
        "d": None,
        "e": 36_000,
        "f": None,
    }


def test_the_age_of_data_comes_from_the_instance_before_any_snapshot_that_inspection_found() -> None:
    launched = server("a", dataAt=at(-40), snapshotAt=at(-5))
    cached = {**server("a"), "pointInTimeSnapshotAt": at(-20)}
    told = build_document(Facts(record(rpoTargetMinutes=15), [launched], (), [cached]))
    assert told["rpo"]["worstSeconds"] == 2_400


def rpo(*servers: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = build_document(Facts(record(rpoTargetMinutes=15, **more), servers))["rpo"]
    return found


def test_rpo_is_met_only_when_every_launched_server_is_known_to_meet_it() -> None:
    assert rpo(server("a", snapshotAt=at(-10)))["met"] is True
    assert rpo(server("a", snapshotAt=at(-10)), server("b"))["met"] is None
    assert rpo()["met"] is None


@pytest.mark.parametrize("status", ["FAILED", "SKIPPED", "EXCLUDED"])
def test_a_server_that_was_not_recovered_has_missed_the_rpo_target(status: str) -> None:
    good, lost = server("a", snapshotAt=at(-10)), server("b", status=status, snapshotAt=at(-10))
    assert (rpo(good, lost)["met"], rpo(good, lost)["unrecovered"]) == (False, 1)
    assert rpo(lost)["met"] is False
    assert rpo(good, {**lost, "optional": True})["met"] is True
    assert rpo(good, lost, status="POLLING")["met"] is None
    assert rpo(good, lost, mode="READINESS")["unrecovered"] == 0
    text = page(Facts(record(rpoTargetMinutes=15), [good, lost])).text
    assert "did not recover 1 server that the plan requires" in text


def test_data_newer_than_the_request_has_the_age_of_the_lag_and_says_that_nothing_was_tested() -> None:
    fresh = [server("a", snapshotAt=at(5), lagSeconds=0), server("b", snapshotAt=at(5), lagSeconds=60)]
    told = rpo(*fresh)
    assert (told["met"], told["metVacuously"], told["worstSeconds"], told["newerThanRequest"]) == (True, True, 60, 2)
    text = page(Facts(record(rpoTargetMinutes=15), fresh)).text
    assert "newer than the request: DRS took a snapshot after it" in text
    assert "met, but not tested" in text
    assert rpo(fresh[0], server("c", snapshotAt=at(-5)))["metVacuously"] is False
    assert rpo(server("a", snapshotAt=at(5), lagSeconds=3_600))["met"] is False
    assert rpo(server("a", snapshotAt=at(5), lagSeconds=None))["met"] is None
    assert rpo(server("a", snapshotAt=at(5)), pointInTime=at(0))["met"] is None


def test_with_a_point_in_time_the_age_is_measured_from_it() -> None:
    told = build_document(Facts(record(pointInTime=at(-60)), [server("a", snapshotAt=at(-70))]))
    assert (told["rpo"]["worstSeconds"], told["rpo"]["measuredFrom"]) == (600, "pointInTime")


# --- waits and jobs -----------------------------------------------------------------------------------------------
def wait(name: str | None, kind: str, since: float, until: float | None, by: str | None = "ana") -> dict[str, Any]:
    return {"wave": name, "for": kind, "since": at(since), "until": None if until is None else at(until), "by": by}


def test_waits_have_the_times_on_record_and_count_once_where_they_overlap() -> None:
    waits = [
        wait("held", "RESUME", 0, 6),
        wait(None, "RESUME", 3, 5),
        wait("web", "APPROVAL", 10, 15),
        wait("app", "DECISION", 12, 20, None),
    ]
    told = build_document(Facts(record(wave("web", "COMPLETED", 15, 29), waits=waits)))
    assert [(each["wave"], each["for"], each["since"], each["until"], each["by"]) for each in told["waits"]] == [
        ("held", "resume", at(0), at(6), "ana"),
        (None, "resume", at(3), at(5), "ana"),
        ("web", "approval", at(10), at(15), "ana"),
        ("app", "decision", at(12), at(20), None),
    ]
    assert told["rto"]["waitedForPeopleSeconds"] == (6 + 10) * 60


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=6))
def test_a_run_never_waits_longer_than_the_minutes_in_which_any_wait_was_on(spans: list[tuple[int, int]]) -> None:
    spans = [(min(span), max(span)) for span in spans]
    told = build_document(Facts(record(waits=[wait("web", "APPROVAL", *span) for span in spans])))
    minutes = {minute for begin, end in spans for minute in range(begin, end)}
    assert told["rto"]["waitedForPeopleSeconds"] == len(minutes) * 60


def test_an_open_wait_has_no_end() -> None:
    told = record(
        wave("web", "AWAITING_DECISION", 1, None),
        status="POLLING",
        endedAt=None,
        waits=[wait("web", "DECISION", 4, None, None)],
    )
    (shown,) = build_document(Facts(told))["waits"]
    assert shown == {
        "wave": "web",
        "for": "decision",
        "since": at(4),
        "until": None,
        "by": None,
        "seconds": 26 * 60,
    }
    assert "still waiting" in page(Facts(told)).text


def test_quota_use_counts_jobs_and_servers_at_every_change() -> None:
    told = record(
        wave("db", "COMPLETED", 2, 30),
        batches=[
            batch("db", job(1, 2, 10, 60)),
            batch("db", job(1, 4, 8, 30, 10), job(2, 10, 12, 10), batch=2),
            batch("db", status="LAUNCHING", attempt=1, jobId="drsjob-x", jobStartedAt=at(11), servers=5, batch=3),
        ],
    )
    (use,) = build_document(Facts(told))["quotaUse"]
    assert [(step["at"], step["jobs"], step["servers"]) for step in use["steps"]] == [
        (at(2), 1, 60),
        (at(4), 2, 100),
        (at(8), 1, 60),
        (at(10), 1, 10),
        (at(11), 2, 15),
        (at(12), 1, 5),
    ]
    assert (use["mostJobs"], use["mostServers"]) == (2, 100)


# --- the page -----------------------------------------------------------------------------------------------------
GROUPS = [
    {"groupId": "pg-1", "name": "by tags", "accountId": HUB, "region": WEST, "version": 3, "tags": {"tier": "db"}},
    {"groupId": "pg-2", "name": "by id", "accountId": HUB, "region": WEST, "version": 1, "sourceServerIds": ["s-7"]},
]


def test_the_page_names_the_groups_with_what_they_selected() -> None:
    facts = Facts(record(wave("db", "COMPLETED", 2, 30)), groups=GROUPS)
    assert [each["name"] for each in build_document(facts)["groups"]] == ["by tags", "by id"]
    text = page(facts).text
    assert "tags tier=db" in text
    assert "1 server by id: s-7" in text


def test_the_page_says_whether_the_instances_of_a_drill_were_terminated() -> None:
    counts = {"total": 3, "terminated": 2, "failed": 1}
    left = {**server("x"), "recoveryInstanceId": "i-left", "reason": "it is in another job"}
    cleanup = {"status": "PARTIAL", "askedAt": at(40), "askedBy": "ana", "endedAt": at(45), "instances": counts}
    facts = Facts(record(), cleanup={**cleanup, "reason": "one is left", "failures": [left], "jobs": []})
    text = page(facts).text
    assert "2 of 3 instances terminated, 1 failed" in text
    assert "i-left" in text
    assert "it is in another job" in text
    none = page(Facts(record(), cleanup={"status": "NONE", "instances": dict.fromkeys(counts, 0)})).text
    assert "No clean-up had been started" in none
    assert "Clean-up" not in page(Facts(record(mode="RECOVERY"))).text


def checked() -> Facts:
    """A drill of which one server has not passed a check, with an action that a person repeated."""
    counts = {"verified": 1, "unverified": 1}
    checks = {"checking": 0, **counts, "since": at(10), "until": None, "checks": []}
    servers = {"total": 2, "launched": 2, "failed": 0, "excluded": 0, "launching": 0, **counts}
    times = {"launchedAt": at(10), "verifiedAt": at(26), "checks": checks, "servers": servers}
    told = record(
        wave("db", "PARTIAL", 2, 28, rtoTargetMinutes=60, **times),
        wave("web", "COMPLETED", 28, 30, launchedAt=None, verifiedAt=None, checks=None),
        servers=servers,
        status="PARTIAL",
        rtoTargetMinutes=60,
        decisions=[decision("retry", 5) | {"action": "freeze-writes"}],
        waits=[wait(None, "ACTION", 4, 5, "ana") | {"action": "freeze-writes"}],
        actions=[action("freeze-writes", "SUCCEEDED")],
        batches=[batch("db", job(1, 3, 10, 2))],
    )
    said = {"output": "HTTP 503", "reason": "not passed within 30 minutes"}
    found = [
        server("a", verification=verification("VERIFIED", None, "boot", "http :80/")),
        server("b", verification=verification("UNVERIFIED", "http :80/", "boot", **said)),
    ]
    return Facts(told, found, actions=[action("freeze-writes", "SUCCEEDED", attempt=2, output="Drained: 17")])


def test_a_report_has_each_check_with_who_passed_it_and_what_the_others_answered() -> None:
    boot, http = build_document(checked())["checks"]
    assert (boot["check"], boot["passed"], boot["failed"], boot["failures"]) == ("boot", 2, 0, [])
    assert (http["check"], http["passed"], http["failed"], http["waiting"]) == ("http :80/", 1, 1, 0)
    assert [(each["hostname"], each["output"]) for each in http["failures"]] == [("b", "HTTP 503")]
    text = page(checked()).text
    assert "b: not passed within 30 minutes. It answered: HTTP 503" in text
    assert "1 verified, 1 unverified" in text
    assert "Launched means that DRS started the instance; verified, that it then passed the checks" in text


def checked_again(status: str, *decisions: str, **verdict: Any) -> Facts:
    """A drill of which one of two servers did not pass a check at first, and how it stands now."""
    facts = checked()
    (db, web), first = facts.record["waves"], {"check": "http :80/", "unverified": 1}
    counts = {"checking": int(status == "VERIFYING"), "unverified": int(status == "UNVERIFIED")}
    turn = {"turn": 0, "beganAt": at(10), "endedAt": at(20), "checked": 2, "verified": 1, "unverified": 1}
    checks = {**db["checks"], **counts, "earlier": [{**turn, "failed": [first]}]}
    asked = [decision(word, 21 + number, "db") for number, word in enumerate(decisions)]
    told = {**facts.record, "waves": [{**db, "checks": checks}, web], "decisions": asked}
    passed = ("boot", "http :80/") if status == "VERIFIED" else ("boot",)
    now = verification(status, None if status == "VERIFIED" else "http :80/", *passed, **verdict)
    return replace(facts, record=told, servers=[facts.servers[0], server("b", verification=now)])


@pytest.mark.parametrize(
    ("status", "decisions", "said"),
    [
        ("VERIFIED", ("verify",), "passed after verify"),
        ("VERIFIED", ("retry", "verify", "verify"), "passed after retry and verify"),
        ("UNVERIFIED", ("verify",), "1 did not pass after verify either"),
        ("VERIFYING", ("verify",), "being checked again"),
    ],
)
def test_a_report_says_what_did_not_pass_at_first(status: str, decisions: tuple[str, ...], said: str) -> None:
    facts = checked_again(status, *decisions)
    boot, http = build_document(facts)["checks"]
    assert "failedAtFirst" not in boot
    assert (http["failedAtFirst"], http["since"]) == (1, said)
    assert f"did not pass at first: http :80/ (1); {said}" in page(facts).text


def test_a_check_that_a_cancel_cut_off_did_not_fail() -> None:
    _, http = build_document(checked_again("UNVERIFIED", cutOff=True))["checks"]
    assert (http["failed"], http["waiting"], http["failures"]) == (0, 1, [])


def test_times_to_launched_and_to_verified_stand_side_by_side() -> None:
    rto = build_document(checked())["rto"]
    assert (rto["toLaunchedSeconds"], rto["toVerifiedSeconds"], rto["whole"]["seconds"]) == (1800, 1800, 1800)
    db, web = rto["waves"]
    assert (db["toLaunchedSeconds"], db["toVerifiedSeconds"]) == (480, 1440)
    assert (web["toLaunchedSeconds"], web["toVerifiedSeconds"]) == (None, None)
    assert (db["unrecovered"], db["met"]) == (1, False)  # a server that is unverified is not recovered


def test_a_run_without_checks_has_no_times_of_steps() -> None:
    document = build_document(Facts(record(wave("db", "COMPLETED", 2, 20)), [server("a")]))
    assert (document["rto"]["toLaunchedSeconds"], document["rto"]["toVerifiedSeconds"]) == (None, None)
    assert (document["checks"], document["actions"], document["actionsOption"]) == ([], [], "run")
    assert "verified after" not in page(Facts(record(wave("db", "COMPLETED", 2, 20)), [server("a")])).text


def test_a_report_has_each_action_with_its_output_and_what_people_decided() -> None:
    (shown,) = build_document(checked())["actions"]
    assert (shown["name"], shown["status"], shown["attempt"], shown["seconds"]) == (
        "freeze-writes",
        "SUCCEEDED",
        2,
        300,
    )
    assert [each["decision"] for each in shown["decisions"]] == ["retry"]
    text = page(checked()).text
    assert "Output: Drained: 17" in text
    assert "retry by ana" in text
    bars = {bar.title for bar in timeline.draw(build_document(checked())).bars}
    assert "action freeze-writes: automation Shop-FreezeWrites, SUCCEEDED" in bars
    assert "checks of wave db: 1/2 verified, 1 unverified" in bars


def test_the_page_says_that_launched_is_not_verified_and_what_to_do_about_a_failure() -> None:
    failed = server("x", status="FAILED", reason="drsjob-1: no capacity", advice="Retry later.")
    text = page(Facts(record(wave("db", "FAILED", 2, 20)), [failed])).text
    assert "drs-waves does not check that applications on it work" in text
    assert "What to do: Retry later." in text


def test_the_page_shows_the_runs_of_a_chain_with_what_they_recovered_together() -> None:
    first, last = "drill-20261122-070000-000001", "drill-20261122-080000-abcdef"
    runs = [
        {"executionId": first, "status": "PARTIAL", "requestedAt": at(-60), "endedAt": at(-30)},
        {"executionId": last, "status": "COMPLETED", "requestedAt": at(0), "endedAt": None},
    ]
    chain = {
        "executions": runs,
        "requestedAt": at(-60),
        "endedAt": None,
        "durationSeconds": 5400,
        "servers": {"total": 5, "launched": 4, "failed": 1, "excluded": 0},
    }
    facts = Facts(record(wave("db", "COMPLETED", 2, 20), continues=first, chain=chain))
    assert build_document(facts)["chain"] == chain
    text = page(facts).text
    assert "Together they launched 4 of 5 servers in 1:30:00 since the first request." in text
    assert first in text
    assert f"{last} (this report)" in text


def test_a_run_that_was_never_continued_shows_no_chain() -> None:
    only = {
        "executionId": "drill-20261122-080000-abcdef",
        "status": "COMPLETED",
        "requestedAt": at(0),
        "endedAt": at(9),
    }
    facts = Facts(record(wave("db", "COMPLETED", 2, 20), chain={"executions": [only]}))
    assert build_document(facts)["chain"] is None
    assert "chain" not in page(facts).text


def test_a_reason_has_a_line_of_its_own_below_its_server() -> None:
    """A column for it would run over the right edge of a page of 1,280 pixels."""
    html = render_html(
        build_document(
            Facts(record(wave("db", "FAILED", 2, 20)), [server("x", reason="a long reason", snapshotAt=at(-9))])
        )
    )
    table = html.split("<h2>Servers</h2>")[1]
    assert '<tr class="why"><td colspan="7">a long reason</td></tr>' in table
    assert table.split("</thead>")[0].count('scope="col"') == 7


@pytest.mark.parametrize("made", ALL)
def test_a_page_loads_nothing_else_and_is_well_formed(made: Any) -> None:
    html = render_html(build_document(made()))
    found = Page(html)
    names = {name for name, _ in found.elements}
    assert not names & {"script", "img", "link", "iframe", "object", "form"}
    for _, attributes in found.elements:
        assert not {name for name in attributes if name.startswith("on") or name in ("src", "style", "action")}
        assert (attributes.get("href") or "#").startswith("#"), "a link leads out of the page"
    assert "@import" not in html
    assert not re.search(r"url\((?!#hatch)", html)
    # Strict XML has no unclosed and no doubly closed element; HTML's void elements are closed for it.
    body = re.sub(r"<!doctype html>|<meta[^>]*>", "", html.strip()).replace("<br>", "<br/>")
    ElementTree.fromstring(body)  # noqa: S314  # of our own making


@pytest.mark.parametrize("made", ALL)
def test_a_screen_reader_can_read_the_page(made: Any) -> None:
    html = render_html(build_document(made()))
    found = Page(html)
    assert ("html", {"lang": "en"}) in found.elements
    levels = [int(name[1]) for name, _ in found.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row") for name, attributes in found.elements if name == "th")
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for name, attributes in found.elements:
        if name == "svg":
            assert attributes["role"] == ("group" if attributes.get("class") == "waves" else "img")  # it has links
            labels = (attributes["aria-labelledby"] or "").split()
            assert len(labels) == 2
            assert set(labels) <= set(ids)


def test_user_text_is_shown_literally_and_never_executed() -> None:
    found = page(nasty())
    assert "script" not in {name for name, _ in found.elements}
    assert found.text.count(NASTY) >= 8  # name, reasons, note, comment, host, warning, event
    assert "49" not in re.sub(r"\d\d:\d\d:\d\d|[0-9a-f-]{17,}", "", found.text)


def test_colour_is_never_the_only_sign() -> None:
    text = page(nasty()).text
    for said in ("✗ FAILED", "! PARTIAL", "✗ missed", "✓ LAUNCHED", "AWAITING_APPROVAL"):
        assert said in text


def test_unknown_values_are_shown_as_unknown() -> None:
    text = page(unended()).text
    assert "The run was still on when this was written" in text
    assert "not counted for this run" in text
    assert "None" not in text
    assert "Unknown for 1 launched server" in page(Facts(record(), [server("a")])).text
    assert "4,321 in Step Functions" in page(nasty()).text
    assert "6: 5 DescribeJobs, 1 StartRecovery" in page(nasty()).text


def test_the_page_can_be_rendered_from_the_json() -> None:
    for made in ALL:
        document = build_document(made())
        again = json.loads(json.dumps(document))
        assert render_html(again) == render_html(document)
        assert document["schema"] == SCHEMA


def test_a_report_is_written_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "report.html"
    write_file("first", path)

    def full(self: Path, *_: Any, **__: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_file("second", path)
    assert path.read_text() == "first"


moments = st.floats(min_value=-100, max_value=10_000, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(moments, moments, st.integers(0, 100), st.integers(0, 100)), max_size=60),
    st.one_of(st.none(), moments),
)
def test_every_bar_and_label_lies_within_the_drawing(
    spans: list[tuple[float, float, int, int]], end: float | None
) -> None:
    jobs = [
        batch("db", job(1, min(a, b), max(a, b), launched, failed), batch=number)
        for number, (a, b, launched, failed) in enumerate(spans)
    ]
    told = record(wave("db", "PARTIAL", 0, 1), batches=jobs, endedAt=None if end is None else at(max(end, 0)))
    document = build_document(Facts(told))
    chart = timeline.draw(document)
    assert len([bar for bar in chart.bars if bar.kind.startswith("job")]) == len(spans)
    for bar in chart.bars:
        assert scale.LEFT <= bar.x <= bar.x + bar.width <= scale.WIDTH
        assert timeline.TOP <= bar.y <= bar.y + bar.height <= chart.height
    assert 1 <= len(chart.ticks) <= scale.MAX_TICKS + 1
    for use in document["quotaUse"]:
        assert (use["steps"][-1]["jobs"], use["steps"][-1]["servers"]) == (0, 0)
        assert all(step["jobs"] >= 0 and step["servers"] >= 0 for step in use["steps"])
    render_html(document)


def test_four_thousand_servers_are_a_page_of_a_few_megabytes() -> None:
    servers = [server(str(number)) for number in range(4_000)]
    html = render_html(build_document(Facts(record(wave("db", "COMPLETED", 2, 30)), servers)))
    assert html.count("✓ LAUNCHED") == 4_000
    assert len(html) < 4_000_000


# --- text for terminals --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (0, "0:00"), (59.9, "0:59"), (1268, "21:08"), (4868, "1:21:08"), (-5, "0:00")]
)
def test_durations_are_formatted_as_clock_times(seconds: float | None, said: str) -> None:
    assert wording.format_duration(seconds) == said


def test_text_from_the_api_cannot_move_the_cursor() -> None:
    assert clean("a\x1b[2Jb\nc\u202ed\x07") == "a[2Jb cd"


def test_a_wait_is_answered_by_commands_that_name_the_same_deployment() -> None:
    asks = [
        {
            "wave": "web",
            "for": "APPROVAL",
            "since": at(1),
            "until": at(9),
            "answers": ["POST /executions/x/waves/web/approve"],
        },
        {"wave": None, "for": "RESUME", "since": at(1), "answers": ["POST /executions/x/resume"]},
    ]
    waiting = record(executionId="x", waitingFor=asks, requestedAt=at(0), durationSeconds=7 * 60)
    found = dict(wording.describe_waits(waiting, " --stack shop"))
    since = "since 08:01 UTC (6 min)"
    assert found == {
        f"wave web waits for approval {since}; deadline in 2 min, 08:09 UTC": ["drs-waves approve x web --stack shop"],
        f"the run waits for an operator to resume it {since}": ["drs-waves resume x --stack shop"],
    }


def test_building_a_report_does_not_change_its_facts() -> None:
    facts = nasty()
    before = deepcopy(facts.record)
    build_document(facts)
    assert facts.record == before
