"""Made-up records of runs, facts for reports, and what a browser finds on a report's page."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from report.document import Facts, build_document
from report.page import render_html

HUB, WEST = "111122223333", "us-west-2"
NASTY = "<script>alert(1)</script>\"'&{{ 7*7 }}</td></svg>"
EPOCH = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    """The time this long after the request."""
    return f"{EPOCH + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}.000Z"


def job(attempt: int, begin: float, end: float, launched: int, failed: int = 0) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "jobId": f"drsjob-{attempt:017}",
        "startedAt": at(begin),
        "endedAt": at(end),
        "launched": launched,
        "failed": failed,
    }


def wave(name: str, status: str, begin: float | None, end: float | None, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "order": 0,
        "status": status,
        "dependsOn": [],
        "startedAt": None if begin is None else at(begin),
        "endedAt": None if end is None else at(end),
        "reason": f"{name} is {status}",
        "round": 0,
        "rtoTargetMinutes": None,
        "overdueAt": None,
        "earlierVerdicts": [],
        "durationSeconds": None if begin is None or end is None else round((end - begin) * 60),
        "servers": {"total": 2, "launched": 2, "failed": 0, "excluded": 0, "launching": 0},
        **more,
    }


def batch(wave: str, *jobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "wave": wave,
        "accountId": HUB,
        "region": WEST,
        "batch": 1,
        "status": "SETTLED",
        "attempt": len(jobs),
        "jobId": jobs[-1]["jobId"] if jobs else None,
        "startedAt": jobs[0]["startedAt"] if jobs else None,
        "jobStartedAt": jobs[-1]["startedAt"] if jobs else None,
        "endedAt": jobs[-1]["endedAt"] if jobs else None,
        "reason": None,
        "servers": 2,
        "jobs": list(jobs),
        **more,
    }


def server(name: str, wave: str = "db", **more: Any) -> dict[str, Any]:
    return {
        "sourceServerId": f"s-{name:0>17}",
        "hostname": name,
        "wave": wave,
        "accountId": HUB,
        "region": WEST,
        "readiness": "READY",
        "snapshotId": None,
        "snapshotAt": None,
        "lagSeconds": None,
        "dataAt": None,
        "cause": None,
        "advice": None,
        "recoveryInstanceId": f"i-{name:0>17}",
        "endedAt": at(20),
        "optional": False,
        "groups": [],
        "warnings": [],
        "status": "LAUNCHED",
        "jobId": "drsjob-1",
        "reason": None,
        **more,
    }


def record(*waves: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "executionId": "drill-20261122-080000-abcdef",
        "planId": "rp-0123456789ab",
        "planName": "shop",
        "mode": "DRILL",
        "status": "COMPLETED",
        "reason": "all waves were completed",
        "requestedAt": at(0),
        "requestedBy": "arn:aws:iam::111122223333:user/ana",
        "startedAt": at(2),
        "endedAt": at(30),
        "durationSeconds": 1800,
        "pointInTime": None,
        "continues": None,
        "continuedBy": None,
        "cancelledBy": None,
        "stopReason": None,
        "rpoTargetMinutes": None,
        "rtoTargetMinutes": None,
        "executionArn": "arn:aws:states:us-west-2:111122223333:execution:drs-waves-recover-plan:drill-1",
        "servers": {"total": 2, "launched": 2, "failed": 0, "excluded": 0, "launching": 0},
        "progress": {"waves": len(waves), "wavesEnded": len(waves)},
        "waitingFor": [],
        "waits": [],
        "decisions": [],
        "notes": [],
        "waves": list(waves),
        "batches": [],
        **more,
    }


def decision(word: str, minutes: float, wave: str | None = None, comment: str = "") -> dict[str, Any]:
    return {"wave": wave, "decision": word, "by": "ana", "at": at(minutes), "comment": comment}


def action(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "wave": None,
        "place": "before",
        "kind": "ssmAutomation",
        "title": "automation Shop-FreezeWrites",
        "status": status,
        "attempt": 1,
        "startedAt": at(3),
        "endedAt": at(8),
        "reason": None,
        "output": None,
        "accountId": HUB,
        "region": WEST,
        **more,
    }


def verification(status: str, check: str | None = None, *passed: str, **more: Any) -> dict[str, Any]:
    texts = {"output": None, "reason": None, "at": at(25), **more}
    return {"status": status, "check": check, "passed": list(passed), **texts}


def finding(name: str, **more: Any) -> dict[str, Any]:
    return {
        "findingId": f"df-{name}",
        "planId": "rp-0123456789ab",
        "executionId": "drill-20261122-080000-abcdef",
        "title": name,
        "description": "",
        "owner": "network team",
        "due": "2026-12-31",
        "status": "OPEN",
        "overdue": False,
        "openedBy": "ana",
        "openedAt": at(40),
        "closedBy": None,
        "closedAt": None,
        "closingComment": None,
        "version": 1,
        **more,
    }


def opinion(verdict: str, comment: str = "", **more: Any) -> dict[str, Any]:
    return {"verdict": verdict, "comment": comment, "by": "arn:aws:iam::111122223333:user/ben", "at": at(50), **more}


def assessment(**more: Any) -> dict[str, Any]:
    """As `GET /executions/{executionId}/assessment` answers."""
    return {
        "executionId": "drill-20261122-080000-abcdef",
        "counts": True,
        "whyNot": [],
        "planHash": "a" * 64,
        "verdict": None,
        "previous": None,
        "changes": None,
        "findings": [],
        "carried": [],
        **more,
    }


class Page(HTMLParser):
    """A parsed page: its elements, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


def page(facts: Facts) -> Page:
    return Page(render_html(build_document(facts)))


# --- facts of whole reports ---
def nasty() -> Facts:
    """Hostile text in every field that users or servers choose."""
    told = record(
        wave("db", "FAILED", 2, 20, reason=NASTY, rtoTargetMinutes=10),
        wave("web", "AWAITING_APPROVAL", None, None, dependsOn=["db"]),
        status="PARTIAL",
        planName=NASTY,
        reason=NASTY,
        requestedBy=NASTY,
        notes=[NASTY],
        decisions=[decision("retry", 12, "db", NASTY), decision("pause", 13)],
        batches=[batch("db", job(1, 2, 10, 1, 1))],
        rpoTargetMinutes=5,
        rtoTargetMinutes=5,
    )
    said = {"output": NASTY, "reason": NASTY}
    servers = [
        server("x", hostname=NASTY, reason=NASTY, status="FAILED", warnings=[NASTY], snapshotAt=at(-9)),
        server("y", hostname=None, snapshotAt=at(-9), verification=verification("UNVERIFIED", NASTY, **said)),
        server("z", wave="nowhere"),
    ]
    events = [{"at": at(1), "event": "DECISION", "wave": "db", "text": NASTY}]
    costs = {"drsCalls": {"DescribeJobs": 5, "StartRecovery": 1}, "stateTransitions": 4_321}
    group = {"groupId": "pg-1", "name": NASTY, "accountId": HUB, "region": WEST, "version": 1, "tags": {NASTY: NASTY}}
    counts = {"total": 1, "terminated": 0, "failed": 1}
    left = {**server("x"), "reason": NASTY}
    words = {"askedBy": NASTY, "reason": NASTY}
    cleanup = {"status": "FAILED", "askedAt": at(40), **words, "failures": [left], "instances": counts}
    actions = [action(NASTY, "FAILED", title=NASTY, instructions=NASTY, **said)]
    facts = (told, servers, events, (), costs, {"deployment": "0.1.0"}, 60.0, [group], cleanup)
    words = {"title": NASTY, "description": NASTY, "owner": NASTY, "openedBy": NASTY}
    closed = {"status": "CLOSED", "closedBy": NASTY, "closedAt": at(60), "closingComment": NASTY}
    said = {**opinion("REJECTED", NASTY, by=NASTY), "version": 2, "earlier": [opinion("ACCEPTED", NASTY, by=NASTY)]}
    assessed = assessment(
        counts=False,
        whyNot=[NASTY],
        verdict={**said, "executionId": "x"},
        previous={"executionId": NASTY, "requestedAt": at(-9), "status": "PARTIAL", "planHash": "b" * 64},
        changes=[{"subject": NASTY, "field": NASTY, "before": NASTY, "after": None}],
        findings=[finding("x", **words)],
        carried=[finding("y", **words, **closed)],
    )
    return Facts(*facts, actions=actions, assessment=assessed)


def unended() -> Facts:
    told = record(
        wave("db", "IN_PROGRESS", 2, None, durationSeconds=600),
        wave("web", "WAITING", None, None, dependsOn=["db"]),
        status="POLLING",
        reason=None,
        endedAt=None,
        durationSeconds=720,
        batches=[batch("db", status="LAUNCHING", jobId="drsjob-1", jobStartedAt=at(3), startedAt=at(3))],
    )
    return Facts(told, [server("a", status="LAUNCHING", endedAt=None)])


def empty() -> Facts:
    nothing = {"total": 0, "launched": 0, "failed": 0, "excluded": 0, "launching": 0}
    times = {"startedAt": None, "endedAt": None, "durationSeconds": 0}
    return Facts(record(status="PENDING", servers=nothing, reason=None, **times))


def readiness() -> Facts:
    blocked = server("a", readiness="BLOCKED", status="EXCLUDED", reason="INITIAL_SYNC", recoveryInstanceId=None)
    told = record(wave("db", "WAITING", None, None), mode="READINESS", status="NOT_READY", rtoTargetMinutes=5)
    return Facts(told, [blocked])


ALL = [nasty, unended, empty, readiness]
