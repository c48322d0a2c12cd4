"""The names in braces that the texts of a plan may have: `{executionId}`, `{mode}`, `{instanceIds}`, ...

A name in single braces stands for a fact of the run. `{{...}}`, as Systems Manager has it, `${...}`, as shells have it,
and braces around anything that is no bare word stay as they are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Facts that are known before the servers are launched, and those of the new instances.
NAMES_OF_RUN = ("executionId", "mode", "planId", "planName", "wave", "accountId", "region", "actionKey")
NAMES_OF_INSTANCES = ("instanceIds", "privateIps", "sourceServerIds")

Values = Mapping[str, str | Sequence[str]]
"""The value of each name: a text, or a list of texts for the names of instances."""

_PLACEHOLDER = re.compile(r"(?<![{$])\{([A-Za-z][A-Za-z0-9_]*)\}(?!\})")


def find_names(value: Any) -> Iterator[str]:
    """Every name in braces in a text, or in the texts of a list or mapping; keys of mappings have none."""
    if isinstance(value, str):
        yield from _PLACEHOLDER.findall(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from find_names(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from find_names(each)


def fill_in(value: Any, values: Values) -> Any:
    """The value with every name replaced.

    An entry of a list that is the name of a list alone becomes its entries; within a text, they are joined by commas.
    A name that has no value stays.
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: _join(values.get(found[1], found[0])), value)
    if isinstance(value, Mapping):
        return {key: fill_in(each, values) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [filled for each in value for filled in _fill_in_entry(each, values)]
    return value


def _fill_in_entry(entry: Any, values: Values) -> list[Any]:
    whole = _PLACEHOLDER.fullmatch(entry) if isinstance(entry, str) else None
    replaced = values.get(whole[1]) if whole else None
    if replaced is not None and not isinstance(replaced, str):
        return list(replaced)
    return [fill_in(entry, values)]


def _join(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else ",".join(value)
