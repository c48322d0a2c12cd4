"""Says in plain words why a text is not JSON."""

import json

# The beginning of a message of json, and what it means to the writer of the file.
_WORDS = (
    ("Expecting property name", "a name in double quotes is missing here; the comma before it may be one too many"),
    ("Expecting ',' delimiter", "a comma or a closing bracket is missing before this place"),
    ("Expecting ':' delimiter", "a colon is missing before this place"),
    ("Expecting value", "a value is missing here, or text is not in double quotes"),
    ("Illegal trailing comma", "the last comma is one too many"),
    ("Unterminated string", "the quote that begins here is not closed"),
    ("Invalid control character", "a line break or tab within quotes; write \\n or \\t"),
    ("Invalid \\", "no such escape; write \\\\ for \\"),
    ("Extra data", "the file continues after its closing bracket"),
)
_OTHERWISE = "cannot be read here"


def explain_json(error: json.JSONDecodeError) -> str:
    """`a colon is missing before this place (line 2, column 9)`."""
    words = next((words for start, words in _WORDS if error.msg.startswith(start)), _OTHERWISE)
    return f"{words} (line {error.lineno}, column {error.colno})"
