"""Makes the JSON Schema of bodies."""

from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from api.openapi.descriptions import EVERYWHERE, OF_SHAPES

# What an answer means by a field that it leaves out, by the field's type in JSON Schema.
_LEFT_OUT = {"array": [], "boolean": False, "object": {}}


class BodySchemas(GenerateJsonSchema):
    """JSON Schema of bodies, in which answers are as strict and complete as requests and each field is described."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No: the title of a field would only repeat its name."""
        return False

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        """No further fields, unless the shape itself allows them, and what each field means that is left out."""
        made = super().typed_dict_schema(schema)
        made["additionalProperties"] = getattr(schema["cls"], "__pydantic_config__", {}).get("extra") == "allow"
        for name in made["properties"].keys() - made.get("required", ()):
            field = made["properties"][name]
            field["default"] = _LEFT_OUT.get(field.get("type"))
        return _describe(schema["cls"], made)

    def model_schema(self, schema: Any) -> dict[str, Any]:
        """With a description of each field."""
        return _describe(schema["cls"], super().model_schema(schema))


def _describe(shape: type[Any], made: dict[str, Any]) -> dict[str, Any]:
    """The schema with a description of each field. Raise KeyError for a field that nothing describes."""
    for name, field in made.get("properties", {}).items():
        if "description" not in field:
            of_type = [part.pop("description") for part in field.get("anyOf", ()) if "description" in part]
            field["description"] = of_type[0] if of_type else find_description(shape, name)
    return made


def find_description(shape: type[Any], field: str) -> str:
    """What a field means in the shape, in those that it extends, or everywhere. Raise KeyError if nothing says so."""
    for each in _lineage(shape):
        if text := OF_SHAPES.get(each.__name__, {}).get(field):
            return text
    return EVERYWHERE[field]


def _lineage(shape: type[Any]) -> Iterator[type[Any]]:
    """The shape and those that it extends, nearest first. A TypedDict has no bases but in `__orig_bases__`."""
    yield shape
    for base in getattr(shape, "__orig_bases__", shape.__bases__):
        if isinstance(base, type):
            yield from _lineage(base)
