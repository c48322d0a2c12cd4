"""Says what is wrong with a field in plain words: what is allowed, with an example, and what was probably meant.

Pydantic says where a mistake is and of which type. Its messages name our classes and its own terms, so none of them
reaches a reader. The examples are those of the JSON Schema: each `Form` gives both.
"""

import json
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from typing import Any

from annotated_types import Ge, Le
from pydantic import BaseModel

from api.schemas.requests.forms import (
    Location,
    Place,
    closest,
    did_you_mean,
    example_of,
    find,
    find_homes,
    names_of,
    unwrap,
)

# How examples are written: as JSON, or as YAML in a YAML file.
Show = Callable[[Any], str]

# A message repeats at most this much of the input.
_MAX_REPEATED = 60


def show_json(value: Any) -> str:
    """The value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def describe(error: Mapping[str, Any], model: type[BaseModel], show: Show = show_json) -> str:
    """The message for one error of pydantic, with its context and its input, about a value for this model."""
    kind, location = str(error["type"]), tuple(error["loc"])
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "extra_forbidden":
        return _describe_unknown(model, location, show)
    place = find(model, location) or Place(None, ())
    if kind == "missing":
        example = example_of(place)
        return "is missing" if example is None else f"is missing; add it, such as {_entry(location[-1], example, show)}"
    if error["input"] is None:
        return f"has no value; it {_must(place, kind, None, show)}"
    if of_size := _describe_size(kind, error.get("ctx") or {}, place, show):
        return of_size
    return _must(place, kind, error["input"], show)


def _entry(key: str | int, example: Any, show: Show) -> str:
    """`name: payroll`, without the braces of its mapping."""
    return show({key: example}).removeprefix("{").removesuffix("}")


def _describe_unknown(model: type[BaseModel], location: Location, show: Show) -> str:
    name = str(location[-1])
    owner = find(model, location[:-1])
    if owner is None or owner.model is None:
        return "unknown field"
    known = names_of(owner.model)
    if f"{name}s" in known:  # also where a part below has a field of the name itself
        return f"unknown field; did you mean {name}s?"
    if longer := _find_longer(name, known):
        return f"unknown field; did you mean {longer}?"
    home = _home_of(name, model, owner.model, location[:-1])
    if home is None:
        likely = closest(name, known)
        meant = f"did you mean {likely}?" if likely else f"allowed here: {', '.join(known) or 'nothing'}"
        return f"unknown field; {meant}"
    return _describe_home(model, location, home, show) if home else "unknown field here; it belongs at the top"


def _describe_home(model: type[BaseModel], location: Location, home: Location, show: Show) -> str:
    """Where an unknown field belongs, with an example."""
    name = str(location[-1])
    # A place below this one is named from here on, any other from the top on.
    shown = home[len(location) - 1 :] if home[: len(location) - 1] == location[:-1] else home
    place = find(model, (*home, name))
    example: Any = {name: example_of(place) if place else None}
    for part in reversed(shown[1:]):
        example = [example] if isinstance(part, int) else {part: example}
    where = ".".join(part for part in shown if isinstance(part, str))
    entry = "an entry of " if shown[-1] == 0 else ""
    return f"unknown field here; it belongs in {entry}{where}, such as {_entry(shown[0], example, show)}"


def _find_longer(name: str, known: Iterable[str]) -> str | None:
    """`sourceServers` for `servers`, unless another field begins with the name."""
    folded = name.lower()
    if any(each.lower().startswith(folded) for each in known):
        return None
    return next((each for each in known if each.lower().endswith(folded)), None)


def _home_of(name: str, model: type[BaseModel], owner: type[BaseModel], at: Location) -> Location | None:
    """Where this field belongs: the nearest part below its owner that has it, or the one part nearest to the top."""
    below = sorted(find_homes(owner, name), key=lambda path: (len(path), 0 in path))
    if below:
        return (*at, *below[0])
    anywhere = sorted([*([()] if name in names_of(model) else []), *find_homes(model, name)], key=len)
    is_clear = len(anywhere) == 1 or (anywhere and len(anywhere[0]) < len(anywhere[1]))
    return anywhere[0] if is_clear else None


def _describe_size(kind: str, context: Mapping[str, Any], place: Place, show: Show) -> str | None:
    """What to say of a value that is too long, short, large or small."""
    least, most = context.get("min_length"), context.get("max_length")
    unit = "characters" if kind.startswith("string") or place.type is str else "entries"
    if kind in ("string_too_short", "too_short") and least == 1:
        example = example_of(place) if unit == "entries" else None
        return "is empty" if example is None else f"is empty; it needs at least one entry, such as {show(example)}"
    if kind in ("string_too_short", "too_short"):
        return f"must have at least {least} {unit}"
    if kind in ("string_too_long", "too_long"):
        return f"must have at most {most:,} {unit}"
    return _describe_range(place) if kind in ("greater_than", "greater_than_equal", "less_than_equal") else None


def _describe_range(place: Place) -> str:
    words = place.form.words if place.form else "a whole number"
    low = next((f"from {each.ge}" for each in _limits(place) if isinstance(each, Ge)), "above 0 and up")
    high = next((f" to {each.le}" for each in _limits(place) if isinstance(each, Le)), "")
    return f"must be {words}, {low}{high}"


def _limits(place: Place) -> Iterator[Any]:
    for each in place.metadata:
        yield each
        yield from getattr(each, "metadata", ())  # a Field within Annotated


def _must(place: Place, kind: str, value: Any, show: Show) -> str:
    """`must be ...`, with what was meant or an example."""
    if kind == "enum" or (isinstance(place.type, type) and issubclass(place.type, Enum)):
        allowed = [str(each.value) for each in place.type]
        words = f"must be {', '.join(allowed[:-1])} or {allowed[-1]}"
        return words + (did_you_mean(value, allowed) if isinstance(value, str) else "")
    if kind == "string_unicode":
        return "must be text in unicode"
    if kind == "string_type" and isinstance(value, int | float | date):
        return "must be text; put it in quotes"
    words = f"must be {_words(place, kind)}"
    meant = _meant(place, kind, value)
    if isinstance(meant, str):
        return f"{words}; did you mean {meant!r}?"
    if isinstance(meant, dict):
        return f"{words}, such as {show(meant)}"
    if meant is not None:
        return f"{words}: {show(meant)}"
    example = example_of(place)
    return words if example is None or place.type is bool else f"{words}, such as {show(example)}"


def _words(place: Place, kind: str) -> str:
    if place.model and place.form:
        return place.form.words
    if place.model or kind in ("model_type", "dict_type") or typing.get_origin(place.type) is dict:
        return "a mapping"
    if kind == "list_type" or typing.get_origin(place.type) is list:
        return "a list"
    if kind == "string_type":
        return "text"
    if place.type is bool:
        return "true or false"
    return place.form.words if place.form else "a whole number" if place.type is int else "text"


def _meant(place: Place, kind: str, value: Any) -> Any:
    """What this value was probably meant to be; None if that is not plain."""
    if kind == "list_type" and isinstance(value, str) and is_short(value):
        (item,) = typing.get_args(place.type) or (None,)
        accepts_text = isinstance(example_of(unwrap(item)), str)
        return [part.strip() for part in value.split(",") if part.strip()] if accepts_text else None
    if kind == "dict_type":
        return _read_pairs(value)
    if place.type is bool and isinstance(value, str):
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(value.lower())
    if place.form and place.form.suggest and isinstance(value, str):
        return place.form.suggest(value)
    return None


def _read_pairs(value: Any) -> dict[str, str] | None:
    """`{app: payroll}` for `[app=payroll]`, `["app: payroll"]`, `[{app: payroll}]`, and for such a text alone."""
    found: dict[str, str] = {}
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and all(isinstance(part, str) for pair in each.items() for part in pair):
            found |= each
            continue
        pair = re.fullmatch(r"\s*([^=:\s]+)\s*[=:]\s*(.*?)\s*", each) if isinstance(each, str) else None
        if pair is None:
            return None
        found[pair[1]] = pair[2]
    return found if found and is_short("".join(f"{name}{value}" for name, value in found.items())) else None


def is_short(text: str) -> bool:
    """Return whether a message may repeat this text of the input."""
    return 0 < len(text) <= _MAX_REPEATED and text.isprintable()
