"""The views of a run, as an operator reads them: pages for windows of several sizes, and for a pipe.

Each picture is a file in `snapshots`. SNAPSHOTS=write writes them anew: look at what has changed.
"""

import io
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cli.commands.decisions import list_other_waits
from cli.terminal import make_console
from cli.text import (
    describe_cancelling,
    describe_chain,
    describe_rto,
    describe_state,
    format_run_time,
    suggest_next,
    summarize_waits,
)
from cli.views.capacity import KnownCapacity
from cli.views.cleanup import CleanupView
from cli.views.failed_waves import FailedWaves
from cli.views.fold import fold_command
from cli.views.json_lines import JsonView
from cli.views.lines import LineView
from cli.views.live import LiveView
from report.words import describe_wave_state

SNAPSHOTS = Path(__file__).parent / "snapshots"
RUN, PLAN = "drill-20261127-052516-17019c", "rp-26ed6c56c54f"
WEST, EUROPE = ("111122223333", "us-west-2"), ("444455556666", "eu-west-1")
STACK = " --stack drs-waves-prod --region us-west-2 --profile recovery-operator"
BEGIN = datetime(2026, 11, 27, 5, 25, 16, tzinfo=UTC)
ANA = "arn:aws:sts::111122223333:assumed-role/Responder (session name: ana)"


def at(minutes: float) -> str:
    return f"{BEGIN + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}.000Z"


def wave(name: str, status: str, total: int, launched: int = 0, **more: Any) -> dict[str, Any]:
    """A wave; `minutes` is how long it has been on, `rto` its target, and the rest are counts of its servers."""
    minutes, rto = more.pop("minutes", None), more.pop("rto", None)
    counts = {"total": total, "launched": launched, "failed": 0, "excluded": 0, "launching": 0, **more}
    seconds = None if minutes is None else round(minutes * 60)
    return {"name": name, "status": status, "servers": counts, "durationSeconds": seconds, "rtoTargetMinutes": rto}


def batch(wave: str, servers: int, target: tuple[str, str] = WEST, **more: Any) -> dict[str, Any]:
    """A batch whose job runs."""
    place = {"wave": wave, "accountId": target[0], "region": target[1], "batch": 1, "servers": servers}
    job = {"status": "LAUNCHING", "jobId": "drsjob-14d4e0c8881a47818", "attempt": 1, "startedAt": at(50)}
    state = {"jobStartedAt": at(50), "jobSeconds": 860, "stage": "conversion", "usualSeconds": 1200}
    return {**place, **job, **state, "endedAt": None, "jobs": [], "outages": [], **more}


def wait(kind: str, wave: str | None, *answers: str, since: float = 60, **more: Any) -> dict[str, Any]:
    path = f"POST /executions/{RUN}" + (f"/waves/{wave}" if wave and kind != "RESUME" else "")
    return {"wave": wave, "for": kind, "since": at(since), "answers": [f"{path}/{each}" for each in answers], **more}


def record(*waves: dict[str, Any], minutes: float = 72.5, **more: Any) -> dict[str, Any]:
    """A run so many minutes after its request."""
    names = ("total", "launched", "failed", "excluded", "launching")
    return {
        "executionId": RUN,
        "planId": PLAN,
        "planName": "payroll",
        "mode": "DRILL",
        "status": "POLLING",
        "state": "RUNNING",
        "reason": None,
        "requestedAt": at(0),
        "endedAt": None,
        "durationSeconds": round(minutes * 60),
        "rtoTargetMinutes": 90,
        "continues": None,
        "continuedBy": None,
        "cancelledBy": None,
        "servers": {name: sum(each["servers"][name] for each in waves) for name in names},
        "waves": list(waves),
        "batches": [],
        "batchesLeftOut": 0,
        "waitingFor": [],
        "decisions": [],
        "notes": [],
        **more,
    }


APPROVAL = wait("APPROVAL", "web", "approve", "reject", since=71.5, until=at(191.5))
WAITS = record(
    wave("database", "COMPLETED", 3, 3, minutes=22.5, rto=30),
    wave("batch-processing", "PARTIAL", 10, 9, minutes=34.25, rto=30, failed=1),
    wave("application", "IN_PROGRESS", 12, 4, minutes=14.3, rto=30, launching=8),
    wave("web", "AWAITING_APPROVAL", 6),
    wave("reports", "WAITING", 2, excluded=1),
    state="WAITING_FOR_PEOPLE",
    batches=[batch("application", 8), batch("application", 4, EUROPE, stage="snapshot", attempt=2)],
    waitingFor=[APPROVAL],
    decisions=[{"wave": None, "decision": "pause", "by": ANA, "at": at(40), "comment": "checking the network"}],
)
CANCELLING = record(
    wave("database", "COMPLETED", 3, 3, minutes=22.5),
    wave("application", "IN_PROGRESS", 12, 4, minutes=14.3, launching=8),
    wave("web", "WAITING", 6),
    state="CANCELLING",
    cancelledBy=ANA,
    batches=[batch("application", 8)],
    decisions=[{"wave": None, "decision": "cancel", "by": ANA, "at": at(70), "comment": "wrong plan"}],
)
AWAY = record(
    wave("database", "COMPLETED", 3, 3, minutes=22.5),
    wave("europe", "IN_PROGRESS", 12, minutes=31),
    wave("west", "IN_PROGRESS", 12, minutes=31, launching=12),
    wave("web", "WAITING", 6),
    batches=[
        batch("europe", 12, EUROPE, status="PENDING", jobId=None, outages=[{"since": at(44), "until": None}]),
        batch("west", 12),
    ],
    waitingFor=[
        wait(
            "DRS",
            "europe",
            since=44,
            text=f"{'/'.join(EUROPE)}: DRS does not answer DescribeJobs; next try within 4 minutes",
        )
    ],
)
FORTY = record(
    *(wave(f"tier-{number:02}", "COMPLETED", 100, 100, minutes=21 + number) for number in range(1, 18)),
    wave("tier-18-mainframe-gateways", "FAILED", 100, 20, minutes=40, failed=80),
    *(wave(f"tier-{number}", "IN_PROGRESS", 300, 100, minutes=12, launching=200) for number in range(19, 23)),
    wave("tier-23", "AWAITING_DECISION", 40, 20, minutes=31, failed=20),
    *(wave(f"tier-{number}", "WAITING", 300) for number in range(24, 41)),
    state="WAITING_FOR_PEOPLE",
    batches=[batch(f"tier-{number}", 100, batch=part) for number in range(19, 23) for part in (1, 2)],
    waitingFor=[wait("DECISION", "tier-23", "retry", "accept", "abort", since=66)],
)


def action(name: str, status: str, wave: str | None = None, **more: Any) -> dict[str, Any]:
    place = {"place": "before", "kind": "ssmAutomation", "title": "automation Shop-FreezeWrites", "attempt": 1}
    target = {"accountId": WEST[0], "region": WEST[1]}
    times = {"startedAt": at(66), "endedAt": None, "until": None, "reason": None, "waitingFor": None}
    return {"name": name, "wave": wave, "status": status, **place, **target, **times, **more}


def checks(verified: int, *at_check: tuple[str, int, int], until: str | None = None) -> dict[str, Any]:
    """The checks of a wave; `at_check` are checks with how many servers are at each, and have not passed it."""
    found = [{"check": name, "checking": checking, "unverified": failed} for name, checking, failed in at_check]
    counts = {name: sum(each[name] for each in found) for name in ("checking", "unverified")}
    return {"verified": verified, **counts, "since": at(60), "until": until, "checks": found}


SIGN_OFF: dict[str, Any] = {
    "wave": "web",
    "for": "ACTION",
    "action": "sign-off",
    "since": at(70),
    "until": at(191.5),
    "text": "Place an order and look for it in the back office.",
    "answers": [f"POST /executions/{RUN}/actions/sign-off/{each}" for each in ("confirm", "reject")],
}
CHECKED = record(
    wave("database", "COMPLETED", 3, 3, minutes=22.5, rto=30, verified=3, unverified=0) | {"checks": checks(3)},
    wave("application", "IN_PROGRESS", 40, 40, minutes=14.3, rto=30, verified=12, unverified=1)
    | {"checks": checks(12, ("http :8080/health", 19, 1), ("boot", 8, 0), until=at(90))},
    wave("batch", "IN_PROGRESS", 6, minutes=4),
    wave("web", "IN_PROGRESS", 6, 6, minutes=9, verified=6, unverified=0) | {"checks": checks(6)},
    wave("reports", "AWAITING_DECISION", 5, 5, minutes=40, verified=3, unverified=2)
    | {"checks": checks(3, ("tcp :5432", 0, 2))},
    state="WAITING_FOR_PEOPLE",
    waitingFor=[wait("DECISION", "reports", "verify", "retry", "accept", "abort", since=66), SIGN_OFF],
    actions=[
        action("freeze-writes", "SUCCEEDED", startedAt=at(1), endedAt=at(3)),
        action("stop-queues", "RUNNING", "batch", until=at(96)),
        action("sign-off", "WAITING", "web", place="after", kind="manual", waitingFor="CONFIRM"),
    ],
    decisions=[{"wave": None, "action": "freeze-writes", "decision": "retry", "by": ANA, "at": at(2), "comment": ""}],
)
CAPACITY = {
    WEST: KnownCapacity({"jobs": {"used": 2, "quota": 20}, "serversInJobs": {"used": 20, "quota": 500}}, 34),
    EUROPE: KnownCapacity(
        {"message": f"{'/'.join(EUROPE)} has not been answering; the next attempt is at {at(70)}"}, 150
    ),
}
PAGES: Mapping[str, tuple[dict[str, Any], int, int]] = {
    "approval-80x24": (WAITS, 80, 24),
    "approval-120x40": (WAITS, 120, 40),
    "cancelling-80x24": (CANCELLING, 80, 24),
    "away-80x24": (AWAY, 80, 24),
    "forty-80x24": (FORTY, 80, 24),
    "forty-120x40": (FORTY, 120, 40),
    "checks-80x24": (CHECKED, 80, 24),
    "checks-120x40": (CHECKED, 120, 40),
}


def window(width: int, height: int) -> Console:
    """A terminal of this size."""
    return make_console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)


def pipe() -> Console:
    """Not a terminal. Rich takes it to be 80 columns wide."""
    return make_console(file=io.StringIO(), width=80)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def check(name: str, shown: str) -> None:
    """Compare with the picture of this name."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("SNAPSHOTS") == "write":
        path.write_text(shown)
    assert shown == path.read_text()


def page(shown: Mapping[str, Any], width: int, height: int, seconds: float = 12) -> str:
    """The live view so many seconds after an answer of the API."""
    now, console = [0.0], window(width, height)
    view = LiveView(console, STACK, capacity=lambda record: CAPACITY, clock=lambda: now[0])
    view.show(shown)
    now[0] = seconds
    lines = console.render_lines(view.render_frame(), console.options.update(height=None), pad=False)
    return "".join(f"{''.join(part.text for part in line).rstrip()}\n" for line in lines)


# --- the live view --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_live_view_looks_like_its_picture(name: str) -> None:
    shown, width, height = PAGES[name]
    check(name, page(shown, width, height))


@pytest.mark.parametrize("height", [12, 24, 40])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("shown", [WAITS, CANCELLING, AWAY, FORTY], ids=["waits", "cancelling", "away", "forty"])
def test_a_page_fits_into_its_window_with_names_and_commands_whole(
    shown: dict[str, Any], width: int, height: int
) -> None:
    lines = page(shown, width, height).splitlines()
    if height > 12:
        assert len(lines) < height
    assert max(map(len, lines)) <= width
    whole = " ".join(" ".join(lines).replace(" \\", "").split())
    for wait_ in shown["waitingFor"]:
        for answer in wait_["answers"]:
            assert f"drs-waves {answer.rsplit('/', 1)[1]} {RUN} {wait_['wave']}{STACK}" in whole
    if wait_ := next((each for each in shown["waitingFor"] if each.get("until")), None):
        assert "deadline in 1 h 59 min, 08:36 UTC" in whole


def test_the_age_of_the_answer_grows_while_nothing_changes() -> None:
    assert "as of 06:37:46 UTC (0 s ago)" in page(WAITS, 80, 24, seconds=0.2)
    assert "as of 06:37:46 UTC (65 s ago)" in page(WAITS, 80, 24, seconds=65)


def test_the_sign_of_life_turns() -> None:
    console = window(80, 24)
    view = LiveView(console)
    view.show(WAITS)
    signs = set()
    for tick in range(8):
        console.get_time = lambda tick=tick: tick * 0.2  # type: ignore[misc]
        line = console.render_lines(view.render_frame(), console.options, pad=False)[1]
        signs.add(line[0].text[:1])
    assert len(signs) > 1


def test_an_attempt_that_is_over_is_not_announced() -> None:
    assert "the next attempt" not in page(WAITS, 120, 40)
    early = WAITS | {"durationSeconds": 69 * 60}
    assert f"the next attempt is at {at(70)}" in page(early, 120, 40)


def test_the_live_view_redraws_in_its_window_and_leaves_the_whole_record() -> None:
    console = window(80, 24)
    with LiveView(console, STACK) as view:
        for shown in (FORTY, WAITS, FORTY):
            view.show(shown)
        view.notice("WARN  3 servers have old data")
        view.trouble("the API answered 503; asking again")
        view.trouble(None)
        view.show(FORTY | {"status": "PARTIAL", "state": "PARTIAL", "waitingFor": []})
    assert isinstance(console.file, io.StringIO)
    screen, deepest_redraw = play(console.file.getvalue())
    assert deepest_redraw < 24
    assert screen[0].startswith("WARN  3 servers")
    assert [line.split()[0] for line in screen if line.startswith("tier-")] == [each["name"] for each in FORTY["waves"]]


def play(written: str) -> tuple[list[str], int]:
    """The lines that a terminal shows after this, and by how many lines the cursor went up at most."""
    screen, row, column, up, deepest = dict[int, str](), 0, 0, 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if part == "\x1b[1A":
            row, up = row - 1, up + 1
            deepest = max(deepest, up)
        elif part == "\x1b[2K":
            screen[row] = ""
        elif part in ("\r", "\n"):
            row, column, up = row + (part == "\n"), 0, up if part == "\r" else 0
        elif not part.startswith("\x1b"):
            screen[row] = screen.get(row, "").ljust(column)[:column] + part
            column += len(part)
    return [screen.get(number, "") for number in range(max(screen) + 1)], deepest


ASKS = record(
    wave("database", "COMPLETED", 3, 3, minutes=22.5),
    wave("web", "AWAITING_DECISION", 9, 5, minutes=30, failed=4),
    wave("reports", "WAITING", 2),
    state="WAITING_FOR_PEOPLE",
    waitingFor=[wait("DECISION", "web", "retry", "accept", "abort", since=66)],
)


def test_a_failed_wave_names_servers_and_causes_and_what_each_answer_does() -> None:
    reads = list[tuple[str, str]]()

    def read(run: str, name: str) -> list[dict[str, Any]]:
        reads.append((run, name))
        reason = "no capacity for m5.large"
        servers = [{"hostname": f"web{number}", "sourceServerId": "s-1"} for number in (1, 2, 3)]
        return [each | {"reason": reason, "cause": "CAPACITY"} for each in servers]

    console = window(120, 40)
    view = LiveView(console, "", failed=FailedWaves(read, ""))
    for seconds in (0, 5, 10):
        view.show(ASKS | {"durationSeconds": ASKS["durationSeconds"] + seconds})
    lines = console.render_lines(view.render_frame(), console.options.update(height=None), pad=False)
    told = [" ".join("".join(part.text for part in line).split()) for line in lines]
    begin = told.index(f"drs-waves status {RUN} --servers --wave web")
    assert told[begin - 4 : begin + 7] == [
        "4 servers failed, among them:",
        *(f"web{number}: no capacity for m5.large [CAPACITY]" for number in (1, 2, 3)),
        f"drs-waves status {RUN} --servers --wave web",
        f"drs-waves retry {RUN} web",
        "launches the 4 failed servers again",
        f"drs-waves accept {RUN} web",
        "the wave is PARTIAL, and the waves after it start",
        f"drs-waves abort {RUN} web",
        "no further wave starts; what has been launched keeps running",
    ]
    assert reads == [(RUN, "web")]


# --- checks and actions ---------------------------------------------------------------------------------------------
def test_a_wave_in_progress_says_whether_it_launches_checks_or_runs_actions() -> None:
    states = {each["name"]: describe_wave_state(CHECKED, each) for each in CHECKED["waves"]}
    assert states == {
        "database": "COMPLETED",
        "application": "checking",
        "batch": "running actions",
        "web": "waits for a person",
        "reports": "waits for a decision",
    }


def test_a_wave_between_its_checks_and_its_actions_is_checked() -> None:
    web = wave("web", "IN_PROGRESS", 6, 6, minutes=9, verified=6, unverified=0) | {"checks": checks(6)}
    assert describe_wave_state(record(web), web) == "checked"
    retried = wave("web", "IN_PROGRESS", 6, 5, launching=1) | {"checks": checks(5)}
    assert describe_wave_state(record(retried), retried) == "launching"
    console = pipe()
    LineView(console).show(record(web))
    assert "web            checked " in text_of(console)


def test_an_unverified_wave_names_its_servers_with_what_the_check_answered() -> None:
    found = {"status": "UNVERIFIED", "check": "tcp :5432", "reason": "not passed within 30 min", "output": "refused"}
    unverified = [{"hostname": "db9", "sourceServerId": "s-9", "status": "LAUNCHED", "verification": found}]
    view = LiveView(window(120, 60), "", failed=FailedWaves(lambda *_: [], "", lambda *_: unverified))
    view.show(CHECKED)
    lines = view._console.render_lines(view.render_frame(), view._console.options.update(height=None), pad=False)
    told = [" ".join("".join(part.text for part in line).split()) for line in lines]
    assert "2 servers have not passed their checks, among them:" in told
    assert "db9: UNVERIFIED at tcp :5432: not passed within 30 min: refused" in told
    assert told[told.index(f"drs-waves verify {RUN} reports") + 1] == (
        "checks the 2 unverified servers again, and launches nothing"
    )
    retried = told.index(f"drs-waves retry {RUN} reports")
    assert told[retried + 1] == "checks the 2 unverified servers again"  # no action failed


def test_a_wave_that_only_an_action_failed_launches_nothing_by_a_retry() -> None:
    asking = wave("reports", "AWAITING_DECISION", 5, 5)
    waits = [{**each, "wave": "reports"} for each in CHECKED["waitingFor"] if each["wave"] == "reports"]
    shown = {**CHECKED, "waves": [asking], "waitingFor": waits, "actions": [action("smoke", "FAILED", "reports")]}
    assert FailedWaves(lambda *_: [], "")(shown)["reports"].effects["retry"] == "runs the failed actions again"
    shown["actions"] = [action("smoke", "FAILED", "web")]
    assert "action" not in FailedWaves(lambda *_: [], "")(shown)["reports"].effects["retry"]


def test_lines_tell_of_checks_and_actions_once_for_each_change() -> None:
    console = pipe()
    view = LineView(console)
    for minutes in (0, 1):
        view.show(CHECKED | {"durationSeconds": CHECKED["durationSeconds"] + minutes * 60})
    lines = text_of(console).splitlines()
    assert sum("40/40 launched, 12 verified, 1 unverified" in line for line in lines) == 1
    assert sum("action stop-queues before wave batch RUNNING" in line for line in lines) == 1
    assert f"    drs-waves answer {RUN} sign-off confirm" in lines


def test_a_list_says_what_an_action_waits_for() -> None:
    failed = SIGN_OFF | {"wave": None, "action": "thaw", "until": None}
    failed["answers"] = [f"POST /executions/{RUN}/actions/thaw/retry"]
    told = summarize_waits([SIGN_OFF, failed])
    assert told == f"confirmation of sign-off until {at(191.5)[:16].replace('T', ' ')}; decision about thaw"


def test_a_run_that_an_action_failed_is_continued_though_every_server_was_launched() -> None:
    ended = record(wave("web", "FAILED", 6, 6), status="FAILED", state="FAILED")
    assert "the rest" not in dict(suggest_next(ended, ""))
    failed = ended | {"actions": [action("smoke", "FAILED", "web")]}
    assert dict(suggest_next(failed, ""))["the rest"] == f"drs-waves continue {RUN}"


def test_a_run_that_took_longer_than_its_target_says_by_how_much() -> None:
    late = record(status="COMPLETED", rtoTargetMinutes=60, durationSeconds=3_759)
    assert format_run_time(late) == "1:02:39 of 1:00:00 RTO, over by 2:39"


def test_a_run_with_unverified_servers_suggests_to_verify_them() -> None:
    ended = CHECKED | {"status": "PARTIAL", "state": "PARTIAL", "waitingFor": []}
    assert dict(suggest_next(ended, ""))["verify"] == f"drs-waves verify {RUN} application"


SIXTEEN = record(
    *(wave(f"tier-{number:02}", "AWAITING_APPROVAL", 3) for number in range(1, 17)),
    wave("last", "WAITING", 3),
    state="WAITING_FOR_PEOPLE",
    waitingFor=[wait("APPROVAL", f"tier-{number:02}", "approve", "reject", until=at(191.5)) for number in range(1, 17)],
)


def test_many_waits_leave_rows_of_waiting_waves_and_are_counted() -> None:
    lines = page(SIXTEEN, 80, 24).splitlines()
    assert len(lines) < 24
    assert sum("waits for a" in line and line.startswith("tier-") for line in lines) >= 2
    shown = sum(line.startswith("wave tier-") for line in lines)
    assert shown >= 1
    assert f"and {16 - shown} more waits; all of them:" in lines
    assert f"  drs-waves status {RUN}" in "\n".join(lines)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_line_about_the_time_is_never_cut(width: int) -> None:
    console = window(width, 24)
    view = LiveView(console, STACK, speed=120.0)
    view.show(WAITS | {"durationSeconds": 6000})
    lines = console.render_lines(view.render_frame(), console.options.update(height=None), pad=False)
    told = ["".join(part.text for part in line).rstrip() for line in lines]
    assert any(line.endswith(("(0 s ago)", "not the run")) for line in told), told


def test_one_command_resumes_a_paused_run_and_its_paused_waves() -> None:
    paused = [wait("RESUME", None, "resume"), wait("RESUME", "web", "resume"), wait("RESUME", "db", "resume")]
    waves = (wave("web", "PAUSED", 3), wave("db", "PAUSED", 3))
    shown = page(record(*waves, status="PAUSED", state="PAUSED", waitingFor=paused), 200, 40)
    assert shown.count(f"drs-waves resume {RUN}") == 1


def test_a_recorded_decision_shows_a_few_other_waits_and_counts_the_rest() -> None:
    lines = list(list_other_waits(SIXTEEN, STACK))
    waits = [line.split(" waits ")[0] for line in lines if line.startswith("wave ")]
    assert waits == ["wave tier-01", "wave tier-02", "wave tier-03"]
    assert lines[-2:] == ["and 13 more waits; all of them:", f"  drs-waves list --waiting{STACK}"]
    paused = [wait("RESUME", None, "resume"), wait("RESUME", "web", "resume"), wait("RESUME", "db", "resume")]
    text = "\n".join(list_other_waits(record(status="PAUSED", state="PAUSED", waitingFor=paused), ""))
    assert text.count("drs-waves resume") == 1


def test_an_old_capacity_is_not_shown_while_no_job_runs() -> None:
    waiting = batch("application", 8, status="PENDING", jobId=None)
    assert "as of 2:30 ago" in page(WAITS, 120, 40)
    idle = page(WAITS | {"batches": [waiting]}, 120, 40)
    assert ("as of 2:30 ago" in idle, "as of 0:34 ago" in idle) == (False, True)


def test_a_chain_says_where_its_runs_are_in_words() -> None:
    runs = [{"executionId": "drill-0", "status": "PARTIAL"}, {"executionId": RUN, "status": "POLLING"}]
    servers = {"total": 3, "launched": 1}
    chain = {"executions": runs, "servers": servers, "durationSeconds": 60}
    told = describe_chain(record(wave("web", "AWAITING_APPROVAL", 3), state="WAITING_FOR_PEOPLE", chain=chain)) or ""
    assert told.startswith(f"chain: drill-0 PARTIAL, {RUN} waiting for you; ")


# --- elsewhere ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["approval", "forty"])
def test_in_a_pipe_nothing_is_cut(name: str) -> None:
    shown, console = {"approval": WAITS, "forty": FORTY}[name], pipe()
    console.print(LiveView(console, STACK).render(shown))
    check(f"{name}-in-a-pipe", text_of(console))


def test_the_lines_of_a_log_look_like_their_picture() -> None:
    console = pipe()
    with LineView(console, STACK) as view:
        begun = [each | {"status": "WAITING", "servers": {**each["servers"], "failed": 0}} for each in WAITS["waves"]]
        view.show(record(*begun, minutes=1, state="STARTING"))
        view.show(WAITS)
        view.show(WAITS | {"durationSeconds": 80 * 60})  # nothing is new but the time
        view.show(WAITS | {"waitingFor": [], "durationSeconds": 81 * 60})
        view.show(AWAY | {"durationSeconds": 82 * 60})
        view.show(CANCELLING | {"durationSeconds": 90 * 60})
    check("lines", text_of(console))


def test_a_wave_that_runs_says_whether_it_launches_or_waits_for_drs() -> None:
    states = {each["name"]: describe_wave_state(AWAY, each) for each in AWAY["waves"]}
    assert states == {
        "database": "COMPLETED",
        "europe": "waits for DRS",
        "west": "launching",
        "web": "not started",
    }
    uninspected = wave("far", "IN_PROGRESS", 3, minutes=5)
    assert describe_wave_state(record(uninspected), uninspected) == "waits for DRS"
    fresh = wave("near", "IN_PROGRESS", 3, minutes=0.2)
    assert describe_wave_state(record(fresh), fresh) == "launching"


def test_a_wave_of_which_a_continuation_found_nothing_left_says_so() -> None:
    done = wave("db", "COMPLETED", 0, minutes=1)
    assert describe_wave_state(record(done, continues="drill-0"), done) == "nothing was left"
    assert describe_wave_state(record(done), done) == "COMPLETED"


def test_a_log_has_the_starts_and_ends_of_jobs() -> None:
    console = pipe()
    running = batch("application", 8)
    ended_job = {"jobId": running["jobId"], "attempt": 1, "startedAt": at(50), "endedAt": at(70)}
    ended = running | {"status": "LAUNCHED", "jobs": [ended_job | {"launched": 7, "failed": 1}]}
    with LineView(console) as view:
        view.show(WAITS | {"batches": [running]})
        view.show(WAITS | {"batches": [running | {"jobSeconds": 900}], "durationSeconds": 4400})
        view.show(WAITS | {"batches": [ended]})
    told = text_of(console).splitlines()
    jobs = [" ".join(line.split()) for line in told if line.strip().startswith("job ")]
    job = running["jobId"]
    assert [line.rpartition(" ")[0] for line in jobs] == [
        f"job {job} runs: application batch 1, 8 servers in 111122223333/us-west-2",
        f"job {job} has ended: application batch 1, 7 launched, 1 failed",
    ]


def test_json_lines_do_not_repeat_what_only_grows_with_time() -> None:
    stream = io.StringIO()
    view = JsonView(stream)
    for seconds in (0, 5, 10):
        batches = [each | {"jobSeconds": 860 + seconds} for each in WAITS["batches"]]
        view.show(WAITS | {"durationSeconds": WAITS["durationSeconds"] + seconds, "batches": batches})
    assert len(stream.getvalue().splitlines()) == 1


def test_a_run_that_those_who_started_it_must_not_answer_waits_for_another_person() -> None:
    wait = {"for": "APPROVAL", "wave": "web", "answers": []}
    run = {"state": "WAITING_FOR_PEOPLE", "waitingFor": [wait | {"notBy": ["ana"]}]}
    assert describe_state(run) == "waiting for another person"
    for own in (wait, {"for": "RESUME", "wave": None, "answers": []}):
        assert describe_state(run | {"waitingFor": [*run["waitingFor"], own]}) == "waiting for you"


# --- what comes next ------------------------------------------------------------------------------------------------
ENDED: dict[str, Any] = record(
    wave("database", "COMPLETED", 3, 3, minutes=22.5, rto=30),
    wave("web", "FAILED", 6, 5, minutes=34, rto=30, failed=1),
    status="PARTIAL",
    state="PARTIAL",
)


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({}, [f"continue {RUN}", f"report {RUN} --to build/report", f"verdict {RUN} --accept", f"cleanup {RUN}"]),
        (
            {"continuedBy": "drill-2"},
            [f"report {RUN} --to build/report", f"verdict {RUN} --accept", f"cleanup {RUN}"],
        ),
        ({"mode": "RECOVERY"}, [f"continue {RUN}", f"report {RUN} --to build/report"]),
        (
            {"mode": "READINESS", "status": "READY"},
            [f"findings {RUN}", f"run {PLAN}", f"report {RUN} --to build/report"],
        ),
        (
            {"status": "NOT_READY", "servers": {"launched": 0, "total": 9}},
            [f"readiness {PLAN}", f"report {RUN} --to build/report"],
        ),
        (
            {"status": "NOT_READY", "continues": "drill-0", "servers": {"launched": 0, "total": 9}},
            ["continue drill-0", f"report {RUN} --to build/report"],
        ),
        ({"status": "POLLING", "state": "RUNNING"}, [f"watch {RUN}"]),
    ],
)
def test_a_run_says_what_to_do_next_with_the_options_of_its_deployment(
    changes: dict[str, Any], commands: list[str]
) -> None:
    told = dict(suggest_next(ENDED | changes, STACK))
    assert list(told.values()) == [f"drs-waves {command}{STACK}" for command in commands]
    assert not {"report", "clean up"} & set(dict(suggest_next(ENDED | changes, STACK, without=["report", "clean up"])))


def test_times_are_held_against_their_rto_targets() -> None:
    assert list(describe_rto(ENDED)) == ["missed by the run: wave web FAILED", "missed by wave web"]
    recovered = wave("web", "PARTIAL", 6, 5, minutes=34, rto=30, failed=1)
    skipped = [wave(name, "SKIPPED", 1, 0, minutes=0) for name in ("app", "mail")]
    several = record(*ENDED["waves"], *skipped, status="PARTIAL")
    assert next(describe_rto(several)) == "missed by the run: wave web FAILED; waves app, mail SKIPPED"
    late = record(ENDED["waves"][0], recovered, status="PARTIAL", minutes=95)
    assert list(describe_rto(late)) == ["missed by 5 min by the run", "missed by 4 min by wave web"]
    in_time = record(ENDED["waves"][0], status="COMPLETED", minutes=80)
    assert list(describe_rto(in_time)) == ["met by the run"]
    assert list(describe_rto(in_time | {"mode": "READINESS"})) == []


def test_a_cancelled_run_says_what_still_runs_and_how_long_that_takes() -> None:
    assert (describe_cancelling(WAITS), describe_cancelling(ENDED)) == (None, None)
    told = describe_cancelling(CANCELLING) or ""
    assert "1 DRS job runs on with 8 servers" in told
    assert told.endswith("they usually end within 6 min")
    unknown = CANCELLING | {"batches": [batch("application", 8, usualSeconds=None), batch("web", 2, usualSeconds=None)]}
    assert (describe_cancelling(unknown) or "").endswith(
        "2 DRS jobs run on with 10 servers, because DRS cannot stop jobs; such jobs usually take 9 to 30 min"
    )
    elsewhere = batch("web", 2, status="LAUNCHED", usualSeconds=1260)
    measured = CANCELLING | {"batches": [batch("application", 8, usualSeconds=None), elsewhere]}
    assert (describe_cancelling(measured) or "").endswith("such jobs usually take 21 min")
    late = CANCELLING | {"batches": [batch("application", 8, jobSeconds=1300)]}
    assert (describe_cancelling(late) or "").endswith("they take longer than usual")
    assert (describe_cancelling(CANCELLING | {"batches": []}) or "").endswith(
        "no DRS job runs, so the run ends within minutes"
    )


@pytest.mark.parametrize("width", [None, 40, 79, 200])
def test_a_folded_command_is_the_same_command_for_a_shell(width: int | None) -> None:
    command = f"drs-waves approve {RUN} web{STACK}"
    lines = fold_command(command, width)
    assert re.sub(r"\\\n", "", "\n".join(lines)).split() == command.split()
    if width:
        assert all(len(line) <= max(width - 2, len(RUN) + 8) for line in lines)


def test_the_lines_of_a_log_begin_when_the_servers_are_counted() -> None:
    console = Console(file=io.StringIO(), width=200)
    none = dict.fromkeys(WAITS["waves"][0]["servers"], 0)
    waves = [{**wave, "status": "WAITING", "servers": none} for wave in WAITS["waves"]]
    with LineView(console) as view:
        view.show({**WAITS, "waves": waves, "batches": [], "waitingFor": [], "decisions": []})
        assert console.file.getvalue() == ""
        first = {**waves[0], "status": "IN_PROGRESS", "servers": {**none, "total": 3, "launching": 3}}
        view.show({**WAITS, "waves": [first, *waves[1:]], "batches": [], "waitingFor": [], "decisions": []})
    assert len(console.file.getvalue().splitlines()) == len(waves)
    assert "0/3 launched" in console.file.getvalue().splitlines()[0]


def test_the_lines_of_a_clean_up_begin_when_the_instances_are_counted() -> None:
    lines: list[str] = []
    view = CleanupView(lines.append, None)
    for status, terminated, total in (("RUNNING", 0, 0), ("RUNNING", 0, 3), ("COMPLETED", 3, 3)):
        count = {"terminated": terminated, "total": total}
        view.show({"status": status, "instances": count, "executions": ["drill-1"], "reason": None, "failures": []})
        assert view.has_shown
    assert lines == ["clean-up RUNNING  0/3 terminated", "clean-up COMPLETED  3/3 terminated"]
