"""Compare a plan file with the API, and apply what differs."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cli.api_client import ApiClient
from cli.plans import resources
from cli.plans.changes import Change, find_differences
from cli.plans.document import Document, PlanFileError, Problem
from cli.plans.file_schema import DEFAULT_SECRET_VARIABLE


class Reconciler:
    """One file and the resources of one API. Groups and plans are identified by name, accounts by id."""

    def __init__(self, api: ApiClient, document: Document) -> None:
        """Read what the API has. Raise ApiRefused, ApiUnreachable, PlanFileError."""
        self._api, self._document = api, document
        self._data = document.data
        self._file_groups: dict[str, Any] = {group["name"]: group for group in self._data["protectionGroups"]}
        self._ids_by_host: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._hosts_by_made_up_id: dict[str, str] = {}
        self._accounts = {each["accountId"]: each for each in api.list_items("/target-accounts", "targetAccounts")}
        self._groups = self._find("protectionGroups", "/protection-groups", self._file_groups)
        self._plans = self._find("recoveryPlans", "/recovery-plans", [self._data["recoveryPlan"]["name"]])

    def _find(self, kind: str, path: str, names: Iterable[str]) -> dict[str, Any]:
        """The API's resources with these names. Raise PlanFileError if two have the same name."""
        found: dict[str, list[Any]] = {name: [] for name in names}
        for each in self._api.list_items(path, kind):
            if each["name"] in found:
                found[each["name"]].append(each)
        for name, several in found.items():
            if len(several) > 1:
                ids = ", ".join(str(each.get("groupId") or each.get("planId")) for each in several)
                message = f"the API has several resources named {name!r}: {ids}"
                section = "recoveryPlan" if kind == "recoveryPlans" else kind
                raise PlanFileError(self._document.path, [self._document.problem((section,), message)])
        return {name: several[0] for name, several in found.items() if several}

    # --- comparing
    def list_changes(self) -> list[Change]:
        """The accounts, then the groups, then the plan: each after what it uses. Raise PlanFileError."""
        accounts = [self._account_change(account) for account in self._data.get("targetAccounts", ())]
        groups = [self._group_change(group) for group in self._file_groups.values()]
        return [*accounts, *groups, self._plan_change()]

    def _account_change(self, account: Mapping[str, Any]) -> Change:
        current = self._accounts.get(account["accountId"])
        wanted = {"name": "", **_account_body(account)}
        before = {name: current.get(name) for name in wanted} if current else {}
        return _compare("target account", account["accountId"], current, "accountId", before, wanted)

    def _group_change(self, group: Mapping[str, Any]) -> Change:
        current = self._groups.get(group["name"])
        wanted = self._with_host_names(resources.wanted_group(group, self._server_id))
        before = resources.current_group(current) if current else {}
        return _compare("protection group", group["name"], current, "groupId", before, wanted)

    def _plan_change(self) -> Change:
        plan = self._data["recoveryPlan"]
        current = self._plans.get(plan["name"])
        wanted = self._with_host_names(resources.wanted_plan(plan, self._file_groups, self._server_id))
        group_names = {group["groupId"]: name for name, group in self._groups.items()}
        before = resources.current_plan(current, group_names) if current else {}
        return _compare("recovery plan", plan["name"], current, "planId", before, wanted)

    # --- source servers
    def _server_id(self, account_id: str, region: str, hostname: str) -> str:
        """The id of the only source server with this host name. Raise PlanFileError if there is none, or several.

        If the file has yet to register the account, return a made-up id: the API cannot list its servers.
        """
        if account_id not in self._accounts and any(
            each["accountId"] == account_id for each in self._data.get("targetAccounts", ())
        ):
            made_up = f"s-{len(self._hosts_by_made_up_id):017}"
            self._hosts_by_made_up_id[made_up] = hostname
            return made_up
        ids = self._list_ids_by_host(account_id, region).get(hostname, [])
        if len(ids) != 1:
            count = "no source server" if not ids else f"{len(ids)} source servers ({', '.join(ids)})"
            message = f"{account_id}/{region} has {count} with the host name {hostname!r}"
            raise PlanFileError(self._document.path, [self._problem_at_host(hostname, message)])
        return ids[0]

    def _list_ids_by_host(self, account_id: str, region: str) -> dict[str, list[str]]:
        target = (account_id, region)
        if target not in self._ids_by_host:
            ids: dict[str, list[str]] = defaultdict(list)
            for server in self._api.list_items(f"/targets/{account_id}/{region}/source-servers", "sourceServers"):
                ids[server["hostname"]].append(server["sourceServerId"])
            self._ids_by_host[target] = ids
        return self._ids_by_host[target]

    def _with_host_names(self, value: Any) -> Any:
        """The value with host names in place of made-up ids."""
        if isinstance(value, dict):
            return {name: self._with_host_names(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._with_host_names(part) for part in value]
        return self._hosts_by_made_up_id.get(value, value) if isinstance(value, str) else value

    def _problem_at_host(self, hostname: str, message: str) -> Problem:
        """A problem at the place where the file names the host."""
        for at, group in enumerate(self._data["protectionGroups"]):
            if hostname in group.get("sourceServers", ()):
                location = ("protectionGroups", at, "sourceServers", group["sourceServers"].index(hostname))
                return self._document.problem(location, message)
        return self._document.problem(("recoveryPlan",), message)

    # --- applying
    def apply(self, changes: list[Change], report_done: Callable[[Change], None]) -> None:
        """Make each change that is needed. After an error, apply the file again to make the rest."""
        ids = {name: group["groupId"] for name, group in self._groups.items()}
        for change in changes:
            if not change.is_needed:
                continue
            if change.kind == "target account":
                self._apply_account(change)
            elif change.kind == "protection group":
                body = resources.group_body(self._file_groups[change.name], self._server_id)
                ids[change.name] = self._write("/protection-groups", change, body)["groupId"]
            else:
                body = resources.plan_body(self._data["recoveryPlan"], self._file_groups, ids, self._server_id)
                self._write("/recovery-plans", change, body)
            report_done(change)

    def _apply_account(self, change: Change) -> None:
        account = next(each for each in self._data["targetAccounts"] if each["accountId"] == change.name)
        body = _account_body(account)
        if change.resource_id is None:
            variable = account.get("externalIdVariable", DEFAULT_SECRET_VARIABLE)
            secret = os.environ.get(variable)
            if not secret:
                location = ("targetAccounts", self._data["targetAccounts"].index(account))
                message = f"the environment variable {variable} must contain the external id of {change.name}"
                raise PlanFileError(self._document.path, [self._document.problem(location, message)])
            body = {**body, "externalId": secret, "accountId": change.name}
        self._accounts[change.name] = self._write("/target-accounts", change, body)

    def _write(self, path: str, change: Change, body: Mapping[str, Any]) -> Any:
        if change.resource_id is None:
            return self._api.call("POST", path, body)
        return self._api.call("PUT", f"{path}/{change.resource_id}", {**body, "version": change.version})


def _account_body(account: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in account.items() if name not in ("accountId", "externalIdVariable")}


def _compare(
    kind: str, name: str, current: Any, id_field: str, before: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Change:
    differences = tuple(find_differences(before, wanted))
    if current is None:
        return Change(kind, name, None, 0, differences)
    return Change(kind, name, current[id_field], current["version"], differences)
