"""The drill policy of a plan, as callers send it."""

import re
from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints, model_validator

from api.schemas.requests.base import RequestModel
from api.schemas.requests.forms import Form, did_you_mean, suggest_hours, suggest_minutes, suggest_number
from recovery.domain.drills import cron, policy
from recovery.domain.drills.policy import CountsIf, DrillPolicy, Invalidation
from recovery.domain.drills.zones import list_zones

# A year, and a month to be late: DORA wants a test at least once a year.
MAX_DAYS = 400
# Long enough to find a free minute of a plan that runs often, shorter than the distance of two appointments.
MIN_WINDOW_MINUTES, MAX_WINDOW_MINUTES = 15, 1_440
# As long as instances of a drill may stay: four weeks.
MAX_CLEAN_UP_HOURS = 4 * 7 * 24
MAX_EXPRESSION = 100
# Five fields, or those of AWS in `cron(...)`.
EXPRESSION_PATTERN = r"^[A-Za-z0-9*?,/#() -]*$"
TIME_PATTERN = r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+/-]*$"


def _suggest_time(text: str) -> str | None:
    found = re.fullmatch(r"\s*([01]?\d|2[0-3])(?:[:.h]([0-5]\d))?(?::\d\d)?\s*", text, re.ASCII)
    return f"{int(found[1]):02}:{found[2] or '00'}" if found else None


def _suggest_days(text: str) -> int | None:
    found = re.fullmatch(r"\s*(\d{1,4})\s*d[a-z]*\s*", text, re.IGNORECASE | re.ASCII)
    return int(found[1]) if found else suggest_number(text)


def _require_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text} is no date of the calendar; write it as 2027-03-31") from None


def _require_zone(name: str) -> str:
    known = list_zones()
    if name not in known:
        hint = did_you_mean(name, known) or _name_of_city(name, known) or "; use a name such as Europe/Berlin or UTC"
        raise ValueError(f"{name} is no time zone of the IANA database{hint}")
    return name


def _name_of_city(name: str, known: frozenset[str]) -> str | None:
    """`; did you mean 'Europe/Berlin'?` for `Berlin`."""
    city = name.rpartition("/")[2].lower()
    likely = sorted(each for each in known if each.rpartition("/")[2].lower() == city)
    return f"; did you mean {likely[0]!r}?" if likely else None


Days = Annotated[StrictInt, Form("days as a whole number", 90, _suggest_days)]
Expression = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_EXPRESSION, pattern=EXPRESSION_PATTERN),
    AfterValidator(cron.read_expression),
    Form("a cron expression: minute, hour, day of the month, month, day of the week", "0 2 * * SAT"),
]
TimeOfDay = Annotated[
    str, StringConstraints(pattern=TIME_PATTERN), Form("a time of day, HH:MM, in quotes", "22:00", _suggest_time)
]
Day = Annotated[
    str,
    StringConstraints(pattern=DATE_PATTERN),
    AfterValidator(_require_date),
    Form("a date, YYYY-MM-DD, in quotes", "2027-03-31"),
]
Zone = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, pattern=ZONE_PATTERN),
    AfterValidator(_require_zone),
    Form("the name of a time zone", "Europe/Berlin"),
]


class DrillPolicyRequest(RequestModel):
    """When a plan is drilled without a request, which drills count, and what makes one stale.

    Exactly one of `everyDays` and `schedule` is given.
    """

    every_days: Days | None = Field(
        default=None, ge=1, le=MAX_DAYS, description="Days from one drill that counts to the next."
    )
    schedule: Expression | None = Field(
        default=None,
        description="When drills are due, as a cron expression of five fields in `timezone`. AWS's form with six, "
        "`cron(0 2 ? * SAT *)`, is translated.",
    )
    at: TimeOfDay | None = Field(
        default=None, description=f"With `everyDays`, the time of day; {policy.DEFAULT_TIME_OF_DAY} without it."
    )
    timezone: Zone = Field(
        default=policy.DEFAULT_TIMEZONE, description="The time zone, by its name in IANA's database."
    )
    window_minutes: Annotated[StrictInt, Form("minutes as a whole number", 240, suggest_minutes)] = Field(
        default=policy.DEFAULT_WINDOW_MINUTES,
        ge=MIN_WINDOW_MINUTES,
        le=MAX_WINDOW_MINUTES,
        description="How long after its appointment a drill may begin. Later, the appointment is missed.",
    )
    first_on: Day | None = Field(
        default=None, description="With `everyDays`, the earliest date of the first drill of the schedule."
    )
    automatic: StrictBool = Field(
        default=True, description="Whether the schedule starts the drills; otherwise it only says when one is due."
    )
    skip_if_not_ready: StrictBool = Field(
        default=True, description="Whether readiness is checked first, and the drill skipped if it is NOT_READY."
    )
    clean_up_after_hours: Annotated[StrictInt, Form("hours as a whole number", 8, suggest_hours)] | None = Field(
        default=None,
        ge=1,
        le=MAX_CLEAN_UP_HOURS,
        description="When the instances of a drill of the schedule are terminated, after its end. Without it, as the "
        f"plan says, or after {policy.DEFAULT_CLEAN_UP_HOURS}.",
    )
    counts_if: CountsIf = Field(
        default=CountsIf.LAUNCHED, description="What each required server must be for a drill to count."
    )
    invalidated_by: Annotated[list[Invalidation], Form("a list", [Invalidation.PLAN_CHANGE.value])] = Field(
        default=list(Invalidation), max_length=len(Invalidation), description="What makes a drill that counts stale."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.every_days is None) == (self.schedule is None):
            given = "has both" if self.every_days else "has neither"
            raise ValueError(f"{given} of everyDays and schedule; give one: everyDays: 90, or schedule: '0 2 * * SAT'")
        extra = [name for name, value in (("at", self.at), ("firstOn", self.first_on)) if value is not None]
        if self.schedule and extra:
            belong = "belongs" if len(extra) == 1 else "belong"
            raise ValueError(f"{' and '.join(extra)} {belong} to everyDays; the schedule says the time itself")
        return self

    def to_policy(self) -> DrillPolicy:
        """The policy to store, without the time since when it is in force."""
        return DrillPolicy(
            every_days=self.every_days,
            schedule=self.schedule,
            at=self.at or policy.DEFAULT_TIME_OF_DAY,
            timezone=self.timezone,
            window_minutes=self.window_minutes,
            first_on=self.first_on,
            automatic=self.automatic,
            skip_if_not_ready=self.skip_if_not_ready,
            clean_up_after_hours=self.clean_up_after_hours,
            counts_if=self.counts_if,
            invalidated_by=frozenset(self.invalidated_by),
        )


def find_waves_without_checks(counts_if: CountsIf, waves: Any) -> list[int]:
    """The numbers, from 0, of waves that can verify nothing in a drill, if a drill counts only if all is verified."""
    from recovery.domain.wave_steps.modes import RunMode

    if counts_if is not CountsIf.VERIFIED:
        return []
    return [at for at, wave in enumerate(waves) if not wave.has_checks(RunMode.DRILL)]
