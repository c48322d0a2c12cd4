"""The listings of launch settings: what runs have changed, and what launch profiles would change."""

import json
from typing import Any

from cli.listings.cells import show_minute, show_words
from cli.listings.columns import Column, Listing
from recovery.free_text import escape_json, flatten

# The fields of launch settings in words.
SETTINGS = {
    "subnetIds": "subnet",
    "securityGroups": "security groups",
    "privateIp": "address",
    "instanceType": "type",
    "instanceProfile": "instance profile",
    "tags": "tags",
    "disposition": "disposition",
    "recoveryMode": "recovery mode",
}
# What the absence of a value means.
_ABSENT = {
    "subnetIds": "the default subnet",
    "securityGroups": "the default group",
    "privateIp": "one that EC2 chooses",
    "instanceType": "chosen by DRS",
}


def show_setting(name: str, value: Any) -> str:
    """`subnet-1 subnet-2`, `purpose=drill`; `chosen by DRS` for a type that is not given."""
    if value in (None, [], {}):
        return _ABSENT.get(name, "none")
    if isinstance(value, dict):
        return flatten(" ".join(f"{key}={text}" for key, text in value.items()))
    return flatten(" ".join(map(str, value)) if isinstance(value, list) else value)


def list_changes(server: Any) -> list[str]:
    """`subnet the default subnet -> subnet-0d1`, for each setting that the profile changes."""
    return [
        f"{SETTINGS.get(name, name)} {show_setting(name, server['now'][name])} -> "
        f"{show_setting(name, server['wanted'][name])}"
        for name in server["changes"]
    ]


def show_changes(server: Any) -> str:
    """What a launch profile changes of a server's settings, in one line."""
    if server["refused"] or server["unread"]:
        return ""
    return "; ".join(list_changes(server)) or ("nothing" if server["hasProfile"] else "no profile")


def show_versions(row: Any) -> str:
    """`1 -> 2`: the default version of the launch template, before and now."""
    before, now = row["versionBefore"], row["version"]
    return "" if before is None else f"{before} -> {now}" if now else f"{before} -> ?"


def show_configuration(row: Any) -> str:
    """`copyPrivateIp true -> false`: members of the launch configuration, before and now."""
    before, now = row["configurationBefore"], row["configuration"]
    return flatten(", ".join(f"{name} {_plain(before.get(name))} -> {_plain(now.get(name))}" for name in before))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else escape_json(json.dumps(value))


CHANGED_SETTINGS = Listing(
    path="/launch-settings",
    items="launchSettings",
    schema="ChangedSettings",
    columns=(
        Column("sourceServerId", "server"),
        Column("accountId", "account"),
        Column("region", "Region", optional=True),
        Column("status", "status"),
        Column("executionId", "changed by"),
        Column("wave", "wave", folds=True, optional=True),
        Column("changedAt", "since", show_minute, optional=True),
        Column("versionBefore", "version", show_versions, of_item=True, optional=True),
        Column("configurationBefore", "configuration", show_configuration, of_item=True, folds=True, optional=True),
        Column("reason", "reason", below=True),
        Column("batch", "batch", in_table=False),
        Column("launchTemplateId", "launch template", in_table=False),
        Column("version", "version now", in_table=False),
        Column("configuration", "configuration now", in_table=False),
    ),
    empty="No run has changed launch settings that are not put back.",
)

APPLIED_SETTINGS = Listing(
    path="/executions/{executionId}/launch-settings",
    items="launchSettings",
    schema="AppliedSettings",
    columns=(
        Column("sourceServerId", "server"),
        Column("wave", "wave", folds=True),
        Column("state", "settings"),
        Column("subnetIds", "subnets", show_words),
        Column("securityGroups", "security groups", show_words, folds=True, optional=True),
        Column("accountId", "account", optional=True),
        Column("region", "Region", optional=True),
        Column("reason", "reason", below=True),
        Column("batch", "batch", in_table=False),
        Column("attempt", "attempt", in_table=False),
        Column("privateIp", "private address", in_table=False),
        Column("appliedAt", "applied", in_table=False),
        Column("launchTemplateId", "launch template", in_table=False),
        Column("version", "version", in_table=False),
    ),
    empty="The run has applied no launch profile.",
)

PROFILED_SETTINGS = Listing(
    path="/protection-groups/{groupId}/launch-settings",
    items="launchSettings",
    schema="ProfiledSettings",
    columns=(
        Column("sourceServerId", "server"),
        Column("hostname", "host name", folds=True, optional=True),
        Column("group", "group", folds=True, optional=True),
        Column("changes", "changes", show_changes, of_item=True, folds=True),
        Column("refused", "refused", below=True),
        Column("unread", "not read", below=True),
        Column("changedBy", "changed by", if_any=True),
        Column("accountId", "account", in_table=False),
        Column("region", "Region", in_table=False),
        Column("isolation", "isolation", in_table=False),
        Column("hasProfile", "has a profile", in_table=False),
        Column("launchTemplateId", "launch template", in_table=False),
        Column("version", "version", in_table=False),
        Column("now", "now", in_table=False),
        Column("wanted", "wanted", in_table=False),
    ),
    empty="The groups of the plan have no servers.",
    added={
        "group": {"description": "The name of the protection group.", "type": "string"},
        "accountId": {"description": "The AWS account, 12 digits.", "type": "string"},
        "region": {"description": "The code of the AWS Region.", "type": "string"},
        "isolation": {
            "description": "What a drill requires of the networks; null if nothing, or for a recovery.",
            "type": ["string", "null"],
        },
    },
)
