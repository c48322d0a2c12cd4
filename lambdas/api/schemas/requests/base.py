"""What all request bodies share: the base model, field types, and parsing with an error that names each field."""

from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from api.http.request import ACCOUNT_PATTERN, MAX_SHOWN_LENGTH, REGION_PATTERN, SERVER_PATTERN
from api.schemas.requests import words
from api.schemas.requests.forms import Form, suggest_minutes
from api.schemas.requests.names import normalize_name, require_legible
from recovery import free_text, regions
from recovery.errors import InvalidRequest

# What the validators below refuse, as far as JSON Schema can express it. A name also needs more than spaces.
_HIDDEN, _HIDDEN_BUT_STYLES = free_text.pattern_class(), free_text.pattern_class(free_text.STYLES_OF_SYMBOLS)
PRINTABLE_PATTERN = rf"^[^{_HIDDEN_BUT_STYLES}]*$"
NAME_PATTERN = rf"^[^{_HIDDEN}]*[^\s{_HIDDEN}][^{_HIDDEN}]*$"
LINES_PATTERN = rf"^(?:[\t\n\r]|[^{_HIDDEN_BUT_STYLES}])*$"

# A body of 1 MiB can have a hundred thousand errors; the answer names this many.
MAX_PROBLEMS = 100


def _describe_pattern(pattern: str) -> Any:
    """Show readers of the schema what a validator of ours checks."""
    return Field(json_schema_extra={"pattern": pattern})


def _require_visible(text: str, besides: str = "") -> str:
    """Return the text. Raise ValueError, which names the first character that no reader sees."""
    if hidden := free_text.find_hidden(text, besides, with_styles=True):
        code_point = free_text.name_code_point(hidden)
        raise ValueError(f"must have no control characters or invisible characters, such as {code_point}")
    return text


def _normalize_if_text(value: Any) -> Any:
    return normalize_name(value) if isinstance(value, str) else value


def _require_visible_lines(text: str) -> str:
    return _require_visible(text, besides=free_text.LINE_BREAKS_AND_TABS)


def _require_known_region(region: str) -> str:
    if regions.find_partition(region) is None:
        likely = regions.suggest(region)
        hint = f"; did you mean {likely}?" if likely else ""
        raise ValueError(f"{region} is no Region that this version of drs-waves knows{hint}")
    return region


# Patterns and limits are those of DRS where it has one (botocore's drs model, Service Quotas).
ServerId = Annotated[
    str, StringConstraints(pattern=SERVER_PATTERN), Form("the id of a source server", "s-1111111111111111a")
]
AccountId = Annotated[
    str, StringConstraints(pattern=ACCOUNT_PATTERN), Form("the 12 digits of an account", "111122223333")
]
Region = Annotated[
    str, StringConstraints(pattern=REGION_PATTERN), Form("the name of a Region", "us-west-2", regions.suggest)
]
KnownRegion = Annotated[Region, AfterValidator(_require_known_region)]
Name = Annotated[
    str,
    BeforeValidator(_normalize_if_text, json_schema_input_type=str),
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(require_legible),
    _describe_pattern(NAME_PATTERN),
    Form("a name", "payroll"),
]
OptionalName = Annotated[
    str,
    StringConstraints(max_length=100, strip_whitespace=True),
    AfterValidator(_require_visible),
    _describe_pattern(PRINTABLE_PATTERN),
]
Description = Annotated[
    str,
    StringConstraints(max_length=1_000),
    AfterValidator(_require_visible_lines),
    _describe_pattern(LINES_PATTERN),
]
TagKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    AfterValidator(_require_visible),
    Form("the key of a tag", "app"),
]
TagValue = Annotated[
    str,
    StringConstraints(max_length=256),
    AfterValidator(_require_visible),
    _describe_pattern(PRINTABLE_PATTERN),
]
# The version of the resource that a change was made from; the header If-Match may carry it instead.
Version = Annotated[
    int, Field(strict=True, ge=1, le=10**15, description="The version that the change was made from; or send If-Match.")
]
# RPO and RTO targets: up to a week.
Minutes = Annotated[StrictInt, Field(ge=1, le=7 * 24 * 60), Form("minutes as a whole number", 120, suggest_minutes)]

# DRS allows 4,000 source servers per account and Region.
MAX_SERVERS = 4_000


class RequestModel(BaseModel):
    # Pydantic builds a model on first use, so that a cold start does not pay for models it does not need.
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True, defer_build=True)


Model = TypeVar("Model", bound=RequestModel)


def parse(model: type[Model], body: Any) -> Model:
    """The body as the model. Raise InvalidRequest with every field that is wrong."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        errors = error.errors(include_url=False)[:MAX_PROBLEMS]
        problems = [{"field": _field(each["loc"]), "message": words.describe(each, model)} for each in errors]
        raise InvalidRequest("The request is not valid.", problems) from error


def _field(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return free_text.flatten(text)[:MAX_SHOWN_LENGTH] or "body"
