"""Capacity, durations, versions and plan files: properties for any input."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from api.http import response
from cli.plans.document import Location, read_document
from recovery.domain.capacity import report as capacity_report
from recovery.domain.capacity.report import NOT_REPLICATING_STATES, Quotas
from recovery.domain.drills.differences import find_differences, shorten
from recovery.domain.drs_shapes import durations
from recovery.domain.reachability import Reachability, ReachabilityStatus
from recovery.errors import DrsWavesError, RateBudgetExhausted, Transient

EXAMPLES = settings(max_examples=200, deadline=None)
counts = st.integers(0, 10_000)
states = st.dictionaries(st.sampled_from(["CONTINUOUS", "STALLED", "STOPPED", "DISCONNECTED", "RESCAN", ""]), counts)
quotas = st.builds(Quotas, *[st.integers(0, 5_000)] * 4, st.booleans())


@EXAMPLES
@given(counts, counts, states, quotas)
def test_what_is_free_and_what_is_used_come_to_the_quota_or_nothing_is_free(
    jobs: int, servers: int, by_state: dict[str, int], limits: Quotas
) -> None:
    report = capacity_report.build_report(jobs, servers, by_state, limits)
    for usage in (report.jobs, report.servers_in_jobs, report.replicating_servers):
        assert usage.free >= 0
        assert usage.used + usage.free == max(usage.used, usage.quota)
    idle = sum(count for state, count in by_state.items() if state in NOT_REPLICATING_STATES)
    assert report.replicating_servers.used + idle == sum(by_state.values())
    assert 0 <= report.largest_job <= min(limits.servers_per_job, report.servers_in_jobs.free)
    assert report.jobs.free or not report.largest_job


@EXAMPLES
@given(st.dictionaries(st.sampled_from(["L-D88FAC3A", "L-B827C881", "L-05AFA8C6", "L-C1D14A2B", "L-0"]), counts))
def test_a_quota_that_is_not_told_has_its_default(values: dict[str, int]) -> None:
    told, usual = Quotas.from_values({code: float(value) for code, value in values.items()}), Quotas()
    assert told.concurrent_jobs == values.get("L-D88FAC3A", usual.concurrent_jobs)
    assert told.servers_per_job == values.get("L-B827C881", usual.servers_per_job)
    assert told.servers_in_jobs == values.get("L-05AFA8C6", usual.servers_in_jobs)
    assert told.replicating_servers == values.get("L-C1D14A2B", usual.replicating_servers)


part = st.none() | st.integers(0, 100)


@EXAMPLES
@given(part, part, part, part)
def test_a_duration_reads_back_in_seconds(
    days: int | None, hours: int | None, minutes: int | None, rest: int | None
) -> None:
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (rest, "S")) if n is not None)
    text = "P" + (f"{days}D" if days is not None else "") + (f"T{clock}" if clock else "")
    total = (days or 0) * 86_400 + (hours or 0) * 3_600 + (minutes or 0) * 60 + (rest or 0)
    assert durations.parse_duration(text) == (total if text != "P" else None)


@EXAMPLES
@given(st.text(alphabet="PT0123456789DHMSWY.-:", max_size=64))
def test_whatever_drs_says_a_lag_is_never_an_error_and_never_below_zero(text: str) -> None:
    found = durations.parse_duration(text)
    assert found is None or found >= 0


def every_error() -> list[type[DrsWavesError]]:
    found, left = [], [DrsWavesError]
    while left:
        found.append(left.pop())
        left.extend(found[-1].__subclasses__())
    return found


@EXAMPLES
@given(st.sampled_from(every_error()), st.text(max_size=50))
def test_an_error_is_never_told_as_well_and_always_with_advice(kind: type[DrsWavesError], text: str) -> None:
    standing = Reachability.of(kind(text))
    assert standing.status is not ReachabilityStatus.OK
    assert standing.message == text
    assert standing.advice
    is_ours = issubclass(kind, RateBudgetExhausted)
    assert (standing.status is ReachabilityStatus.NOT_ASKED) == is_ours
    assert (standing.status is ReachabilityStatus.UNREACHABLE) == (issubclass(kind, Transient) and not is_ours)


@EXAMPLES
@given(st.dictionaries(st.text(max_size=10), st.integers()), st.text(max_size=50))
def test_no_fact_of_an_error_can_stand_in_for_what_every_problem_has(facts: dict[str, int], text: str) -> None:
    forged = {**facts, "status": 200, "code": "Fine", "type": "about:blank"}
    shown = json.loads(response.problem_body(409, "Conflict", "Conflict", text, "Wait.", "7a1c", forged))
    assert (shown["status"], shown["code"], shown["type"]) == (409, "Conflict", "urn:drs-waves:problem:Conflict")
    assert shown["detail"] == shown["message"] == text


names = st.text(alphabet="abcdefg", min_size=1, max_size=4)
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names, inner, max_size=4)
        | st.lists(
            st.builds(lambda name, more: {**more, "name": name}, names, st.dictionaries(names, inner)), max_size=3
        )
    ),
    max_leaves=15,
)


def known(value: Any) -> Any:
    """The value without members that are None, which mean the same as absent ones. true differs from 1."""
    if isinstance(value, dict):
        return {name: known(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [known(each) for each in value]
    return value


@EXAMPLES
@given(values, values)
def test_there_is_a_difference_when_and_only_when_two_things_differ(before: Any, after: Any) -> None:
    assert list(find_differences(before, before)) == []
    if differences_of := list(find_differences(before, after)):
        assert before != after
        assert all(each.before != each.after for each in differences_of)
    else:
        assert known(before) == known(after)


@EXAMPLES
@given(st.dictionaries(names, values, min_size=1, max_size=4), st.booleans())
def test_a_file_reads_back_as_it_was_written_with_a_line_for_every_part(data: dict[str, Any], flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    assume("\x85" not in text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.yaml"
        path.write_text(text, encoding="utf-8", newline="")
        document = read_document(path)
    assert document.data == data
    lines = Counter(document.lines.values())
    assert max(lines) <= text.count("\n") + 1

    def check(location: Location, value: Any) -> None:
        assert location in document.lines
        assert document.line((*location, "no such part")) == document.lines[location]
        if isinstance(value, dict):
            for name, each in value.items():
                check((*location, name), each)
        elif isinstance(value, list):
            for at, each in enumerate(value):
                check((*location, at), each)

    check((), data)


@EXAMPLES
@given(values, values)
def test_what_people_read_of_two_values_differs_when_the_values_do(before: Any, after: Any) -> None:
    for each in find_differences(before, after):
        short = shorten(each)
        assert short.before != short.after
        assert all(text is None or isinstance(text, str) for text in (short.before, short.after))
