"""The verdict on a place that servers are launched into: isolated or not, because."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from recovery.domain.launch_profiles.profiles import Isolation
from recovery.domain.launch_profiles.settings import LaunchPlace
from recovery.wording import first_of

# Ways and reasons that a verdict names.
MAX_REASONS = 8

SKIPPED = "its launch profile requires an isolated drill, and the run does not apply launch profiles"
"""Why a server must not be drilled by a run that leaves launch profiles out."""

UNTOLD_SUBNET = ""
"""The subnet of a place of servers whose launch settings do not name one, or name a network interface that exists."""


class Answer(StrEnum):
    """Whether a place is isolated. UNKNOWN, what cannot be told from what EC2 shows, counts as not isolated."""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where servers are launched: a subnet, and the ids of their security groups in sorted order.

    Without groups, EC2 gives an instance the default group of the VPC.
    """

    subnet_id: str
    security_groups: tuple[str, ...] = ()

    @classmethod
    def of(cls, subnet_id: str, security_groups: Iterable[str]) -> "Place":
        """The place with these groups, in any order."""
        return cls(subnet_id, tuple(sorted(set(security_groups))))

    @classmethod
    def list_for(cls, subnet_ids: Iterable[str], security_groups: Iterable[str]) -> "frozenset[Place]":
        """The places of a server in these subnets; one that no verdict approves of, if there are none."""
        groups = tuple(security_groups)
        return frozenset(cls.of(subnet_id, groups) for subnet_id in tuple(subnet_ids) or (UNTOLD_SUBNET,))

    def __str__(self) -> str:
        groups = ", ".join(self.security_groups) or "the default group"
        return f"{self.subnet_id or 'a subnet that launch settings do not name'} with {groups}"


@dataclass(frozen=True, slots=True)
class Way:
    """A way between a place and something outside of it: a route, or another thing in the VPC.

    `answer` is NO for one that leads somewhere, UNKNOWN for one whose end cannot be told, and YES for one that is
    closed; `text` says where it leads or why it is closed. `is_internet` is whether it leads to the internet only,
    `is_blocked` whether only rules of security groups or network ACLs close it.
    """

    answer: Answer
    text: str
    is_internet: bool = False
    is_blocked: bool = False

    def block(self, why: str) -> "Way":
        """The way with what blocks its traffic."""
        return replace(self, answer=Answer.YES, text=f"{self.text}, but {why}", is_blocked=True)


@dataclass(frozen=True, slots=True)
class IsolationVerdict:
    """Whether servers in a place are isolated from everything but services of AWS, because.

    `internet` is True for a place that is not isolated, and where all ways lead to the internet.
    """

    place: Place
    vpc_id: str
    answer: Answer
    because: tuple[str, ...]
    internet: bool = False

    @classmethod
    def unknown(cls, place: Place, reason: str, vpc_id: str = "") -> "IsolationVerdict":
        """The verdict on a place whose networks could not be read."""
        return cls(place, vpc_id, Answer.UNKNOWN, (reason,))

    @classmethod
    def from_ways(cls, place: Place, vpc_id: str, ways: Sequence[Way], facts: Sequence[str]) -> "IsolationVerdict":
        """The verdict that follows from all ways; `facts` say why there are no others."""
        for answer in (Answer.NO, Answer.UNKNOWN):
            if any(way.answer is answer for way in ways):
                named = sorted((way for way in ways if way.answer is not Answer.YES), key=lambda way: way.answer)
                is_internet = all(way.is_internet for way in named)
                return cls(place, vpc_id, answer, _name(way.text for way in named), is_internet)
        return cls(place, vpc_id, Answer.YES, _name([*facts, *(way.text for way in ways)]))

    def satisfies(self, required: Isolation) -> bool:
        """Whether a drill that requires this may be launched into the place."""
        match required:
            case Isolation.REQUIRED:
                return self.answer is Answer.YES
            case Isolation.INTERNET_ALLOWED:
                return self.answer is Answer.YES or self.internet
            case Isolation.REPORTED:
                return True

    def describe(self) -> str:
        """`subnet-1 with sg-1 is not isolated: route ...`."""
        words = {
            Answer.YES: "is isolated",
            Answer.NO: "is not isolated",
            Answer.UNKNOWN: "is not proven to be isolated",
        }
        return f"{self.place} {words[self.answer]}: {'; '.join(self.because)}"

    def to_item(self) -> dict[str, Any]:
        """The verdict as records have it."""
        return {
            "subnetId": self.place.subnet_id,
            "securityGroups": list(self.place.security_groups),
            "vpcId": self.vpc_id,
            "isolated": self.answer.value,
            "internetOnly": self.internet,
            "because": list(self.because),
        }


def list_places(profile_subnets: Collection[str], place: LaunchPlace) -> frozenset[Place]:
    """Where a drill may launch a server: into every subnet of its profile, or else where its settings say.

    `place` is what its settings say after its profile. If they do not say it of all interfaces, no verdict approves.
    """
    known = (tuple(profile_subnets) or place.subnet_ids) if place.is_said else ()
    return Place.list_for(known, place.security_groups)


def find_refusal(required: Isolation, places: Iterable[Place], proven: Mapping[Place, IsolationVerdict]) -> str | None:
    """Why a server that may be launched into these places must not be drilled; None if it may."""
    for place in sorted(places):
        if not proven[place].satisfies(required):
            return f"its launch profile says isolation {required.value}, and {proven[place].describe()}"
    return None


def _name(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(first_of(list(dict.fromkeys(texts)), MAX_REASONS))
