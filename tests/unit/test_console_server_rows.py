"""The index of a run's servers: it loses and invents none, and search, filters and sorting find what they should."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.api_client import ApiUnreachable
from console.reading.servers import index as server_index
from console.reading.servers.csv_file import write_csv
from console.reading.servers.index import MAX_AGE, ServerIndex, View
from console.reading.servers.one_server import find_row
from console.reading.servers.rows import COLUMNS, FILTERS, Query, ServerRow, count_values, make_row, number_text, select

WAVES = ("web", "app", "data")
ORDER = {name: place for place, name in enumerate(WAVES)}
STATUSES = ("PENDING", "LAUNCHING", "LAUNCHED", "FAILED", "EXCLUDED", "SKIPPED")
TEXTS = st.text(alphabet="aA1 2-ß\n\u202e<", max_size=6)


def make_server(server_id: str = "s-1", **more: Any) -> dict[str, Any]:
    """A server as the API gives it."""
    known: dict[str, Any] = {
        "sourceServerId": server_id,
        "hostname": None,
        "wave": "web",
        "accountId": "111122223333",
        "region": "us-west-2",
        "readiness": None,
        "snapshotId": None,
        "snapshotAt": None,
        "lagSeconds": None,
        "recoveryInstanceId": None,
        "dataAt": None,
        "endedAt": None,
        "optional": False,
        "groups": [],
        "warnings": [],
        "status": "PENDING",
        "jobId": None,
        "reason": None,
        "cause": None,
        "advice": None,
        "verification": None,
    }
    return {**known, **more}


SERVERS = st.lists(
    st.builds(
        make_server,
        st.integers(0, 30).map(lambda number: f"s-{number}"),
        hostname=st.none() | TEXTS,
        wave=st.sampled_from(WAVES),
        status=st.sampled_from(STATUSES),
        reason=st.none() | TEXTS,
        cause=st.none() | st.sampled_from(["QUOTA", "OTHER"]),
        recoveryInstanceId=st.none() | st.sampled_from(["i-1", "i-22"]),
        region=st.sampled_from(["us-west-2", "eu-west-1"]),
        warnings=st.lists(TEXTS, max_size=2),
        verification=st.none()
        | st.sampled_from(["VERIFYING", "VERIFIED", "UNVERIFIED"]).map(
            lambda status: {"status": status, "check": "boot", "passed": [], "output": "x", "reason": "y", "at": None}
        ),
    ),
    max_size=25,
    unique_by=lambda server: server["sourceServerId"],
)


def make_rows(found: list[dict[str, Any]]) -> list[ServerRow]:
    return sorted((make_row(each, ORDER) for each in found), key=lambda row: row.order)


QUERIES = st.builds(
    Query.from_parameters,
    st.fixed_dictionaries(
        {},
        optional={
            "text": TEXTS,
            "wave": st.sampled_from(WAVES),
            "status": st.sampled_from(STATUSES),
            "checks": st.sampled_from(["none", "VERIFIED", "UNVERIFIED"]),
            "target": st.just("111122223333/us-west-2"),
            "cause": st.sampled_from(["none", "QUOTA"]),
            "attention": st.just("yes"),
            "sort": st.sampled_from([column.name for column in COLUMNS] + ["nothing"]),
            "direction": st.sampled_from(["ascending", "descending"]),
        },
    ),
)


# --- search, filters and order ----------------------------------------------------------------------------------
@settings(max_examples=100, deadline=None)
@given(SERVERS, QUERIES)
def test_a_query_leaves_exactly_the_rows_that_match_each_once(found: list[dict[str, Any]], query: Query) -> None:
    rows = make_rows(found)
    selected = select(rows, query)
    assert len({id(row) for row in selected}) == len(selected)
    for row in rows:
        shown = (row.host, row.server_id, row.instance, row.reason)
        matches = (
            any(query.text.casefold() in text.casefold() for text in shown)
            and all(dict(query.wanted).get(each.name, each.read(row)) == each.read(row) for each in FILTERS)
            and (row.needs_attention or not query.attention)
        )
        assert (row in selected) == matches, (row, query)


@settings(max_examples=100, deadline=None)
@given(SERVERS, st.sampled_from(COLUMNS), st.booleans())
def test_sorting_keeps_every_row_and_puts_those_without_a_value_last(
    found: list[dict[str, Any]], column: Any, descending: bool
) -> None:
    rows = make_rows(found)
    ordered = list(select(rows, Query(sort=column.name, descending=descending)))
    assert sorted(map(id, ordered)) == sorted(map(id, rows))
    keys = [column.key(row) for row in ordered]
    known = [key for key in keys if key is not None]
    assert keys == known + [None] * (len(keys) - len(known))
    assert known == sorted(known, reverse=descending)


@settings(max_examples=100, deadline=None)
@given(QUERIES)
def test_a_query_comes_back_from_its_address(query: Query) -> None:
    assert Query.from_parameters(query.to_parameters()) == query


@settings(max_examples=100, deadline=None)
@given(SERVERS)
def test_every_value_that_is_offered_finds_as_many_rows_as_it_says(found: list[dict[str, Any]]) -> None:
    rows = make_rows(found)
    for name, values in count_values(rows).items():
        assert sum(values.values()) == len(rows)
        for value, count in values.items():
            assert len(select(rows, Query(wanted=((name, value),)))) == count


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    assert sorted(["web-10", "web-2", "Web-1", "app-3"], key=number_text) == ["app-3", "Web-1", "web-2", "web-10"]


@pytest.mark.parametrize(
    ("more", "needs"),
    [
        ({"status": "LAUNCHED"}, False),
        ({"status": "FAILED"}, True),
        ({"status": "EXCLUDED"}, True),
        ({"status": "SKIPPED"}, True),
        ({"status": "CHECKED", "readiness": "BLOCKED"}, True),
        ({"status": "CHECKED", "readiness": "WARN"}, False),
        ({"status": "LAUNCHED", "verification": {"status": "UNVERIFIED", "reason": "boot: 503"}}, True),
        ({"status": "LAUNCHED", "verification": {"status": "VERIFYING", "reason": None}}, False),
    ],
)
def test_what_needs_attention_failed_or_was_not_recovered_or_not_verified(more: dict[str, Any], needs: bool) -> None:
    assert make_row(make_server(**more), ORDER).needs_attention is needs


def test_a_search_does_not_match_across_two_fields() -> None:
    row = make_row(make_server("s-1", hostname="web", recoveryInstanceId="i-1"), ORDER)
    assert select([row], Query(text="webs-1")) == []
    assert select([row], Query.from_parameters({"text": "web\ns-1"})) == []


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_cell_of_the_csv_file_is_a_formula(sign: str) -> None:
    text = write_csv([make_server(hostname=f"{sign}1", reason=f"\u202e{sign}2", wave=f"{sign}3")], {})
    line = text.splitlines()[1].split(",")
    assert (line[0], line[2], line[7]) == (f"'{sign}3", f"'{sign}1", f"'{sign}2")


# --- the index --------------------------------------------------------------------------------------------------
def make_record(run: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The record of a run with these servers, as far as the index reads it."""
    waves = []
    for name in WAVES:
        own = [server for server in run.values() if server["wave"] == name]
        counts = {status: sum(server["status"] == status for server in own) for status in STATUSES}
        times = {"startedAt": "2026-01-01T00:00:00Z", "endedAt": None}
        waves.append(
            {"name": name, "status": "IN_PROGRESS", **times, "round": 0, "checks": None}
            | {"servers": {"total": len(own), **counts}}
        )
    return {"status": "POLLING", "endedAt": None, "waves": waves, "batches": [], **more}


class Answers:
    """Answers for the API: pages of a run's servers, while `between` changes the run between two pages."""

    def __init__(self, run: dict[str, dict[str, Any]], page: int = 2) -> None:
        self.run, self.page = run, page
        self.asked: list[str | None] = []
        self.between: list[tuple[str, str]] = []
        self.fails_after: int | None = None
        self.gate = threading.Event()
        self.gate.set()

    def list_items(self, path: str, name: str, **query: str) -> Iterator[Mapping[str, Any]]:
        wave = query.get("wave")
        self.asked.append(wave)
        ids = sorted(server_id for server_id, each in self.run.items() if wave in (None, each["wave"]))
        for number, server_id in enumerate(ids):
            if number % self.page == 0:
                self.gate.wait(10)
                if self.fails_after is not None and number >= self.fails_after:
                    raise ApiUnreachable("played by the test")
                if number and self.between:
                    changed, status = self.between.pop()
                    self.run[changed] = {**self.run[changed], "status": status}
            yield self.run[server_id]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(index: ServerIndex, api: Answers, record: dict[str, Any], wait: float = 10.0) -> View:
    view = index.ask(api, record, wait)  # type: ignore[arg-type]
    if thread := index._thread:
        thread.join(wait)
        view = index.ask(api, record)  # type: ignore[arg-type]
    return view


def statuses(view: View) -> dict[str, str]:
    return {row.server_id: row.status for row in view.rows}


@settings(max_examples=100, deadline=None)
@given(
    SERVERS.filter(bool),
    st.lists(st.lists(st.tuples(st.integers(0, 24), st.sampled_from(STATUSES)), max_size=6), min_size=1, max_size=4),
    st.integers(1, 5),
)
def test_no_server_is_lost_or_invented_while_the_run_changes_between_pages(
    found: list[dict[str, Any]], rounds: list[list[tuple[int, str]]], page: int
) -> None:
    run = {server["sourceServerId"]: server for server in found}
    ids, clock = sorted(run), Clock()
    api, index = Answers(run, page), ServerIndex("run", clock)
    for changes in rounds:
        record = make_record(run)
        api.between = [(ids[number % len(ids)], status) for number, status in changes]
        clock.now += 1_000
        view = ask(index, api, record)
        assert sorted(statuses(view)) == ids
        assert len(view.rows) == len(ids)
        assert view.is_complete
    api.between = []
    clock.now += 1_000
    view = ask(index, api, make_record(run, endedAt="2026-01-01T01:00:00Z", status="COMPLETED"))
    assert statuses(view) == {server_id: server["status"] for server_id, server in run.items()}
    assert view.is_current
    assert view.total == len(ids)


def make_run(*statuses_of_web: str) -> dict[str, dict[str, Any]]:
    own = {f"s-{at}": make_server(f"s-{at}", status=status) for at, status in enumerate(statuses_of_web)}
    return {**own, "s-a": make_server("s-a", wave="app"), "s-d": make_server("s-d", wave="data")}


def test_only_the_waves_that_changed_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_index, "PAGE", 2)
    run, clock = make_run("PENDING", "PENDING", "PENDING", "PENDING"), Clock()
    api, index = Answers(run), ServerIndex("run", clock)
    ask(index, api, make_record(run))
    run["s-a"] = {**run["s-a"], "status": "LAUNCHED"}
    clock.now += 30
    view = ask(index, api, make_record(run))
    assert api.asked == [None, "app"]
    assert statuses(view)["s-a"] == "LAUNCHED"


def test_a_run_that_changes_all_the_time_is_not_read_all_the_time() -> None:
    run, clock = make_run("PENDING"), Clock()
    api, index = Answers(run), ServerIndex("run", clock)
    for number in range(40):
        run["s-0"] = {**run["s-0"], "status": STATUSES[number % 2]}
        clock.now += 0.5
        ask(index, api, make_record(run))
    assert 2 <= len(api.asked) <= 11


def test_an_open_wave_is_read_again_after_a_while_and_an_ended_run_is_not() -> None:
    run, clock = make_run("LAUNCHED"), Clock()
    api, index = Answers(run), ServerIndex("run", clock)
    ask(index, api, make_record(run))
    clock.now += MAX_AGE + 1
    ask(index, api, make_record(run))
    assert len(api.asked) == 2
    ended = make_record(run, endedAt="2026-01-01T01:00:00Z", status="COMPLETED")
    clock.now += 10
    ask(index, api, ended)
    clock.now += 100 * MAX_AGE
    assert ask(index, api, ended).is_current
    assert len(api.asked) == 3


def test_what_was_read_stays_when_the_api_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_index, "PAGE", 2)
    run, clock = make_run("PENDING", "PENDING", "PENDING"), Clock()
    api, index = Answers(run), ServerIndex("run", clock)
    api.fails_after = 4
    view = ask(index, api, make_record(run))
    assert (len(view.rows), view.is_complete, view.trouble) == (4, False, "played by the test")
    api.fails_after, clock.now = None, 60
    view = ask(index, api, make_record(run))
    assert (len(view.rows), view.is_complete, view.trouble) == (5, True, None)
    api.fails_after, clock.now = 0, 120
    run["s-0"] = {**run["s-0"], "status": "LAUNCHED"}
    view = ask(index, api, make_record(run))
    assert (len(view.rows), view.is_complete, view.is_current) == (5, True, False)
    assert view.trouble == "played by the test"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_index_is_said_and_is_not_reading_for_ever() -> None:
    run = make_run("PENDING")
    run["s-0"] = {"wave": run["s-0"]["wave"], "sourceServerId": "s-0"}  # an answer that no version of the API gives
    view = ask(ServerIndex("run", Clock()), Answers(run), make_record(make_run("PENDING")))
    assert view.trouble is not None
    assert "The console has failed" in view.trouble


def test_the_first_servers_are_there_while_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_index, "PAGE", 2)
    run = make_run("PENDING", "PENDING", "PENDING")
    api, index = Answers(run), ServerIndex("run")
    api.gate.clear()
    view = index.ask(api, make_record(run))  # type: ignore[arg-type]
    assert (len(view.rows), view.total, view.is_complete) == (0, 5, False)
    api.gate.set()
    assert len(ask(index, api, make_record(run)).rows) == 5


def test_a_server_that_was_not_read_yet_is_asked_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_index, "PAGE", 2)
    run = make_run("PENDING", "FAILED")
    api, index = Answers(run), ServerIndex("run")
    record = {**make_record(run), "executionId": "run"}
    api.gate.clear()
    view = index.ask(api, record)  # type: ignore[arg-type]
    other = Answers(run)
    row = find_row(other, record, view, "s-1")  # type: ignore[arg-type]
    assert row is not None
    assert (row.server_id, row.status, len(other.asked)) == ("s-1", "FAILED", 1)
    assert find_row(other, record, view, "s-9") is None  # type: ignore[arg-type]
    api.gate.set()
    view = ask(index, api, record)
    assert find_row(other, record, view, "s-9") is None  # type: ignore[arg-type]
    assert len(other.asked) == 2
