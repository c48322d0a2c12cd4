"""Recovery plans as files: check one, see what it would change, make it so, or write what there is into a file.

Exit status: 0 done or nothing to do, 1 failed, 2 the file or the command is not valid, 3 refused, by you or by the API.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml
from rich.console import Console
from rich.markup import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "lambdas")]

from sandbox import plan_files as written  # noqa: E402  # the root has to be on the path first
from sandbox.plan_files import Document, PlanFileError, Problem  # noqa: E402
from scripts import plan_files  # noqa: E402
from scripts.client import Api, ApiRefused, ApiUnreachable  # noqa: E402
from scripts.connection import (  # noqa: E402
    FAILED,
    INVALID,
    REFUSED,
    ApiUrl,
    InSandbox,
    Profile,
    RegionOption,
    Stack,
    connect,
    end,
)

SCHEMA = ROOT / "docs" / plan_files.SCHEMA_ID

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, rich_markup_mode=None)
console = Console(highlight=False, soft_wrap=True)
T = TypeVar("T")

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The plan file, YAML or JSON.")]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that would change; None for what is not there."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done to one resource: `resource_id` is None when it is to be made."""

    kind: str
    name: str
    resource_id: str | None
    version: int
    differences: tuple[Difference, ...]

    @property
    def is_needed(self) -> bool:
        """Is there anything to do?"""
        return self.resource_id is None or bool(self.differences)


def differences(before: Any, after: Any, field: str = "") -> Iterator[Difference]:
    """Every value that differs; lists of named things are compared by name, others whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{field}.{name}".lstrip("."))
    elif (old := _by_name(before)) is not None and (new := _by_name(after)) is not None and {**old, **new}:
        if list(old) != list(new):
            yield Difference(f"{field} (order)", list(old), list(new))
        for name in dict.fromkeys([*old, *new]):
            yield from differences(old.get(name), new.get(name), f"{field}[{name}]")
    elif before != after:
        yield Difference(field, before, after)


def _by_name(parts: Any) -> dict[str, Any] | None:
    """A list of named things as a dict of them; None when it is another thing, or two have one name."""
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) and "name" in part for part in parts):
        return None
    found = {str(part["name"]): part for part in parts}
    return found if len(found) == len(parts) else None


class Reconciler:
    """What a file says, held against what the API has."""

    def __init__(self, api: Api, document: Document) -> None:
        self._api, self._document = api, document
        self._data = document.data
        self._file_groups: dict[str, Any] = {group["name"]: group for group in self._data["protectionGroups"]}
        self._hosts: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._unknown: dict[str, str] = {}
        self._accounts = {each["accountId"]: each for each in api.items("/target-accounts", "targetAccounts")}
        self._groups = self._named("protectionGroups", "/protection-groups", self._file_groups)
        self._plans = self._named("recoveryPlans", "/recovery-plans", [self._data["recoveryPlan"]["name"]])

    def _named(self, kind: str, path: str, names: Any) -> dict[str, Any]:
        """What the API has under the file's names. A name that two have says nothing: PlanFileError."""
        found: dict[str, list[Any]] = defaultdict(list)
        for each in self._api.items(path, kind):
            if each["name"] in names:
                found[each["name"]].append(each)
        for name, several in found.items():
            if len(several) > 1:
                ids = ", ".join(str(each.get("groupId") or each.get("planId")) for each in several)
                message = f"the API has more than one of the name {name!r}: {ids}"
                raise PlanFileError(self._document.path, [self._document.problem((self._section(kind),), message)])
        return {name: several[0] for name, several in found.items()}

    @staticmethod
    def _section(kind: str) -> str:
        return "recoveryPlan" if kind == "recoveryPlans" else kind

    # --- looking
    def changes(self) -> list[Change]:
        """Accounts, then groups, then the plan: what is used before what uses it."""
        accounts = [self._account_change(account) for account in self._data.get("targetAccounts", ())]
        groups = [self._group_change(group) for group in self._file_groups.values()]
        return [*accounts, *groups, self._plan_change()]

    def _account_change(self, account: Mapping[str, Any]) -> Change:
        current = self._accounts.get(account["accountId"])
        wanted = {"name": "", **_account_body(account)}
        shown = {name: current.get(name) for name in wanted} if current else {}
        return _change("target account", account["accountId"], current, "accountId", shown, wanted)

    def _group_change(self, group: Mapping[str, Any]) -> Change:
        current = self._groups.get(group["name"])
        wanted = self._with_names(plan_files.desired_group(group, self.server_id))
        shown = plan_files.shown_group(current) if current else {}
        return _change("protection group", group["name"], current, "groupId", shown, wanted)

    def _plan_change(self) -> Change:
        plan = self._data["recoveryPlan"]
        current = self._plans.get(plan["name"])
        wanted = self._with_names(plan_files.desired_plan(plan, self._file_groups, self.server_id))
        names = {group["groupId"]: name for name, group in self._groups.items()}
        shown = plan_files.shown_plan(current, names) if current else {}
        return _change("recovery plan", plan["name"], current, "planId", shown, wanted)

    def server_id(self, account_id: str, region: str, hostname: str) -> str:
        """The one source server of this host name; PlanFileError when there is none, or several.

        While its account is not registered yet, and the file will do that, an id that stands for the name.
        """
        target = (account_id, region)
        if account_id not in self._accounts and any(
            each["accountId"] == account_id for each in self._data.get("targetAccounts", ())
        ):
            stand_in = f"s-{len(self._unknown):017}"
            self._unknown[stand_in] = hostname
            return stand_in
        if target not in self._hosts:
            by_host: dict[str, list[str]] = defaultdict(list)
            for server in self._api.items(f"/targets/{account_id}/{region}/source-servers", "sourceServers"):
                by_host[server["hostname"]].append(server["sourceServerId"])
            self._hosts[target] = by_host
        ids = self._hosts[target].get(hostname, [])
        if len(ids) != 1:
            count = "no source server" if not ids else f"{len(ids)} source servers ({', '.join(ids)})"
            message = f"{account_id}/{region} has {count} of the host name {hostname!r}"
            raise PlanFileError(self._document.path, [self._named_at(hostname, message)])
        return ids[0]

    def _with_names(self, value: Any) -> Any:
        """The value with host names for the ids that stand for them."""
        if isinstance(value, dict):
            return {name: self._with_names(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._with_names(part) for part in value]
        return self._unknown.get(value, value) if isinstance(value, str) else value

    def _named_at(self, hostname: str, message: str) -> Problem:
        """The problem, at the place where the file names the host."""
        for at, group in enumerate(self._data["protectionGroups"]):
            if hostname in group.get("sourceServers", ()):
                where = ("protectionGroups", at, "sourceServers", group["sourceServers"].index(hostname))
                return self._document.problem(where, message)
        return self._document.problem(("recoveryPlan",), message)

    # --- doing
    def apply(self, changes: list[Change], done: Callable[[Change], None]) -> None:
        """Make each change that is needed. Cut off anywhere, it is taken up by being called again."""
        ids = {name: group["groupId"] for name, group in self._groups.items()}
        for change in changes:
            if change.is_needed and change.kind == "target account":
                self._apply_account(change)
            elif change.is_needed and change.kind == "protection group":
                body = written.group_body(self._file_groups[change.name], self.server_id)
                ids[change.name] = self._write("/protection-groups", change, body)["groupId"]
            elif change.is_needed:
                plan = self._data["recoveryPlan"]
                body = written.plan_body(plan, self._file_groups, ids, self.server_id)
                self._write("/recovery-plans", change, body)
            if change.is_needed:
                done(change)

    def _apply_account(self, change: Change) -> None:
        account = next(each for each in self._data["targetAccounts"] if each["accountId"] == change.name)
        body = _account_body(account)
        if change.resource_id is None:
            variable = account.get("externalIdVariable", plan_files.DEFAULT_SECRET_VARIABLE)
            secret = os.environ.get(variable)
            if not secret:
                at = self._data["targetAccounts"].index(account)
                message = f"the environment variable {variable} has to have the external id of {change.name}"
                raise PlanFileError(self._document.path, [self._document.problem(("targetAccounts", at), message)])
            body = {**body, "externalId": secret, "accountId": change.name}
        self._accounts[change.name] = self._write("/target-accounts", change, body)

    def _write(self, path: str, change: Change, body: Mapping[str, Any]) -> Any:
        if change.resource_id is None:
            return self._api.call("POST", path, body)
        return self._api.call("PUT", f"{path}/{change.resource_id}", {**body, "version": change.version})


def _account_body(account: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in account.items() if name not in ("accountId", "externalIdVariable")}


def _change(
    kind: str, name: str, current: Any, key: str, shown: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Change:
    found = tuple(differences(shown, wanted))
    if current is None:
        return Change(kind, name, None, 0, found)
    return Change(kind, name, current[key], current["version"], found)


# --- commands ---------------------------------------------------------------------------------------------------
@app.command()
def validate(file: File) -> None:
    """Check the file without asking anybody.

    Example: python scripts/plan.py validate examples/three-tier.yaml
    """
    _run(lambda: plan_files.read(file))
    console.print(f"[green]{file} is valid[/green]")


@app.command()
def diff(
    file: File,
    api_url: ApiUrl = None,
    stack: Stack = None,
    profile: Profile = None,
    region: RegionOption = None,
    sandbox: InSandbox = False,
) -> None:
    """Show what `apply` would change.

    Example: python scripts/plan.py diff --sandbox examples/three-tier.yaml
    """

    def work() -> None:
        document = plan_files.read(file)
        _show(Reconciler(_api(api_url, stack, profile, region, sandbox), document).changes())

    _run(work)


@app.command()
def apply(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    api_url: ApiUrl = None,
    stack: Stack = None,
    profile: Profile = None,
    region: RegionOption = None,
    sandbox: InSandbox = False,
) -> None:
    """Make accounts, groups and plan what the file says, after showing what that changes. Nothing is deleted.

    Groups and plans are known by their names. Doing it again changes nothing.

    Example: python scripts/plan.py apply --stack drs-waves --region us-west-2 shop.yaml
    """

    def work() -> None:
        document = plan_files.read(file)
        reconciler = Reconciler(_api(api_url, stack, profile, region, sandbox), document)
        changes = reconciler.changes()
        if not _show(changes):
            return
        if not yes and not _agreed():
            end(REFUSED, "Nothing was changed.")
        reconciler.apply(changes, lambda change: console.print(f"[green]done[/green]  {_title(change)}"))

    _run(work)


@app.command()
def export(
    plan: Annotated[str, typer.Argument(help="The plan's id, or its name.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here; JSON if the name ends so.")] = None,
    api_url: ApiUrl = None,
    stack: Stack = None,
    profile: Profile = None,
    region: RegionOption = None,
    sandbox: InSandbox = False,
) -> None:
    """Write a plan of the API, with its groups and accounts, as a file.

    Example: python scripts/plan.py export three-tier --sandbox --output shop.yaml
    """

    def work() -> None:
        api = _api(api_url, stack, profile, region, sandbox)
        text = _as_text(_exported(api, plan), is_json=output is not None and output.suffix == ".json")
        if output is None:
            sys.stdout.write(text)
            return
        draft = output.with_name(f".{output.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(output)
        console.print(f"written to {output}")

    _run(work)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a plan file; `make plan-schema` keeps it in docs/."""
    sys.stdout.write(schema_text())


def schema_text() -> str:
    """The schema as docs/ has it."""
    return json.dumps(plan_files.schema(), indent=2, ensure_ascii=False) + "\n"


def _exported(api: Api, wanted: str) -> dict[str, Any]:
    plans = list(api.items("/recovery-plans", "recoveryPlans"))
    found = [each for each in plans if each["planId"] == wanted] or [each for each in plans if each["name"] == wanted]
    if len(found) != 1:
        ids = ", ".join(each["planId"] for each in found)
        end(FAILED, f"Several plans are named {wanted!r}: {ids}." if found else f"There is no plan {wanted!r}.")
    (plan,) = found
    used = dict.fromkeys(use["groupId"] for wave in plan["waves"] for use in wave["groups"])
    groups = [api.get(f"/protection-groups/{group_id}") for group_id in used]
    names = [group["name"] for group in groups]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        end(FAILED, f"A file knows groups by their names, and these are two groups': {', '.join(twice)}.")
    in_groups = {group["accountId"] for group in groups}
    registered = [each for each in api.items("/target-accounts", "targetAccounts") if each["accountId"] in in_groups]
    # One that was registered without Regions is not what a file can say.
    return plan_files.exported(plan, groups, [each for each in registered if each["regions"]])


def _as_text(file: Mapping[str, Any], *, is_json: bool) -> str:
    if is_json:
        return json.dumps(file, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(dict(file), sort_keys=False, allow_unicode=True, width=120)


def _api(url: str | None, stack: str | None, profile: str | None, region: str | None, sandbox: bool) -> Api:
    return connect(url, stack, profile, region, sandbox).api


def _agreed() -> bool:
    try:
        return typer.confirm("Apply this?")
    except typer.Abort:  # nobody there to answer, or Ctrl-C
        return False


def _show(changes: list[Change]) -> bool:
    """Print what would be done; True if there is anything."""
    for change in changes:
        is_new = change.resource_id is None
        colour, sign = ("dim", " ") if not change.is_needed else ("green", "+") if is_new else ("yellow", "~")
        console.print(f"[{colour}]{sign} {_title(change)}{'' if change.is_needed else '  unchanged'}[/{colour}]")
        for each in change.differences:
            before = "" if is_new else f"{_short(each.before)} -> "
            console.print(f"    {escape(each.field)}: {before}{_short(each.after)}")
    needed = sum(change.is_needed for change in changes)
    console.print(f"{needed} of {len(changes)} to change" if needed else "Nothing to change.")
    return bool(needed)


def _title(change: Change) -> str:
    return escape(f"{change.kind} {change.name}")


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return escape(text if len(text) <= 200 else f"{text[:200]}...")


def _run(work: Callable[[], T]) -> T:
    """Do it; what goes wrong is a message and an exit status, not a stack trace."""
    try:
        return work()
    except PlanFileError as error:
        end(INVALID, "\n".join(error.told()))
    except ApiRefused as error:
        end(REFUSED if error.reply.status < 500 else FAILED, str(error))
    except (ApiUnreachable, OSError) as error:
        end(FAILED, str(error))


if __name__ == "__main__":
    app()
