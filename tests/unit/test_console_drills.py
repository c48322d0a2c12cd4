"""What the console says of compliance, schedules, assessments and histories follows from answers of the API."""

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused, Reply
from console.reading.drills import assessment, compliance, evidence, findings, history, schedule
from console.reading.drills.parts import read_part

FOLDER = Path(__file__).resolve().parents[2] / "console" / "templates"
NOW = "2026-11-28T12:00:00Z"
RUN = "drill-20261122-081530-4f1c09"


# --- compliance ---------------------------------------------------------------------------------------------------
def plan(name: str, status: str, due: str | None = None, stale: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"planId": f"rp-{name}", "planName": name, "status": status, "due": due, "stale": list(stale), **more}


PLANS = [
    plan("done", "COMPLIANT", "2027-02-01T02:00:00Z"),
    plan("late", "OVERDUE", "2026-11-26T12:00:00Z"),
    plan("later", "OVERDUE", "2026-11-01T12:00:00Z", ("a server was added",)),
    plan("none", "NO_POLICY"),
    plan("failed", "NO_DRILL_COUNTS", "2026-12-28T02:00:00Z"),
    plan("new", "NEVER_DRILLED", "2026-12-28T02:00:00Z"),
    plan("soon", "DUE_SOON", "2026-12-01T12:00:00Z"),
    plan("Changed", "DUE_SOON", "2026-12-20T12:00:00Z", ("the plan has changed",)),
]


def test_plans_are_in_the_order_of_what_has_to_be_done() -> None:
    sections = compliance.list_sections(PLANS, NOW)
    assert [(each.kind, [row.plan["planName"] for row in each.rows]) for each in sections] == [
        ("overdue", ["later", "late"]),
        ("none-counts", ["failed"]),
        ("due-soon", ["soon", "Changed"]),
        ("never", ["new"]),
        ("no-policy", ["none"]),
        ("compliant", ["done"]),
    ]
    assert sum(compliance.count_kinds(PLANS).values()) == len(PLANS)


@pytest.mark.parametrize(
    ("state", "name", "shown"),
    [("overdue", "", ["later", "late"]), (None, "CHAN", ["Changed"]), ("due-soon", "late", []), (None, "nothing", [])],
)
def test_filters_leave_out_other_plans(state: str | None, name: str, shown: list[str]) -> None:
    sections = compliance.list_sections(PLANS, NOW, state, name)
    assert [row.plan["planName"] for section in sections for row in section.rows] == shown


@pytest.mark.parametrize(
    ("due", "words"),
    [(None, ""), ("2026-12-01T16:00:00Z", "in 3 d 4 h"), ("2026-11-26T12:00:00Z", "2 d ago"), (NOW, "in less than a")],
)
def test_a_deadline_says_how_far_away_it_is(due: str | None, words: str) -> None:
    assert compliance.describe_due(due, NOW).startswith(words)
    assert bool(words) is bool(compliance.describe_due(due, NOW))


def test_a_place_without_servers_that_lack_a_plan_is_shown_as_looked_at() -> None:
    server = {"sourceServerId": "s-1", "accountId": "2", "region": "eu-west-1", "seenAt": NOW}
    targets = [
        {"accountId": "2", "region": "eu-west-1", "seenAt": NOW},
        {"accountId": "1", "region": "us-west-2", "seenAt": NOW},
    ]
    places = compliance.list_unplanned({"servers": [server], "targets": targets})
    assert [(place.account_id, len(place.servers)) for place in places] == [("1", 0), ("2", 1)]


# --- schedules ----------------------------------------------------------------------------------------------------
POLICY = {
    "everyDays": 90,
    "at": "02:30",
    "timezone": "Europe/Berlin",
    "windowMinutes": 120,
    "automatic": True,
    "skipIfNotReady": True,
    "countsIf": "verified",
    "invalidatedBy": ["planChange"],
}


def test_a_policy_is_said_in_words() -> None:
    words = dict(schedule.describe_policy(POLICY))
    assert words["Drilled"] == "every 90 days at 02:30, Europe/Berlin"
    assert "within 120 minutes" in words["Begins"]
    assert "passed its checks" in words["Counts if"]
    assert words["Becomes stale if"] == "the plan's waves, actions or attempts to launch change"
    assert words["Cleaned up"] == "as the plan says for all drills, or 8 hours after its end"
    mine = dict(schedule.describe_policy({**POLICY, "cleanUpAfterHours": 4}))
    assert mine["Cleaned up"] == "4 hours after its end"


def test_a_policy_that_starts_nothing_says_so() -> None:
    rules = {**POLICY, "everyDays": None, "schedule": "0 2 1 * *", "automatic": False, "invalidatedBy": []}
    words = dict(schedule.describe_policy(rules))
    assert words["Drilled"] == "by the cron expression 0 2 1 * *, Europe/Berlin"
    assert "nothing starts by itself" in words["Begins"]
    assert "Before it" not in words
    assert words["Becomes stale if"].startswith("nothing")


@pytest.mark.parametrize(
    ("at", "zone", "shown"),
    [
        ("2026-03-29T00:59:00Z", "Europe/Berlin", "2026-03-29 01:59 CET"),
        ("2026-03-29T01:00:00Z", "Europe/Berlin", "2026-03-29 03:00 CEST"),
        (NOW, "UTC", ""),
        (NOW, None, ""),
        (NOW, "Mars/Olympus", ""),
        (NOW, "../etc/passwd", ""),
    ],
)
def test_an_appointment_is_shown_in_its_zone(at: str, zone: str | None, shown: str) -> None:
    assert schedule.show_in_zone(at, zone) == shown


# --- assessments --------------------------------------------------------------------------------------------------
def assessed(**more: Any) -> dict[str, Any]:
    return {"counts": True, "whyNot": [], "verdict": None, "changes": None, "previous": None, **more}


VERDICT = {"verdict": "ACCEPTED", "by": "ana", "at": NOW, "comment": "", "version": 2}


def test_a_dialog_about_a_verdict_knows_what_it_has_shown() -> None:
    shown = [
        assessed(),
        assessed(counts=None),
        assessed(counts=False),
        assessed(verdict=VERDICT),
        assessed(verdict={**VERDICT, "version": 3}),
    ]
    assert len({assessment.mark_verdict(each) for each in shown}) == len(shown)


def test_a_verdict_says_what_it_does() -> None:
    drill, recovery = {"mode": "DRILL"}, {"mode": "RECOVERY", "fourEyes": True}
    rejected = " ".join(assessment.list_effects(assessed(verdict=VERDICT), drill, "reject"))
    assert "replaces the verdict ACCEPTED of ana" in rejected
    assert "does not count" in rejected
    failed = assessed(counts=False, whyNot=["1 server was not launched"])
    assert "does not change that: 1 server was not launched" in " ".join(
        assessment.list_effects(failed, drill, "accept")
    )
    accepted = " ".join(assessment.list_effects(assessed(counts=None), recovery, "accept"))
    assert "another person" in accepted
    assert "does not count" not in accepted


def test_changes_since_the_drill_before_are_in_words() -> None:
    change = {"subject": "plan", "field": "waves[db].pauseBefore", "before": None, "after": "true"}
    (found,) = assessment.list_changes(assessed(changes=[change])) or ()
    assert (found.of, found.field, found.before, found.after) == ("plan", "wave db: pause before it", "nothing", "true")
    assert assessment.list_changes(assessed()) is None


def test_findings_that_are_open_and_due_first_come_first() -> None:
    def finding(finding_id: str, status: str, due: str) -> dict[str, Any]:
        return {"findingId": finding_id, "status": status, "due": due, "overdue": False, "version": 1}

    rows = [
        finding("a", "CLOSED", "2026-01-01"),
        finding("b", "OPEN", "2026-12-31"),
        finding("c", "OPEN", "2026-12-01"),
    ]
    assert [each.item["findingId"] for each in findings.list_findings(rows, "rp-1", "shop")] == ["c", "b", "a"]
    assert findings.mark_finding(rows[0]) != findings.mark_finding({**rows[0], "status": "OPEN"})
    assert findings.mark_finding(rows[0]) != findings.mark_finding({**rows[0], "version": 2})


# --- histories ----------------------------------------------------------------------------------------------------
def test_versions_say_what_became_of_fields() -> None:
    changes = [{"field": "waves[web].maxFailedPercent", "before": "0", "after": "25"}]
    entry = {"number": 2, "version": 2, "deleted": False, "found": False, "changes": changes}
    first = {**entry, "number": 1, "version": 1}
    deleted = {**entry, "number": 3, "version": 3, "deleted": True, "changes": []}
    versions = history.list_versions({"history": [deleted, entry, first]})
    assert [(each.what, each.first) for each in versions] == [("deleted", False), ("changed", False), ("created", True)]
    assert versions[1].changes == [("wave web: failed servers tolerated, in %", "0 → 25")]


# --- evidence -----------------------------------------------------------------------------------------------------
CONTENT = b"what has happened"


@pytest.fixture
def bucket() -> Iterator[str]:
    """A server that answers every GET with the content."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(200 if self.path.startswith("/there") else 403)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def api_at(url: str) -> ApiClient:
    return ApiClient(url, "us-west-2", None)


EMULATED = "http://127.0.0.1:1/v1"


def file(url: str, **more: Any) -> dict[str, Any]:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return {"name": "report.html", "bytes": len(CONTENT), "sha256": digest, "url": url, **more}


def test_a_file_of_evidence_is_read_if_it_is_the_one_on_record(bucket: str) -> None:
    assert evidence.read_file(api_at(EMULATED), file(f"{bucket}/there?X-Amz-Signature=a")) == CONTENT


def test_a_file_of_which_a_byte_was_changed_is_refused(bucket: str) -> None:
    digest = hashlib.sha256(CONTENT.replace(b"w", b"W")).hexdigest()
    with pytest.raises(evidence.NotAsRecorded, match="has not the SHA-256 that is on record"):
        evidence.read_file(api_at(EMULATED), file(f"{bucket}/there", sha256=digest))


def test_a_bucket_that_refuses_or_does_not_answer_is_named_without_the_address(bucket: str) -> None:
    with pytest.raises(evidence.NotAsRecorded, match="403") as refused:
        evidence.read_file(api_at(EMULATED), file(f"{bucket}/not-there?X-Amz-Signature=a"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ApiUnreachable, match=f"127.0.0.1:{port}") as silent:
        evidence.read_file(api_at(EMULATED), file(f"http://127.0.0.1:{port}/there?X-Amz-Signature=a"))
    for error in (refused, silent):
        assert "Signature" not in str(error.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "file:///etc/passwd", "ftp://bucket.test/x", "//bucket.test"])
def test_only_a_bucket_over_tls_is_asked_on_aws(url: str) -> None:
    with pytest.raises(evidence.NotAsRecorded, match="none of a bucket"):
        evidence.read_file(api_at("https://api.test"), file(url))


def test_a_file_that_fills_the_memory_is_left_to_the_command(bucket: str) -> None:
    with pytest.raises(evidence.NotAsRecorded, match="drs-waves evidence get"):
        evidence.read_file(api_at(EMULATED), file(f"{bucket}/there", bytes=evidence.MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("occasion", "words"),
    [("end", "When the run ended"), ("verdict-12", "After a verdict"), ("an-eclipse", "an-eclipse")],
)
def test_an_occasion_has_words(occasion: str, words: str) -> None:
    assert evidence.name_occasion(occasion) == words


# --- parts --------------------------------------------------------------------------------------------------------
def test_a_part_that_is_refused_says_why_and_leaves_the_page() -> None:
    def refuse() -> None:
        raise ApiRefused("GET", "/compliance", Reply(403, {"code": "AccessDenied", "message": "not for viewers"}))

    found = read_part("Compliance", refuse)
    assert found["value"] is None
    assert "Compliance cannot be read" in found["problem"]
    assert "not for viewers" in found["problem"]


def test_a_part_that_is_not_answered_is_a_matter_of_the_whole_page() -> None:
    def fail() -> None:
        raise ApiUnreachable("no answer")

    with pytest.raises(ApiUnreachable):
        read_part("Compliance", fail)


def test_commands_on_pages_have_a_space_before_their_options() -> None:
    """What a template prints is cleaned, and so loses the space that the options begin with."""
    glued = [
        template.name
        for template in FOLDER.glob("*.j2")
        if re.search(r"[^ ]\{\{ deployment\.options", template.read_text())
    ]
    assert (FOLDER.is_dir(), glued) == (True, [])
