"""Each invariant of chaos about launch settings notices its breach, and is silent about settings that are right."""

from collections.abc import Iterator
from typing import Any

import pytest

from bench.chaos import settings_invariants as invariants
from bench.chaos.settings_truth import SettingsTruth

BEFORE = {"template": "lt-1", "configuration": '{"copyPrivateIp": true}', "version": 1, "data": "{}"}
ROW = {"target": "1/west", "item": "SERVER#s-1", "sourceServerId": "s-1", "executionId": "drill-1"}
LEFT = {**ROW, "status": "LEFT", "reason": "the default version of lt-1 is 3 now"}


def truth(*rows: dict[str, Any], by_hand: int | None = None, reservations: Any = None, **now: Any) -> SettingsTruth:
    """One server, with what differs from before, and the default version that a person has set."""
    hands = {"s-1": by_hand} if by_hand else {}
    return SettingsTruth({"s-1": BEFORE}, {"s-1": {**BEFORE, **now}}, hands, rows, reservations or {})


def all_of(found: SettingsTruth) -> Iterator[str]:
    yield from invariants.no_launch_settings_stay_changed(found)
    yield from invariants.no_row_is_left(found)
    yield from invariants.no_reservation_is_left(found)


@pytest.mark.parametrize(
    "found",
    [
        truth(),
        truth(LEFT, by_hand=3, version=3, data="[]"),
        truth(LEFT, by_hand=3, version=3, data="[]", configuration="{}"),
        truth(by_hand=3, version=3, data="[]"),
    ],
)
def test_settings_that_are_as_before_or_as_a_person_has_set_them_break_none(found: SettingsTruth) -> None:
    assert list(all_of(found)) == []


@pytest.mark.parametrize(
    ("found", "breach"),
    [
        (truth(version=2), "s-1: its version was 1 and is 2"),
        (truth(data="[]"), "s-1: its data was {} and is []"),
        (truth(template="lt-2"), "s-1: its template was lt-1 and is lt-2"),
        (truth(configuration="{}"), "s-1: its configuration was"),
        (truth(by_hand=3, version=1), "s-1: a person set version 3, the default one is 1"),
        (truth(by_hand=3, version=3, configuration="{}"), "s-1: its configuration was"),
        (truth({**ROW, "status": "CHANGED"}), "drill-1: row SERVER#s-1 of 1/west is CHANGED after the end"),
        (truth({**ROW, "item": "RESERVATION#drill-1"}), "row RESERVATION#drill-1 of 1/west is None after the end"),
        (truth({**LEFT, "reason": ""}, by_hand=3, version=3), "is LEFT without a reason"),
        (truth(LEFT), "is LEFT, though no person has changed anything: the default version"),
        (truth(reservations={"cr-1": "drill-1"}), "drill-1: cr-1 still reserves capacity"),
    ],
)
def test_a_breach_is_noticed(found: SettingsTruth, breach: str) -> None:
    assert any(breach in sentence for sentence in all_of(found)), list(all_of(found))
