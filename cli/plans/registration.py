"""Accounts that a plan file needs: the external id of one to register, and what to say of one that is missing."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from api.schemas.requests.accounts import require_external_id
from cli import checkout
from cli.plans.changes import Change
from cli.plans.document import Document, PlanFileError, show_yaml
from cli.plans.file_schema import DEFAULT_SECRET_VARIABLE
from recovery import regions
from recovery.errors import InvalidRequest
from recovery.free_text import flatten


def find_external_id(document: Document, account_id: str) -> str:
    """The external id of an account that the file registers, from the environment. Raise PlanFileError."""
    at, account = next(
        (at, each) for at, each in enumerate(document.data["targetAccounts"]) if each["accountId"] == account_id
    )
    variable = account.get("externalIdVariable", DEFAULT_SECRET_VARIABLE)
    message = f"the environment variable {variable} must contain the external id of {account_id}"
    if secret := os.environ.get(variable):
        try:
            return require_external_id(secret)
        except InvalidRequest as error:
            message = f"{variable} contains no external id: it {error.problems[0]['message']}"
    location = ("targetAccounts", at, "externalIdVariable")
    raise PlanFileError(document.path, [document.problem(location, message)]) from None


def advise_registration(account_id: str, region_by_group: Mapping[str, str], file: str) -> str:
    """What to say of an account of groups that is not registered, with the command that registers it."""
    partition = regions.find_partition(next(iter(region_by_group.values()))) or "aws"
    role = f"arn:{partition}:iam::{account_id}:role/drs-waves-target"
    entry = show_yaml([{"accountId": account_id, "roleArn": role, "regions": sorted(set(region_by_group.values()))}])
    return (
        f"account {account_id} of {', '.join(map(repr, region_by_group))} is not registered, and no run "
        f"recovers servers there. To register it, write targetAccounts: {entry} into {file}, and run: "
        f"{DEFAULT_SECRET_VARIABLE}=EXTERNAL_ID drs-waves plan apply {file}"
    )


def advise_sandbox(account_ids: Iterable[str], document: Document) -> str:
    """What to say of accounts that the running sandbox does not have."""
    named = list(account_ids)
    one = f"account {named[0]}" if len(named) == 1 else f"accounts {' and '.join(named)}"
    command = checkout.make_command("sandbox", document.path) or "make sandbox PLAN=FILE"
    return (
        f"this sandbox has no {one}: it has those of the plan that it was started with, and no file adds one. "
        f"Stop it with Ctrl-C, and start one with this file: {command}"
    )


def say_where_the_external_id_goes(account: Mapping[str, Any], current: Any) -> str:
    """Which external id a role gets, as a note of the change of its account."""
    variable = account.get("externalIdVariable", DEFAULT_SECRET_VARIABLE)
    which = "that drs-waves has stored" if current else f"in the environment variable {variable}"
    return f"the external id {which} goes to {account['roleArn']}"


def say_not_looked_up(account_id: str) -> str:
    """Why a group is shown with host names instead of ids, as a note of its change."""
    return f"sourceServers are not looked up: account {account_id} is not registered"


def describe_stop(changes: Iterable[Change], done: Iterable[Change], *, is_denied: bool, is_mistake: bool) -> list[str]:
    """What is applied and what is not after an error, and how to go on.

    `is_denied` if a target account refused, `is_mistake` if the file has a mistake.
    """
    needed, finished = [each for each in changes if each.is_needed], list(done)
    left = [each for each in needed if each not in finished]
    lines = [f"Applied: {_names(finished) or 'nothing'}.", f"Not applied: {_names(left)}."]
    registered = [each.name for each in finished if each.kind == "target account" and each.resource_id is None]
    if is_denied and registered:
        lines.append(
            f"drs-waves cannot use the role of an account that is registered now ({', '.join(registered)}): "
            "the role is missing there, or does not trust the hub, or has another external id. Correct the role "
            "(docs/deploy.md). To correct the external id that drs-waves has stored: "
            'PUT /target-accounts/ACCOUNT with "externalId" (docs/api.md).'
        )
    go_on = "Correct the file and apply it again" if is_mistake else "To go on, apply the file again"
    return [*lines, f"{go_on}: what is applied stays as it is, and the rest follows."]


def _names(changes: Iterable[Change]) -> str:
    return ", ".join(flatten(f"{each.kind} {each.name}") for each in changes)
