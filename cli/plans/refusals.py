"""Mistakes of a plan file that only the API finds, each at the line of its field."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.plans.document import Document, Location, Problem, parse_field
from cli.refusal import ApiRefused
from recovery.errors import InvalidRequest

_STEPS = ("checks", "before", "after")


def say_what_is_looked_up(plan: Mapping[str, Any]) -> Iterator[str]:
    """What only an `apply` of the plan finds out, as a note of its change; nothing for a plan without such steps."""
    uses = [use for wave in plan["waves"] for use in wave["groups"] if isinstance(use, dict)]
    if any(part.get(name) for part in (plan, *plan["waves"], *uses) for name in _STEPS):
        yield "only apply looks in the targets for the documents, functions and the like of its checks and actions"


def find_problems(refusal: ApiRefused, document: Document, location: Location) -> list[Problem]:
    """The problems of fields that the API names; none if it refused for another reason.

    `location` is the part of the file that the request was made from.
    """
    body = refusal.reply.body
    if refusal.code != InvalidRequest.__name__ or not isinstance(body, dict):
        return []
    return list(_read(body.get("problems"), document, location))


def _read(problems: object, document: Document, location: Location) -> Iterator[Problem]:
    for each in problems if isinstance(problems, list) else ():
        if isinstance(each, dict) and isinstance(each.get("field"), str):
            yield document.problem((*location, *parse_field(each["field"])), str(each.get("message")))
