"""Answers shaped as DRS gives them; README.md says what each file shows."""

import json
from pathlib import Path
from typing import Any


def load(name: str) -> list[dict[str, Any]]:
    """The items of an answer, by the name of its file without the ending."""
    items: list[dict[str, Any]] = json.loads((Path(__file__).parent / f"{name}.json").read_text())["items"]
    return items
