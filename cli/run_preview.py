"""What a start would launch, what it would replace, and what a clean-up would terminate: shown before a question.

A preview never prevents a recovery: what cannot be read is named instead.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient, ApiRefused, ApiUnreachable
from cli.run_client import list_servers, read_run
from cli.run_record import Record
from recovery.free_text import flatten
from recovery.wording import plural

Place = tuple[str, str]
"""An account id and a Region."""

# The API takes this many servers in one request for recovery instances.
MAX_SERVERS_ASKED = 100
# Lines of instances; further ones are counted.
MAX_LINES = 20
_GONE = ("TERMINATED", "NOT_FOUND")


@dataclass(slots=True)
class Preview:
    """The servers that a run would launch, by id, and what is unknown of them."""

    places: dict[str, Place] = field(default_factory=dict)
    waves: int = 0
    unknown: list[str] = field(default_factory=list)

    def lines(self, point_in_time: str | None) -> Iterator[str]:
        """What would be launched, where, and from which moment."""
        where = ", ".join(
            f"{count} in {'/'.join(place)}" for place, count in sorted(Counter(self.places.values()).items())
        )
        counted = plural(len(self.places), "server")
        yield f"  launches       {counted} in {plural(self.waves, 'wave')}{f': {where}' if where else ''}"
        yield f"  point in time  {point_in_time or 'the latest data'}"
        yield from (f"  unknown        {flatten(text)}" for text in self.unknown)


def preview_plan(api: ApiClient, plan: Mapping[str, Any]) -> Preview:
    """What a run of the plan would launch now."""
    preview = Preview(waves=len(plan["waves"]))
    for use in (use for wave in plan["waves"] for use in wave["groups"]):
        subject = f"the servers of protection group {use['groupId']}"
        try:
            group = api.get(f"/protection-groups/{use['groupId']}")
            subject = f"the servers of protection group {group['name']}, in {group['accountId']}/{group['region']}"
            server_ids = list(use.get("sourceServerIds") or group.get("sourceServerIds") or _list_tagged(api, group))
        except (ApiRefused, ApiUnreachable) as error:
            preview.unknown.append(f"{subject}: {_first_line(error)}")
        else:
            preview.places.update(dict.fromkeys(server_ids, (group["accountId"], group["region"])))
    return preview


def preview_rest(api: ApiClient, record: Record) -> Preview:
    """What a continuation of this run would launch: what its record does not show as launched."""
    preview = Preview()
    try:
        servers = [each for each in list_servers(api, record["executionId"]) if each["status"] != "LAUNCHED"]
    except (ApiRefused, ApiUnreachable) as error:
        preview.unknown.append(f"the servers of {record['executionId']}: {_first_line(error)}")
        servers = []
    preview.places = {each["sourceServerId"]: (each["accountId"], each["region"]) for each in servers}
    preview.waves = len({each["wave"] for each in servers})
    return preview


def _list_tagged(api: ApiClient, group: Mapping[str, Any]) -> list[str]:
    """The servers that carry every tag of the group, as DRS lists them now."""
    path = f"/targets/{group['accountId']}/{group['region']}/source-servers"
    wanted = group["tags"].items()
    return [
        str(server["sourceServerId"])
        for server in api.list_items(path, "sourceServers")
        if wanted <= (server["tags"] or {}).items()
    ]


# --- instances --------------------------------------------------------------------------------------------------
def describe_replaced(api: ApiClient, server_ids: Iterable[str]) -> list[str]:
    """A line for each recovery instance that a launch of these servers would replace, by the cache of the API."""
    ids, lines = list(server_ids), list[str]()
    try:
        for start in range(0, len(ids), MAX_SERVERS_ASKED):
            asked = ",".join(ids[start : start + MAX_SERVERS_ASKED])
            found = api.get("/recovery-instances", sourceServerIds=asked)["recoveryInstances"]
            lines += [_describe_instance(each) for each in found if each["ec2InstanceState"] not in _GONE]
    except (ApiRefused, ApiUnreachable) as error:
        return [*lines, f"  unknown        the recovery instances of these servers: {_first_line(error)}"]
    return _shorten(lines)


def _describe_instance(instance: Mapping[str, Any]) -> str:
    kind = "a drill's" if instance["isDrill"] else "NOT a drill's"
    by = f", launched by {instance['sourceExecutionId']}" if instance["sourceExecutionId"] else ""
    name = instance["name"] or instance["sourceServerId"]
    place = f"{instance['accountId']}/{instance['region']}"
    state = instance["ec2InstanceState"] or "state unknown"
    return f"  {flatten(instance['recoveryInstanceId'])}  {flatten(name)} in {place}, {state}, {kind}{by}"


def describe_terminated(api: ApiClient, execution_id: str) -> list[str]:
    """What a clean-up of this drill would terminate, by the records of its chain: a heading, and a line for each."""
    try:
        chain = [each["executionId"] for each in read_run(api, execution_id)["chain"]["executions"]]
    except (ApiRefused, ApiUnreachable) as error:
        return [f"The instances of {execution_id} could not be read: {_first_line(error)}"]
    lines, unknown = dict[str, str](), list[str]()
    for run_id in chain:
        try:
            servers = [each for each in list_servers(api, run_id) if each["recoveryInstanceId"]]
        except (ApiRefused, ApiUnreachable) as error:
            unknown.append(f"  unknown        the instances of {run_id}: {_first_line(error)}")
        else:
            lines |= {each["recoveryInstanceId"]: _describe_launched(each) for each in servers}
    counted = plural(len(lines), "recovery instance")
    runs = f" of {', '.join(chain)}" if len(chain) > 1 else ""
    return [f"The clean-up of {execution_id} terminates {counted}{runs}:", *_shorten(list(lines.values())), *unknown]


def _describe_launched(server: Mapping[str, Any]) -> str:
    name = server["hostname"] or server["sourceServerId"]
    return f"  {flatten(server['recoveryInstanceId'])}  {flatten(name)} in {server['accountId']}/{server['region']}"


def _shorten(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], f"  and {more} more"] if more > 0 else lines


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
