"""Texts that checks and actions pass on to other services: documents, their parameters, payloads."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, StringConstraints

from api.schemas.requests.forms import Form
from recovery import free_text
from recovery.domain.wave_steps import placeholders

# Systems Manager's patterns of names and versions of documents (botocore's ssm model: DocumentARN, DocumentVersion).
DOCUMENT_PATTERN = r"^[a-zA-Z0-9_.:/-]{3,128}$"
DOCUMENT_VERSION_PATTERN = r"^(\$LATEST|\$DEFAULT|[1-9][0-9]{0,9})$"

# A plan has to fit into a row of 400 KB.
MAX_TEXT = 4_096
MAX_PARAMETERS = 50
MAX_VALUES = 50
MAX_PAYLOAD = 16_384
# DynamoDB keeps 38 digits of a number.
MAX_NUMBER = 1e37

# Names of values that are secrets as a rule.
_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)|secret|api_?-?key|access_?-?key|private_?-?key|credential|auth_?-?token|bearer",
    re.IGNORECASE,
)
# What a value may be under such a name: a reference that the other service resolves, or the name of one.
_REFERENCE = re.compile(
    r"\{\{.*\}\}|\{[A-Za-z]+\}|\$\{?[A-Za-z_].*|arn:[a-z-]+:(?:secretsmanager|ssm|kms):\S+|/[\w./-]+|true|false|\d{0,3}",
    re.IGNORECASE | re.DOTALL,
)
# Values that are secrets whatever their name: access keys of AWS, private keys, passwords in addresses and scripts.
_SECRET_VALUE = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|://[^/\s:@{]+:[^/\s:@{$]+@"
    r"|(?:password|passwd|secret|api_?key|token)\s*[=:]\s*[\"']?(?![\"'$\{<*\s])[^\s\"']{6,}",
    re.IGNORECASE,
)
INSTEAD_OF_IT = (
    "keep it in Secrets Manager or Parameter Store and give its name or ARN, so that the document or function looks it "
    "up; the plan, its versions and its reports would show it"
)


def require_no_secret(value: Any, name: str = "") -> Any:
    """Return the value, in which no text is a secret by its name or its form.

    Raise ValueError, which never shows it.
    """
    if isinstance(value, Mapping):
        for key, each in value.items():
            require_no_secret(each, str(key))
    elif isinstance(value, list):
        for each in value:
            require_no_secret(each, name)
    elif isinstance(value, str):
        if name and _SECRET_NAME.search(name) and not _REFERENCE.fullmatch(value):
            raise ValueError(f"has a value for {name!r} that may be a secret: {INSTEAD_OF_IT}")
        if _SECRET_VALUE.search(value):
            raise ValueError(f"holds what looks like a secret{f' in {name!r}' if name else ''}: {INSTEAD_OF_IT}")
    return value


def _require_text(text: str) -> str:
    hidden = free_text.find_hidden(text, free_text.LINE_BREAKS_AND_TABS, with_styles=True)
    if hidden:
        code_point = free_text.name_code_point(hidden)
        raise ValueError(f"must have no control characters or invisible characters, such as {code_point}")
    return text


def require_known_names(value: Any, allowed: tuple[str, ...]) -> None:
    """Raise ValueError for a name in braces that is none of these."""
    for name in placeholders.find_names(value):
        if name not in allowed:
            raise ValueError(f"has {{{name}}}, which is no name that drs-waves knows here; known: {', '.join(allowed)}")


def _list_texts(value: Any) -> Any:
    """Systems Manager takes lists of texts; a text alone is a list of one."""
    return [value] if isinstance(value, str) else value


StepText = Annotated[str, StringConstraints(max_length=MAX_TEXT), AfterValidator(_require_text), Form("text", "10")]
DocumentName = Annotated[
    str, StringConstraints(pattern=DOCUMENT_PATTERN), Form("the name of a document", "AWS-RunShellScript")
]
DocumentVersion = Annotated[
    str, StringConstraints(pattern=DOCUMENT_VERSION_PATTERN), Form("a number, $DEFAULT or $LATEST, in quotes", "3")
]
_ParameterName = Annotated[
    str, StringConstraints(min_length=1, max_length=255), Form("the name of a parameter", "Mode")
]
_Values = Annotated[
    list[StepText],
    BeforeValidator(_list_texts, json_schema_input_type=str | list[str]),
    Field(max_length=MAX_VALUES),
    Form("a list of texts", ["drill"]),
]
DocumentParameters = Annotated[
    dict[_ParameterName, _Values],
    Field(max_length=MAX_PARAMETERS),
    AfterValidator(require_no_secret),
    Form("a mapping", {"commands": ["systemctl is-active shop"]}),
]


def _require_small(value: dict[str, Any]) -> dict[str, Any]:
    for text in _leaves(value, str):
        _require_text(text)
    for number in _leaves(value, (int, float)):
        if not (number == 0 or 1 / MAX_NUMBER < abs(number) < MAX_NUMBER):  # NaN too
            raise ValueError("must have no number beyond 1e37, and none that JSON does not know: write it as a text")
    if len(json.dumps(value)) > MAX_PAYLOAD:
        raise ValueError(f"must have at most {MAX_PAYLOAD:,} characters as JSON")
    return value


def _leaves(value: Any, kind: Any) -> Iterator[Any]:
    """The texts or numbers of a payload, those of keys too."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(key, kind)
            yield from _leaves(each, kind)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, kind)


Payload = Annotated[
    dict[str, JsonValue],
    AfterValidator(_require_small),
    AfterValidator(require_no_secret),
    Form("a mapping", {"run": "{executionId}"}),
]
