"""What the console keeps: reports, each made once however many pages ask for many, and snapshots."""

import threading
from typing import Any

import pytest

from console.deployment import Deployment
from console.kept import MAX_KEPT, Kept
from console.reading import run_report
from console.reading.run_report import MAX_MAKERS, RunReport
from console.snapshots import Snapshots, WakefulClock


def record(number: int) -> dict[str, Any]:
    return {"executionId": f"drill-{number}", "endedAt": "2026-11-22T08:15:30Z"}


def test_reports_that_are_being_made_are_not_made_again_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    may_end, together = threading.Event(), [0]
    most = [0]

    def collect(_api: object, asked: dict[str, Any], *_: object, **__: object) -> dict[str, Any]:
        begun.append(asked["executionId"])
        together[0] += 1
        most[0] = max(most[0], together[0])
        may_end.wait(30)
        together[0] -= 1
        return asked

    monkeypatch.setattr(run_report, "collect_facts", collect)
    monkeypatch.setattr(run_report, "make_texts", lambda facts: facts)
    kept, deployment = Kept(), Deployment(None, "a test", 1.0)  # type: ignore[arg-type]
    runs = [record(number) for number in range(3 * MAX_KEPT)]

    def ask(run: dict[str, Any]) -> run_report.Making:
        return kept.get(RunReport, run["executionId"], RunReport).ask(deployment, run, "1")

    makings = [ask(run) for _ in range(3) for run in runs]
    may_end.set()
    assert all(making.wait(30) for making in makings)
    assert sorted(begun) == sorted(run["executionId"] for run in runs)
    assert most[0] <= MAX_MAKERS
    for run in runs:
        ask(run).wait(30)
    assert sum(kept.find(RunReport, run["executionId"]) is not None for run in runs) == MAX_KEPT


def test_the_clock_of_snapshots_goes_on_while_the_machine_sleeps() -> None:
    awake, machine = [100.0], [5000.0]
    clock = WakefulClock(lambda: awake[0], lambda: machine[0])
    snapshots = Snapshots(clock)
    answers = iter(["before", "after"])
    first = snapshots.get("a", lambda: next(answers), 60.0)
    machine[0] += 8 * 3600.0
    assert first.age(clock()) == pytest.approx(8 * 3600.0)
    assert snapshots.get("a", lambda: next(answers), 60.0).value == "after"
    at = clock()
    machine[0] -= 9000.0  # a clock that is set back
    awake[0] += 1.0
    assert clock() == pytest.approx(at + 1.0)


def test_what_is_forgotten_while_it_is_being_read_is_read_again() -> None:
    """A read that began before a change may have missed it."""
    snapshots, answers = Snapshots(), iter(["before", "after"])

    def read() -> str:
        answer = next(answers)
        if answer == "before":
            snapshots.forget("a")
        return answer

    assert snapshots.get("a", read, 60.0).value == "before"
    assert snapshots.get("a", read, 60.0).value == "after"
    assert snapshots.get("a", read, 60.0).value == "after"
