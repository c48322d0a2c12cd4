"""What the pages of the fleet and of reports make of the API's answers."""

from typing import Any

import pytest

from console.reading.fleet import Bar, describe_circuit, list_drills, list_targets
from console.reading.reports import MAX_HAPPENINGS, RUNS_WITH_DECISIONS, Wanted, list_happenings, read

HUB, WEST = "111122223333", "us-west-2"


@pytest.mark.parametrize(
    ("used", "free", "quota", "width", "level"),
    [
        (0, 20, 20, 0, "good"),
        (15, 5, 20, 75, "good"),
        (16, 4, 20, 80, "partly"),
        (20, 0, 20, 100, "bad"),
        (23, 0, 20, 100, "bad"),  # usage may exceed the quota that is known
        (0, 0, 0, 100, "bad"),
    ],
)
def test_a_bar_is_as_long_as_the_share_in_use_and_marked_when_little_is_left(
    used: int, free: int, quota: int, width: float, level: str
) -> None:
    bar = Bar("jobs", used, free, quota)
    assert (bar.width, bar.level) == (width, level)


def capacity(region: str, status: str = "OK", **more: Any) -> dict[str, Any]:
    return {"accountId": HUB, "region": region, "status": status, "message": None, "advice": None, **more}


def fleet(*entries: dict[str, Any], syncs: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    accounts = [{"accountId": HUB, "name": "hub", "regions": [entry["region"] for entry in entries]}]
    return {"accounts": accounts, "capacity": list(entries), "sync": {"targets": list(syncs)}}


def test_targets_that_need_attention_come_first_whatever_the_cause() -> None:
    is_open = {"state": "open", "failures": 5, "since": None, "until": None, "reason": None}
    closed = is_open | {"state": "closed", "failures": 0}
    failed = {"accountId": HUB, "region": "eu-west-3", "status": "FAILED"}
    rows = list_targets(
        fleet(
            capacity("eu-west-1", circuit=closed),
            capacity("eu-west-2", circuit=is_open),
            capacity("eu-west-3", circuit=closed),
            capacity("eu-west-4", "DENIED", circuit=closed),
            syncs=(failed,),
        )
    )
    assert [row.region for row in rows] == ["eu-west-2", "eu-west-3", "eu-west-4", "eu-west-1"]


def test_a_place_that_only_the_sync_knows_is_listed_without_a_capacity() -> None:
    synced = {"accountId": HUB, "region": "eu-west-9", "status": "SYNCED"}
    (row,) = list_targets({"accounts": [], "capacity": [], "sync": {"targets": [synced]}})
    assert (row.region, row.status, row.bars, row.circuit) == ("eu-west-9", "NOT_LISTED", (), None)


def test_a_deployment_that_does_not_know_circuits_says_nothing_of_them() -> None:
    (row,) = list_targets(fleet(capacity(WEST)))
    assert row.circuit is None
    assert not row.needs_attention
    assert "older" in " ".join(describe_circuit(row.circuit))


def left(run: str | None, account: str, since: str | None, instances: int = 1) -> dict[str, Any]:
    return {
        "accountId": account,
        "region": WEST,
        "executionId": run,
        "planId": run and "rp-1",
        "instances": instances,
        "since": since,
        "types": {},
        "unpriced": 0,
        "usdPerHour": 0.1 * instances,
        "usdSoFar": 1.0,
    }


def test_a_drill_in_several_accounts_is_one_row_and_those_of_others_are_one() -> None:
    rows = list_drills(
        [
            left("drill-2", HUB, "2026-11-22T09:00:00Z"),
            left("drill-1", HUB, "2026-11-22T08:30:00Z"),
            left("drill-1", "444455556666", "2026-11-22T08:00:00Z", 2),
            left(None, HUB, None),
        ],
        {"rp-1": "shop"},
    )
    assert [(row.run_id, row.instances) for row in rows] == [(None, 1), ("drill-1", 3), ("drill-2", 1)]
    first = rows[1]
    assert (first.plan_name, first.since, round(first.by_hour, 2)) == ("shop", "2026-11-22T08:00:00Z", 0.3)
    assert first.age("2026-11-22T09:00:00Z") == 3600
    assert rows[0].age("2026-11-22T09:00:00Z") is None


def run(number: int, day: str, status: str = "COMPLETED") -> dict[str, Any]:
    return {
        "executionId": f"drill-{number}",
        "planId": "rp-1",
        "mode": "DRILL",
        "status": status,
        "requestedAt": f"{day}T08:00:00Z",
        "requestedBy": "ana",
        "endedAt": None if status == "POLLING" else f"{day}T09:00:00Z",
    }


class _Pages:
    """An API with these pages of runs."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages, self.asked = pages, 0

    def get(self, path: str, **query: str) -> dict[str, Any]:
        number = int(query.get("nextToken", 0))
        self.asked += 1
        following = str(number + 1) if number + 1 < len(self.pages) else None
        return {"executions": self.pages[number], "nextToken": following}


def test_a_list_from_a_day_on_reads_no_further_than_that_day() -> None:
    api = _Pages([run(3, "2026-11-22")], [run(2, "2026-11-21"), run(1, "2026-11-19")], [run(0, "2026-11-18")])
    found = read(api, "-", "-", "2026-11-20", "-")  # type: ignore[arg-type]
    assert [each["executionId"] for each in found["runs"]] == ["drill-3", "drill-2"]
    assert (found["nextToken"], api.asked) == (None, 2)


def test_the_last_day_is_listed_and_an_open_run_is_not() -> None:
    wanted = Wanted(last="2026-11-21")
    assert wanted.includes(run(1, "2026-11-21"))
    assert not wanted.includes(run(1, "2026-11-22"))
    assert not wanted.includes(run(1, "2026-11-21", "POLLING"))


def test_what_happened_is_bounded_and_reads_the_records_of_the_newest_runs_only() -> None:
    asked = list[str]()

    def read_record(run_id: str) -> dict[str, Any]:
        asked.append(run_id)
        wave = {"wave": "web", "decision": "approve", "at": "2026-11-22T08:30:00Z", "by": "ben", "comment": "go"}
        return {"decisions": [wave, wave | {"wave": None, "decision": "cancel"}], "cleanup": None}

    found = list_happenings([run(number, "2026-11-22") for number in range(60)], read_record)
    assert len(found) == MAX_HAPPENINGS
    assert asked == [f"drill-{number}" for number in range(RUNS_WITH_DECISIONS)]
    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    (newest,) = list_happenings([run(1, "2026-11-21", "POLLING")], read_record)[:1]
    assert (newest.what, newest.by, newest.comment) == ("approve web", "ben", "go")
