"""Says in plain words why a text is not YAML, and in which line."""

import re

import yaml

# The beginning of a message of PyYAML, what it means to the writer of the file, and whether the mistake is where the
# part begins instead of where it is noticed.
_YAML_WORDS = (
    ("mapping values are not allowed", "no field can begin here; correct the indentation, or quote text with ': '", 0),
    ("could not find expected ':'", "a field needs a colon and a value: name: value", 1),
    ("expected <block end>", "indented unlike the lines around it, or a quote is missing", 0),
    ("did not find expected <document start>", "text outside of any field; write name: value", 0),
    ("expected ',' or ']'", "the list that begins here is not closed, or a comma is missing in it", 1),
    ("expected ',' or '}'", "the mapping that begins here is not closed, or a comma is missing in it", 1),
    ("expected the node content", "a value is missing before this place", 0),
    ("found unexpected end of stream", "the quote that begins here is not closed", 1),
    ("found unexpected document separator", "the quote that begins here is not closed", 1),
    ("found undefined alias", "*name without &name before it; put text that begins with * in quotes", 0),
    ("could not determine a constructor", "types are not allowed; put text that begins with ! in quotes", 0),
    ("found unknown escape character", "no such escape; write \\\\ for \\, or use single quotes", 0),
    ("found unhashable key", "a name must be text; put it in quotes", 0),
    ("but found another document", "a second document begins here; a plan file is one", 0),
    ("sequence entries are not allowed here", "an entry of a list cannot begin here; begin a new line", 0),
)  # fmt: skip
_YAML_OTHERWISE = "cannot be read here; look at the indentation, quotes and brackets of this line and the one before"


def explain_yaml(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """The line and the message."""
    problem, begin, end = error.problem or "", error.context_mark, error.problem_mark
    lines = text.splitlines()
    noticed = end or begin
    for at in (noticed.line, noticed.line - 1) if noticed else ():
        if 0 <= at < len(lines) and re.match(r" *\t", lines[at]):
            return at + 1, "not YAML: a tab; lines are indented with spaces"
    words, is_at_begin = next(
        ((words, at_begin) for start, words, at_begin in _YAML_WORDS if start in problem), (_YAML_OTHERWISE, 0)
    )
    if unquoted := re.match(r"found character '(.)' that cannot start any token", problem):
        words = f"text that begins with {unquoted[1]} needs quotes"
    mark = (begin or end) if is_at_begin else noticed
    return (mark.line + 1 if mark else 1), f"not YAML: {words}"
