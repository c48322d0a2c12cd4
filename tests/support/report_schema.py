"""Holds report.json against docs/report.schema.json."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "report.schema.json"


def list_violations(report: Mapping[str, Any]) -> list[str]:
    """What in the report is not as the schema has it, also a field that it does not name."""
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(report)]


@functools.cache
def _validator() -> Draft202012Validator:
    strict = _closed(json.loads(SCHEMA.read_text()))
    Draft202012Validator.check_schema(strict)
    return Draft202012Validator(strict, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _closed(part: Any) -> Any:
    """The schema without room for other fields."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(value) for name, value in part.items()}
    has_fields = part.get("type") == "object" and "properties" in part
    return {**closed, "additionalProperties": False} if has_fields else closed
