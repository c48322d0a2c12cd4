"""Brings the looks at a place together, so that no yes stands for a place that was found open at another time."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

# The worst answer first. A way to the internet alone is less than one to other networks.
_WORST_FIRST = ("NO", "UNKNOWN", "YES")
_OF_PLACE = ("accountId", "region", "subnetId", "vpcId", "securityGroups")
_OF_ANSWER = ("isolated", "internetOnly", "because")

Look = Mapping[str, Any]


def merge_looks(inspected: Iterable[Look], looks: Iterable[Look]) -> list[dict[str, Any]]:
    """A row for each place: its worst answer, when it was looked at first and last, and all answers, the worst first.

    Equal answers that follow each other are one. The places come in the order in which they were looked at.
    """
    places: dict[tuple[Any, ...], list[Look]] = {}
    for look in [*inspected, *looks]:
        key = (look["accountId"], look["region"], look["subnetId"], *look["securityGroups"])
        places.setdefault(key, []).append(look)
    return [_merge(of_place) for of_place in places.values()]


def _merge(looks: Sequence[Look]) -> dict[str, Any]:
    ordered = sorted(looks, key=lambda look: look.get("lookedAt") or "")
    answers = sorted(
        (_describe(list(same)) for _, same in groupby(ordered, key=_answer_of)),
        key=lambda each: (_WORST_FIRST.index(each["isolated"]), each["internetOnly"]),
    )
    vpc = next((look["vpcId"] for look in ordered if look["vpcId"]), None)
    return {
        **{name: ordered[0][name] for name in _OF_PLACE},
        "vpcId": vpc,
        **{name: answers[0][name] for name in _OF_ANSWER},
        "firstLookAt": ordered[0].get("lookedAt"),
        "lastLookAt": ordered[-1].get("lookedAt"),
        "looks": len(ordered),
        "answers": answers,
    }


def _answer_of(look: Look) -> tuple[Any, ...]:
    """What makes two answers differ. Why a place is isolated may change without a way out: instances of drills come."""
    because = () if look["isolated"] == "YES" else tuple(look["because"])
    return look["isolated"], look["internetOnly"], because


def _describe(same: Sequence[Look]) -> dict[str, Any]:
    first, last = same[0], same[-1]
    return {
        **{name: last[name] for name in _OF_ANSWER},
        "from": first.get("lookedAt"),
        "until": last.get("lookedAt"),
        "looks": len(same),
        "wave": first.get("wave"),
        "batch": first.get("batch"),
    }
