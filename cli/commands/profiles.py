"""The commands of the group `profiles`: what launch profiles change and have changed, and putting it back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.commands.arguments import AsJson, CommandGroup, ExecutionId, OutputForm, PlanToRead, choose_output
from cli.commands.completion import complete_changed_server, complete_place
from cli.connection import Connection, connected
from cli.listings import launches
from cli.listings.output import Output, print_listing
from cli.profiles import reading
from cli.profiles.reading import Place
from cli.session import Session
from cli.terminal import INVALID, REFUSED, confirm, end, has_terminal, print_json, print_notice
from cli.text import COMMAND
from recovery.free_text import clean, flatten
from recovery.wording import first_of, plural

_HELP = """\
Launch profiles: what they change of launch settings.

A run changes the settings of a batch's servers before it launches them, and puts them back after the job. See
docs/launch-profiles.md.
"""

app = CommandGroup(no_args_is_help=True, help=_HELP)

# Lines of servers before a question; further ones are counted.
MAX_LINES = 20
_NOTHING = "Nothing was changed."


class RunKind(StrEnum):
    """The kind of run whose profiles are shown."""

    DRILL = "drill"
    RECOVERY = "recovery"


def _check_place(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[0-9]{12}/[a-z0-9-]{5,30}", text):
        raise typer.BadParameter(f"{clean(text)[:80]!r} must be an account and a Region: 111122223333/us-west-2")
    return text


def _check_servers(ids: list[str] | None) -> list[str] | None:
    for each in ids or ():
        if not re.fullmatch(r"s-[0-9a-zA-Z]{17}", each):
            raise typer.BadParameter(
                f"{clean(each)[:80]!r} is not the id of a source server, such as s-1111111111111111a"
            )
    return ids


TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="TARGET",
        callback=_check_place,
        autocompletion=complete_place,
        help="Only this account and Region, such as 111122223333/us-west-2.  [default: all]",
    ),
]


def _places(session: Session, target: str | None) -> list[Place]:
    if target is None:
        return reading.list_places(session.api)
    account_id, _, region = target.partition("/")
    return [(account_id, region)]


@app.command(epilog="Example: drs-waves profiles show --target 111122223333/us-west-2")
@connected
def show(
    connection: Connection, target: TargetOption = None, output: OutputForm = None, as_json: AsJson = False
) -> None:
    """List launch settings that runs have changed and not put back yet.

    LEFT are those that a person has changed since, so that drs-waves leaves them as they are.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    found = list(reading.list_changed_settings(session.api, _places(session, target)))
    print_listing(launches.CHANGED_SETTINGS, found, form)
    if form is Output.TABLE and any(each["status"] == "LEFT" for each in found):
        print_notice(f"Those that are LEFT stay until you decide:  {COMMAND} profiles restore --help")


@app.command(epilog="Example: drs-waves profiles diff three-tier --mode recovery")
@connected
def diff(
    connection: Connection,
    plan: PlanToRead,
    mode: Annotated[
        RunKind, typer.Option("--mode", metavar="drill|recovery", help="The kind of run whose profiles are compared.")
    ] = RunKind.DRILL,
    group: Annotated[
        str | None, typer.Option("--group", metavar="GROUP", help="Only this protection group, by its name or id.")
    ] = None,
    output: OutputForm = None,
    as_json: AsJson = False,
) -> None:
    """Show what the launch profiles of a plan would change.

    It compares the settings of each server now and after its profile. This calls DRS and EC2 for each of them, and
    changes nothing.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    groups = list(reading.list_groups(session.api, session.find_plan(plan, by_prefix=True)))
    chosen = [(each, ids) for each, ids in groups if group in (None, each["name"], each["groupId"])]
    if not chosen:
        names = ", ".join(flatten(each["name"]) for each, _ in groups)
        end(REFUSED, f"The plan has no protection group {clean(str(group))[:100]!r}. It has {names}.")
    items = [item for each, ids in chosen for item in reading.preview_group(session.api, each, mode.value, ids)]
    print_listing(launches.PROFILED_SETTINGS, items, form)
    if form is Output.TABLE and items and not any(each["hasProfile"] for each in items):
        print_notice(f"These groups have no launch profile for a {mode.value}.")


@app.command(epilog="Example: drs-waves profiles applied latest")
@connected
def applied(connection: Connection, execution: ExecutionId, output: OutputForm = None, as_json: AsJson = False) -> None:
    """List the servers of a run that have a launch profile.

    It says where each was launched, and what became of its launch settings.
    """
    form = choose_output(output, as_json)
    session = Session.open(connection)
    path = launches.APPLIED_SETTINGS.path.format(executionId=session.find_run(execution))
    print_listing(launches.APPLIED_SETTINGS, list(session.api.list_items(path, "launchSettings", limit="1000")), form)


@app.command(epilog="Example: drs-waves profiles restore --server s-1111111111111111a --keep")
@connected
def restore(
    connection: Connection,
    servers: Annotated[
        list[str] | None,
        typer.Option(
            "--server",
            metavar="SERVER",
            callback=_check_servers,
            autocompletion=complete_changed_server,
            help="Only this source server, by its id; may be repeated.  [default: all with changed settings]",
        ),
    ] = None,
    target: TargetOption = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Put back also what a person has changed since; that change is then lost."),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave the settings as they are now, and forget what was there before."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put launch settings back that runs have changed.

    drs-waves does so by itself after the job of each batch, and again with each sync. This does it now, and decides
    about settings that are LEFT. Settings that a job still launches with are put back when it has ended.
    """
    if force and keep:
        raise typer.BadParameter("give --force or --keep, not both")
    if (force or keep) and not servers and target is None:
        raise typer.BadParameter(f"{'--force' if force else '--keep'} needs --server or --target")
    session = Session.open(connection, as_json)
    rows = _find_rows(session, servers or [], target)
    if not rows:
        session.print_line(launches.CHANGED_SETTINGS.empty)
        if as_json:
            print_json({"restores": []})
        return
    print_notice("\n".join(describe_restore(rows, force=force, keep=keep)))
    if not yes:
        _ask(keep=keep)
    started = [_start(session, place, of, servers, force, keep) for place, of in _by_place(rows).items()]
    if as_json:
        print_json({"restores": started})
        return
    session.print_line(f"Started. See what is left:  {COMMAND} profiles show{session.options}")


def _find_rows(session: Session, servers: Sequence[str], target: str | None) -> list[Mapping[str, Any]]:
    """The changed settings that are meant. End the command if a named server has none."""
    found = list(reading.list_changed_settings(session.api, _places(session, target)))
    if not servers:
        return found
    missing = sorted(set(servers) - {each["sourceServerId"] for each in found})
    if missing:
        where = f" in {target}" if target else ""
        end(REFUSED, f"No run has changed launch settings of {', '.join(first_of(missing, 5))}{where}. {_NOTHING}")
    return [each for each in found if each["sourceServerId"] in servers]


def describe_restore(rows: Sequence[Mapping[str, Any]], *, force: bool = False, keep: bool = False) -> list[str]:
    """What a restore does, and a line for each server."""
    left = [each["sourceServerId"] for each in rows if each["status"] == "LEFT"]
    head = _describe_all(len(rows), 0 if force else len(left), keep=keep)
    lines = [head, *(f"  {line}" for line in first_of([_describe_row(each) for each in rows], MAX_LINES))]
    if left and force:
        lines.append(f"What people have changed of {', '.join(first_of(left, 5))} since then is lost.")
    elif left and not keep:
        lines.append(f"Those of {', '.join(first_of(left, 5))} stay, because a person has changed them; see --force.")
    if not keep and any(each["status"] in ("CHANGING", "CHANGED") for each in rows):
        lines.append("Settings that a job may still launch with are put back when that has ended.")
    return lines


def _describe_all(count: int, left: int, *, keep: bool) -> str:
    """What happens to the settings of so many servers, of which so many stay because a person has changed them."""
    counted = plural(count, "server")
    if keep:
        return f"The launch settings of {counted} stay as they are now, and what was there before is forgotten:"
    if left == count:
        return "None of these launch settings are put back:"
    return f"The launch settings of {f'{count - left} of ' if left else ''}{counted} are put back:"


def _describe_row(row: Mapping[str, Any]) -> str:
    place = f"{row['accountId']}/{row['region']}"
    changes = [f"default version {launches.show_versions(row)} of {row['launchTemplateId']}"]
    changes = [*(changes if row["launchTemplateId"] and row["version"] else ()), launches.show_configuration(row)]
    changed = "; ".join(filter(None, changes)) or "nothing was changed"
    reason = f": {row['reason']}" if row["reason"] else ""
    return flatten(
        f"{row['sourceServerId']} in {place}, {row['status']} by {row['executionId']}, wave {row['wave']}: "
        f"{changed}{reason}"
    )


def _ask(*, keep: bool) -> None:
    if not has_terminal():
        end(INVALID, f"This must be confirmed, and there is no terminal to ask on: give --yes. {_NOTHING}")
    if not confirm("Leave them so?" if keep else "Put them back?", _NOTHING):
        end(REFUSED, _NOTHING)


def _by_place(rows: Iterable[Mapping[str, Any]]) -> dict[Place, list[str]]:
    """The servers of each account and Region."""
    found: dict[Place, list[str]] = {}
    for each in rows:
        found.setdefault((each["accountId"], each["region"]), []).append(each["sourceServerId"])
    return found


def _start(
    session: Session, place: Place, server_ids: list[str], named: Sequence[str] | None, force: bool, keep: bool
) -> dict[str, Any]:
    body: dict[str, Any] = {"accountId": place[0], "region": place[1]}
    if named:
        body["sourceServerIds"] = server_ids
    body |= {name: True for name, is_set in (("force", force), ("keep", keep)) if is_set}
    answer: dict[str, Any] = session.api.call("POST", "/launch-settings/restore", body)
    return answer
