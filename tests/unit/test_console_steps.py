"""What pages of a run make of its record: the order and the counts of batches, words for states, and clean-ups."""

from typing import Any

import pytest

from cli.refusal import ApiRefused, Reply
from console.reading.events import describe_cleanup
from console.reading.reports import list_happenings
from console.reading.run import draw_timeline
from console.reading.steps import list_batches
from console.refusals import describe_error
from console.render import _environment
from loopback import guard
from report.drawings import waves
from tests.support.report_facts import action, at, batch, job, record, wave

CLEANUP = {
    "executionId": "drill-1",
    "status": "PARTIAL",
    "askedAt": at(40),
    "askedBy": "ana",
    "endedAt": at(50),
    "instances": {"total": 14, "terminated": 12, "failed": 2},
}


def show_tag(*words: str) -> str:
    template = _environment().from_string('{% from "parts.html.j2" import tag %}{{ tag(*words) }}')
    return template.render(words=words)


# --- batches ------------------------------------------------------------------------------------------------------
def test_batches_of_a_wave_that_waits_for_its_start_come_last() -> None:
    idle = {"status": "PENDING", "startedAt": None, "endedAt": None}
    run = record(
        wave("later", "WAITING", None, None),
        wave("now", "IN_PROGRESS", 2, None),
        batches=[
            batch("later", **idle),
            batch("now", job(1, 3, 12, 2)),
            batch("now", **idle, batch=2),
            batch("now", status="LAUNCHING", jobId="drsjob-3", startedAt=at(3), attempt=1, batch=3),
        ],
    )
    order = [(row.batch["wave"], row.batch["batch"]) for row in list_batches(run)]
    assert order == [("now", 3), ("now", 2), ("now", 1), ("later", 1)]


def test_a_batch_counts_the_servers_of_all_its_attempts() -> None:
    run = record(wave("db", "PARTIAL", 2, 30), batches=[batch("db", job(1, 3, 12, 14, 2), job(2, 13, 20, 0, 2))])
    (row,) = list_batches(run)
    assert (row.launched, row.failed) == (14, 2)


# --- words for states -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "tone", "shown"),
    [
        (("waits for a person", "IN_PROGRESS"), "wait", "waits for a person"),
        (("launching", "IN_PROGRESS"), "busy", "launching"),
        (("LAUNCHING",), "busy", "launching"),
        (("POLLING",), "busy", "running"),
        (("PENDING",), "none", "not started"),
        (("SETTLED",), "none", "ended"),
        (("COMPLETED",), "good", "COMPLETED"),
    ],
)
def test_a_state_has_the_same_words_and_the_same_sign_wherever_it_is_shown(
    words: tuple[str, ...], tone: str, shown: str
) -> None:
    tag = show_tag(*words)
    assert f'class="tag {tone}"' in tag
    assert tag.endswith(f"{shown}</span>")


def test_the_drawings_say_of_a_wave_what_its_row_says() -> None:
    waiting = {"kind": "MANUAL", "wait": "CONFIRMATION", "since": at(9)}
    run = record(
        wave("db", "IN_PROGRESS", 2, None),
        wave("web", "WAITING", None, None),
        actions=[action("sign-off", "WAITING", wave="db", waitingFor=waiting)],
        status="POLLING",
        endedAt=None,
    )
    drawn = waves.draw_run(run)
    assert (drawn.boxes[0].kind, drawn.boxes[0].lines[0]) == ("wait", "waits for a person")
    timeline = draw_timeline(run)
    assert timeline
    assert [row.status for row in timeline.chart.rows] == ["waits for a person", "not started"]


def test_the_legend_names_the_bars_that_a_timeline_has_and_no_others() -> None:
    timeline = draw_timeline(record(wave("db", "COMPLETED", 2, 21), batches=[batch("db", job(1, 3, 12, 2))]))
    template = _environment().from_string(
        '{% from "drawings.html.j2" import timeline_legend %}{{ timeline_legend(c) }}'
    )
    assert timeline
    words = " ".join(template.render(c=timeline.chart).split())
    assert words == "Bars: green, recovered; light blue, a DRS job that has ended."


def test_a_wave_names_how_long_its_running_jobs_take() -> None:
    running = batch("db", status="LAUNCHING", jobId="drsjob-1", startedAt=at(3), attempt=1, jobSeconds=480)
    jobs = _environment().filters["running_jobs"](record(wave("db", "IN_PROGRESS", 2, None), batches=[running]), "db")
    assert [each.seconds for each in jobs] == [480]


# --- clean-ups ------------------------------------------------------------------------------------------------------
def test_a_clean_up_has_events_for_its_beginning_and_its_end() -> None:
    assert [(each["at"], each["text"]) for each in describe_cleanup(CLEANUP)] == [
        (at(40), "Clean-up begun by ana"),
        (at(50), "Clean-up ended PARTIAL: 12 of 14 instances terminated, 2 failed"),
    ]
    assert len(describe_cleanup({**CLEANUP, "status": "RUNNING", "endedAt": None})) == 1
    assert describe_cleanup({**CLEANUP, "status": "NONE", "askedAt": None, "askedBy": None, "endedAt": None}) == []
    assert describe_cleanup(None) == []


def test_the_clean_up_of_a_chain_happened_once() -> None:
    runs = [record(executionId=f"drill-{number}") for number in range(2)]
    read: dict[str, Any] = {"decisions": [], "cleanup": CLEANUP}
    found = [each for each in list_happenings(runs, lambda _: read) if "clean-up" in each.what]
    assert [(each.what, each.by, each.comment) for each in found] == [
        ("clean-up ended", None, "12 of 14 instances terminated, 2 failed"),
        ("clean-up begun", "ana", None),
    ]


# --- errors ---------------------------------------------------------------------------------------------------------
def test_a_console_of_an_earlier_sandbox_says_to_start_it_again() -> None:
    text = guard._refuse_stranger([], "secret")
    shown = describe_error(ApiRefused("GET", "/executions", Reply(403, {"message": text})))
    assert "Start this console again." in " ".join(shown.lines)
    assert ".env" not in " ".join(shown.lines)
