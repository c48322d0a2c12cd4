"""Write the JSON Schema of each listing of the command to docs/schemas, derived from docs/openapi.json.

`drs-waves plans --output json` prints what docs/schemas/plans.schema.json describes; a line of `--output jsonl` is its
`$defs/Item`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "lambdas")]

from cli.listings.catalog import LISTINGS  # noqa: E402  # it needs the paths above
from cli.listings.columns import Listing  # noqa: E402

FOLDER = ROOT / "docs" / "schemas"
_REFERENCE = "#/components/schemas/"


def build_schema(name: str, listing: Listing, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of what `drs-waves NAME --output json` prints. `schemas` are those of the OpenAPI document."""
    used = dict(sorted(_collect(listing.schema, schemas).items()))
    item = used.pop(listing.schema)
    item["properties"] |= listing.added
    item["required"] = [*item.get("required", ()), *listing.added]
    return _with_local_references(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"drs-waves {name}",
            "description": f"What `drs-waves {name} --output json` prints. A line of `--output jsonl` is an Item.",
            "type": "object",
            "properties": {
                listing.items: {
                    "description": item.get("description", "The items."),
                    "type": "array",
                    "items": {"$ref": "#/$defs/Item"},
                }
            },
            "required": [listing.items],
            "additionalProperties": False,
            "$defs": {"Item": item, **used},
        }
    )


def _collect(name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema with this name, and all that it refers to."""
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        if (name := waiting.pop()) not in found:
            found[name] = json.loads(json.dumps(schemas[name]))
            waiting += _list_references(found[name])
    return found


def _list_references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(_REFERENCE)
        for each in value.values():
            yield from _list_references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _list_references(each)


def _with_local_references(schema: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(schema, ensure_ascii=False)
    local: dict[str, Any] = json.loads(text.replace(f'"{_REFERENCE}', '"#/$defs/'))
    return local


def format_schemas() -> dict[str, str]:
    """The contents of each file of docs/schemas, by its name."""
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]["schemas"]
    return {
        f"{name.replace(' --', '-').replace(' ', '-')}.schema.json": json.dumps(
            build_schema(name, listing, schemas), indent=2, ensure_ascii=False
        )
        + "\n"
        for name, listing in LISTINGS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in format_schemas().items():
        (FOLDER / name).write_text(text)
