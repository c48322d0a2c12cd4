"""What belongs into each field of a model, as people write it: its form, an example, and what was probably meant."""

import difflib
import re
import types
import typing
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

Location = tuple[str | int, ...]

_SEPARATORS = re.compile("[-_ ]")
# How alike two words must be, from 0 to 1: the default of difflib.get_close_matches.
_LIKENESS = 0.6

_MINUTES_OF = {"m": 1, "h": 60, "d": 24 * 60}


@dataclass(frozen=True, slots=True)
class Form:
    """What a value looks like, as metadata of its type: `lower-case letters, digits and hyphens`, and an example.

    `suggest` returns what a wrong value was probably meant to be. A secret has neither.
    """

    words: str
    example: Any = None
    suggest: Callable[[str], Any] | None = None

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        examples = {} if self.example is None else {"examples": [self.example]}
        return {**handler(core_schema), **examples}


@dataclass(frozen=True, slots=True)
class Place:
    """The type that belongs at a location, and the metadata of this type."""

    type: Any
    metadata: tuple[Any, ...]

    @property
    def form(self) -> Form | None:
        """The form that the type names last: that of the field, before that of what its type is made of."""
        return next((each for each in reversed(self.metadata) if isinstance(each, Form)), None)

    @property
    def model(self) -> type[BaseModel] | None:
        """The type, if it is a model."""
        is_model = isinstance(self.type, type) and issubclass(self.type, BaseModel)
        return self.type if is_model else None


# --- suggestions ------------------------------------------------------------------------------------------------
def closest(text: str, known: Iterable[str]) -> str | None:
    """The known word that this one was probably meant to be; None if none is like it, or if it is a guess.

    Case does not count. First comes a word that begins with the text, then one that the text abbreviates
    (`payroll-db` for `payroll-database`), then one that differs in a few letters.
    """
    by_folded = {_fold(each): each for each in known}
    folded = _fold(text)
    if folded in by_folded:
        return by_folded[folded]
    if len(folded) > 2 and (longer := [word for each, word in by_folded.items() if each.startswith(folded)]):
        return min(longer, key=len) if len(longer) == 1 or not _SEPARATORS.search(longer[0]) else None
    meant = [word for word in by_folded.values() if _abbreviates(_split(text), _split(word))]
    if len(meant) == 1:
        return meant[0]
    alike = (by_folded[each] for each in difflib.get_close_matches(folded, by_folded))
    return next((word for word in alike if _differs_in_letters(_split(text), _split(word))), None)


def _split(text: str) -> list[str]:
    return _SEPARATORS.split(text.lower())


def _abbreviates(short: list[str], long: list[str]) -> bool:
    """Whether each part has the letters of its counterpart in their order, from the first on, and one is the same."""
    if len(short) != len(long) or not set(short) & set(long):
        return False
    return all(re.match(".*".join(map(re.escape, one)), other) for one, other in zip(short, long, strict=True) if one)


def _differs_in_letters(one: list[str], other: list[str]) -> bool:
    """Whether what differs is alike too: `web` of `payroll-web` is another word than `db`, and no mistyped one."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return difflib.SequenceMatcher(None, "".join(one), "".join(other)).ratio() >= _LIKENESS


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """`; did you mean 'payroll-app'?`, or nothing."""
    likely = closest(text, (each for each in known if each != text))
    return f"; did you mean {likely!r}?" if likely else ""


def suggest_slug(text: str) -> str | None:
    """The text in lower-case letters, digits and hyphens: `batch-jobs` for `Batch jobs`. None if none is left."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", letters)[:63].strip("-") or None


def suggest_minutes(text: str) -> int | None:
    """120 for `2h`, `2 hours` and `120`."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?:(m|h|d)[a-z]*)?\s*", text, re.IGNORECASE | re.ASCII)
    return int(found[1]) * _MINUTES_OF[(found[2] or "m").lower()] if found else None


def suggest_hours(text: str) -> int | None:
    """48 for `48h`, `2 days` and `48`."""
    found = suggest_minutes(text)
    if found is None or text.strip().isdecimal():
        return found
    return found // 60 if found % 60 == 0 else None


def suggest_number(text: str) -> int | None:
    """5 for `5` in quotes and for `5%`."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*%?\s*", text, re.ASCII)
    return int(found[1]) if found else None


def suggest_gib(text: str) -> int | None:
    """16 for `16G`, `16 GiB` and `16`."""
    found = re.fullmatch(r"\s*(\d{1,9})\s*(?:gi?b?)?\s*", text, re.IGNORECASE | re.ASCII)
    return int(found[1]) if found else None


def _fold(text: str) -> str:
    return _SEPARATORS.sub("", text).lower()


# --- what belongs where -----------------------------------------------------------------------------------------
def names_of(model: type[BaseModel]) -> dict[str, Any]:
    """The fields of a model by the names that callers write."""
    return {info.alias or to_camel(name): info for name, info in model.model_fields.items()}


def unwrap(annotation: Any, metadata: tuple[Any, ...] = ()) -> Place:
    """The type and metadata of an annotation, without Annotated and without None."""
    while True:
        members = [each for each in typing.get_args(annotation) if each is not types.NoneType]
        if typing.get_origin(annotation) is Annotated:
            annotation, metadata = annotation.__origin__, (*metadata, *annotation.__metadata__)
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType) and len(members) == 1:
            (annotation,) = members
        else:
            return Place(annotation, metadata)


def place_of_field(info: Any) -> Place:
    """What belongs into this field."""
    return unwrap(info.annotation, tuple(info.metadata))


def _step(place: Place, part: str | int) -> Place | None:
    kinds = typing.get_args(place.type)
    if place.model:
        info = names_of(place.model).get(str(part))
        return place_of_field(info) if info else None
    if isinstance(part, int) and kinds:
        return unwrap(kinds[0])
    return unwrap(kinds[1]) if len(kinds) == 2 else None  # the value of a mapping


def find(model: type[BaseModel], location: Location) -> Place | None:
    """What belongs at this location of an error; None if nothing does."""
    place: Place | None = Place(model, ())
    for at, part in enumerate(location):
        if place is None:
            return None
        if location[at + 1 :] == ("[key]",):
            return unwrap(typing.get_args(place.type)[0])
        place = _step(place, part)
    return place


def example_of(place: Place) -> Any:
    """An example of what belongs there: of its form, or made of those of its required fields. None if it has none."""
    if place.form:
        return place.form.example
    if place.model:
        also = getattr(place.model, "EXAMPLE_HAS", ())
        fields = ((n, info) for n, info in names_of(place.model).items() if info.is_required() or n in also)
        return {name: example_of(place_of_field(info)) for name, info in fields}
    if typing.get_origin(place.type) is list:
        return [example_of(unwrap(typing.get_args(place.type)[0]))]
    if isinstance(place.type, type) and issubclass(place.type, Enum):
        return next(iter(place.type)).value
    return True if place.type is bool else None


def example_of_model(model: type[BaseModel]) -> Any:
    """A short value that the model accepts."""
    return example_of(Place(model, ()))


def find_homes(model: type[BaseModel], name: str, path: Location = ()) -> Iterator[Location]:
    """The parts below this model that have a field of this name. 0 stands for an entry of a list."""
    for key, info in names_of(model).items():
        place, at = place_of_field(info), (*path, key)
        if typing.get_origin(place.type) is list:
            place, at = unwrap(typing.get_args(place.type)[0]), (*at, 0)
        if place.model:
            if name in names_of(place.model):
                yield at
            yield from find_homes(place.model, name, at)
