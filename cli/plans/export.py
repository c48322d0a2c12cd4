"""Export a plan of the API, with its groups and accounts, as a plan file."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from cli.api_client import ApiClient
from cli.plans.resources import export_file
from recovery.free_text import escape_json, flatten


class NotExportable(Exception):
    """A file cannot describe the plan."""


def export_plan(api: ApiClient, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The file of this plan. Raise NotExportable, ApiRefused, ApiUnreachable."""
    group_ids = dict.fromkeys(use["groupId"] for wave in plan["waves"] for use in wave["groups"])
    groups = [api.get(f"/protection-groups/{group_id}") for group_id in group_ids]
    names = [group["name"] for group in groups]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise NotExportable(
            f"A file identifies groups by name, and two groups are named {flatten(', '.join(repeated))}."
        )
    account_ids = {group["accountId"] for group in groups}
    accounts = [
        each for each in api.list_items("/target-accounts", "targetAccounts") if each["accountId"] in account_ids
    ]
    # A file cannot describe an account that was registered without Regions.
    return export_file(plan, groups, [each for each in accounts if each["regions"]])


def format_file(file: Mapping[str, Any], *, is_json: bool) -> str:
    """The text of the file. Hidden characters, which an older version may have stored, are escaped."""
    as_json = json.dumps(file, indent=2, ensure_ascii=False)
    if is_json:
        return escape_json(as_json) + "\n"
    has_hidden = escape_json(as_json) != as_json
    return yaml.safe_dump(dict(file), sort_keys=False, allow_unicode=not has_hidden, width=120)
