"""Compares responses with botocore's shapes, independently of the emulator's validation."""

import json
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "timestamp": (str, int, float),  # DRS writes texts, Systems Manager seconds
    "boolean": bool,
    "integer": int,
    "long": int,
}


# What real answers have and the model lacks
REAL_DIFFERENCES = ("event is LAUNCH_END, not in the enumeration", ".usageOperationData is unknown")


def check_response(model: Any, http_response: Any, parsed: dict[str, Any]) -> None:
    """Check the status, the body and the parsed body of a successful call."""
    assert http_response.status_code == model.http["responseCode"]
    if model.output_shape is None or http_response.status_code == 204:
        assert http_response.content == b""
        return
    sent = json.loads(http_response.content)
    differences = find_differences(model.output_shape, sent)
    assert [each for each in differences if not each.endswith(REAL_DIFFERENCES)] == []
    assert differences or parsed.items() >= sent.items()


def check_ssm_response(model: Any, http_response: Any, parsed: dict[str, Any]) -> None:
    """Check the same of a call of Systems Manager, whose times the client turns into dates."""
    assert http_response.status_code == 200
    sent = json.loads(http_response.content)
    if model.output_shape is not None:
        assert find_differences(model.output_shape, sent) == []
    assert parsed.keys() - {"ResponseMetadata"} == sent.keys()


def check_error(model: Any, parsed: dict[str, Any]) -> None:
    """Check that an error has every required member of its shape."""
    shape = next((s for s in model.service_model.error_shapes if s.name == parsed["Error"]["Code"]), None)
    if shape:
        default = 500 if shape.name == "InternalServerError" else 400  # the model of Systems Manager names none
        status = shape.metadata.get("error", {}).get("httpStatusCode", default)
        assert parsed["ResponseMetadata"]["HTTPStatusCode"] == status
        missing = [name for name in shape.required_members if name != "message" and name not in parsed]
        assert [name for name in missing if name not in ("code",)] == []


def find_differences(shape: Any, value: Any, path: str = "") -> list[str]:
    """Return the differences between a value and its shape."""
    fits = isinstance(value, TYPES[shape.type_name])
    if not fits:
        return [f"{path} is not a {shape.type_name}"]
    found: list[str] = []
    if shape.type_name == "structure":
        found += [f"{path}.{name} is missing" for name in shape.required_members if name not in value]
        found += [f"{path}.{name} is unknown" for name in value if name not in shape.members]
        for name in value.keys() & shape.members.keys():
            found += find_differences(shape.members[name], value[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for index, entry in enumerate(value):
            found += find_differences(shape.member, entry, f"{path}[{index}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        found.append(f"{path} is {value}, not in the enumeration")
    return found
