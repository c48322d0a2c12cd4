"""Checks of launched servers, as callers send them."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StringConstraints, model_validator

from api.schemas.requests.base import RequestModel
from api.schemas.requests.forms import Form, suggest_minutes, suggest_number
from api.schemas.requests.step_texts import DocumentName, DocumentParameters, DocumentVersion
from recovery.domain.wave_steps.checks import KINDS_WITHOUT_SETTINGS, Check, CheckKind
from recovery.domain.wave_steps.modes import BOTH, RunMode

# An answer is awaited between two looks, and a wave has up to this many kinds of checks.
MAX_CHECKS = 10
MAX_CHECKS_MINUTES = 24 * 60
MIN_SECONDS_BETWEEN_LOOKS, MAX_SECONDS_BETWEEN_LOOKS = 10, 15 * 60

# The characters that RFC 3986 allows in a path and a query, but no quotes: the path becomes part of a script.
HTTP_PATH_PATTERN = r"^/[A-Za-z0-9._~!&()*+,;=:@%/?-]{0,511}$"
HOST_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
TARGET_GROUP_PATTERN = (
    r"^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}$"
)

Port = Annotated[StrictInt, Field(ge=1, le=65_535), Form("the number of a port", 8080, suggest_number)]
Modes = Annotated[list[RunMode], Field(alias="in", min_length=1, max_length=2)]


class NoSettings(RequestModel):
    """Of a check that has no settings."""


class TcpCheck(RequestModel):
    """A port of the server, on the server itself."""

    port: Port = Field(description="The port that has to accept connections.")
    timeout_seconds: Annotated[StrictInt, Form("seconds as a whole number", 5, suggest_number)] = Field(
        default=5, ge=1, le=60, description="How long one try waits for the connection."
    )


class HttpCheck(RequestModel):
    """An answer of the server to a request that is sent on the server itself."""

    port: Port = Field(description="The port to ask.")
    path: Annotated[
        str, StringConstraints(pattern=HTTP_PATH_PATTERN), Form("a path that begins with / , without spaces", "/health")
    ] = Field(default="/", description="The path to ask for, with a query if it needs one.")
    expect: Annotated[StrictInt, Form("an HTTP status", 200, suggest_number)] = Field(
        default=200, ge=100, le=599, description="The status that the answer has to have."
    )
    scheme: Literal["http", "https"] = Field(default="http", description="The protocol.")
    host: Annotated[str, StringConstraints(pattern=HOST_PATTERN), Form("a host name", "shop.example")] | None = Field(
        default=None,
        description="The host name to ask for. With https, the certificate has to be of this name; without a name, the "
        "certificate is not checked.",
    )
    timeout_seconds: Annotated[StrictInt, Form("seconds as a whole number", 5, suggest_number)] = Field(
        default=5, ge=1, le=60, description="How long one try waits for the answer."
    )


class CommandCheck(RequestModel):
    """A document of Systems Manager that runs on the server, and has to succeed. It may run again and again."""

    document: DocumentName = Field(description="The document: its name, or its ARN if another account shares it.")
    document_version: DocumentVersion | None = Field(default=None, description="Its version; the default one without.")
    parameters: DocumentParameters = Field(default={}, description="The values of the document's parameters.")
    timeout_seconds: Annotated[StrictInt, Form("seconds as a whole number", 300, suggest_number)] = Field(
        default=300, ge=30, le=3_600, description="How long one run may take."
    )


TargetGroupArn = Annotated[
    str,
    StringConstraints(pattern=TARGET_GROUP_PATTERN),
    Form(
        "the ARN of a target group",
        # pragma: allowlist nextline secret
        "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/shop/0123456789abcdef",
    ),
]


def only_kind(model: RequestModel, kinds: Iterable[str], what: str, example: str) -> str:
    """The kind of a check or an action: the only one of these fields that has a value. Raise ValueError."""
    names = {field: info.alias or field for field, info in type(model).model_fields.items()}
    given = [names[field] for field in names if names[field] in set(kinds) and getattr(model, field) is not None]
    if len(given) == 1:
        return given[0]
    if given:
        raise ValueError(f"is of several kinds, {' and '.join(given)}: write each as {what} of its own")
    raise ValueError(f"has no kind: give one of {', '.join(kinds)}, such as {example}")


class CheckRequest(RequestModel):
    """A check of one kind; the name of a kind without settings is a check too."""

    EXAMPLE_HAS: ClassVar = ("tcp",)

    boot: NoSettings | None = Field(
        default=None, description="EC2's status checks pass: system, instance and attached EBS volumes."
    )
    post_launch_actions: NoSettings | None = Field(
        default=None, description="The launch actions that DRS runs on the server have succeeded."
    )
    agent: NoSettings | None = Field(default=None, description="The agent of Systems Manager is online.")
    tcp: TcpCheck | None = Field(default=None, description="A port accepts connections.")
    http: HttpCheck | None = Field(default=None, description="A request is answered with the expected status.")
    command: CommandCheck | None = Field(default=None, description="A document of Run Command succeeds.")
    target_group: TargetGroupArn | None = Field(
        default=None, description="Elastic Load Balancing finds the server healthy in this target group."
    )
    successes: Annotated[StrictInt, Form("a whole number", 2, suggest_number)] = Field(
        default=1, ge=1, le=10, description="How often in a row it has to pass."
    )
    modes: Modes = Field(default=list(BOTH), description="The runs that have the check: drills, recoveries or both.")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        only_kind(self, list(CheckKind), "a check", '"boot" or {"tcp": {"port": 5432}}')
        return self

    def to_check(self) -> Check:
        """The check to store."""
        kind = CheckKind(only_kind(self, list(CheckKind), "a check", ""))
        given = getattr(self, re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", kind.value))
        if kind is CheckKind.TARGET_GROUP:
            settings = {"arn": given}
        else:
            settings = given.model_dump(by_alias=True, exclude_none=True)
        return Check(kind, settings, self.successes, tuple(dict.fromkeys(self.modes)))


_SHORT = [kind.value for kind in KINDS_WITHOUT_SETTINGS]


def _expand(check: Any) -> Any:
    """`{"boot": {}}` for `"boot"`. Raise ValueError for the name of a kind that needs settings."""
    if isinstance(check, dict) and [*check.values()] == [None]:  # `- boot:` in YAML
        (check,) = check
    if not isinstance(check, str):
        return check
    if check in _SHORT:
        return {check: {}}
    if check in list(CheckKind):
        raise ValueError(f'needs settings, such as {{"{check}": {_EXAMPLES[CheckKind(check)]}}}')
    raise ValueError(f'must be {", ".join(_SHORT)}, or a mapping such as {{"tcp": {{"port": 5432}}}}')


_EXAMPLES = {
    CheckKind.TCP: '{"port": 5432}',
    CheckKind.HTTP: '{"port": 8080, "path": "/health"}',
    CheckKind.COMMAND: '{"document": "AWS-RunShellScript", "parameters": {"commands": ["pg_isready"]}}',
    CheckKind.TARGET_GROUP: '"arn:..."',
}

CheckEntry = Annotated[
    CheckRequest,
    BeforeValidator(_expand, json_schema_input_type=Literal["boot", "postLaunchActions", "agent"] | CheckRequest),
    Form("the name of a check, or a mapping", "boot"),
]


def _require_different(checks: list[CheckRequest]) -> list[CheckRequest]:
    seen = set[str]()
    for number, check in enumerate(check.to_check() for check in checks):
        if check.key in seen:
            raise ValueError(f"entry {number} repeats an earlier one; leave it out, and put both kinds of runs into in")
        seen.add(check.key)
    return checks


Checks = Annotated[list[CheckEntry], Field(max_length=MAX_CHECKS), AfterValidator(_require_different)]
ChecksMinutes = Annotated[StrictInt, Field(ge=1, le=MAX_CHECKS_MINUTES), Form("minutes", 30, suggest_minutes)]
SecondsBetweenLooks = Annotated[
    StrictInt,
    Field(ge=MIN_SECONDS_BETWEEN_LOOKS, le=MAX_SECONDS_BETWEEN_LOOKS),
    Form("seconds as a whole number", 30, suggest_number),
]
