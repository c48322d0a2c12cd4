"""Load a plan file into a running sandbox: its accounts, source servers, groups and plan."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.schemas.requests.forms import did_you_mean
from cli.plans import resources
from cli.plans.check import read_plan_file
from cli.plans.document import Document, Location, PlanFileError, Problem
from cli.trial import made_up
from sandbox import seeding
from sandbox.settings import SandboxError
from sandbox.stack import Sandbox


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """What a file became in the sandbox."""

    path: Path
    plan_id: str
    name: str
    server_ids: Mapping[tuple[str, str, str], str]
    """Ids of source servers by account, Region and host name."""
    notes: tuple[str, ...] = ()
    """What was made up because the file does not say it."""


def load_plan(sandbox: Sandbox, path: Path) -> LoadedPlan:
    """Load the file; make up source servers if it has no part `sandbox`.

    Raise SandboxError if the file is not valid, or the API refuses a part of it.
    """
    document = read_loadable(path)
    file = document.data
    rows, notes = _choose_servers(file)
    seeding.register_accounts(sandbox, find_accounts(file, rows))
    server_ids = seeding.seed_source_servers(sandbox, rows)
    seeding.open_shops(sandbox, rows, server_ids)
    seeding.lay_networks(sandbox, rows)

    def server_id(account_id: str, region: str, hostname: str) -> str:
        return server_ids[account_id, region, hostname]

    groups, group_ids = file["protectionGroups"], {}
    for group in groups:
        created = seeding.create_resource(sandbox, "/protection-groups", resources.group_body(group, server_id))
        group_ids[group["name"]] = str(created["groupId"])
    body = resources.plan_body(file["recoveryPlan"], {group["name"]: group for group in groups}, group_ids, server_id)
    plan = seeding.create_resource(sandbox, "/recovery-plans", body)
    return LoadedPlan(path, str(plan["planId"]), str(plan["name"]), server_ids, tuple(notes))


def read_loadable(path: Path) -> Document:
    """The file, checked as far as that goes without a sandbox. Raise SandboxError if it cannot be loaded."""
    try:
        document = read_plan_file(path)
        if problems := _sandbox_problems(document):
            raise PlanFileError(path, problems)
    except PlanFileError as error:
        raise SandboxError(str(error)) from error
    return document


def _choose_servers(file: Mapping[str, Any]) -> tuple[list[made_up.Row], list[str]]:
    if not file.get("sandbox"):
        made = made_up.make_up_servers(file)
        return made.rows, made.notes
    return [*file["sandbox"]["sourceServers"], *made_up.make_up_named_ids(file)], []


def find_accounts(file: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is registered of each account of the file, by its id: the name and the Regions that the file gives it.

    An account that the file does not register gets the Regions of its groups and servers.
    """
    used: dict[str, set[str]] = defaultdict(set)
    for part in (*file["protectionGroups"], *rows):
        used[part["accountId"]].add(part["region"])
    given = {
        account["accountId"]: {"name": account.get("name", ""), "regions": account["regions"]}
        for account in file.get("targetAccounts") or ()
    }
    return {**{account_id: {"regions": sorted(regions)} for account_id, regions in used.items()}, **given}


def _sandbox_problems(document: Document) -> list[Problem]:
    """What the part `sandbox` of a plan file lacks: servers that its groups name. A file without it lacks nothing."""
    file = document.data
    if not file.get("sandbox"):
        return []
    hosts = defaultdict[tuple[str, str], list[str]](list)
    for row in file["sandbox"]["sourceServers"]:
        names = [row["hostname"].format(n=number) for number in range(1, row["count"] + 1)]
        hosts[row["accountId"], row["region"]] += names
    return [
        document.problem((*location, "sourceServers", at), _describe_missing(host, target, hosts[target]))
        for location, part, target in _places(file)
        for at, host in enumerate(part.get("sourceServers") or ())
        if host not in hosts[target]
    ]


def _places(file: Mapping[str, Any]) -> list[tuple[Location, Mapping[str, Any], tuple[str, str]]]:
    """Each group, and each use of one in a wave that is a mapping, with its place and its account and Region."""
    targets = {group["name"]: (group["accountId"], group["region"]) for group in file["protectionGroups"]}
    found: list[tuple[Location, Mapping[str, Any], tuple[str, str]]] = [
        (("protectionGroups", at), group, targets[group["name"]]) for at, group in enumerate(file["protectionGroups"])
    ]
    for at, wave in enumerate(file["recoveryPlan"]["waves"]):
        for number, use in enumerate(wave["groups"]):
            if isinstance(use, dict):
                found.append((("recoveryPlan", "waves", at, "groups", number), use, targets[use["group"]]))
    return found


def _describe_missing(host: str, target: tuple[str, str], hosts: list[str]) -> str:
    return f"the sandbox has no server {host!r}{did_you_mean(host, hosts) or f' in {target[0]}, {target[1]}'}"
