"""What the dialog of a start says first."""

from typing import Any

import pytest

from cli.run_preview import Preview
from console.reading.starting import describe_people, find_obstacles, leave_out

PLACE = ("111122223333", "us-west-2")
NEVER: dict[str, Any] = {"status": None}


def plan(**more: Any) -> dict[str, Any]:
    return {"waves": [{"name": "web", "groups": [{"groupId": "pg-1"}], **more}]}


def preview() -> Preview:
    return Preview(["web"], {f"s-{number}": ("web", PLACE) for number in range(4)})


@pytest.mark.parametrize(
    ("more", "is_refused"),
    [
        ({}, True),
        ({"maxFailedPercent": 25}, False),
        ({"groups": [{"groupId": "pg-1", "optional": True}]}, False),
    ],
)
def test_servers_that_are_left_out_prevent_a_run_only_beyond_what_its_wave_tolerates(
    more: dict[str, Any], is_refused: bool
) -> None:
    found = find_obstacles(plan(**more), preview(), ["s-1"], NEVER, "")
    assert bool(found.prevents) is is_refused
    assert found.warns[0][1].startswith("1 of 4 servers would be left out")


def test_only_what_would_really_be_launched_is_counted() -> None:
    (name, lines), *_ = leave_out(preview(), ["s-1"]).facts()
    assert (name, lines[0]) == ("launches", "3 servers in 1 wave: 3 in 111122223333/us-west-2")


def test_an_old_check_is_a_warning_for_what_it_has_found_may_be_mended() -> None:
    readiness = {"status": "NOT_READY", "blockingCodes": ["SUBNET_MISSING"]}
    found = find_obstacles(plan(), preview(), [], readiness, "3 d")
    assert found.prevents == []
    [(title, text)] = found.warns
    assert (title, "3 d ago" in text, "SUBNET_MISSING" in text) == ("NOT_READY", True, True)


def test_tasks_of_the_other_kind_of_run_ask_no_one() -> None:
    task = {"name": "sign-off", "manual": {"instructions": "Look."}, "in": ["recovery"], "timeoutMinutes": 30}
    assert list(describe_people(plan(before=[task]), "drill")) == []
    assert len(list(describe_people(plan(before=[task]), "recovery"))) == 1
