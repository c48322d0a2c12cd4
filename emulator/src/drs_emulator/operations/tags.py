"""Operations of tags, and their limits.

As in the service, tags of a recovery instance do not change those of its EC2 instance. The limits are those that AWS
documents for all services: 50 tags per resource, keys of 1-128 and values of 0-256 letters, digits, spaces and
`+ - = . _ : / @`, and no key that begins with `aws:`. The model of DRS has no pattern.
"""

import re
from typing import Any

from drs_emulator.errors import Invalid
from drs_emulator.operations.registry import Call, operation

MAX_TAGS = 50
KEY, VALUE = re.compile(r"(?!aws:)[\w +\-=.:/@]{1,128}"), re.compile(r"[\w +\-=.:/@]{0,256}")


def check_tags(call: Call) -> None:
    """Check the tags of any request. Raise Invalid."""
    for member in ("tags", "stagingAreaTags"):
        tags: dict[str, str] = call.input.get(member) or {}
        if len(tags) > MAX_TAGS:
            _reject(member, f"there can be {MAX_TAGS} tags")
        for key, value in tags.items():
            if not KEY.fullmatch(key) or not VALUE.fullmatch(value):
                _reject(f"{member}.{key}", "the key or the value has characters or a length that tags cannot have")


def _reject(field: str, problem: str) -> None:
    raise Invalid(f"{field}: {problem}", fields=[(field, problem)])


@operation("TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    tags = call.target.tags_of(call.input["resourceArn"])
    if call.world.settings.behaviour.tag_rules == "strict" and len(tags | call.input["tags"]) > MAX_TAGS:
        _reject("tags", f"there can be {MAX_TAGS} tags")
    tags.update(call.input["tags"])
    return {}


@operation("UntagResource")
def untag_resource(call: Call) -> dict[str, Any]:
    tags = call.target.tags_of(call.input["resourceArn"])
    for key in call.input["tagKeys"]:
        tags.pop(key, None)
    return {}


@operation("ListTagsForResource")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    return {"tags": dict(call.target.tags_of(call.input["resourceArn"]))}
