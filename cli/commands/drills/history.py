"""The commands of the group `history`: who changed a plan, group or account, when, and what was different."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from cli.commands.arguments import AsJson, CommandGroup, PlanToRead
from cli.connection import Connection, connected
from cli.listings.cells import show_time
from cli.lookup.plans import PlanUnknown, find_plan
from cli.session import Session
from cli.terminal import REFUSED, console, end, print_json
from recovery.free_text import clean, flatten

_HELP = """\
Who changed a plan, group or account, and what.

Each version with its time and its differences, newest first. What has been
deleted keeps its history: name it by its id.
"""

app = CommandGroup(no_args_is_help=True, help=_HELP)

_DELETED = "One that has been deleted has its history under its id."

_is_plan_id = re.compile(r"rp-[0-9a-f]{12}").fullmatch
_is_group_id = re.compile(r"pg-[0-9a-f]{12}").fullmatch
_is_account_id = re.compile(r"[0-9]{12}").fullmatch

GroupToRead = Annotated[str, typer.Argument(metavar="GROUP", help="The group's id, or its exact name.")]
AccountToRead = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id, or its exact name.")]


@app.command(name="plan", epilog="Example: drs-waves history plan three-tier")
@connected
def of_plan(connection: Connection, plan: PlanToRead, as_json: AsJson = False) -> None:
    """List the versions of a plan, and what each changed."""
    session = Session.open(connection)
    _print_history(session, f"/recovery-plans/{plan if _is_plan_id(plan) else _find_plan(session, plan)}", as_json)


@app.command(name="group", epilog="Example: drs-waves history group databases")
@connected
def of_group(connection: Connection, group: GroupToRead, as_json: AsJson = False) -> None:
    """List the versions of a group, and what each changed."""
    session = Session.open(connection)
    group_id = group if _is_group_id(group) else _find(session, "/protection-groups", "groupId", group)
    _print_history(session, f"/protection-groups/{group_id}", as_json)


@app.command(name="account", epilog="Example: drs-waves history account 111122223333")
@connected
def of_account(connection: Connection, account: AccountToRead, as_json: AsJson = False) -> None:
    """List the versions of an account, and what each changed."""
    session = Session.open(connection)
    account_id = account if _is_account_id(account) else _find(session, "/target-accounts", "accountId", account)
    _print_history(session, f"/target-accounts/{account_id}", as_json)


def _find_plan(session: Session, name: str) -> str:
    try:
        return str(find_plan(session.api, name, by_prefix=True)["planId"])
    except PlanUnknown as error:
        end(REFUSED, f"{error}\n{_DELETED}")


def _find(session: Session, path: str, id_name: str, name: str) -> str:
    """The id of the only one with this name. End the command if there is none, or several."""
    items = "protectionGroups" if id_name == "groupId" else "targetAccounts"
    found = [each[id_name] for each in session.api.list_items(path, items) if each["name"] == name]
    what = "protection group" if id_name == "groupId" else "target account"
    problem = f"There is no {what} {clean(name)[:80]!r}. {_DELETED}"
    if len(found) > 1:
        problem = f"{len(found)} have the name {clean(name)[:80]!r}; name one by its id: {', '.join(found)}"
    if len(found) != 1:
        end(REFUSED, problem)
    return str(found[0])


def _print_history(session: Session, path: str, as_json: bool) -> None:
    entries = list(session.api.list_items(f"{path}/history", "history"))
    if as_json:
        print_json({"history": entries})
        return
    for entry in entries:
        for line in format_entry(entry):
            console().print(line, markup=False)


def format_entry(entry: dict[str, Any]) -> Iterator[str]:
    """`version 3  2026-11-28 08:15:30 UTC  arn:…`, and a line for each change."""
    from recovery.domain.drills.differences import Difference, put_in_words

    when = f"{show_time(entry['at'])} UTC" if entry["at"] else "at a time that is not known"
    restored = f" (entry {entry['number']})" if entry["number"] != entry["version"] else ""
    yield f"version {entry['version']}{restored}  {when}  {flatten(entry['by'] or 'by a caller who is not known')}"
    if entry["deleted"]:
        yield f"    {flatten(entry['name'])} was deleted"
    elif entry["found"]:
        yield "    found in the table: older than the history, or copied or restored"
    elif not entry["changes"]:
        yield "    written again as it was"
    for change in entry["changes"]:
        said = put_in_words(Difference(change["field"], change["before"], change["after"]))
        yield f"    {said.field}: {said.before} -> {said.after}"
