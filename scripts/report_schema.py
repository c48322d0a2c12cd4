"""Print the JSON Schema of report.json: `python scripts/report_schema.py > docs/report.schema.json`."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lambdas"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pydantic import TypeAdapter

from report.shape.report import Report


def build() -> dict[str, Any]:
    """The schema. Objects may have fields that it does not name, because a minor version may add some."""
    schema = TypeAdapter(Report).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "report.schema.json",
        **_without_titles(schema),
    }


def _without_titles(part: Any) -> Any:
    """Without the names of fields as titles, which pydantic adds and which say nothing new."""
    if isinstance(part, list):
        return [_without_titles(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: _without_titles(value) for name, value in part.items() if name != "title" or not isinstance(value, str)
    }


if __name__ == "__main__":
    print(json.dumps(build(), indent=2))
