"""Checks a plan file as far as possible without the API, and finds all of its mistakes at once."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.schemas.requests.base import parse
from api.schemas.requests.names import normalize_name
from api.schemas.requests.plans import PlanRequest
from api.schemas.requests.words import describe, is_short
from cli.plans import rules
from cli.plans.document import Document, Location, PlanFileError, Problem, parse_field, read_document
from cli.plans.file_schema import ExampleName, PlanFile
from cli.plans.resources import ServerId, wanted_group, wanted_plan
from recovery.errors import InvalidRequest

# What a wave has to do with four eyes.
_APPROVAL_FIELDS = ("approval", "onFailure")


def read_plan_file(path: Path) -> Document:
    """The file, checked. Raise PlanFileError with the line and field of each problem."""
    document = read_document(path)
    found = list(_schema_mistakes(document))
    if isinstance(document.data, dict):
        found += rules.find_mistakes(document.data, document.line, document.show)
    problems = [*document.problems, *(document.problem(location, message) for location, message in found)]
    wrong = {location for location, _ in found}
    if not problems:
        _normalize_names(document.data)
        problems = [*_group_problems(document, wrong), *_plan_problems(document)]
    elif isinstance(document.data, dict):
        problems += [*_group_problems(document, wrong), *_four_eyes_problems(document, wrong)]
    if problems:
        raise PlanFileError(path, problems)
    return document


def _schema_mistakes(document: Document) -> Iterator[tuple[Location, str]]:
    try:
        PlanFile.model_validate(document.data)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            if each["type"] != "invalid_key":  # such a name is among the document's own problems
                yield each["loc"], describe(each, PlanFile, partial(_show, document))


def _show(document: Document, value: Any) -> str:
    """The value as one would write it in this file, with a group that the file has as the example of one."""
    groups = document.data.get("protectionGroups") if isinstance(document.data, dict) else None
    named = [each.get("name") for each in groups if isinstance(each, dict)] if isinstance(groups, list) else []
    name = next((each for each in named if isinstance(each, str) and is_short(each)), None)

    def with_names(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: with_names(each) for key, each in part.items()}
        if isinstance(part, list):
            return [with_names(each) for each in part]
        return (name or str(part)) if isinstance(part, ExampleName) else part

    return document.show(with_names(value))


def _normalize_names(data: dict[str, Any]) -> None:
    """Write each name in the form in which the API stores it, so that names can be compared letter by letter."""
    plan = data["recoveryPlan"]
    for each in (*data["protectionGroups"], plan):
        each["name"] = normalize_name(each["name"])
    for wave in plan["waves"]:
        wave["groups"] = [
            normalize_name(use) if isinstance(use, str) else {**use, "group": normalize_name(use["group"])}
            for use in wave["groups"]
        ]


def _group_problems(document: Document, wrong: set[Location]) -> list[Problem]:
    """What the API would refuse in the groups that have no other mistake."""
    problems, server_id = list[Problem](), _made_up_ids()
    groups = document.data.get("protectionGroups")
    for at, group in enumerate(groups if isinstance(groups, list) else ()):
        location = ("protectionGroups", at)
        if not any(each[:2] == location for each in wrong):
            problems += _refusals(document, location, partial(wanted_group, group, server_id))
    return problems


def _plan_problems(document: Document) -> list[Problem]:
    plan = document.data["recoveryPlan"]
    groups = {group["name"]: group for group in document.data["protectionGroups"]}
    return _refusals(document, ("recoveryPlan",), partial(wanted_plan, plan, groups, _made_up_ids()))


def _four_eyes_problems(document: Document, wrong: set[Location]) -> list[Problem]:
    """What the API would refuse in `fourEyes` of a plan with other mistakes: its waves with their approvals alone."""
    plan = document.data.get("recoveryPlan")
    if not isinstance(plan, dict) or plan.get("fourEyes") is not True or not isinstance(plan.get("waves"), list):
        return []
    if any(name in each for each in wrong for name in _APPROVAL_FIELDS) or ("recoveryPlan", "waves") in wrong:
        return []
    waves = [
        {"name": f"wave-{at}", "groups": [{"groupId": "pg"}], **_some(wave, _APPROVAL_FIELDS)}
        for at, wave in enumerate(plan["waves"])
    ]
    body = {"name": "plan", "fourEyes": True, "waves": waves}
    return _refusals(document, ("recoveryPlan",), lambda: parse(PlanRequest, body).to_plan(""))


def _some(part: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: part[name] for name in names if name in part} if isinstance(part, dict) else {}


def _refusals(document: Document, location: Location, convert: Callable[[], Any]) -> list[Problem]:
    """What the API would refuse in this part: its own code converts the part, with made-up ids for the names."""
    try:
        convert()
    except InvalidRequest as error:
        return [document.problem((*location, *parse_field(each["field"])), each["message"]) for each in error.problems]
    return []


def _made_up_ids() -> ServerId:
    """An id for each host name that the API would accept."""
    ids: dict[tuple[str, str, str], str] = {}

    def server_id(account_id: str, region: str, hostname: str) -> str:
        return ids.setdefault((account_id, region, hostname), f"s-{len(ids):017}")

    return server_id
