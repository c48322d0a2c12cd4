"""The settings with their defaults, and how a change is read from JSON.

The quotas are the published service quotas per account and Region: L-D88FAC3A, L-B827C881, L-05AFA8C6. The durations
of jobs belong to the profile. AWS publishes no request rates, so the default is generous. The page sizes are an
assumption.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from drs_emulator.behaviour import CAPTURED, KNOBS, PROFILES, BadBehaviour, Behaviour, find_profile
from drs_emulator.protocol.service_model import drs_model, service_model


class BadControlInput(ValueError):
    """A request to the control API is invalid. The message names the field."""


@dataclass(frozen=True, slots=True)
class Quotas:
    jobs_in_progress: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    source_servers: int = 4000
    replicating_servers: int = 300


@dataclass(frozen=True, slots=True)
class JobDuration:
    """Simulated seconds that a job is PENDING, then STARTED. For other processes: the seconds of their two phases."""

    pending: float
    started: float


@dataclass(frozen=True, slots=True)
class Durations:
    drill: JobDuration = JobDuration(*PROFILES["captured"].drill)
    recovery: JobDuration = JobDuration(*PROFILES["captured"].recovery)
    terminate: JobDuration = JobDuration(*PROFILES["captured"].terminate)
    failback: JobDuration = JobDuration(*PROFILES["captured"].failback)
    replication: JobDuration = JobDuration(10 * 60, 120 * 60)  # INITIATING, then INITIAL_SYNC
    launch_action: JobDuration = JobDuration(2 * 60, 1 * 60)  # until the SSM agent is found, then each action
    boot: JobDuration = JobDuration(90, 90)  # until the SSM agent registers, then until the status checks pass
    command: JobDuration = JobDuration(1, 4)  # until a command reaches an instance, then its run
    automation: JobDuration = JobDuration(1, 10)  # until an automation begins, then each step


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Calls per simulated second, and the size of a burst."""

    per_second: float = 20
    burst: float = 40


@dataclass(frozen=True, slots=True)
class PageSize:
    default: int = 100
    maximum: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings.

    Each duration varies randomly by up to the fraction `spread`. Each account and Region keeps its last `jobs_kept`
    ended jobs. `rate_limits` holds `default` and the operations that differ from it. `profile` is the name of the
    profile that was set last; single knobs and durations may differ from it.
    """

    speed: float = 60
    seed: int = 7
    spread: float = 0.1
    jobs_kept: int = 1000
    profile: str = "captured"
    behaviour: Behaviour = CAPTURED
    quotas: Quotas = Quotas()
    durations: Durations = Durations()
    page_size: PageSize = PageSize()
    rate_limits: dict[str, RateLimit] = field(default_factory=lambda: {"default": RateLimit()})

    def to_json(self) -> dict[str, Any]:
        return camel_case_keys(asdict(self))

    def rate_limit(self, operation: str) -> RateLimit:
        return self.rate_limits.get(operation, self.rate_limits["default"])

    def with_changes(self, change: Any) -> "Settings":
        """Return a copy with the members of `change` replaced. Raise BadControlInput."""
        change = _check_object(change, "settings")
        _check_names(change, set(self.to_json()), "")
        if "profile" in change:
            change = _apply_profile(change)
        return replace(
            self,
            profile=change.get("profile", self.profile),
            behaviour=self._merge_behaviour(change),
            speed=_read_number(change, "speed", self.speed, low=0),
            seed=_read_integer(change, "seed", self.seed, low=None),
            spread=_read_number(change, "spread", self.spread, low=0, high=0.9),
            jobs_kept=_read_integer(change, "jobsKept", self.jobs_kept, low=0),
            quotas=Quotas(**_read_integers(change, "quotas", asdict(self.quotas), low=0)),
            page_size=PageSize(**_read_integers(change, "pageSize", asdict(self.page_size), low=1)),
            durations=self._merge_durations(change),
            rate_limits=self._merge_rate_limits(change),
        )

    def _merge_behaviour(self, change: dict[str, Any]) -> Behaviour:
        sent = _check_object(change.get("behaviour", {}), "behaviour")
        names = {camel_case(name): name for name in KNOBS}
        _check_names(sent, set(names), "behaviour.")
        base = find_profile(change["profile"]).behaviour if "profile" in change else self.behaviour
        try:
            return base.with_changes({names[name]: value for name, value in sent.items()})
        except BadBehaviour as error:
            knob, _, problem = str(error).partition(":")
            raise BadControlInput(f"behaviour.{camel_case(knob)}:{problem}") from error

    def _merge_durations(self, change: dict[str, Any]) -> Durations:
        current = asdict(self.durations)
        sent = _check_object(change.get("durations", {}), "durations")
        _check_names(sent, set(camel_case_keys(current)), "durations.")
        return Durations(
            **{
                kind: JobDuration(**_read_numbers(sent, camel_case(kind), current[kind], "durations."))
                for kind in current
            }
        )

    def _merge_rate_limits(self, change: dict[str, Any]) -> dict[str, RateLimit]:
        sent = _check_object(change.get("rateLimits", {}), "rateLimits")
        _check_names(sent, {"default", *known_operations(sent.keys() - {"default"})}, "rateLimits.")
        limits = dict(self.rate_limits)
        for name, limit in sent.items():
            if limit is None and name != "default":
                limits.pop(name, None)
                continue
            limits[name] = RateLimit(**_read_numbers(sent, name, asdict(self.rate_limit(name)), "rateLimits."))
        return limits


def known_operations(names: Iterable[Any]) -> set[str]:
    """Return the operations of DRS and, if `names` has others, those of the other services."""
    known = set(drs_model().operations)
    if not known.issuperset(names):
        known |= {
            *service_model("ssm").operations,
            *service_model("ec2").operations,
            *service_model("service-quotas").operations,
            "DescribeTargetHealth",
            "GetInstanceProfile",
        }
    return known


def _apply_profile(change: dict[str, Any]) -> dict[str, Any]:
    """Add the profile's durations to the change. Those that the change has itself win."""
    try:
        durations: dict[str, Any] = find_profile(str(change["profile"])).durations()
    except BadBehaviour as error:
        raise BadControlInput(str(error)) from error
    for kind, sent in _check_object(change.get("durations", {}), "durations").items():
        durations[kind] = durations.get(kind, {}) | sent if isinstance(sent, dict) else sent
    return change | {"durations": durations}


def camel_case(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def camel_case_keys(values: dict[str, Any]) -> dict[str, Any]:
    """Convert the keys to camel case, at every level."""
    return {
        camel_case(name): camel_case_keys(value) if isinstance(value, dict) else value for name, value in values.items()
    }


def _check_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadControlInput(f"{name}: must be an object")
    return value


def _check_names(sent: dict[str, Any], known: set[str], path: str) -> None:
    for name in sent:
        if name not in known:
            raise BadControlInput(f"{path}{name}: is unknown; the members are {', '.join(sorted(known))}")


def _read_number(
    sent: dict[str, Any], name: str, current: float, low: float, high: float | None = None, path: str = ""
) -> float:
    value = sent.get(name, current)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value < float("inf"):
        raise BadControlInput(f"{path}{name}: must be a number")
    if value < low or (high is not None and value > high):
        raise BadControlInput(f"{path}{name}: must be {low} or more" + (f" and at most {high}" if high else ""))
    return value


def _read_integer(sent: dict[str, Any], name: str, current: int, low: int | None, path: str = "") -> int:
    value = sent.get(name, current)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadControlInput(f"{path}{name}: must be a whole number")
    if low is not None and value < low:
        raise BadControlInput(f"{path}{name}: must be {low} or more")
    return value


def _read_numbers(sent: dict[str, Any], name: str, current: dict[str, float], path: str) -> dict[str, float]:
    values = _check_object(sent.get(name, {}), path + name)
    _check_names(values, set(camel_case_keys(current)), f"{path}{name}.")
    return {key: _read_number(values, camel_case(key), current[key], 0, path=f"{path}{name}.") for key in current}


def _read_integers(sent: dict[str, Any], name: str, current: dict[str, int], low: int) -> dict[str, int]:
    values = _check_object(sent.get(name, {}), name)
    _check_names(values, set(camel_case_keys(current)), f"{name}.")
    return {key: _read_integer(values, camel_case(key), current[key], low, f"{name}.") for key in current}
