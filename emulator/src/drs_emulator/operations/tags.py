"""Operations of tags. As in the service, tags of a recovery instance do not change those of its EC2 instance."""

from typing import Any

from drs_emulator.operations.registry import Call, operation


@operation("TagResource")
def tag_resource(call: Call) -> dict[str, Any]:
    call.target.tags_of(call.input["resourceArn"]).update(call.input["tags"])
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
