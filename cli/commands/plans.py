"""The commands of the group `plan`: validate, diff, apply, export and schema."""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.commands.arguments import AsJson, CommandGroup, PlanToRead
from cli.commands.changes import (
    format_title,
    list_file_warnings,
    print_changes,
    print_changes_as_json,
    print_check_as_json,
    print_warnings,
)
from cli.connection import Connection, connected
from cli.lookup.plans import PlanUnknown, find_plan
from cli.refusal import ApiRefused
from cli.terminal import FAILED, INVALID, REFUSED, ask, confirm, console, end, print_file, print_notice
from recovery.free_text import flatten

if TYPE_CHECKING:  # what these modules import takes long, so the commands import them
    from cli.plans.changes import Change
    from cli.plans.reconciler import Reconciler

# The status of `diff --exit-code` if there are changes.
CHANGES = 2

app = CommandGroup(no_args_is_help=True, help="Recovery plans as files: check, apply or export them.")

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The plan file, YAML or JSON.")]


@contextmanager
def _exit_if_invalid(status: int = INVALID) -> Iterator[None]:
    """Print the problems of an invalid file, each with its line and field, and exit."""
    from cli.plans.document import PlanFileError

    try:
        yield
    except PlanFileError as error:
        end(status, "\n".join(error.lines()))


@app.command(epilog="Example: drs-waves plan validate examples/three-tier.yaml")
def validate(file: File, as_json: AsJson = False) -> None:
    """Check the file without the API.

    Warnings do not fail: they name what is allowed and seldom meant.
    """
    from cli.plans.check import read_plan_file
    from cli.plans.document import PlanFileError
    from cli.plans.warnings import find_warnings

    if as_json:
        try:
            print_check_as_json((), find_warnings(read_plan_file(file)))
        except PlanFileError as error:
            print_check_as_json(error.problems, ())
            raise typer.Exit(INVALID) from None
        return
    with _exit_if_invalid():
        document = read_plan_file(file)
    print_warnings(list_file_warnings(document))
    console().print(f"{flatten(file)} is valid", markup=False, style="green")


@app.command(epilog="Example: drs-waves plan diff --sandbox examples/three-tier.yaml")
@connected
def diff(
    connection: Connection,
    file: File,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", help="End with 2 if there is anything to change; an invalid file is then 1."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what `apply` would change."""
    from cli.plans.check import read_plan_file
    from cli.plans.reconciler import Reconciler

    with _exit_if_invalid(FAILED if exit_code else INVALID):
        document = read_plan_file(file)
        reconciler = Reconciler(connection.open_api(), document, in_sandbox=connection.sandbox)
        warnings = reconciler.list_warnings()
        if not as_json:
            print_warnings([*list_file_warnings(document), *warnings])
        changes = reconciler.list_changes()
    if as_json:
        print_changes_as_json(changes, warnings)
    else:
        print_changes(changes)
    if exit_code and any(change.is_needed for change in changes):
        raise typer.Exit(CHANGES)


@app.command(epilog="Example: drs-waves plan apply --stack drs-waves --region us-west-2 shop.yaml")
@connected
def apply(
    connection: Connection,
    file: File,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    change_group: Annotated[
        list[str] | None,
        typer.Option(help="Agree to change this group though other plans use it, or to move it. Repeatable."),
    ] = None,
) -> None:
    """Show what the file changes, ask, and apply it.

    This creates and changes accounts, groups and the plan. Nothing is deleted.

    Groups and plans are identified by name. Applying a file again changes nothing.

    A change of a group that other plans use, or of its account or Region, also affects those plans. `apply` names them
    and asks for the group's name; without a terminal, name the group with --change-group.
    """
    from api.schemas.requests.names import normalize_name
    from cli.plans.check import read_plan_file
    from cli.plans.reconciler import Reconciler

    with _exit_if_invalid():
        document = read_plan_file(file)
        reconciler = Reconciler(connection.open_api(), document, in_sandbox=connection.sandbox)
        if connection.sandbox and reconciler.list_missing_accounts():
            end(REFUSED, "\n".join(["Nothing was changed.", *reconciler.list_warnings()]))
        print_warnings([*list_file_warnings(document), *reconciler.list_warnings()])
        changes = reconciler.list_changes()
        if not print_changes(changes):
            return
        reconciler.find_external_ids(changes)
        agreed = {normalize_name(name) for name in change_group or ()}
        _require_agreement([change for change in changes if change.consequences and change.name not in agreed])
        if not yes and not _confirm():
            end(REFUSED, "Nothing was changed.")
        _apply(reconciler, changes)


def _apply(reconciler: "Reconciler", changes: "list[Change]") -> None:
    """Apply the changes. After an error, say first what is applied and what is not."""
    from cli.plans.document import PlanFileError
    from cli.plans.registration import describe_stop

    done: list[Change] = []

    def report(change: "Change") -> None:
        done.append(change)
        console().print(f"[green]done[/green]  {format_title(change)}")

    try:
        reconciler.apply(changes, report)
    except (ApiRefused, ApiUnreachable, CredentialsExpired, PlanFileError) as error:
        is_denied = isinstance(error, ApiRefused) and error.code == "TargetAccessDenied"
        is_mistake = isinstance(error, PlanFileError)
        for line in describe_stop(changes, done, is_denied=is_denied, is_mistake=is_mistake):
            print_notice(line)
        raise


@app.command(epilog="Example: drs-waves plan export three-tier --sandbox --output shop.yaml")
@connected
def export(
    connection: Connection,
    plan: PlanToRead,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file: JSON if its name ends in .json.")
    ] = None,
) -> None:
    """Write a plan with its groups and accounts as a file."""
    from cli.plans.export import NotExportable, export_plan, format_file

    api = connection.open_api()
    try:
        file = export_plan(api, find_plan(api, plan, by_prefix=True))
    except (PlanUnknown, NotExportable) as error:
        end(FAILED, str(error))
    text = format_file(file, is_json=output is not None and output.suffix == ".json")
    if output is None:
        print_file(text)
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(output)
    console().print(f"written to {flatten(output)}", markup=False)


@app.command(epilog="Example: drs-waves plan schema > plan-file.schema.json")
def schema() -> None:
    """Print the JSON Schema of plan files, for editors. The repository has it in docs/plan-file.schema.json."""
    from cli.plans.file_schema import build_json_schema

    print_file(json.dumps(build_json_schema(), indent=2, ensure_ascii=False) + "\n")


# --- what is asked ----------------------------------------------------------------------------------------------
def _confirm() -> bool:
    return confirm("Apply this?", "Nothing was changed.")


def _require_agreement(changes: "list[Change]") -> None:
    """Have the name of each of these groups typed, or end without a change."""
    for change in changes:
        name = flatten(change.name)
        question = f"To change protection group {name} for all of these plans, type its name"
        agreed = f"To agree without a prompt: --change-group {shlex.quote(change.name)}"
        if ask(question, f"Nothing was changed. {agreed}") != change.name:
            end(REFUSED, f"Nothing was changed. {agreed}")
