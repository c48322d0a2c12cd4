"""Writes log records as lines of JSON in which no text hides anything or turns the direction of what follows it."""

import json
from typing import Any

from recovery.free_text import escape_json


def write_log_line(record: dict[str, Any]) -> str:
    """The record as Powertools writes it, with hidden characters of its texts as `\\u202e`."""
    return escape_json(json.dumps(record, default=str, separators=(",", ":"), ensure_ascii=False))
