"""Compare a plan file with the API, and apply what differs."""

import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from api.schemas.requests.names import shape_of
from cli.api_client import ApiClient
from cli.plans import refusals, registration, resources
from cli.plans.changes import Change
from cli.plans.document import Document, Location, PlanFileError, Problem
from cli.refusal import ApiRefused
from recovery.domain.drills.differences import find_differences
from recovery.wording import name_first


class Reconciler:
    """One file and the resources of one API. Groups and plans are identified by name, accounts by id."""

    def __init__(self, api: ApiClient, document: Document, *, in_sandbox: bool = False) -> None:
        """Read what the API has. Raise ApiRefused, ApiUnreachable, PlanFileError."""
        self._api, self._document, self._in_sandbox = api, document, in_sandbox
        self._data = document.data
        self._file_groups: dict[str, Any] = {group["name"]: group for group in self._data["protectionGroups"]}
        self._ids_by_host: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._made_up_ids: dict[tuple[str, str, str], str] = {}
        self._hosts_by_made_up_id: dict[str, str] = {}
        self._accounts = {each["accountId"]: each for each in api.list_items("/target-accounts", "targetAccounts")}
        every_group = list(api.list_items("/protection-groups", "protectionGroups"))
        every_plan = list(api.list_items("/recovery-plans", "recoveryPlans"))
        self._plans_by_id = {plan["planId"]: plan for plan in every_plan}
        self._groups = self._find(("protectionGroups",), every_group, self._file_groups)
        self._plans = self._find(("recoveryPlan", "name"), every_plan, [self._data["recoveryPlan"]["name"]])

    def _find(self, location: Location, resources: Iterable[Any], names: Iterable[str]) -> dict[str, Any]:
        """The resources with these names. Raise PlanFileError if two have one name, or names that look alike."""
        found: dict[str, list[Any]] = {name: [] for name in names}
        by_shape = {shape_of(name): name for name in found}
        for each in resources:
            if name := by_shape.get(shape_of(each["name"])):
                found[name].append(each)
        for name, several in found.items():
            if len(several) > 1 or any(each["name"] != name for each in several):
                ids = ", ".join(f"{each['name']!r} ({each.get('groupId') or each['planId']})" for each in several)
                is_same = all(each["name"] == name for each in several)
                problem = f"several resources named {name!r}" if is_same else f"a name that looks like {name!r}"
                message = f"the API has {problem}: {ids}"
                raise PlanFileError(self._document.path, [self._document.problem(location, message)])
        return {name: several[0] for name, several in found.items() if several}

    def list_warnings(self) -> list[str]:
        """The accounts of groups that neither the API nor the file registers, with what registers each."""
        if self._in_sandbox:
            missing = self.list_missing_accounts()
            return [registration.advise_sandbox(missing, self._document)] if missing else []
        known = {*self._accounts, *(each["accountId"] for each in self._data.get("targetAccounts", ()))}
        used: dict[str, dict[str, str]] = {}
        for name, group in self._file_groups.items():
            if group["accountId"] not in known:
                used.setdefault(group["accountId"], {})[name] = group["region"]
        return [
            registration.advise_registration(account_id, region_by_group, shlex.quote(str(self._document.path)))
            for account_id, region_by_group in used.items()
        ]

    def list_missing_accounts(self) -> list[str]:
        """The accounts of the file that the API does not have, whether the file registers them or not."""
        parts = (*self._data.get("targetAccounts", ()), *self._file_groups.values())
        return sorted({each["accountId"] for each in parts} - self._accounts.keys())

    # --- comparing
    def list_changes(self) -> list[Change]:
        """The accounts, then the groups, then the plan: each after what it uses. Raise PlanFileError."""
        accounts = [self._account_change(account) for account in self._data.get("targetAccounts", ())]
        groups = [self._group_change(group) for group in self._file_groups.values()]
        changes = [*accounts, *groups, self._plan_change()]
        if problems := [*self._servers_outside_their_group(), *self._servers_taken_from_other_plans()]:
            raise PlanFileError(self._document.path, problems)
        return changes

    def _account_change(self, account: Mapping[str, Any]) -> Change:
        current = self._accounts.get(account["accountId"])
        wanted = {"name": "", **self._account_body(account)}
        before = {name: current.get(name) for name in wanted} if current else {}
        change = _compare("target account", account["accountId"], current, "accountId", before, wanted)
        if current and current["roleArn"] == wanted["roleArn"]:
            return change
        return replace(change, notes=(registration.say_where_the_external_id_goes(account, current),))

    def _account_body(self, account: Mapping[str, Any]) -> dict[str, Any]:
        """The account as the API takes it. A sandbox has roles of its own, which no file changes."""
        current = self._accounts.get(account["accountId"]) if self._in_sandbox else None
        own = {"roleArn": current["roleArn"]} if current else {}
        body = {name: value for name, value in account.items() if name not in ("accountId", "externalIdVariable")}
        return {**body, **own}

    def _group_change(self, group: Mapping[str, Any]) -> Change:
        current = self._groups.get(group["name"])
        wanted = self._with_host_names(resources.wanted_group(group, self._server_id))
        before = resources.current_group(current) if current else {}
        change = _compare("protection group", group["name"], current, "groupId", before, wanted)
        if not change.is_needed:
            return change
        notes = (registration.say_not_looked_up(group["accountId"]),) if "sourceServers" in wanted else ()
        return replace(change, consequences=self._consequences(current, wanted), notes=notes)

    def _plan_change(self) -> Change:
        plan = self._data["recoveryPlan"]
        current = self._plans.get(plan["name"])
        wanted = self._with_host_names(resources.wanted_plan(plan, self._file_groups, self._server_id))
        group_names = {group["groupId"]: name for name, group in self._groups.items()}
        before = resources.current_plan(current, group_names) if current else {}
        change = _compare("recovery plan", plan["name"], current, "planId", before, wanted)
        run = current.get("activeExecutionId") if current else None
        notes = [f"run {run} of this plan is on: it keeps the plan and the groups that it was started with"]
        notes = [*(notes if run else ()), *(refusals.say_what_is_looked_up(plan) if change.is_needed else ())]
        return replace(change, notes=tuple(notes))

    # --- what else a change of a group affects
    def _consequences(self, current: Any, wanted: Mapping[str, Any]) -> tuple[str, ...]:
        """The other plans that use the group, and its move to another account or Region, each as a sentence."""
        if not current:
            return ()
        found = []
        if others := self._other_plans_using(current):
            found.append(f"other plans use this group and change with it: {_name_plans(others)}")
        before, after = (f"{each['accountId']}/{each['region']}" for each in (current, wanted))
        if before != after and current.get("usedBy"):
            found.append(f"the plans that use this group recover servers of {after} instead of {before}")
        return tuple(found)

    def _other_plans_using(self, group: Mapping[str, Any]) -> list[Any]:
        own = self._plans.get(self._data["recoveryPlan"]["name"], {}).get("planId")
        return [
            self._plans_by_id.get(plan_id, {"planId": plan_id, "name": "a plan that was just created", "waves": []})
            for plan_id in group.get("usedBy") or ()
            if plan_id != own
        ]

    def _servers_taken_from_other_plans(self) -> list[Problem]:
        """The groups of the file that no longer have servers that another plan names: the API would refuse them."""
        problems = []
        for at, (name, group) in enumerate(self._file_groups.items()):
            if not (current := self._groups.get(name)):
                continue
            lost = self._lost_servers(current, resources.group_body(group, self._server_id))
            losing = [plan for plan in self._other_plans_using(current) if lost & _servers_named(plan, current)]
            if losing:
                message = f"other plans name servers that this group would lose: {_name_plans(losing)}"
                problems.append(self._document.problem(("protectionGroups", at), message))
        return problems

    def _servers_outside_their_group(self) -> list[Problem]:
        """The uses of a group that name servers which the group, a list of servers, does not have."""
        ids = {name: name for name in self._file_groups}
        plan = resources.plan_body(self._data["recoveryPlan"], self._file_groups, ids, self._server_id)
        listed = {
            name: resources.group_body(group, self._server_id).get("sourceServerIds")
            for name, group in self._file_groups.items()
        }
        problems = []
        for at, wave in enumerate(plan["waves"]):
            for number, use in enumerate(wave["groups"]):
                members = listed[use["groupId"]]
                outside = sorted(set(use.get("sourceServerIds") or ()) - set(members)) if members else []
                if outside:
                    named = name_first(self._with_host_names(outside), 5)
                    message = f"not in protection group {use['groupId']!r}: {named}"
                    problems.append(self._document.problem(("recoveryPlan", "waves", at, "groups", number), message))
        return problems

    @staticmethod
    def _lost_servers(current: Mapping[str, Any], body: Mapping[str, Any]) -> set[str]:
        """The servers of the group in the API that a body would take out. A group by tags names no servers to lose."""
        if not body.get("sourceServerIds"):
            return set()
        return set(current.get("sourceServerIds") or ()) - set(body["sourceServerIds"])

    # --- source servers
    def _server_id(self, account_id: str, region: str, hostname: str) -> str:
        """The id of the only source server with this host name. Raise PlanFileError if there is none, or several.

        If the account is not registered, but by this file or in another sandbox, return a made-up id: the API cannot
        list its servers.
        """
        if account_id not in self._accounts and (
            self._in_sandbox or any(each["accountId"] == account_id for each in self._data.get("targetAccounts", ()))
        ):
            made_up = self._made_up_ids.setdefault((account_id, region, hostname), f"s-{len(self._made_up_ids):017}")
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
        """The value with host names in place of made-up ids, and with `sourceServers` for those that are none."""
        if isinstance(value, dict):
            fields = {
                self._hosts_by_made_up_id.get(name, name): self._with_host_names(part) for name, part in value.items()
            }
            ids = value.get("sourceServerIds") or ()
            if hosts := sorted(self._hosts_by_made_up_id[each] for each in ids if each in self._hosts_by_made_up_id):
                known = [each for each in ids if each not in self._hosts_by_made_up_id]
                del fields["sourceServerIds"]
                fields |= {"sourceServers": hosts, **({"sourceServerIds": known} if known else {})}
            return fields
        if isinstance(value, list):
            return [self._with_host_names(part) for part in value]
        return self._hosts_by_made_up_id.get(value, value) if isinstance(value, str) else value

    def _problem_at_host(self, hostname: str, message: str) -> Problem:
        """A problem at the place where the file names the host."""
        for at, group in enumerate(self._data["protectionGroups"]):
            if hostname in group.get("sourceServers", ()):
                location = ("protectionGroups", at, "sourceServers", group["sourceServers"].index(hostname))
                return self._document.problem(location, message)
            if hostname in ((group.get("launchProfiles") or {}).get("servers") or {}):
                return self._document.problem(("protectionGroups", at, "launchProfiles", "servers", hostname), message)
        return self._document.problem(("recoveryPlan",), message)

    # --- applying
    def find_external_ids(self, changes: Iterable[Change]) -> dict[str, str]:
        """The external id of each account to register. Raise PlanFileError if the environment has none."""
        new = [each.name for each in changes if each.kind == "target account" and each.resource_id is None]
        return {account_id: registration.find_external_id(self._document, account_id) for account_id in new}

    def apply(self, changes: list[Change], report_done: Callable[[Change], None]) -> None:
        """Make each change that is needed. After an error, apply the file again to make the rest.

        A group keeps servers that the plan in the API still names until the plan has been replaced, because the API
        refuses to take them out before. Raise PlanFileError, before anything is written, without an external id.
        """
        secrets = self.find_external_ids(changes)
        ids = {name: group["groupId"] for name, group in self._groups.items()}
        unfinished: list[tuple[Change, dict[str, Any]]] = []
        for change in changes:
            if not change.is_needed:
                continue
            if change.kind == "target account":
                self._apply_account(change, secrets.get(change.name))
            elif change.kind == "protection group":
                body = resources.group_body(self._file_groups[change.name], self._server_id)
                kept = self._servers_to_keep(change.name, body)
                wider = {"sourceServerIds": [*body["sourceServerIds"], *kept]} if kept else {}
                written = self._write_group(change, {**body, **wider})
                ids[change.name] = written["groupId"]
                if kept:
                    unfinished.append((replace(change, version=written["version"]), body))
                    continue
            else:
                body = resources.plan_body(self._data["recoveryPlan"], self._file_groups, ids, self._server_id)
                self._write("/recovery-plans", change, body)
            report_done(change)
        for change, body in unfinished:
            self._write_group(change, body)
            report_done(change)

    def _servers_to_keep(self, name: str, body: Mapping[str, Any]) -> list[str]:
        """The servers that the group would lose and that the plan in the API names."""
        current, plan = self._groups.get(name), self._plans.get(self._data["recoveryPlan"]["name"])
        if not current or not plan:
            return []
        return sorted(self._lost_servers(current, body) & _servers_named(plan, current))

    def _write_group(self, change: Change, body: Mapping[str, Any]) -> Any:
        agreed = {"changeTarget": True} if change.resource_id and change.consequences else {}
        return self._write("/protection-groups", change, {**body, **agreed})

    def _apply_account(self, change: Change, external_id: str | None) -> None:
        account = next(each for each in self._data["targetAccounts"] if each["accountId"] == change.name)
        body = self._account_body(account)
        if change.resource_id is None:
            body = {**body, "externalId": external_id, "accountId": change.name}
        self._accounts[change.name] = self._write("/target-accounts", change, body)

    def _write(self, path: str, change: Change, body: Mapping[str, Any]) -> Any:
        """Raise PlanFileError for a mistake of the file that only the API finds, such as an unknown document."""
        try:
            if change.resource_id is None:
                return self._api.call("POST", path, body)
            return self._api.call("PUT", f"{path}/{change.resource_id}", {**body, "version": change.version})
        except ApiRefused as error:
            if problems := refusals.find_problems(error, self._document, self._locate(change)):
                raise PlanFileError(self._document.path, problems) from error
            raise

    def _locate(self, change: Change) -> Location:
        """The part of the file that a change comes from."""
        if change.kind == "recovery plan":
            return ("recoveryPlan",)
        part, name = {
            "target account": ("targetAccounts", "accountId"),
            "protection group": ("protectionGroups", "name"),
        }[change.kind]
        return (part, next(at for at, each in enumerate(self._data[part]) if each[name] == change.name))


def _servers_named(plan: Mapping[str, Any], group: Mapping[str, Any]) -> set[str]:
    """The servers of the group that the plan's waves name."""
    uses = [use for wave in plan["waves"] for use in wave["groups"] if use["groupId"] == group["groupId"]]
    return {server_id for use in uses for server_id in use.get("sourceServerIds") or ()}


def _name_plans(plans: Iterable[Mapping[str, Any]]) -> str:
    return ", ".join(f"{plan['name']} ({plan['planId']})" for plan in plans)


def _compare(
    kind: str, name: str, current: Any, id_field: str, before: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Change:
    differences = tuple(find_differences(before, wanted))
    if current is None:
        return Change(kind, name, None, 0, differences)
    return Change(kind, name, current[id_field], current["version"], differences)
