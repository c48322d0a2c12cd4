"""Checks a plan file as far as possible without the API."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.schemas.requests.base import plain_message
from api.schemas.requests.names import normalize_name, shape_of
from cli.plans.document import Document, Location, PlanFileError, Problem, read_document
from cli.plans.file_schema import PlanFile
from cli.plans.resources import ServerId, wanted_group, wanted_plan
from recovery.errors import InvalidRequest


def read_plan_file(path: Path) -> Document:
    """The file, checked. Raise PlanFileError with the line and field of each problem."""
    document = read_document(path)
    try:
        PlanFile.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise PlanFileError(path, [_schema_problem(document, each) for each in found]) from error
    _normalize_names(document.data)
    problems = [*_name_problems(document), *_group_problems(document)]
    if problems := problems or [*_account_problems(document), *_plan_problems(document)]:
        raise PlanFileError(path, problems)
    return document


def _schema_problem(document: Document, error: Mapping[str, Any]) -> Problem:
    message = plain_message(str(error["msg"]))
    if error["type"] == "string_type" and isinstance(error["input"], int | float):
        message += "; put it in quotes"
    return document.problem(error["loc"], message)


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


def _name_problems(document: Document) -> list[Problem]:
    """Names that are repeated or look alike, and names of groups that the file does not define."""
    problems = []
    sections = (("targetAccounts", "accountId"), ("protectionGroups", "name"))
    seen: dict[str, set[str]] = {section: set() for section, _ in sections}
    for section, key in sections:
        for at, each in enumerate(document.data.get(section, ())):
            if each[key] in seen[section]:
                problems.append(document.problem((section, at, key), f"{each[key]!r} is repeated"))
            seen[section].add(each[key])
    shapes: dict[str, str] = {}
    for at, group in enumerate(document.data["protectionGroups"]):
        other = shapes.setdefault(shape_of(group["name"]), group["name"])
        if other != group["name"]:
            message = f"{group['name']!r} looks like {other!r}, another group of the file"
            problems.append(document.problem(("protectionGroups", at, "name"), message))
    for at, wave in enumerate(document.data["recoveryPlan"]["waves"]):
        for number, use in enumerate(wave["groups"]):
            name = use if isinstance(use, str) else use["group"]
            if name not in seen["protectionGroups"]:
                location = ("recoveryPlan", "waves", at, "groups", number)
                problems.append(document.problem(location, f"the file has no protection group {name!r}"))
    return problems


def _group_problems(document: Document) -> list[Problem]:
    problems, server_id = list[Problem](), _made_up_ids()
    for at, group in enumerate(document.data["protectionGroups"]):
        problems += _refusals(document, ("protectionGroups", at), partial(wanted_group, group, server_id))
    return problems


def _account_problems(document: Document) -> list[Problem]:
    return [
        document.problem(("targetAccounts", at, "roleArn"), f"must be a role of account {account['accountId']}")
        for at, account in enumerate(document.data.get("targetAccounts", ()))
        if f"::{account['accountId']}:" not in account["roleArn"]
    ]


def _plan_problems(document: Document) -> list[Problem]:
    plan = document.data["recoveryPlan"]
    groups = {group["name"]: group for group in document.data["protectionGroups"]}
    return _refusals(document, ("recoveryPlan",), partial(wanted_plan, plan, groups, _made_up_ids()))


def _refusals(document: Document, location: Location, convert: Callable[[], Any]) -> list[Problem]:
    """What the API would refuse in this part: its own code converts the part, with made-up ids for the names."""
    try:
        convert()
    except InvalidRequest as error:
        return [document.problem((*location, *_parse_field(each["field"])), each["message"]) for each in error.problems]
    return []


def _parse_field(text: str) -> Location:
    """The inverse of `format_field`: `("waves", 1, "name")` for `waves[1].name`."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", "" if text == "body" else text)
    return tuple(int(number) if number else name for number, name in parts)


def _made_up_ids() -> ServerId:
    """An id for each host name that the API would accept."""
    ids: dict[tuple[str, str, str], str] = {}

    def server_id(account_id: str, region: str, hostname: str) -> str:
        return ids.setdefault((account_id, region, hostname), f"s-{len(ids):017}")

    return server_id
