"""Load an example into a running sandbox: its source servers, accounts, groups and plan."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.schemas.requests.forms import did_you_mean
from cli.plans import resources
from cli.plans.check import read_plan_file
from cli.plans.document import Document, PlanFileError, Problem
from sandbox import seeding
from sandbox.settings import SandboxError
from sandbox.stack import Sandbox


@dataclass(frozen=True, slots=True)
class LoadedExample:
    """The id of the plan that was created, and the number of source servers."""

    plan_id: str
    servers: int


def load_example(sandbox: Sandbox, path: Path) -> LoadedExample:
    """Raise SandboxError if the file is not valid, or the API refuses a part of it."""
    try:
        document = read_plan_file(path)
        if problems := _sandbox_problems(document):
            raise PlanFileError(path, problems)
    except PlanFileError as error:
        raise SandboxError(str(error)) from error
    example = document.data
    rows, groups, plan = example["sandbox"]["sourceServers"], example["protectionGroups"], example["recoveryPlan"]
    regions: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        regions[row["accountId"]].add(row["region"])
    seeding.register_accounts(sandbox, {account_id: sorted(found) for account_id, found in regions.items()})
    server_ids = seeding.seed_source_servers(sandbox, rows)

    def server_id(account_id: str, region: str, hostname: str) -> str:
        return server_ids[hostname]

    group_ids = {}
    for group in groups:
        created = seeding.create_resource(sandbox, "/protection-groups", resources.group_body(group, server_id))
        group_ids[group["name"]] = str(created["groupId"])
    body = resources.plan_body(plan, {group["name"]: group for group in groups}, group_ids, server_id)
    created_plan: dict[str, Any] = seeding.create_resource(sandbox, "/recovery-plans", body)
    return LoadedExample(created_plan["planId"], len(server_ids))


def _sandbox_problems(document: Document) -> list[Problem]:
    """What a plan file lacks for the sandbox: the servers that it emulates, with all that the file names."""
    file = document.data
    if not file.get("sandbox"):
        return [document.problem(("sandbox",), "is missing; it has the servers, as in examples/three-tier.yaml")]
    rows = file["sandbox"]["sourceServers"]
    hosts = [row["hostname"].format(n=number) for row in rows for number in range(1, row["count"] + 1)]
    uses = [
        (("recoveryPlan", "waves", at, "groups", number), use)
        for at, wave in enumerate(file["recoveryPlan"]["waves"])
        for number, use in enumerate(wave["groups"])
        if isinstance(use, dict)
    ]
    groups = [(("protectionGroups", at), group) for at, group in enumerate(file["protectionGroups"])]
    known = set(hosts)
    return [
        document.problem(
            (*location, "sourceServers", number), f"the sandbox has no server {host!r}{did_you_mean(host, hosts)}"
        )
        for location, part in (*groups, *uses)
        for number, host in enumerate(part.get("sourceServers") or ())
        if host not in known
    ]
