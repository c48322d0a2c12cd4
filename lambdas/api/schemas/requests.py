"""What people may send, field by field. Pydantic says what is wrong and where."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from api.http import request
from api.http.request import ACCOUNT_PATTERN, ID_PATTERN, MAX_SHOWN_LENGTH, REGION_PATTERN
from recovery import clock
from recovery.domain import plan
from recovery.domain.plan import (
    DEFAULT_APPROVAL_MINUTES,
    DEFAULT_LAUNCH_ATTEMPTS,
    Approval,
    GroupUse,
    OnFailure,
    OnTimeout,
    ProtectionGroup,
    RecoveryPlan,
    RunAfter,
    Wave,
)
from recovery.domain.target import Target, TargetAccount
from recovery.errors import InvalidRequest

# Unicode's control characters, line and paragraph separators, and halves of surrogate pairs.
UNPRINTABLE = frozenset(("Cc", "Zl", "Zp", "Cs"))

# The same as JSON Schema can say it; a name has something besides spaces, too.
_SEEN = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"

PRINTABLE_PATTERN = rf"^{_SEEN}*$"

NAME_PATTERN = rf"^{_SEEN}*[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]{_SEEN}*$"

LINES_PATTERN = rf"^(?:[\t\n\r]|{_SEEN})*$"


def _describe_character(pattern: str) -> Any:
    """What a validator of ours checks, for whoever reads the schema."""
    return Field(json_schema_extra={"pattern": pattern})


def _printable(text: str, besides: str = "") -> str:
    if any(unicodedata.category(letter) in UNPRINTABLE and letter not in besides for letter in text):
        raise ValueError("must have no control characters")
    return text


def _printable_lines(text: str) -> str:
    return _printable(text, besides="\n\r\t")


# Shapes of ids and limits of lists: DRS's own where it has one (botocore's drs model, Service Quotas).
ServerId = Annotated[str, StringConstraints(pattern=r"^s-[0-9a-zA-Z]{17}$")]

AccountId = Annotated[str, StringConstraints(pattern=ACCOUNT_PATTERN)]

Region = Annotated[str, StringConstraints(pattern=REGION_PATTERN)]

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True),
    AfterValidator(_printable),
    _describe_character(NAME_PATTERN),
]

OptionalName = Annotated[
    str,
    StringConstraints(max_length=100, strip_whitespace=True),
    AfterValidator(_printable),
    _describe_character(PRINTABLE_PATTERN),
]

Description = Annotated[
    str, StringConstraints(max_length=1_000), AfterValidator(_printable_lines), _describe_character(LINES_PATTERN)
]

# The shapes that STS takes (botocore's sts model).
RoleArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$", max_length=2_048)
]

ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+=,.@:/-]+$", min_length=2, max_length=1_224)]

# The version of a resource that a change was made from; the header If-Match says it as well.
Version = Annotated[int, Field(strict=True, ge=1, le=10**15)]

WaveName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]

TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_printable)]

TagValue = Annotated[
    str, StringConstraints(max_length=256), AfterValidator(_printable), _describe_character(PRINTABLE_PATTERN)
]

# RPO and RTO targets: up to a week.
Minutes = Annotated[StrictInt, Field(ge=1, le=7 * 24 * 60)]

# DRS: 4,000 source servers per account and Region.
MAX_SERVERS = 4_000

# An inline Map runs 40 iterations at a time; more waves than that would be a list, not a plan.
MAX_WAVES = 40

MAX_GROUPS_PER_WAVE = 50

# So a plan, even one whose waves all depend on each other, stays below the 400 KB that DynamoDB lets an item have,
# and the transaction that writes it and a copy of its groups for a run below 4 MB.
MAX_SERVERS_NAMED, MAX_GROUPS = 10_000, 40

# A fortnight: as long as the state machine that waits for the answer may run, less a day.
MAX_APPROVAL_MINUTES = 13 * 24 * 60

# Four weeks; a drill that is meant to stay longer is no drill.
MAX_CLEAN_UP_HOURS = 4 * 7 * 24

# AWS has some 40 Regions.
MAX_REGIONS = 50

# A body of a mebibyte can be wrong in a hundred thousand places; the answer names this many.
MAX_PROBLEMS = 100


class RequestModel(BaseModel):
    # Built when first used: the function starts without the models that its first requests do not need.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True, defer_build=True)


Model = TypeVar("Model", bound=RequestModel)


def _has(name: str) -> dict[str, Any]:
    """That the field is there and not empty, as JSON Schema says it."""
    return {"required": [name], "properties": {name: {"minItems": 1, "minProperties": 1}}}


class GroupRequest(RequestModel):
    """Body of POST /protection-groups."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_has("sourceServerIds"), _has("tags")]})

    name: Name
    description: Description = ""
    account_id: AccountId
    region: Region
    source_server_ids: list[ServerId] = Field(
        default=[], max_length=MAX_SERVERS, json_schema_extra={"uniqueItems": True}
    )
    tags: dict[TagKey, TagValue] = Field(default={}, max_length=50)

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if bool(self.source_server_ids) == bool(self.tags):
            raise ValueError("give either sourceServerIds or tags, and not an empty one")
        if len(set(self.source_server_ids)) != len(self.source_server_ids):
            raise ValueError("sourceServerIds names a server twice")
        return self

    def to_group(self, group_id: str) -> ProtectionGroup:
        """The group to be stored."""
        return ProtectionGroup(
            group_id=group_id,
            name=self.name,
            target=Target(self.account_id, self.region),
            server_ids=tuple(self.source_server_ids),
            tags=self.tags,
            description=self.description,
        )


class GroupUpdate(GroupRequest):
    """Body of PUT /protection-groups/{groupId}: the whole group."""

    version: Version | None = None


class GroupUseRequest(RequestModel):
    """A group in a wave, whole or in part."""

    group_id: Annotated[str, StringConstraints(pattern=ID_PATTERN)]
    source_server_ids: list[ServerId] | None = Field(default=None, min_length=1, max_length=MAX_SERVERS)
    optional: StrictBool = False


class ApprovalRequest(RequestModel):
    """Whether somebody has to let the wave go, and what silence counts as."""

    required: StrictBool
    timeout_minutes: StrictInt = Field(default=DEFAULT_APPROVAL_MINUTES, ge=1, le=MAX_APPROVAL_MINUTES)
    on_timeout: OnTimeout = OnTimeout.REJECT

    def to_approval(self) -> Approval | None:
        """None when none is required."""
        return Approval(self.timeout_minutes, self.on_timeout) if self.required else None


class WaveRequest(RequestModel):
    """A wave; without `dependsOn` it waits for the one before it, with `[]` for none."""

    name: WaveName
    groups: list[GroupUseRequest] = Field(min_length=1, max_length=MAX_GROUPS_PER_WAVE)
    depends_on: list[WaveName] | None = Field(default=None, max_length=MAX_WAVES)
    max_failed_percent: StrictInt = Field(default=0, ge=0, le=100)
    approval: ApprovalRequest | None = None
    pause_before: StrictBool = False
    on_failure: OnFailure = OnFailure.CONTINUE
    run_after: RunAfter = RunAfter.SUCCESS
    rto_target_minutes: Minutes | None = None


class PlanRequest(RequestModel):
    """Body of POST /recovery-plans."""

    name: Name
    description: Description = ""
    launch_attempts: StrictInt = Field(default=DEFAULT_LAUNCH_ATTEMPTS, ge=1, le=5)
    rpo_target_minutes: Minutes | None = None
    rto_target_minutes: Minutes | None = None
    clean_up_after_hours: StrictInt | None = Field(default=None, ge=1, le=MAX_CLEAN_UP_HOURS)
    waves: list[WaveRequest] = Field(min_length=1, max_length=MAX_WAVES)

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
        """The plan to be stored. Raise InvalidRequest when its waves do not fit together."""
        return RecoveryPlan(
            plan_id=plan_id,
            name=self.name,
            waves=self.to_waves(),
            description=self.description,
            launch_attempts=self.launch_attempts,
            rpo_target_minutes=self.rpo_target_minutes,
            rto_target_minutes=self.rto_target_minutes,
            clean_up_after_hours=self.clean_up_after_hours,
        )

    def to_waves(self) -> tuple[Wave, ...]:
        """The waves, each behind those it depends on. Raise InvalidRequest when they do not fit together."""
        previous = [None, *(wave.name for wave in self.waves)]
        return plan.order_waves(
            Wave(
                name=wave.name,
                groups=tuple(
                    GroupUse(use.group_id, tuple(use.source_server_ids or ()), use.optional) for use in wave.groups
                ),
                depends_on=tuple(dict.fromkeys(wave.depends_on if wave.depends_on is not None else _list(before))),
                max_failed_percent=wave.max_failed_percent,
                approval=wave.approval.to_approval() if wave.approval else None,
                pause_before=wave.pause_before,
                on_failure=wave.on_failure,
                run_after=wave.run_after,
                rto_target_minutes=wave.rto_target_minutes,
            )
            for wave, before in zip(self.waves, previous, strict=False)
        )


def _list(name: str | None) -> list[str]:
    return [name] if name else []


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a time in ISO 8601 with a time zone, such as 2026-11-22T08:15:30Z")
    return value


class PlanUpdate(PlanRequest):
    """Body of PUT /recovery-plans/{planId}: the whole plan."""

    version: Version | None = None


class _Account(RequestModel):
    name: OptionalName = ""
    role_arn: RoleArn
    regions: list[Region] = Field(min_length=1, max_length=MAX_REGIONS, json_schema_extra={"uniqueItems": True})

    @field_validator("regions")
    @classmethod
    def _each_once(cls, regions: list[str]) -> list[str]:
        if len(set(regions)) != len(regions):
            raise ValueError("names a Region twice")
        return regions


class AccountRequest(_Account):
    """Body of POST /target-accounts."""

    account_id: AccountId
    external_id: ExternalId

    def to_account(self) -> TargetAccount:
        """The account to be stored. Raise InvalidRequest when the role is not one of its own."""
        return _with_own_role(
            TargetAccount(self.account_id, self.role_arn, self.external_id, tuple(self.regions), self.name)
        )


class AccountUpdate(_Account):
    """Body of PUT /target-accounts/{accountId}: all of it, but without `externalId` that stays as it is."""

    external_id: ExternalId | None = None
    version: Version | None = None

    def to_account(self, before: TargetAccount) -> TargetAccount:
        """The account to be stored. Raise InvalidRequest when the role is not one of its own."""
        external_id = self.external_id or before.external_id
        return _with_own_role(
            TargetAccount(before.account_id, self.role_arn, external_id, tuple(self.regions), self.name)
        )


def _with_own_role(account: TargetAccount) -> TargetAccount:
    if f"::{account.account_id}:" not in account.role_arn:
        raise request.invalid_field("roleArn", f"must be a role of account {account.account_id}")
    return account


class StartRequest(RequestModel):
    """Body of a start; it may be empty. `pointInTime` has a time zone and does not lie in the future."""

    point_in_time: Annotated[AwareDatetime, BeforeValidator(_text)] | None = None

    @field_validator("point_in_time")
    @classmethod
    def _past(cls, moment: datetime | None) -> datetime | None:
        if moment and moment.timestamp() > clock.now():
            raise ValueError("must not lie in the future")
        return moment


class DecisionRequest(RequestModel):
    """Body of an operator's decision; it may be empty."""

    comment: Description = ""


def parse(model: type[Model], body: Any) -> Model:
    """The body as the model; InvalidRequest with the fields that are wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_PROBLEMS]
        problems = [{"field": _field(problem["loc"]), "message": problem["msg"]} for problem in found]
        raise InvalidRequest("The request is not valid.", problems) from error


def _field(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return text[:MAX_SHOWN_LENGTH] or "body"
