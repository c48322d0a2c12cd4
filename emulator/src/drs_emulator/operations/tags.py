"""Tags of source servers, recovery instances and jobs. Tags of a recovery instance stay in DRS, as in the service."""

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
