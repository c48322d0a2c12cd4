"""Reads the parts that many control requests have. Everything here raises BadControlInput, which names the field."""

import json
import re
from typing import Any

from drs_emulator.protocol.http_messages import Request
from drs_emulator.settings import BadControlInput
from drs_emulator.target_key import TargetKey


def read_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise BadControlInput(f"body: is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadControlInput("body: must be an object")
    return body


def read_target_key(body: dict[str, Any]) -> TargetKey:
    return TargetKey(
        read_text(body, "accountId", r"\d{12}", "12 digits"),
        read_text(body, "region", r"[a-z]{2,4}(-[a-z]+)+-\d", "a Region"),
    )


def read_flags(request: Request, **names: str) -> dict[str, bool]:
    """Read a body of booleans, and return them under their parameter names."""
    body = read_body(request)
    for name, value in body.items():
        if name not in names or not isinstance(value, bool):
            raise BadControlInput(f"{name}: must be one of {', '.join(names)}, and true or false")
    return {names[name]: value for name, value in body.items()}


def read_text(body: dict[str, Any], name: str, pattern: str, what: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise BadControlInput(f"{name}: must be {what}")
    return value
