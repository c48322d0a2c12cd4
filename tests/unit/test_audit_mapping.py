"""Each file and field that the page for auditors names is one that drs-waves writes or answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "audit-mapping.md").read_text()
REPORT = json.loads((ROOT / "docs" / "report.schema.json").read_text())
API = json.loads((ROOT / "docs" / "openapi.json").read_text())
NAMED = sorted(set(re.findall(r"`(report\.json|GET /[^`#]*)#([A-Za-z0-9.]+)`", PAGE)))


def parts_of(schema: Any, document: Any) -> Iterator[Any]:
    """The schema itself, or each of those that it allows, without references and lists around them."""
    if "$ref" in schema:
        found = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        yield from parts_of(found, document)
    elif "items" in schema:
        yield from parts_of(schema["items"], document)
    elif alternatives := [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]:
        for each in alternatives:
            yield from parts_of(each, document)
    else:
        yield schema


def has_field(schema: Any, path: str, document: Any) -> bool:
    first, _, rest = path.partition(".")
    found = [part["properties"][first] for part in parts_of(schema, document) if first in part.get("properties", {})]
    return bool(found) and (not rest or any(has_field(each, rest, document) for each in found))


@pytest.mark.parametrize(("source", "field"), NAMED)
def test_each_field_that_the_page_names_exists(source: str, field: str) -> None:
    if source == "report.json":
        assert has_field(REPORT, field, REPORT)
    else:
        answer = API["paths"][source.removeprefix("GET ")]["get"]["responses"]["200"]
        assert has_field(answer["content"]["application/json"]["schema"], field, API)


def test_a_field_that_does_not_exist_is_found_missing() -> None:
    assert len(NAMED) > 40
    assert not has_field(REPORT, "rto.whole.mett", REPORT)
    assert not has_field(REPORT, "nothing", REPORT)


def test_the_page_says_that_it_is_no_advice_and_no_certificate() -> None:
    assert "no legal advice" in PAGE
    assert "not certified" in PAGE


def test_each_row_says_what_is_not_shown_and_who_adds_it() -> None:
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    of_requirements = [row for row in rows if len(row) == 5 and row[0].strip() != "requirement"]
    assert len(of_requirements) > 20
    assert all(cell.strip() for row in of_requirements for cell in row)
