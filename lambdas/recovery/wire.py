"""Values as DynamoDB has them on the wire, `{"S": "text"}`, and back.

boto3 has this too, in a package that cannot be imported without all of boto3 (see `recovery.aws`). A property test
holds the two together.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Any


def pack(value: Any) -> dict[str, Any]:
    """The value with its type. Raise TypeError for what no attribute can be; floats are among that, as in boto3."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, Mapping):
        return {"M": {name: pack(part) for name, part in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [pack(part) for part in value]}
    if value is None:
        return {"NULL": True}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, AbstractSet):
        return _pack_set(value)
    raise TypeError(f"DynamoDB has no type for {type(value).__name__} {value!r}")


def _pack_set(values: AbstractSet[Any]) -> dict[str, Any]:
    packed = [pack(value) for value in values]
    kinds = {kind for each in packed for kind in each}
    if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
        raise TypeError(f"DynamoDB has sets of text, of numbers or of bytes, and no empty ones, not {values!r}")
    (kind,) = kinds
    return {f"{kind}S": [each[kind] for each in packed]}


def unpack(wired: Mapping[str, Any]) -> Any:
    """The value without its type; whole numbers are int, others float."""
    ((kind, value),) = wired.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return _number(value)
        case "M":
            return {name: unpack(part) for name, part in value.items()}
        case "L":
            return [unpack(part) for part in value]
        case "NULL":
            return None
        case "B":
            return bytes(value)
        case "SS" | "BS":
            return set(value)
        case "NS":
            return {_number(each) for each in value}
    raise TypeError(f"DynamoDB had no type {kind!r} when this was written")


def _number(text: str) -> int | float:
    if text.lstrip("-").isdecimal():
        return int(text)
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)
