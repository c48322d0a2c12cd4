"""What a report proves: what was tested and by whom it was written, its files and their digests, and its schema."""

import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.report.write import write_report
from report import files
from report.document import Facts, build_document
from report.page import MEMBERS_SHOWN, render_html
from scripts import report_schema
from tests.support.report_facts import ALL, HUB, NASTY, WEST, at, batch, job, page, record, server, wave
from tests.support.report_schema import SCHEMA, list_violations

BEN = "arn:aws:iam::111122223333:user/ben"


def plan(**more: Any) -> dict[str, Any]:
    waves = [{"name": "db", "groups": [{"groupId": "pg-1"}]}]
    author = {"updatedBy": BEN, "updatedAt": at(-60)}
    return {"planId": "rp-0123456789ab", "name": "shop", "waves": waves, "version": 7, **author, **more}


def group(**more: Any) -> dict[str, Any]:
    place = {"accountId": HUB, "region": WEST}
    author = {"updatedBy": None, "updatedAt": None}
    return {
        "groupId": "pg-1",
        "name": "databases",
        "description": "",
        **place,
        "version": 2,
        **author,
        "tags": {"tier": "db"},
        "usedBy": [],
        **more,
    }


def report_on(*servers: dict[str, Any], the_plan: Any = None, groups: Any = None) -> dict[str, Any]:
    facts = Facts(
        record(wave("db", "COMPLETED", 2, 20)),
        servers,
        plan=plan() if the_plan is None else the_plan,
        groups=[group()] if groups is None else groups,
    )
    return build_document(facts)


def member(name: str, **more: Any) -> dict[str, Any]:
    return server(name, groups=["pg-1"], **more)


# --- what was tested ------------------------------------------------------------------------------------------------
def test_the_report_has_the_version_of_the_plan_and_who_changed_it_last() -> None:
    document = report_on(member("a"))
    told = {name: document["plan"][name] for name in ("version", "updatedBy", "updatedAt")}
    assert told == {"version": 7, "updatedBy": BEN, "updatedAt": at(-60)}
    text = re.sub(r"<[^>]+>", "", render_html(document))
    assert f"7, changed last by {BEN}, 2026-11-22 07:00:00 UTC" in text
    unknown = render_html(report_on(the_plan=plan(updatedBy=None, updatedAt=None)))
    assert "7, changed last (by whom and when is not recorded)" in unknown


def test_an_api_without_plans_of_runs_leaves_the_version_open() -> None:
    document = build_document(Facts(record(), groups=[group()]))
    assert (document["plan"], document["tested"]) == (None, None)
    assert "not recorded" in render_html(document)


def test_the_hash_can_be_computed_again_from_the_json() -> None:
    document = json.loads(json.dumps(report_on(member("b"), member("a"))))
    text = json.dumps(document["tested"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert document["plan"]["testedSha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert document["plan"]["testedSha256"] in render_html(document)
    assert document["tested"]["groups"][0]["members"] == [f"s-{'a':0>17}", f"s-{'b':0>17}"]


def test_the_hash_is_that_of_what_was_tested_and_of_nothing_else() -> None:
    def hash_of(*servers: dict[str, Any], **more: Any) -> str:
        return str(report_on(*servers, **more)["plan"]["testedSha256"])

    same = hash_of(member("a"), member("b"))
    assert hash_of(member("b", status="FAILED"), member("a")) == same
    assert hash_of(member("a"), member("b"), the_plan=plan(version=8, updatedBy="another")) == same
    assert hash_of(member("a"), member("b"), groups=[group(version=3, updatedBy=BEN, usedBy=["rp-1"])]) == same
    others = [
        hash_of(member("a")),
        hash_of(member("a"), member("b"), the_plan=plan(launchAttempts=3)),
        hash_of(member("a"), member("b"), groups=[group(tags={"tier": "database"})]),
    ]
    assert len({same, *others}) == 4


def test_the_report_has_every_setting_of_the_checks_and_actions_that_were_tested() -> None:
    http = {"http": {"port": 8080, "path": "/health", "expect": 204, "timeoutSeconds": 7}, "successes": 3}
    smoke = {"command": {"document": "Shop-Smoke", "documentVersion": "4", "parameters": {"Tier": ["db"]}}}
    freeze = {"document": "Shop-Freeze", "parameters": {"Mode": ["{mode}"]}}
    actions = [{"name": "freeze", "ssmAutomation": freeze, "timeoutMinutes": 9, "onFailure": "ask"}]
    wave_as_run = {
        "name": "db",
        "groups": [{"groupId": "pg-1", "checks": [{**smoke, "in": ["drill"]}]}],
        "checks": [http],
        "after": [{"name": "thaw", "wait": {"minutes": 4}}],
    }
    told = report_on(server("a"), the_plan=plan(waves=[wave_as_run], before=actions))
    section = render_html(told).split("Every setting of the checks and actions of the plan")[1].split("</table>")[0]
    text = " ".join(re.sub("<[^>]*>", " ", section).replace("&#34;", '"').split())
    for said in (
        "freeze before the plan ssmAutomation documentVersion: the default one document: Shop-Freeze",
        'parameters: {"Mode": ["{mode}"]} timeoutMinutes: 9 onFailure: ask',
        "http :8080/health wave db http port: 8080 path: /health expect: 204 timeoutSeconds: 7 successes: 3",
        "command Shop-Smoke wave db, group databases command documentVersion: 4 document: Shop-Smoke "
        'parameters: {"Tier": ["db"]} successes: 1 checksTimeoutMinutes: 30 in: ["drill"]',
        "thaw after wave db wait minutes: 4",
    ):
        assert said in text
    assert "Every setting" not in render_html(report_on(server("a")))


def test_actions_of_other_runs_are_in_the_report_as_not_run() -> None:
    only = [{"name": each, "wait": {"minutes": 1}, "in": [each]} for each in ("recovery", "drill")]
    always = [{"name": "always", "wait": {"minutes": 1}}]
    the_plan = plan(after=only, before=always)
    for mode, left in (("DRILL", "recovery"), ("RECOVERY", "drill")):
        html = render_html(report_on(server("a"), the_plan=the_plan) | {"mode": mode})
        section = html.split("<h2>Actions</h2>")[1].split("</table>")[0]
        rows = [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in section.split("<tr>")[2:]]
        assert [row.split(" began")[0] for row in rows] == [
            f"{left} after the plan not run: {left} only – – – wait 1 minutes"
        ]
    assert "not run" not in render_html(report_on(server("a"), the_plan=plan(after=always)))


def test_a_server_with_checks_has_the_time_at_which_it_was_verified() -> None:
    verified = {"status": "VERIFIED", "check": None, "passed": ["boot"], "output": None, "reason": None, "at": at(9)}
    failed = {**verified, "status": "UNVERIFIED", "check": "boot", "passed": [], "reason": "late", "at": at(8)}
    told = report_on(server("a", verification=verified), server("b", verification=failed))
    cells = re.findall(r'data-l="verified at">([^<]*)<', render_html(told))
    assert cells == [at(9)[11:19], "–"]
    assert "verified at" not in render_html(report_on(server("a"), server("b")))


def test_a_group_shows_the_names_of_its_servers_before_their_ids() -> None:
    missing = f"s-{'gone':0>17}"
    by_id = group(groupId="pg-2", tags=None, sourceServerIds=[f"s-{'x':0>17}", missing])
    servers = [member("b-host"), member("a-host"), server("x", groups=["pg-2"])]
    document = report_on(*servers, groups=[group(), by_id])
    assert [each["hostname"] for each in document["groups"][0]["members"]] == ["a-host", "b-host"]
    text = re.sub(r"<[^>]+>", "", render_html(document))
    assert f"tags tier=db: a-host s-{'a-host':0>17}, b-host s-{'b-host':0>17}" in text
    assert f"2 servers by id: x s-{'x':0>17}, {missing} (not found)" in text


def test_groups_are_in_the_order_of_the_plan() -> None:
    waves = [{"name": "db", "groups": [{"groupId": "pg-2"}]}, {"name": "web", "groups": [{"groupId": "pg-1"}]}]
    groups = [group(name="a"), group(groupId="pg-2", name="b")]
    assert [each["name"] for each in report_on(the_plan=plan(waves=waves), groups=groups)["groups"]] == ["b", "a"]
    assert [each["name"] for each in build_document(Facts(record(), groups=groups))["groups"]] == ["a", "b"]


def test_a_large_group_names_some_of_its_servers() -> None:
    servers = [member(f"h{number:03}") for number in range(MEMBERS_SHOWN + 5)]
    text = re.sub(r"<[^>]+>", "", render_html(report_on(*servers)))
    assert "and 5 more, which report.json lists" in text


# --- clean-up and waits for DRS -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("instances", "launched", "said"),
    [
        ([{"sourceServerId": "s-1", "recoveryInstanceId": "i-1"}], 1, "1 instance runs"),
        ([], 1, "1 instance launched, and how many run is not known"),
        (None, 1, "1 instance launched, and how many run is not known"),
        ([], 0, "no instance was launched"),
    ],
)
def test_a_drill_without_a_clean_up_says_what_is_left(instances: Any, launched: int, said: str) -> None:
    servers = [server(str(number)) for number in range(launched)]
    none = {"status": "NONE", "instances": {"total": 0, "terminated": 0, "failed": 0}}
    text = page(Facts(record(), servers, (), instances, cleanup=none)).text
    assert f"No clean-up had been started when this was written: {said}." in text


def outage(begin: float, end: float | None, reason: str = "DrsThrottled: slow down") -> dict[str, Any]:
    return {"since": at(begin), "until": None if end is None else at(end), "reason": reason}


def test_waits_for_drs_of_batches_at_the_same_time_are_one() -> None:
    batches = [
        batch("db", outages=[outage(3, 6), outage(20, 22)]),
        batch("db", batch=2, outages=[outage(4, 9)]),
        batch("web", batch=3, outages=[outage(4, None, "CircuitOpen: away")]),
    ]
    told = record(wave("db", "COMPLETED", 2, 25), wave("web", "IN_PROGRESS", 2, None), batches=batches)
    document = build_document(Facts(told))
    found = [
        (each["wave"], each["since"], each["until"], each["seconds"], each["batches"]) for each in document["outages"]
    ]
    assert found == [
        ("db", at(3), at(9), 360, 2),
        ("web", at(4), None, 26 * 60, 1),
        ("db", at(20), at(22), 120, 1),
    ]
    html = render_html(document)
    assert "Waits for DRS" in html
    assert "CircuitOpen: away" in html
    assert html.count('class="outage"') == 3
    assert "Waits for DRS" not in render_html(build_document(Facts(record())))


# --- a chain --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "last", "ended", "seconds", "met"),
    [
        ("COMPLETED", "COMPLETED", True, 3600, True),
        ("COMPLETED", "COMPLETED", True, 7201, False),
        ("PARTIAL", "COMPLETED", True, 3600, True),
        ("FAILED", "FAILED", True, 3600, False),
        ("FAILED", "POLLING", False, 3600, None),
        ("FAILED", "POLLING", False, 7201, False),
        ("FAILED", "PARTIAL", True, 3600, None),
    ],
)
def test_the_time_of_a_chain_is_held_against_the_target(
    status: str, last: str, ended: bool, seconds: int, met: bool | None
) -> None:
    this = {
        "executionId": "drill-20261122-080000-abcdef",
        "status": status,
        "requestedAt": at(0),
        "endedAt": at(30),
    }
    later = {**this, "executionId": "drill-20261122-090000-abcdef", "status": last}
    chain = {
        "executions": [this, later],
        "requestedAt": at(0),
        "endedAt": at(90) if ended else None,
        "durationSeconds": seconds,
        "servers": {"total": 2, "launched": 2, "failed": 0, "excluded": 0},
    }
    told = record(wave("db", "COMPLETED", 2, 20), status=status, chain=chain, rtoTargetMinutes=120)
    rto = build_document(Facts(told))["rto"]
    assert rto["chain"] == {"seconds": seconds, "targetMinutes": 120, "met": met, "required": 0, "unrecovered": 0}
    assert "since the chain's first request" in page(Facts(told)).text


# --- files and digests ----------------------------------------------------------------------------------------------
def rows(document: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files.write_csv(document), newline="")))


def test_the_table_has_a_row_for_each_server() -> None:
    servers = [
        member("a", jobId=f"drsjob-{2:017}", dataAt=at(3), reason=None),
        member("b", wave="web", status="FAILED", recoveryInstanceId=None, reason="no capacity\nnow", jobId=None),
    ]
    batches = [batch("db", job(1, 2, 10, 0, 1), job(2, 10, 20, 1))]
    told = record(wave("db", "COMPLETED", 2, 20), wave("web", "FAILED", 2, 20), batches=batches)
    first, second = rows(build_document(Facts(told, servers, groups=[group()])))
    assert first == {
        "wave": "db",
        "group": "databases",
        "name": "a",
        "id": f"s-{'a':0>17}",
        "account": HUB,
        "region": WEST,
        "status": "LAUNCHED",
        "reason": "",
        "instance": f"i-{'a':0>17}",
        "attempts": "2",
        "snapshotTime": at(3),
        "launchTime": at(20),
        **dict.fromkeys(
            ("verification", "check", "checkOutput", "verifiedTime", "launchProfile", "launchSettings", "subnets"), ""
        ),
        **dict.fromkeys(
            ("landing", "landedSubnet", "landedVpc", "landedGroups", "landedAddress", "landingDiffers"), ""
        ),
    }
    told_of_second = [second[name] for name in ("status", "reason", "instance", "attempts", "launchTime")]
    assert told_of_second == ["FAILED", "no capacity now", "", "0", ""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1+1", '=HYPERLINK("http://x","y")'])
def test_no_cell_is_a_formula(text: str) -> None:
    (row,) = rows(build_document(Facts(record(), [server("a", hostname=text, reason=text)])))
    assert (row["name"], row["reason"]) == (f"'{text.strip()}", f"'{text.strip()}")


def test_texts_of_others_stay_in_their_cell() -> None:
    (row,) = rows(build_document(Facts(record(), [server("a", hostname='x",\r\n"y\u202e', reason=NASTY)])))
    assert (row["name"], row["reason"]) == ('x", "y', NASTY)


def test_the_page_names_the_digests_of_the_files_beside_it(tmp_path: Path) -> None:
    facts = Facts(record(wave("db", "COMPLETED", 2, 20)), [member("ä", reason="\u202e")], groups=[group()])
    written = write_report(facts, tmp_path)
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (written.json, written.csv)}
    html = written.html.read_text(encoding="utf-8")
    assert written.json_sha256 == digests["report.json"]
    for sha256 in digests.values():
        assert f"SHA-256 {sha256}" in html
    assert json.loads(written.json.read_bytes())["files"] == {"servers.csv": digests["servers.csv"]}


def test_each_printed_page_names_the_run() -> None:
    html = render_html(build_document(Facts(record())))
    assert '@bottom-left { content: "drs-waves drill-20261122-080000-abcdef"' in html
    assert "counter(page)" in html
    hostile = render_html(build_document(Facts(record(executionId='x"; } body { display: none'))))
    assert "@bottom-left" not in hostile


# --- columns --------------------------------------------------------------------------------------------------------
def heads(html: str, title: str) -> list[str]:
    table = html.split(f"<h2>{title}</h2>")[1].split("</thead>")[0]
    return re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', table)


def test_a_column_without_a_value_is_left_out() -> None:
    bare = server("a", status="SKIPPED", recoveryInstanceId=None, endedAt=None)
    html = render_html(build_document(Facts(record(wave("db", "SKIPPED", None, None)), [bare])))
    assert heads(html, "Servers") == ["server", "where", "result"]
    assert heads(html, "Recovery time (RTO)") == ["of", "state", "began", "ended", "time"]
    full = server("a", dataAt=at(-3), jobId=f"drsjob-{2:017}")
    told = record(
        wave("db", "COMPLETED", 2, 20, rtoTargetMinutes=5), batches=[batch("db", job(1, 2, 3, 0, 1), job(2, 3, 9, 1))]
    )
    html = render_html(build_document(Facts(told, [full])))
    expected = ["server", "where", "result", "instance", "attempts", "ended", "data of", "age"]
    assert heads(html, "Servers") == expected
    assert heads(html, "Recovery time (RTO)")[-2:] == ["target", "against target"]


def test_each_cell_has_a_label_for_a_page_without_column_heads() -> None:
    html = render_html(report_on(member("a", dataAt=at(-3))))
    for table in re.findall(r"<table>.*?</table>", html, re.DOTALL):
        names = set(re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', table))
        cells = re.findall(r"<td(?! colspan)[^>]*>", table)
        assert all("data-l=" in cell for cell in cells), table
        assert set(re.findall(r'data-l="([^"]*)"', table)) <= names


# --- the schema -----------------------------------------------------------------------------------------------------
def test_the_published_schema_is_that_of_the_code() -> None:
    made = json.dumps(report_schema.build(), indent=2) + "\n"
    assert SCHEMA.read_text() == made, "run make report-schema"


@pytest.mark.parametrize("made", ALL)
def test_every_report_is_valid(made: Any) -> None:
    assert list_violations(json.loads(files.write_json(build_document(made())))) == []


def test_the_schema_refuses_what_no_report_has() -> None:
    document = report_on(member("a"))
    assert list_violations(document) == []
    assert list_violations({**document, "more": 1})
    assert list_violations({name: value for name, value in document.items() if name != "rto"})
    assert list_violations({**document, "schema": "drs-waves/report/2"})
