"""What can be set, with its defaults, and reading changes from JSON.

Quotas are the published service quotas per account and Region: L-D88FAC3A, L-B827C881, L-05AFA8C6. Durations are
what users of the service see: a drill takes some 20 minutes, most of it PENDING; a recovery some 30. AWS publishes
no request rates; the default is generous. The page sizes are an assumption.
"""

import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from drs_emulator.protocol.service_model import drs_model


class BadControlInput(ValueError):
    """A control request that cannot be followed; the message names the field."""


@dataclass(frozen=True, slots=True)
class Quotas:
    jobs_in_progress: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    source_servers: int = 4000


@dataclass(frozen=True, slots=True)
class JobDuration:
    """Simulated seconds a job is PENDING, then STARTED; of other things, their two parts."""

    pending: float
    started: float


@dataclass(frozen=True, slots=True)
class Durations:
    drill: JobDuration = JobDuration(13 * 60, 6 * 60)
    recovery: JobDuration = JobDuration(15 * 60, 15 * 60)
    terminate: JobDuration = JobDuration(1 * 60, 2 * 60)
    failback: JobDuration = JobDuration(5 * 60, 15 * 60)
    replication: JobDuration = JobDuration(10 * 60, 120 * 60)  # INITIATING, then INITIAL_SYNC
    launch_action: JobDuration = JobDuration(2 * 60, 1 * 60)  # until the SSM agent is found, then each action


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Calls per simulated second, and how many may come at once."""

    per_second: float = 20
    burst: float = 40


@dataclass(frozen=True, slots=True)
class PageSize:
    default: int = 100
    maximum: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """`spread` is the share by which durations vary; of the jobs of an account and Region that have ended, only the
    last `jobs_kept` are remembered. `rate_limits` holds `default` and operations that differ."""

    speed: float = 60
    seed: int = 7
    spread: float = 0.1
    jobs_kept: int = 1000
    quotas: Quotas = Quotas()
    durations: Durations = Durations()
    page_size: PageSize = PageSize()
    rate_limits: dict[str, RateLimit] = field(default_factory=lambda: {"default": RateLimit()})

    def to_json(self) -> dict[str, Any]:
        return camel_keys(asdict(self))

    def rate_limit(self, operation: str) -> RateLimit:
        return self.rate_limits.get(operation, self.rate_limits["default"])

    def changed(self, change: Any) -> "Settings":
        """These settings with those of `change`, any of which may be left out. Raises BadControlInput."""
        change = _an_object(change, "settings")
        _only_known(change, set(self.to_json()), "")
        return replace(
            self,
            speed=_number(change, "speed", self.speed, low=0),
            seed=_whole(change, "seed", self.seed, low=None),
            spread=_number(change, "spread", self.spread, low=0, high=0.9),
            jobs_kept=_whole(change, "jobsKept", self.jobs_kept, low=0),
            quotas=Quotas(**_whole_numbers(change, "quotas", asdict(self.quotas), low=0)),
            page_size=PageSize(**_whole_numbers(change, "pageSize", asdict(self.page_size), low=1)),
            durations=self._changed_durations(change),
            rate_limits=self._changed_limits(change),
        )

    def _changed_durations(self, change: dict[str, Any]) -> Durations:
        current = asdict(self.durations)
        sent = _an_object(change.get("durations", {}), "durations")
        _only_known(sent, set(camel_keys(current)), "durations.")
        return Durations(
            **{kind: JobDuration(**_numbers(sent, camel(kind), current[kind], "durations.")) for kind in current}
        )

    def _changed_limits(self, change: dict[str, Any]) -> dict[str, RateLimit]:
        sent = _an_object(change.get("rateLimits", {}), "rateLimits")
        _only_known(sent, {"default", *drs_model().operations}, "rateLimits.")
        limits = dict(self.rate_limits)
        for name, limit in sent.items():
            if limit is None and name != "default":
                limits.pop(name, None)
                continue
            limits[name] = RateLimit(**_numbers(sent, name, asdict(self.rate_limit(name)), "rateLimits."))
        return limits


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), name)


def camel_keys(values: dict[str, Any]) -> dict[str, Any]:
    """Names as JSON has them, all the way down."""
    return {camel(name): camel_keys(value) if isinstance(value, dict) else value for name, value in values.items()}


def _an_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadControlInput(f"{name}: must be an object")
    return value


def _only_known(sent: dict[str, Any], known: set[str], where: str) -> None:
    for name in sent:
        if name not in known:
            raise BadControlInput(f"{where}{name}: is not known; known are {', '.join(sorted(known))}")


def _number(
    sent: dict[str, Any], name: str, current: float, low: float, high: float | None = None, where: str = ""
) -> float:
    value = sent.get(name, current)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value < float("inf"):
        raise BadControlInput(f"{where}{name}: must be a number")
    if value < low or (high is not None and value > high):
        raise BadControlInput(f"{where}{name}: must be {low} or more" + (f" and at most {high}" if high else ""))
    return value


def _whole(sent: dict[str, Any], name: str, current: int, low: int | None, where: str = "") -> int:
    value = sent.get(name, current)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadControlInput(f"{where}{name}: must be a whole number")
    if low is not None and value < low:
        raise BadControlInput(f"{where}{name}: must be {low} or more")
    return value


def _numbers(sent: dict[str, Any], name: str, current: dict[str, float], where: str) -> dict[str, float]:
    values = _an_object(sent.get(name, {}), where + name)
    _only_known(values, set(camel_keys(current)), f"{where}{name}.")
    return {key: _number(values, camel(key), current[key], 0, where=f"{where}{name}.") for key in current}


def _whole_numbers(sent: dict[str, Any], name: str, current: dict[str, int], low: int) -> dict[str, int]:
    values = _an_object(sent.get(name, {}), name)
    _only_known(values, set(camel_keys(current)), f"{name}.")
    return {key: _whole(values, camel(key), current[key], low, f"{name}.") for key in current}
