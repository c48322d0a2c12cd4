"""Each file and field that the page for auditors names is one that drs-waves writes or answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from report.document import Facts, build_document
from tests.support.report_facts import HUB, WEST, record, server, wave

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


def values_of(value: Any, path: str) -> Iterator[Any]:
    """What is there at this path, in each entry of the lists on the way; no None."""
    if isinstance(value, list):
        for each in value:
            yield from values_of(each, path)
    elif not path:
        yield from [] if value is None else [value]
    elif isinstance(value, dict):
        first, _, rest = path.partition(".")
        yield from values_of(value.get(first), rest)


def test_fields_that_are_null_in_the_report_of_a_plain_drill_are_said_to_be() -> None:
    plan = {"planId": "rp-0123456789ab", "name": "shop", "version": 1, "updatedBy": "ana", "waves": []}
    group = {"groupId": "pg-0123456789ab", "name": "databases", "accountId": HUB, "region": WEST, "version": 1}
    plain = build_document(
        Facts(
            record(wave("db", "COMPLETED", 2, 20)),
            [server("h1", groups=["pg-0123456789ab"])],
            plan=plan,
            groups=[group],
        )
    )
    rows = PAGE.split("| field | is null or empty |")[1].split("\n\n")[0]
    said = re.findall(r"`report\.json#([A-Za-z0-9.]+)`", rows)
    null = [
        field for source, field in NAMED if source == "report.json" and not any(True for _ in values_of(plain, field))
    ]
    assert len(null) > 8
    assert [field for field in null if not any(field == each or field.startswith(f"{each}.") for each in said)] == []


def test_both_rhythms_of_a_policy_are_named() -> None:
    assert {"drillPolicy.everyDays", "drillPolicy.schedule"} <= {field for _, field in NAMED}


def test_the_page_says_that_it_is_no_advice_and_no_certificate() -> None:
    assert "no legal advice" in PAGE
    assert "not certified" in PAGE


def test_each_row_says_what_is_not_shown_and_who_adds_it() -> None:
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    of_requirements = [row for row in rows if len(row) == 5 and row[0].strip() != "requirement"]
    assert len(of_requirements) > 20
    assert all(cell.strip() for row in of_requirements for cell in row)
