"""What people may send, field by field. Pydantic says what is wrong and where."""

from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from recovery.errors import InvalidRequest
from recovery.plan import DEFAULT_LAUNCH_ATTEMPTS, GroupUse, ProtectionGroup, Wave, in_order
from recovery.target import Target

# Shapes of ids and limits of lists: DRS's own where it has one (botocore's drs model, Service Quotas).
ServerId = Annotated[str, StringConstraints(pattern=r"^s-[0-9a-zA-Z]{17}$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
WaveName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TagValue = Annotated[str, StringConstraints(max_length=256)]

# DRS: 4,000 source servers per account and Region.
MOST_SERVERS = 4_000
# An inline Map runs 40 iterations at a time; more waves than that would be a list, not a plan.
MOST_WAVES = 40
MOST_GROUPS_PER_WAVE = 50


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True)


Model = TypeVar("Model", bound=_Request)


class GroupRequest(_Request):
    """Body of POST /protection-groups."""

    name: Name
    description: Annotated[str, StringConstraints(max_length=1_000)] = ""
    account_id: AccountId
    region: Region
    source_server_ids: list[ServerId] = Field(default=[], max_length=MOST_SERVERS)
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


class GroupUseRequest(_Request):
    """A group in a wave, whole or in part."""

    group_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    source_server_ids: list[ServerId] | None = Field(default=None, min_length=1, max_length=MOST_SERVERS)


class WaveRequest(_Request):
    """A wave; without `dependsOn` it waits for the one before it, with `[]` for none."""

    name: WaveName
    groups: list[GroupUseRequest] = Field(min_length=1, max_length=MOST_GROUPS_PER_WAVE)
    depends_on: list[WaveName] | None = Field(default=None, max_length=MOST_WAVES)
    max_failed_percent: int = Field(default=0, ge=0, le=100)


class PlanRequest(_Request):
    """Body of POST /recovery-plans."""

    name: Name
    description: Annotated[str, StringConstraints(max_length=1_000)] = ""
    launch_attempts: int = Field(default=DEFAULT_LAUNCH_ATTEMPTS, ge=1, le=5)
    waves: list[WaveRequest] = Field(min_length=1, max_length=MOST_WAVES)

    def to_waves(self) -> tuple[Wave, ...]:
        """The waves, each behind those it depends on. Raise InvalidRequest when they do not fit together."""
        previous = [None, *(wave.name for wave in self.waves)]
        return in_order(
            Wave(
                name=wave.name,
                groups=tuple(GroupUse(use.group_id, tuple(use.source_server_ids or ())) for use in wave.groups),
                depends_on=tuple(dict.fromkeys(wave.depends_on if wave.depends_on is not None else _list(before))),
                max_failed_percent=wave.max_failed_percent,
            )
            for wave, before in zip(self.waves, previous, strict=False)
        )


def _list(name: str | None) -> list[str]:
    return [name] if name else []


class StartRequest(_Request):
    """Body of a start; it may be empty."""


def parse(model: type[Model], body: Any) -> Model:
    """The body as the model; InvalidRequest with every field that is wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = [{"field": _field(problem["loc"]), "message": problem["msg"]} for problem in error.errors()]
        raise InvalidRequest("The request is not valid.", problems) from error


def _field(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return text or "body"
