"""A server climbs the ladder of its checks by what looks find, and each look has its time."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.domain.wave_steps import ladder
from recovery.domain.wave_steps.checks import Check, CheckKind
from recovery.domain.wave_steps.ladder import (
    LOOKS_OF_TARGET,
    MAX_OUTPUT,
    SHORT_SECONDS,
    Found,
    Observation,
    ServerChecks,
    Verification,
    seconds_to_next_look,
)

PERIOD = 30
NOW = 1_800_000_000.0

checks = st.lists(
    st.builds(
        Check,
        kind=st.sampled_from([CheckKind.BOOT, CheckKind.AGENT]),
        successes=st.integers(1, 3),
    )
    | st.builds(
        lambda port, successes: Check(CheckKind.TCP, {"port": port}, successes), st.integers(1, 9), st.integers(1, 3)
    ),
    min_size=1,
    max_size=5,
).map(tuple)
observations = st.lists(st.builds(Observation, st.sampled_from(list(Found)), st.text(max_size=3)), max_size=60)


def climb(rungs: tuple[Check, ...], seen: list[Observation]) -> list[ServerChecks]:
    states = [ladder.begin(rungs)]
    for number, each in enumerate(seen):
        states.append(states[-1].after(each, rungs, NOW + number * PERIOD, PERIOD))
    return states


@given(checks, observations)
def test_a_verified_server_has_passed_every_check_as_often_in_a_row_as_it_has_to(
    rungs: tuple[Check, ...], seen: list[Observation]
) -> None:
    state = climb(rungs, seen)[-1]
    in_a_row, passed = 0, 0
    for each in seen:
        if passed == len(rungs) or each.found is Found.HOPELESS:
            break
        if each.found is Found.PASSED:
            in_a_row += 1
        elif each.found is not Found.RUNNING:
            in_a_row = 0
        if in_a_row == rungs[passed].successes:
            passed, in_a_row = passed + 1, 0
    assert len(state.passed) == passed
    assert (state.status is Verification.VERIFIED) == (passed == len(rungs))


@given(checks, observations)
def test_what_is_settled_stays_so_and_what_was_passed_too(rungs: tuple[Check, ...], seen: list[Observation]) -> None:
    states = climb(rungs, seen)
    for before, after in itertools.pairwise(states):
        assert after.passed[: len(before.passed)] == before.passed
        if before.is_settled:
            assert after == before
        if after.is_settled:
            assert after.at
        assert (after.status is Verification.UNVERIFIED) == (after.reason is not None)


@given(checks, observations)
def test_the_record_gives_back_what_it_was_given(rungs: tuple[Check, ...], seen: list[Observation]) -> None:
    for state in climb(rungs, seen):
        assert ServerChecks.from_json(state.to_json()) == state


@given(checks, observations)
def test_another_turn_goes_on_from_the_check_that_failed(rungs: tuple[Check, ...], seen: list[Observation]) -> None:
    ended = climb(rungs, seen)[-1].settle_unverified("its time is up", NOW)
    again = ended.begin_again(rungs)
    assert again.passed == ended.passed
    assert again.is_settled == (ended.status is Verification.VERIFIED)
    if not again.is_settled:
        assert again.check == rungs[len(again.passed)].name
        assert again.reason is None
        assert again.passes == 0


@given(
    waits=st.lists(st.floats(0, 900), min_size=1, max_size=4),
    batches=st.integers(1, 40),
    minutes=st.integers(1, 24 * 60),
)
def test_the_looks_of_a_target_never_fill_the_history_of_its_execution(
    waits: list[float], batches: int, minutes: int
) -> None:
    now, looks, until = NOW, 0, NOW + minutes * 60
    while now < until:
        servers = [replace(ServerChecks(), next_at=now + wait) for wait in waits]
        wait = seconds_to_next_look(servers, now, NOW, until, looks, batches)
        assert wait >= 1
        now, looks = now + wait, looks + 1
    assert 9 * looks * batches <= 24_000
    assert now <= until + 3


def test_a_wait_is_as_short_as_the_first_server_that_is_due_while_looks_are_plenty() -> None:
    servers = [replace(ServerChecks(), next_at=NOW + 130), replace(ServerChecks(), next_at=NOW + 115)]
    assert seconds_to_next_look(servers, NOW + 112, NOW, NOW + 1_800, 5, 1) == SHORT_SECONDS
    assert seconds_to_next_look(servers, NOW + 90, NOW, NOW + 1_800, 5, 1) == 25
    assert LOOKS_OF_TARGET // 40 == 40


@pytest.mark.parametrize("found", list(Found))
def test_outputs_are_bounded(found: Found) -> None:
    rungs = (Check(CheckKind.BOOT), Check(CheckKind.AGENT))
    state = ladder.begin(rungs).after(Observation(found, "x" * 24_000), rungs, NOW, PERIOD)
    assert len(state.output) <= MAX_OUTPUT
    assert len(state.reason or "") <= ladder.MAX_REASON


def test_a_command_that_runs_long_is_asked_about_less_and_less_often() -> None:
    rungs = (Check(CheckKind.COMMAND, {"document": "Shop-Smoke"}),)
    state = replace(ladder.begin(rungs), command="c-1", sent_at=NOW)
    soon = state.after(Observation(Found.RUNNING), rungs, NOW + 7, PERIOD)
    later = state.after(Observation(Found.RUNNING), rungs, NOW + 80, PERIOD)
    assert soon.next_at - (NOW + 7) == SHORT_SECONDS
    assert later.next_at - (NOW + 80) == 20
    assert soon.command == later.command == "c-1"
