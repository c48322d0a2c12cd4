"""One run: its record, and what its page shows beside it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from cli.run_client import read_run
from cli.views.steps import describe_verification
from report.course import describe_course
from report.drawings import timeline
from report.drawings.timeline import Timeline
from report.run_record import UNFINISHED, Record, has_launched
from report.words import describe_wave_state

# Servers that the page names because something is wrong with them.
MAX_SERVERS = 10
# More jobs than this are not drawn: the page would grow over 300 KB, and no eye would find one of them.
MAX_JOBS_DRAWN = 600

# Where AWS's console is, by partition (AWS General Reference, "AWS Management Console endpoints"). `%s` is the Region.
_CONSOLES = {
    "aws": "%s.console.aws.amazon.com",
    "aws-cn": "%s.console.amazonaws.cn",
    "aws-us-gov": "%s.console.amazonaws-us-gov.com",
}
_EXECUTION_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):states:(?P<region>[a-z0-9-]+):[0-9]{12}:execution:[\w.:-]+", re.ASCII
)


def read(api: ApiClient, run_id: str) -> dict[str, Any]:
    """`record` of the run, with all of its batches, and `cleanup` of an ended drill. Raise ApiRefused, ApiUnreachable.

    `cleanup` is None for a run that has launched nothing, and for any but a drill.
    """
    record = read_run(api, run_id)
    is_cleanable = record["mode"] == "DRILL" and has_launched(record)
    return {"record": record, "cleanup": api.get(f"/executions/{run_id}/cleanup") if is_cleanable else None}


def read_plan(api: ApiClient, run_id: str) -> dict[str, Any]:
    """The plan as the run uses it, which does not change. Raise ApiRefused, ApiUnreachable."""
    plan: dict[str, Any] = api.get(f"/executions/{run_id}/recovery-plan")
    return plan


@dataclass(frozen=True, slots=True)
class OddServer:
    """A server that failed, is excluded or has not passed its checks, and why."""

    server_id: str
    name: str
    wave: str
    status: str
    reason: str
    cause: str | None
    advice: str | None


def read_odd_servers(api: ApiClient, run_id: str) -> list[dict[str, Any]]:
    """The first servers that need attention: failed ones, then unverified, then excluded ones."""
    found: list[dict[str, Any]] = []
    for way in ({"status": "FAILED"}, {"verification": "UNVERIFIED"}, {"status": "EXCLUDED"}):
        if len(found) < MAX_SERVERS:
            found += api.get(f"/executions/{run_id}/servers", limit=str(MAX_SERVERS), **way)["servers"]
    return found[:MAX_SERVERS]


def count_odd_servers(record: Record) -> int:
    """How many servers need attention."""
    servers = record["servers"]
    return int(servers["failed"] + servers["excluded"] + servers.get("unverified", 0))


def describe_odd_server(server: Mapping[str, Any]) -> OddServer:
    """The server, as the page shows it."""
    reason, status = server.get("reason") or "no reason is on record", server["status"]
    if (found := server.get("verification")) and status == "LAUNCHED":
        reason, status = describe_verification(found), found["status"]
    name = server["hostname"] or server["sourceServerId"]
    return OddServer(
        server["sourceServerId"], name, server["wave"], status, reason, server.get("cause"), server.get("advice")
    )


@dataclass(frozen=True, slots=True)
class DrawnTimeline:
    """The timeline of a run. `jobs_left_out` is how many jobs are not in it, because they are too many."""

    chart: Timeline
    jobs_left_out: int


def draw_timeline(record: Record) -> DrawnTimeline | None:
    """The timeline of the report, as far as the record has it; None before the first wave has started."""
    course = describe_course(record)
    if not any(wave["startedAt"] for wave in course["waves"]) and not course["waits"]:
        return None
    words = {wave["name"]: describe_wave_state(record, wave) for wave in record["waves"]}
    course = {**course, "waves": [{**wave, "words": words[wave["name"]]} for wave in course["waves"]]}
    left_out = len(course["jobs"]) if len(course["jobs"]) > MAX_JOBS_DRAWN else 0
    return DrawnTimeline(timeline.draw({**course, "jobs": [] if left_out else course["jobs"]}), left_out)


def find_console_link(execution_arn: str | None) -> str | None:
    """The page of Step Functions with this execution; None for a partition whose console has no known address."""
    found = _EXECUTION_ARN.fullmatch(execution_arn or "")
    if not found or found["partition"] not in _CONSOLES:
        return None
    region, host = found["region"], _CONSOLES[found["partition"]] % found["region"]
    return f"https://{host}/states/home?region={region}#/v2/executions/details/{found[0]}"


def is_over_rto(record: Record) -> bool:
    """Whether the run takes, or took, longer than its RTO target. A readiness check has none."""
    target, seconds = record.get("rtoTargetMinutes"), record.get("durationSeconds")
    if record["mode"] == "READINESS" or not target or seconds is None:
        return False
    return bool(seconds > target * 60)


def is_open(record: Record) -> bool:
    """Whether the run has not ended."""
    return record["status"] in UNFINISHED
