"""Load an example into a running sandbox: its source servers, accounts, groups and plan."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.plans import resources
from cli.plans.document import PlanFileError, read_document
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
        example = read_document(path).data
    except PlanFileError as error:
        raise SandboxError(str(error)) from error
    try:
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
    except (KeyError, TypeError) as error:
        raise SandboxError(f"{path} has no {error}, or names one that it does not define") from error
    return LoadedExample(created_plan["planId"], len(server_ids))
