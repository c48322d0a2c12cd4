"""Recovery plans, as callers send them."""

import json
import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints, field_validator

from api.http.paths import ROUTE_WORDS, refuse_route_word
from api.http.request import ID_PATTERN
from api.schemas.requests.actions import ActionRequest, Actions
from api.schemas.requests.base import MAX_SERVERS, Description, Minutes, Name, RequestModel, ServerId, Version
from api.schemas.requests.checks import Checks, ChecksMinutes, SecondsBetweenLooks
from api.schemas.requests.drills.policy import DrillPolicyRequest, find_waves_without_checks
from api.schemas.requests.forms import Form, suggest_hours, suggest_minutes, suggest_number, suggest_slug
from recovery.domain.dependencies import wave_order
from recovery.domain.plan import DEFAULT_LAUNCH_ATTEMPTS, GroupUse, OnFailure, RecoveryPlan, RunAfter, Wave
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.domain.wave_steps.approvals import DEFAULT_APPROVAL_MINUTES, Approval, OnTimeout
from recovery.domain.wave_steps.checks import DEFAULT_CHECKS_MINUTES, DEFAULT_SECONDS_BETWEEN_LOOKS
from recovery.errors import InvalidRequest
from recovery.wording import name_first

WAVE_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
WaveName = Annotated[
    str,
    StringConstraints(pattern=WAVE_PATTERN),
    Form("lower-case letters, digits and hyphens, at most 63 characters", "database", suggest_slug),
]
Count = Annotated[StrictInt, Form("a whole number", 2, suggest_number)]
Percent = Annotated[StrictInt, Form("a whole number", 10, suggest_number)]
Hours = Annotated[StrictInt, Form("hours as a whole number", 48, suggest_hours)]
# The name of a wave has a place in the paths of decisions.
NewWaveName = Annotated[
    WaveName,
    AfterValidator(refuse_route_word),
    Field(json_schema_extra={"not": {"enum": sorted(filter(re.compile(WAVE_PATTERN).fullmatch, ROUTE_WORDS))}}),
]

# An inline Map runs 40 iterations at a time, so a run never has more waves than it can start.
MAX_WAVES = 40
MAX_GROUPS_PER_WAVE = 50
# These keep a plan, even one whose waves all depend on each other, below the 400 KB of a DynamoDB item, and the
# transaction that writes it with a copy of its groups below 4 MB.
MAX_SERVERS_NAMED, MAX_GROUPS = 10_000, 40
# As JSON, so that a plan with all its checks and actions fits into a row of 400 KB, in which it takes less.
MAX_PLAN_BYTES = 395_000
# A day less than the state machine that waits for the approval may run.
MAX_APPROVAL_MINUTES = 13 * 24 * 60
# Four weeks: instances that must stay longer do not belong to a drill.
MAX_CLEAN_UP_HOURS = 4 * 7 * 24
# A month: an answer that is older says little about the launches of today.
MAX_READINESS_HOURS = 30 * 24
# Waves that a refusal names.
MAX_NAMED = 5


class GroupUseRequest(RequestModel):
    """A protection group in a wave, whole or in part."""

    group_id: Annotated[str, StringConstraints(pattern=ID_PATTERN), Form("the id of a protection group", "pg-1")] = (
        Field(description="The protection group.")
    )
    source_server_ids: list[ServerId] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_SERVERS,
        description="Only these servers of the group; without it, all of them.",
    )
    optional: StrictBool = Field(
        default=False, description="Whether the wave goes on without these servers, and does not fail because of them."
    )
    checks: Checks = Field(default=[], description="Checks of these servers, besides those of the wave.")

    def to_use(self) -> GroupUse:
        """The group as the stored wave has it."""
        checks = tuple(check.to_check() for check in self.checks)
        return GroupUse(self.group_id, tuple(self.source_server_ids or ()), self.optional, checks)


class ApprovalRequest(RequestModel):
    """Whether the wave needs an approval, and what happens when none is given in time."""

    required: StrictBool = Field(description="Whether the wave waits for an approval.")
    timeout_minutes: Annotated[StrictInt, Form("minutes as a whole number", 30, suggest_minutes)] = Field(
        default=DEFAULT_APPROVAL_MINUTES, ge=1, le=MAX_APPROVAL_MINUTES, description="How long it waits."
    )
    on_timeout: OnTimeout = Field(default=OnTimeout.REJECT, description="What no answer counts as.")

    def to_approval(self) -> Approval | None:
        """None if no approval is required."""
        return Approval(self.timeout_minutes, self.on_timeout) if self.required else None


class WaveRequest(RequestModel):
    """A wave. Without `dependsOn` it waits for the wave before it; with `[]` it waits for none."""

    name: NewWaveName = Field(description="The name of the wave; no other wave of the plan has it.")
    groups: list[GroupUseRequest] = Field(
        min_length=1, max_length=MAX_GROUPS_PER_WAVE, description="The protection groups that the wave recovers."
    )
    depends_on: list[WaveName] | None = Field(
        default=None,
        max_length=MAX_WAVES,
        description="The waves that this one waits for. Without it, it waits for the wave before it; with `[]`, for "
        "none.",
    )
    max_failed_percent: Percent = Field(
        default=0, ge=0, le=100, description="How many of its servers may fail without failing the wave."
    )
    approval: ApprovalRequest | None = Field(default=None, description="Whether an operator approves the wave first.")
    pause_before: StrictBool = Field(
        default=False, description="Whether the run waits before the wave until an operator resumes it."
    )
    on_failure: OnFailure = Field(default=OnFailure.CONTINUE, description="What follows when the wave fails.")
    run_after: RunAfter = Field(
        default=RunAfter.SUCCESS, description="Whether the waves it depends on must succeed, or only end."
    )
    rto_target_minutes: Minutes | None = Field(default=None, description="How long the wave should take at most.")
    checks: Checks = Field(
        default=[], description="What has to be true of each launched server before it counts as recovered."
    )
    checks_timeout_minutes: ChecksMinutes = Field(
        default=DEFAULT_CHECKS_MINUTES, description="How long its servers have to pass their checks."
    )
    checks_every_seconds: SecondsBetweenLooks = Field(
        default=DEFAULT_SECONDS_BETWEEN_LOOKS, description="How long after a look at them they are looked at again."
    )
    before: Actions = Field(default=[], description="What happens before its servers are launched, in this order.")
    after: Actions = Field(
        default=[], description="What happens after enough of its servers have passed their checks, in this order."
    )


class PlanRequest(RequestModel):
    """Body of POST /recovery-plans."""

    name: Name = Field(description="The name of the plan.")
    description: Description = Field(default="", description="For people.")
    launch_attempts: Count = Field(
        default=DEFAULT_LAUNCH_ATTEMPTS, ge=1, le=5, description="How often each server is launched at most."
    )
    rpo_target_minutes: Minutes | None = Field(
        default=None, description="How old the recovered data may be; runs are measured against it."
    )
    rto_target_minutes: Minutes | None = Field(
        default=None, description="How long a run may take; runs are measured against it."
    )
    clean_up_after_hours: Hours | None = Field(
        default=None,
        ge=1,
        le=MAX_CLEAN_UP_HOURS,
        description="When the instances of a drill are terminated, after its end. Without it, on demand only.",
    )
    four_eyes: StrictBool = Field(
        default=False,
        description="Who has started a run approves none of its waves, accepts none that failed, and does not accept "
        "the run after its end: another person does. No approval may then have `onTimeout` approve.",
    )
    comments_required: StrictBool = Field(
        default=False, description="A failed wave is accepted or aborted with a `comment` only, which says why."
    )
    readiness_every_hours: Hours | None = Field(
        default=None,
        ge=1,
        le=MAX_READINESS_HOURS,
        description="How often its readiness is checked without a request. Operators get a message if the answer has "
        "changed. Without it, on demand only.",
    )
    drill_policy: DrillPolicyRequest | None = Field(
        default=None, description="When it is drilled without a request, and which drills count. Without it, on demand."
    )
    waves: list[WaveRequest] = Field(
        min_length=1, max_length=MAX_WAVES, description="The waves, in order unless `dependsOn` says otherwise."
    )
    before: Actions = Field(default=[], description="What happens before the first wave, in this order.")
    after: Actions = Field(default=[], description="What happens after the last wave has ended, in this order.")

    @field_validator("waves")
    @classmethod
    def _bounded(cls, waves: list[WaveRequest]) -> list[WaveRequest]:
        uses = [use for wave in waves for use in wave.groups]
        named = sum(len(use.source_server_ids or ()) for use in uses)
        if named > MAX_SERVERS_NAMED:
            raise ValueError(f"name at most {MAX_SERVERS_NAMED:,} source servers in all, not {named:,}")
        groups = len({use.group_id for use in uses})
        if groups > MAX_GROUPS:
            raise ValueError(f"use at most {MAX_GROUPS} protection groups in all, not {groups}")
        return waves

    def to_plan(self, plan_id: str) -> RecoveryPlan:
        """The plan to store.

        Raise InvalidRequest if its waves or actions are inconsistent or contradict `fourEyes`, or if it is too large.
        """
        if self.four_eyes:
            self._require_another_person()
        self._require_consistent_actions()
        plan = RecoveryPlan(
            plan_id=plan_id,
            name=self.name,
            waves=self.to_waves(),
            description=self.description,
            launch_attempts=self.launch_attempts,
            rpo_target_minutes=self.rpo_target_minutes,
            rto_target_minutes=self.rto_target_minutes,
            clean_up_after_hours=self.clean_up_after_hours,
            four_eyes=self.four_eyes,
            comments_required=self.comments_required,
            readiness_every_hours=self.readiness_every_hours,
            drill_policy=self.drill_policy.to_policy() if self.drill_policy else None,
            before=tuple(action.to_action() for action in self.before),
            after=tuple(action.to_action() for action in self.after),
        )
        self._require_provable(plan)
        size = len(json.dumps(plan.to_item(), ensure_ascii=False, separators=(",", ":")).encode())
        if size > MAX_PLAN_BYTES:
            message = f"take {size:,} bytes with their checks and actions; a plan has at most {MAX_PLAN_BYTES:,}"
            raise InvalidRequest("The plan is too large.", [{"field": "waves", "message": message}])
        return plan

    def list_actions(self) -> Iterator[tuple[str, ActionPlace, ActionRequest]]:
        """Each action with its field, such as `waves[2].before[0]`, and its place."""
        owners = [("", self), *((f"waves[{at}].", wave) for at, wave in enumerate(self.waves))]
        for field, owner in owners:
            for place in ActionPlace:
                for number, action in enumerate(getattr(owner, place.value)):
                    yield f"{field}{place.value}[{number}]", place, action

    def _require_consistent_actions(self) -> None:
        """Raise InvalidRequest for two actions of one name, and for actions that cannot be where they are."""
        problems, first = list[dict[str, str]](), dict[str, str]()
        for field, place, action in self.list_actions():
            if action.name in first:
                message = f"{action.name} is the name of {first[action.name]} too; give each action a name of its own"
                problems.append({"field": f"{field}.name", "message": message})
            first.setdefault(action.name, field)
            if mistake := action.find_mistake(place, of_plan=not field.startswith("waves")):
                problems.append({"field": field, "message": mistake})
        if problems:
            raise InvalidRequest("Actions of the plan are not valid.", problems)

    def _require_provable(self, plan: RecoveryPlan) -> None:
        """Raise InvalidRequest if no drill could count, because servers have to be verified and have no check."""
        if not plan.drill_policy:
            return
        unchecked = [plan.waves[at].name for at in find_waves_without_checks(plan.drill_policy.counts_if, plan.waves)]
        if unchecked:
            have = "has" if len(unchecked) == 1 else "have"
            message = f"needs a check for drills in each wave, and {name_first(unchecked, MAX_NAMED)} {have} none"
            problem = {"field": "drillPolicy.countsIf", "message": f"{message}; add checks, or write launched"}
            raise InvalidRequest("No drill of the plan could count.", [problem])

    def _require_another_person(self) -> None:
        """Raise InvalidRequest where a wave is approved without a person.

        A plan without gates may have `fourEyes` too: it decides who accepts a run after its end.
        """
        asked = ((at, wave.approval) for at, wave in enumerate(self.waves))
        approvals = {at: approval for at, approval in asked if approval and approval.required}
        problems = [
            {
                "field": f"waves[{at}].approval.onTimeout",
                "message": "must be reject: with fourEyes, a wave is approved by another person and never by the time",
            }
            for at, approval in approvals.items()
            if approval.on_timeout is OnTimeout.APPROVE
        ]
        if problems:
            raise InvalidRequest("The plan contradicts fourEyes.", problems)

    def to_waves(self) -> tuple[Wave, ...]:
        """The waves, each after those it depends on. Raise InvalidRequest if they are inconsistent."""
        previous = [None, *(wave.name for wave in self.waves)]
        return wave_order.order_waves(
            Wave(
                name=wave.name,
                groups=tuple(use.to_use() for use in wave.groups),
                depends_on=tuple(dict.fromkeys(wave.depends_on if wave.depends_on is not None else _list(before))),
                max_failed_percent=wave.max_failed_percent,
                approval=wave.approval.to_approval() if wave.approval else None,
                pause_before=wave.pause_before,
                on_failure=wave.on_failure,
                run_after=wave.run_after,
                rto_target_minutes=wave.rto_target_minutes,
                checks=tuple(check.to_check() for check in wave.checks),
                checks_timeout_minutes=wave.checks_timeout_minutes,
                seconds_between_looks=wave.checks_every_seconds,
                before=tuple(action.to_action() for action in wave.before),
                after=tuple(action.to_action() for action in wave.after),
            )
            for wave, before in zip(self.waves, previous, strict=False)
        )


def _list(name: str | None) -> list[str]:
    return [name] if name else []


class PlanUpdate(PlanRequest):
    """Body of PUT /recovery-plans/{planId}: the whole plan."""

    version: Version | None = None
