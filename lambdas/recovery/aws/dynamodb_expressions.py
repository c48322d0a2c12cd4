"""DynamoDB's request syntax: plain Python values to typed JSON and back, and the expressions of a request.

In a condition, attributes are written `#name` and the values of `given` `:name`. The functions here add the names and
values that DynamoDB wants beside the expression.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize
# The types whose values are plain ones.
_AS_THEY_ARE = frozenset({"S", "BOOL"})


def to_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as DynamoDB's typed JSON. A None is left out: it means that the attribute does not exist."""
    return {name: _serialize(_to_decimals(value)) for name, value in item.items() if value is not None}


def _to_decimals(value: Any) -> Any:
    """boto3 takes no float: the payload of an action may have some."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {key: _to_decimals(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_to_decimals(part) for part in value]
    return value


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse. Whole numbers become int, other numbers float."""
    return {name: _to_plain(value) for name, value in item.items()}


def _to_plain(value: Any) -> Any:
    """A typed value as a plain one. Sets are boto3's business; it takes three times as long for the rest."""
    ((kind, content),) = value.items()
    if kind in _AS_THEY_ARE:
        return content
    if kind == "M":
        return {name: _to_plain(part) for name, part in content.items()}
    if kind == "L":
        return [_to_plain(part) for part in content]
    if kind == "N":
        return _to_number(content)
    return bytes(content) if kind == "B" else _deserialize(value)


def _to_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = Decimal(text)
        return int(number) if number == number.to_integral_value() else float(number)


# The last of all characters, also in the order of DynamoDB's sort keys, which is that of their UTF-8 bytes.
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows to query: those whose key attribute `name` has this value.

    `sort_prefix` is a sort key and a prefix: `("item", "WAVE#")` narrows the query to rows that begin with it, and
    `first` to those of them from this sort key on.
    """

    name: str
    value: str
    sort_prefix: tuple[str, str] | None = None
    first: str | None = None

    def parameters(self) -> dict[str, Any]:
        """The parameters of a Query."""
        condition, names, values = "#name = :value", {"#name": self.name}, {":value": self.value}
        if self.sort_prefix:
            names["#sort"], prefix = self.sort_prefix
            if self.first is None:
                condition += " AND begins_with(#sort, :prefix)"
                values[":prefix"] = prefix
            else:
                condition += " AND #sort BETWEEN :first AND :last"
                values[":first"], values[":last"] = self.first, prefix + LAST_CHARACTER
        return {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": to_wire(values),
        }


def update_parameters(
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    remove: Sequence[str] = (),
    append: Mapping[str, Any] | None = None,
    add: Mapping[str, Any] | None = None,
    discard: Mapping[str, Any] | None = None,
    condition: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parameters of an UpdateItem.

    It sets `values` (a None is skipped), removes the attributes named in `remove`, appends each value of `append` to a
    list, adds `add` to counters and sets, and takes `discard` out of sets.
    """
    sets = {name: value for name, value in values.items() if value is not None}
    append, add, discard = dict(append or {}), dict(add or {}), dict(discard or {})
    assignments = _each("#{0} = :new_{0}", sets)
    assignments += _each("#{0} = list_append(if_not_exists(#{0}, :none), :new_{0})", append)
    clauses = {
        "SET": assignments,
        "REMOVE": _each("#{0}", remove),
        "ADD": _each("#{0} :new_{0}", add),
        "DELETE": _each("#{0} :new_{0}", discard),
    }
    new = {**sets, **{name: [value] for name, value in append.items()}, **add, **discard}
    bound = {f":new_{name}": value for name, value in new.items()} | ({":none": []} if append else {})
    parameters = {
        "Key": to_wire(key),
        "UpdateExpression": " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts),
        **condition_parameters(condition, given),
    }
    _extend(parameters, "ExpressionAttributeNames", {f"#{name}": name for name in (*new, *remove)})
    _extend(parameters, "ExpressionAttributeValues", to_wire(bound))
    return parameters


def _each(template: str, names: Iterable[str]) -> list[str]:
    return [template.format(name) for name in names]


def _extend(parameters: dict[str, Any], name: str, entries: Mapping[str, Any]) -> None:
    """Add entries to a parameter that must not be empty."""
    if entries:
        parameters[name] = {**parameters.get(name, {}), **entries}


def condition_parameters(condition: str | None, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The parameters of a conditional write; none without a condition."""
    if not condition:
        return {}
    parameters: dict[str, Any] = {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in re.findall(r"#(\w+)", condition)},
    }
    if given:
        parameters["ExpressionAttributeValues"] = to_wire({f":{name}": value for name, value in given.items()})
    return parameters
