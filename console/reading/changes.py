"""What has changed between a plan as a run used it and as it is now, and its groups, in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.drills.differences import Difference, compare_content, put_in_words


@dataclass(frozen=True, slots=True)
class Changed:
    """A value that differs. `of` is the plan or a group, `before` and `after` are in words."""

    of: str
    field: str
    before: str
    after: str


def list_changes(
    before: Mapping[str, Any], plan: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
) -> list[Changed]:
    """What differs between `plan` and `groups` of a run, which `before` has, and these."""
    names = {group["groupId"]: group["name"] for group in (*before["groups"], *groups)}
    found = [_describe("the plan", each) for each in compare_content(before["plan"], plan, names)]
    old, new = ({group["groupId"]: group for group in each} for each in (before["groups"], groups))
    return [*found, *_list_changes_of_groups(old, new, names)]


def _list_changes_of_groups(
    old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[Changed]:
    for group_id in dict.fromkeys([*old, *new]):
        title = f"group {names[group_id]}"
        if group_id in old and group_id in new:
            for each in compare_content(old[group_id], new[group_id]):
                yield _describe(title, each)
        else:
            was_there = group_id in old
            yield Changed(title, "use", "used" if was_there else "not used", "not used" if was_there else "used")


def _describe(of: str, difference: Difference) -> Changed:
    words = put_in_words(difference)
    return Changed(of, words.field, words.before, words.after)
