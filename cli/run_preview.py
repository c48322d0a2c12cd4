"""What a start would launch, what it would replace, and what a clean-up would terminate: shown before a question.

A preview never prevents a recovery: what cannot be read is named instead.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient, ApiRefused, ApiUnreachable
from cli.run_client import list_servers, read_run
from cli.run_record import Record
from recovery.free_text import flatten
from recovery.wording import first_of, plural

Place = tuple[str, str]
"""An account id and a Region."""

# The API takes this many servers in one request for recovery instances.
MAX_SERVERS_ASKED = 100
# Lines of instances; further ones are counted.
MAX_LINES = 20
_GONE = ("TERMINATED", "NOT_FOUND")


@dataclass(slots=True)
class Preview:
    """The servers that a run would launch, by id, each with its wave and its place, and what is unknown of them."""

    waves: list[str]
    servers: dict[str, tuple[str, Place]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def lines(self, environment: str, point_in_time: str | None) -> Iterator[str]:
        """By which deployment, from which moment, what would be launched, and where: wave by wave."""
        yield f"  environment    {environment}"
        yield f"  point in time  {point_in_time or 'the latest data'}"
        counted = f"{plural(len(self.servers), 'server')} in {plural(len(self.waves), 'wave')}"
        where = f": {_count_by_place(place for _, place in self.servers.values())}" if self.servers else ""
        yield f"  launches       {counted}{where}"
        waves = [f"{flatten(wave)}: {_count_by_place(self._places_of(wave))}" for wave in self.waves]
        yield from (f"                 {line}" for line in first_of(waves, MAX_LINES))
        yield from (f"  unknown        {flatten(text)}" for text in self.unknown)

    def _places_of(self, wave: str) -> list[Place]:
        return [place for of, place in self.servers.values() if of == wave]


def _count_by_place(places: Iterable[Place]) -> str:
    """`12 in 111122223333/us-west-2, 3 in 444455556666/eu-west-1`."""
    counts = sorted(Counter(places).items())
    return ", ".join(f"{count} in {'/'.join(place)}" for place, count in counts) or "no servers"


def preview_plan(api: ApiClient, plan: Mapping[str, Any]) -> Preview:
    """What a run of the plan would launch now."""
    preview = Preview([wave["name"] for wave in plan["waves"]])
    for name, use in ((wave["name"], use) for wave in plan["waves"] for use in wave["groups"]):
        subject = f"the servers of protection group {use['groupId']}"
        try:
            group = api.get(f"/protection-groups/{use['groupId']}")
            subject = f"the servers of protection group {group['name']}, in {group['accountId']}/{group['region']}"
            server_ids = list(use.get("sourceServerIds") or group.get("sourceServerIds") or _list_tagged(api, group))
        except (ApiRefused, ApiUnreachable) as error:
            preview.unknown.append(f"{subject}: {_first_line(error)}")
        else:
            place = (group["accountId"], group["region"])
            preview.servers.update(dict.fromkeys(server_ids, (name, place)))
    return preview


def preview_rest(api: ApiClient, record: Record) -> Preview:
    """What a continuation of this run would launch: what its record does not show as launched."""
    preview = Preview([])
    try:
        servers = [each for each in list_servers(api, record["executionId"]) if each["status"] != "LAUNCHED"]
    except (ApiRefused, ApiUnreachable) as error:
        preview.unknown.append(f"the servers of {record['executionId']}: {_first_line(error)}")
        servers = []
    preview.servers = {each["sourceServerId"]: (each["wave"], (each["accountId"], each["region"])) for each in servers}
    preview.waves = [wave["name"] for wave in record["waves"] if any(each["wave"] == wave["name"] for each in servers)]
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
        return [*_indent(lines), f"  unknown        the recovery instances of these servers: {_first_line(error)}"]
    return _indent(lines)


def _describe_instance(instance: Mapping[str, Any]) -> str:
    kind = "a drill's" if instance["isDrill"] else "NOT a drill's"
    by = f", launched by {instance['sourceExecutionId']}" if instance["sourceExecutionId"] else ""
    name = instance["name"] or instance["sourceServerId"]
    place = f"{instance['accountId']}/{instance['region']}"
    state = instance["ec2InstanceState"] or "state unknown"
    return f"{flatten(instance['recoveryInstanceId'])}  {flatten(name)} in {place}, {state}, {kind}{by}"


@dataclass(slots=True)
class CleanupPreview:
    """The instances that a clean-up of a drill would terminate, by the records of its chain.

    `servers` are those of the API that have an instance, by the id of the instance. `chain` is empty if it is unknown.
    """

    execution_id: str
    chain: list[str] = field(default_factory=list)
    servers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def lines(self, environment: str) -> Iterator[str]:
        """How many there are, by which deployment, where, of which waves, and a line for each instance."""
        servers = list(self.servers.values())
        runs = f" of {', '.join(self.chain)}" if len(self.chain) > 1 else ""
        counted = plural(len(servers), "recovery instance")
        yield f"The clean-up of {self.execution_id} terminates {counted}{runs}:"
        yield f"  environment    {environment}"
        if servers:
            yield f"  where          {_count_by_place((each['accountId'], each['region']) for each in servers)}"
            waves = Counter(flatten(each["wave"]) for each in servers)
            counts = [f"{wave} {count}" for wave, count in waves.items()]
            yield f"  waves          {', '.join(first_of(counts, MAX_LINES))}"
        yield from _indent([_describe_launched(each) for each in servers])
        yield from (f"  unknown        {flatten(text)}" for text in self.unknown)

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        servers = list(self.servers.values())
        return {
            "executionId": self.execution_id,
            "executions": self.chain,
            "servers": servers,
            "unknown": self.unknown,
        }


def preview_cleanup(api: ApiClient, execution_id: str) -> CleanupPreview:
    """What a clean-up of this drill would terminate."""
    found = CleanupPreview(execution_id)
    try:
        found.chain = [each["executionId"] for each in read_run(api, execution_id)["chain"]["executions"]]
    except (ApiRefused, ApiUnreachable) as error:
        found.unknown.append(f"the instances of {execution_id}: {_first_line(error)}")
    for run_id in found.chain:
        try:
            servers = [each for each in list_servers(api, run_id) if each["recoveryInstanceId"]]
        except (ApiRefused, ApiUnreachable) as error:
            found.unknown.append(f"the instances of {run_id}: {_first_line(error)}")
        else:
            found.servers |= {each["recoveryInstanceId"]: each for each in servers}
    return found


def _describe_launched(server: Mapping[str, Any]) -> str:
    name = server["hostname"] or server["sourceServerId"]
    return f"{flatten(server['recoveryInstanceId'])}  {flatten(name)} in {server['accountId']}/{server['region']}"


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in first_of(lines, MAX_LINES)]


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
