"""The command `plan init`: a first plan file, from answers, options, or the tags of an account's servers."""

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli import checkout
from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.commands.arguments import CommandGroup
from cli.connection import Connection, connected
from cli.refusal import ApiRefused
from cli.terminal import INVALID, REFUSED, ask, console, end, print_notice
from recovery.free_text import flatten
from recovery.wording import plural

_NOTHING = (
    "Nothing was written. Without questions: drs-waves plan init FILE --account 111122223333 "
    "--target-region us-west-2 --tag Tier --order database,app,web"
)
_REGION = "The Region into which DRS recovers its servers. By default that of --region."
_MAX_SHOWN = 8

app = CommandGroup()

Tags = Mapping[str, str]
Value = TypeVar("Value")


@app.command("init", epilog="Example: drs-waves plan init shop.yaml --sandbox")
@connected
def init(
    connection: Connection,
    file: Annotated[Path, typer.Argument(dir_okay=False, metavar="FILE", help="The file to write.")] = Path(
        "plan.yaml"
    ),
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The plan's name. By default that of the file.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="ACCOUNT", help="The account whose servers are recovered.")
    ] = None,
    target_region: Annotated[str | None, typer.Option("--target-region", metavar="REGION", help=_REGION)] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="KEY", help="The tag whose values become groups and waves: Tier")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option("--order", metavar="VALUES", help="Its values in the order of recovery: database,app,web"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a first plan file.

    It has a group and a wave for each value of a tag. The command asks for what no option says.
    Without --order it reads the servers of the account through the API, if the API answers, and offers their tags.
    """
    _require_writable(file, force)
    from cli.plans.first_plan import FirstPlan, write_first_plan

    account_id = _given(account, "--account", _account)
    region = _given(target_region or connection.region, "--target-region", _region)
    values = _given(order, "--order", _values)
    plan_name = name or _choose_name(file, is_asking=not all((account_id, region, tag, values)))
    account_id = account_id or _ask("Account to recover (12 digits)", None, _account)
    region = region or _ask("Region into which DRS recovers its servers", None, _region)
    servers = [] if values else _read_tags(connection, account_id, region)
    key = tag or _choose_tag(servers)
    counts = _count_values(servers, key)
    question = f"Values of {flatten(key)} in the order of recovery"
    values = values or _ask(question, ",".join(sorted(counts)) or "database,app,web", _values)
    plan = FirstPlan(
        plan_name, account_id, region, key, values, {value: counts.get(value, 0) for value in values if counts}
    )
    _write(file, write_first_plan(plan, file))
    _print_result(connection, file, plan.values, counts, len(servers))


def _require_writable(file: Path, force: bool) -> None:
    if file.exists() and not force:
        end(REFUSED, f"{flatten(file)} exists and was not changed. Name another file, or overwrite it with --force.")
    if not file.parent.is_dir():
        end(INVALID, f"There is no folder {flatten(file.parent)}.")


def _write(file: Path, text: str) -> None:
    """Write the file if it is a valid plan file."""
    from cli.plans.check import read_plan_file
    from cli.plans.document import PlanFileError

    draft = file.with_name(f".{file.stem}.{os.getpid()}.yaml")
    draft.write_text(text, encoding="utf-8")
    try:
        read_plan_file(draft)
        draft.replace(file)
    except PlanFileError as error:
        problems = "\n".join(f"{each.field}: {flatten(each.message)}" for each in error.problems)
        end(INVALID, f"A plan of these answers would not be valid, and nothing was written:\n{problems}")
    finally:
        draft.unlink(missing_ok=True)


def _print_result(
    connection: Connection, file: Path, values: Sequence[str], counts: Mapping[str, int], servers: int
) -> None:
    waves = f"{plural(len(values), 'group')} and {plural(len(values), 'wave')}"
    console().print(f"{flatten(file)} is written, with {waves}: {flatten(', '.join(values))}", markup=False)
    if left := servers - sum(counts.get(value, 0) for value in values):
        console().print(f"{plural(left, 'server')} of the target are in none of them", markup=False)
    name = shlex.quote(str(file))
    commands = [(f"drs-waves plan validate {name}", "check it after you have edited it")]
    if drill := checkout.make_command("drill", file):
        commands.append((drill, "drill it on this machine, in a sandbox of its own"))
    if connection.sandbox and (start := checkout.make_command("sandbox", file)):
        commands.append((start, "keep a sandbox with it; stop this one first, with Ctrl-C"))
    else:
        commands.append((f"drs-waves plan apply {name}{connection.options}", "show what it changes, ask, and apply it"))
    width = max(len(command) for command, _ in commands)
    for command, purpose in commands:
        console().print(f"  {command:<{width}}  # {purpose}", markup=False)


# --- the servers of the target ----------------------------------------------------------------------------------
def _read_tags(connection: Connection, account_id: str, region: str) -> list[Tags]:
    """The tags of every source server of the target; none, with a notice, if the API does not say."""
    path = f"/targets/{account_id}/{region}/source-servers"
    try:
        return [server["tags"] for server in connection.open_api().list_items(path, "sourceServers")]
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        reason = flatten(str(error).splitlines()[0])
        print_notice(f"The servers of {account_id}/{region} cannot be read, so please name their tags: {reason}")
        return []


def _choose_tag(servers: Sequence[Tags]) -> str:
    from cli.plans.first_plan import list_tags

    tags = list_tags(servers)
    if tags:
        print_notice(f"Tags of the {plural(len(servers), 'server')}:")
    for key, values in tags.items():
        shown = [f"{value} ({count})" for value, count in values.most_common(_MAX_SHOWN)]
        print_notice(flatten(f"  {key}: {', '.join(shown)}{', ...' if len(values) > _MAX_SHOWN else ''}"))
    return _ask("Tag whose values become groups and waves", next(iter(tags), "Tier"), _plain)


def _count_values(servers: Sequence[Tags], key: str) -> dict[str, int]:
    """How many servers have each value of the tag."""
    values = [tags[key] for tags in servers if tags.get(key)]
    return {value: values.count(value) for value in dict.fromkeys(values)}


def _choose_name(file: Path, *, is_asking: bool) -> str:
    """The plan's name: that of the file, or another if there are questions anyway."""
    name = re.sub(r"\.(ya?ml|json)$", "", file.name)
    return _ask("Name of the plan", name, _plain) if is_asking else name


# --- answers ----------------------------------------------------------------------------------------------------
def _given(text: str | None, option: str, read: Callable[[str], Value]) -> Value | None:
    """The value of an option; None if it is not given."""
    try:
        return None if text is None else read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _ask(question: str, default: str | None, read: Callable[[str], Value]) -> Value:
    """Ask until the answer can be read. No answer means the default, if there is one."""
    suffix = f" [{flatten(default)}]" if default else ""
    while True:
        try:
            return read(ask(f"{question}{suffix}", _NOTHING) or default or "")
        except ValueError as error:
            print_notice(f"  {error}")


def _plain(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


def _account(text: str) -> str:
    if not re.fullmatch("[0-9]{12}", text, re.ASCII):
        raise ValueError("must be the 12 digits of an account, such as 111122223333")
    return text


def _region(text: str) -> str:
    from recovery import regions

    if regions.find_partition(text) is None:
        like = regions.suggest(text)
        raise ValueError(f"{flatten(text)!r} is not a Region that exists{f'; did you mean {like!r}?' if like else ''}")
    return text


def _values(text: str) -> list[str]:
    values = list(dict.fromkeys(value.strip() for value in text.split(",") if value.strip()))
    if not values:
        raise ValueError("must name at least one value, such as database,app,web")
    return values
