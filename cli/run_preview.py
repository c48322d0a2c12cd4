"""What a start would launch, what it would replace, and what a clean-up would terminate: shown before a question.

A preview never prevents a recovery: what cannot be read is named instead.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from cli.run_client import list_servers, read_run, walk_servers
from recovery.free_text import flatten
from recovery.wording import first_of, plural
from report.plan.profiles import describe_groups
from report.run_record import UNFINISHED, Record

Place = tuple[str, str]
"""An account id and a Region."""

# The API takes this many servers in one request for recovery instances.
MAX_SERVERS_ASKED = 100
# Lines of instances; further ones are counted.
MAX_LINES = 20
_GONE = ("TERMINATED", "NOT_FOUND")
# Open runs whose servers are read before a question, and the statuses of servers that a run still works on.
MAX_RUNS_READ = 5
_HELD = ("PENDING", "LAUNCHING")


@dataclass(frozen=True, slots=True)
class LaunchChoice:
    """How a run launches its servers. `mode` is `drill` or `recovery`."""

    mode: str
    skips_profiles: bool = False
    reserves_capacity: bool = False

    def describe(self, groups: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
        """The launch profiles that apply, and the reservation of capacity, each with its lines."""
        if lines := describe_groups(groups, self.mode, skips=self.skips_profiles):
            yield "profiles", lines
        if self.reserves_capacity:
            yield "reserves", ["EC2 capacity for the waves to come, until the run ends; AWS charges for it"]


@dataclass(slots=True)
class Preview:
    """The servers that a run would launch, by id, each with its wave and its place, and what is unknown of them."""

    waves: list[str]
    servers: dict[str, tuple[str, Place]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    steps: list[tuple[str, list[str]]] = field(default_factory=list)
    """The checks and the actions of the plan, and the launch profiles, in words."""
    empty: list[tuple[str, str]] = field(default_factory=list)
    """The wave and the name of each group that selects no server, though the wave requires it: it prevents the run."""
    is_nothing_left: bool = False
    """Whether the run that would be continued has servers, and launched all of them."""

    def lines(self, environment: str, point_in_time: str | None) -> Iterator[str]:
        """By which deployment, from which moment, what would be launched, and where: wave by wave."""
        yield f"  environment    {environment}"
        yield f"  point in time  {point_in_time or 'the latest data'}"
        for name, lines in self.facts():
            first, *rest = lines
            yield f"  {name:<13}  {first}"
            yield from (f"                 {line}" for line in rest)

    def facts(self) -> Iterator[tuple[str, list[str]]]:
        """`launches`, then what else there is to say, each with its lines: at least one, and not too many."""
        counted = f"{plural(len(self.servers), 'server')} in {plural(len(self.waves), 'wave')}"
        where = f": {_count_by_place(place for _, place in self.servers.values())}" if self.servers else ""
        waves = [f"{flatten(wave)}: {_count_by_place(self._places_of(wave))}" for wave in self.waves]
        yield "launches", [f"{counted}{where}", *first_of(waves, MAX_LINES)]
        yield from ((name, first_of(lines, MAX_LINES)) for name, lines in self.steps)
        yield from (("unknown", [flatten(text)]) for text in self.unknown)

    def _places_of(self, wave: str) -> list[Place]:
        return [place for of, place in self.servers.values() if of == wave]


def _count_by_place(places: Iterable[Place]) -> str:
    """`12 in 111122223333/us-west-2, 3 in 444455556666/eu-west-1`."""
    counts = sorted(Counter(places).items())
    return ", ".join(f"{count} in {'/'.join(place)}" for place, count in counts) or "no servers"


def preview_plan(api: ApiClient, plan: Mapping[str, Any], launch: LaunchChoice) -> Preview:
    """What a run of the plan would launch now and how, with its checks and actions."""
    from recovery.domain.wave_steps.words import describe_plan

    preview = Preview([wave["name"] for wave in plan["waves"]], steps=list(describe_plan(plan)))
    groups = dict[str, Mapping[str, Any]]()
    for name, use in ((wave["name"], use) for wave in plan["waves"] for use in wave["groups"]):
        subject = f"the servers of protection group {use['groupId']}"
        try:
            group = groups[use["groupId"]] = api.get(f"/protection-groups/{use['groupId']}")
            subject = f"the servers of protection group {group['name']}, in {group['accountId']}/{group['region']}"
            server_ids = list(use.get("sourceServerIds") or group.get("sourceServerIds") or _list_tagged(api, group))
        except (ApiRefused, ApiUnreachable) as error:
            preview.unknown.append(f"{subject}: {_first_line(error)}")
        else:
            place = (group["accountId"], group["region"])
            preview.servers.update(dict.fromkeys(server_ids, (name, place)))
            if not server_ids and not use.get("optional"):
                preview.empty.append((name, group["name"]))
    preview.steps += launch.describe(list(groups.values()))
    return preview


def preview_rest(api: ApiClient, record: Record, launch: LaunchChoice) -> Preview:
    """What a continuation of this run would launch, and how: what its record does not show as launched."""
    preview = Preview([])
    try:
        known = list_servers(api, record["executionId"])
    except (ApiRefused, ApiUnreachable) as error:
        preview.unknown.append(f"the servers of {record['executionId']}: {_first_line(error)}")
        known = []
    else:
        if not known:
            preview.unknown.append(f"the servers: {record['executionId']} ended before it had listed them")
    servers = [each for each in known if each["status"] != "LAUNCHED"]
    preview.is_nothing_left = bool(known) and not servers
    preview.servers = {each["sourceServerId"]: (each["wave"], (each["accountId"], each["region"])) for each in servers}
    preview.waves = [wave["name"] for wave in record["waves"] if any(each["wave"] == wave["name"] for each in servers)]
    try:
        path = f"/executions/{record['executionId']}/protection-groups"
        preview.steps += launch.describe(list(api.list_items(path, "protectionGroups")))
    except (ApiRefused, ApiUnreachable) as error:
        preview.unknown.append(f"the launch profiles of {record['executionId']}: {_first_line(error)}")
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


def describe_overlaps(api: ApiClient, server_ids: Collection[str], plan_name: str) -> list[str]:
    """A line for each open run of another plan that has some of these servers still to launch, or launches them."""
    return [f"  {name:<13}  {line}" for name, line in find_overlaps(api, server_ids, plan_name)]


def find_overlaps(api: ApiClient, server_ids: Collection[str], plan_name: str) -> list[tuple[str, str]]:
    """The same as `also in` and `unknown`, each with its line.

    Only the servers of a few open runs are read. The others are named as unknown.
    """
    lines = list[tuple[str, str]]()
    try:
        listed = [run for status in UNFINISHED for run in api.list_items("/executions", "executions", status=status)]
        runs = {run["executionId"]: run for run in listed if run["mode"] != "READINESS"}
        others = [run for run in runs.values() if run["planName"] != plan_name]
        for run in others[:MAX_RUNS_READ]:
            servers = walk_servers(api, run["executionId"])
            count = sum(each["sourceServerId"] in server_ids and each["status"] in _HELD for each in servers)
            if count:
                who = flatten(f"{run['executionId']} of {run['planName']}, by {run['requestedBy']}")
                lines.append(("also in", f"{who}: {count} of these servers"))
    except (ApiRefused, ApiUnreachable) as error:
        return [*lines, ("unknown", f"which open runs have these servers too: {_first_line(error)}")]
    if left := others[MAX_RUNS_READ:]:
        lines.append(("unknown", f"whether {plural(len(left), 'further open run')} of other plans have these too"))
    return lines


# --- instances --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Replaced:
    """The recovery instances that a launch of servers would replace: how many are a drill's, and a line for each.

    `unknown` says why others may be missing; it is empty if none is. `left_out` has the ids of the servers that a
    launch leaves out without `replaceExisting`.
    """

    drills: int
    others: int
    lines: list[str]
    unknown: str = ""
    left_out: tuple[str, ...] = ()


def find_replaced(api: ApiClient, server_ids: Iterable[str]) -> Replaced:
    """What a launch of these servers would replace, by the cache of the API."""
    found, unknown = list[Mapping[str, Any]](), ""
    try:
        for each in _list_instances(api, server_ids):
            found.append(each)
    except (ApiRefused, ApiUnreachable) as error:
        unknown = f"the recovery instances of these servers: {_first_line(error)}"
    drills = sum(bool(each["isDrill"]) for each in found)
    ordered = sorted(found, key=lambda each: bool(each["isDrill"]))  # what is no drill's is seen first
    left_out = tuple(dict.fromkeys(each["sourceServerId"] for each in found if not each["isDrill"]))
    lines = first_of([*map(_describe_instance, ordered)], MAX_LINES)
    return Replaced(drills, len(found) - drills, lines, unknown, left_out)


def describe_replaced(api: ApiClient, server_ids: Iterable[str]) -> list[str]:
    """A line for each recovery instance that a launch of these servers would replace, by the cache of the API."""
    lines = list[str]()
    try:
        for each in _list_instances(api, server_ids):
            lines.append(_describe_instance(each))
    except (ApiRefused, ApiUnreachable) as error:
        return [*_indent(lines), f"  unknown        the recovery instances of these servers: {_first_line(error)}"]
    return _indent(lines)


def count_replaced(api: ApiClient, server_ids: Iterable[str]) -> list[str]:
    """How many instances of drills a launch of these servers replaces, and how many others keep their servers out.

    Without `replaceExisting`, a server is left out if its launch would replace an instance that is not a drill's.
    """
    try:
        found = [each["isDrill"] for each in _list_instances(api, server_ids)]
    except (ApiRefused, ApiUnreachable) as error:
        return [f"  unknown        the recovery instances of these servers: {_first_line(error)}"]
    drills, others = found.count(True), found.count(False)
    lines = [f"  replaces       {plural(drills, 'recovery instance')} of drills"] if drills else []
    kept = f"{plural(others, 'server')} with a recovery instance that is not a drill's"
    return [*lines, f"  leaves out     {kept}; see --replace-existing"] if others else lines


def _list_instances(api: ApiClient, server_ids: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    ids = list(server_ids)
    for start in range(0, len(ids), MAX_SERVERS_ASKED):
        asked = ",".join(ids[start : start + MAX_SERVERS_ASKED])
        found = api.get("/recovery-instances", sourceServerIds=asked)["recoveryInstances"]
        yield from (each for each in found if each["ec2InstanceState"] not in _GONE)


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
