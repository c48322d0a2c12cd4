"""On-Demand Capacity Reservations for the waves of a run: made before its waves, ended with it."""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.launch_profiles.profiles import LaunchProfile, ProfileOption
from recovery.domain.launch_profiles.settings import LaunchPlace, LaunchSettings, read_place
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.launch_profiles.wanted import ProfiledServer, ProfileRefused, build_wanted
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import DrsWavesError, RateBudgetExhausted
from recovery.launch_settings import messages, profiled
from recovery.launch_settings.owners import FUNCTION_SECONDS, Owners
from recovery.store import batches, executions
from recovery.store.launches import reservations
from recovery.store.launches.reservations import Reservation
from recovery.target_services import launch_templates, networks
from recovery.target_services.launch_needs import capacity_reservations
from recovery.target_services.launch_needs.capacity_reservations import Capacity

logger = Logger(child=True)

# A reservation ends by itself after this, whatever becomes of the run and of this stack.
RESERVED_SECONDS = 24 * 3_600

# Real seconds for reading what the servers are launched as. The function has 120.
READING_SECONDS = 60

WINDOWS, LINUX = "Windows", "Linux/UNIX"


@dataclass(slots=True)
class _Needs:
    """How many instances of each kind the run launches, and for which servers that cannot be told, by reason."""

    counts: Counter[Capacity] = field(default_factory=Counter)
    unknown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def reserve_capacity(execution_id: str, target: Target) -> list[Reservation]:
    """Reserve what the run's batches in the target launch; return the rows of the reservations.

    A repeated call reserves nothing twice. What could not be reserved is in the rows and in a message, and stops
    nothing. Raise AwsUnavailable when DynamoDB does not answer.
    """
    run = executions.get_requested_run(execution_id)
    if run.is_halted or not run.reserves_capacity:
        return []
    known = {each.item: each for each in reservations.list_reservations(target, execution_id)}
    needs, ends_at = _Needs(), clock.iso(clock.now() + RESERVED_SECONDS)
    try:
        needs = _find_needs(execution_id, target, applies=run.profiles is ProfileOption.APPLY)
        problem = None
    except DrsWavesError as error:
        problem = error.message
    made = []
    for capacity, count in sorted(needs.counts.items(), key=lambda item: str(item[0])):
        row = Reservation(
            target, execution_id, capacity.instance_type, capacity.zone, capacity.platform, count, ends_at
        )
        made.append(_reserve(known.get(row.item, row), capacity))
    problems = [problem] if problem else []
    problems += [
        f"{each.count} of {each.instance_type} in {each.zone}: {each.problem}" for each in made if each.problem
    ]
    problems += [f"{len(servers)} servers, such as {servers[0]}: {why}" for why, servers in needs.unknown.items()]
    messages.send_capacity_reserved(run, target, [each for each in made if each.reservation_id], problems)
    return made


def _reserve(row: Reservation, capacity: Capacity) -> Reservation:
    """Write the row, make the reservation and record its id, or why there is none."""
    if row.reservation_id:
        return row
    reservations.write(row)
    token = hashlib.sha256(f"{row.target.key}#{row.item}#{row.count}#{row.ends_at}".encode()).hexdigest()
    try:
        made = capacity_reservations.create(
            row.target, capacity, row.count, row.execution_id, token, clock.parse_iso(row.ends_at)
        )
        row = replace(row, reservation_id=made, problem=None)
    except DrsWavesError as error:
        row = replace(row, problem=error.message)
    reservations.write(row)
    return row


def _find_needs(execution_id: str, target: Target, *, applies: bool) -> _Needs:
    """What the servers of every batch in the target are launched as. Raise the errors of DRS and EC2."""
    launches: dict[str, LaunchProfile | None] = {}
    for batch in batches.list_batches(execution_id):
        if batch.ref.target == target:
            profiles = profiled.find_profiles(batch.ref, batch.server_ids) if applies else {}
            launches |= {server_id: profiles.get(server_id) for server_id in batch.server_ids}
    if not launches:
        return _Needs()
    servers = {server.server_id: server for server in drs.describe_source_servers(target, list(launches))}
    needs = _Needs()
    configurations = _read_configurations(target, launches, needs)
    template_ids = {each.template_id for each in configurations.values() if each.template_id}
    versions = launch_templates.get_default_versions(target, template_ids)
    subnets = networks.describe_subnets(target, None)
    for server_id, configuration in configurations.items():
        try:
            version = versions[configuration.template_id or ""]
            settings = LaunchSettings(configuration, version.number, version.data)
            place = _find_place(settings, launches[server_id], servers[server_id], subnets)
            needs.counts[_find_capacity(place, servers[server_id], subnets)] += 1
        except KeyError:
            needs.unknown["its launch template, its subnet or the server does not exist"].append(server_id)
        except ProfileRefused as refusal:
            needs.unknown[str(refusal)].append(server_id)
    return needs


def _read_configurations(target: Target, server_ids: Iterable[str], needs: _Needs) -> dict[str, LaunchConfiguration]:
    """Their launch configurations, as far as there is time; `needs` gets the servers without one, with the reason."""
    found, ends = dict[str, LaunchConfiguration](), time.monotonic() + READING_SECONDS
    for server_id in server_ids:
        try:
            if time.monotonic() > ends:
                raise RateBudgetExhausted("there was no time to read their launch settings")
            found[server_id] = drs.get_launch_configuration(target, server_id)
        except DrsWavesError as error:
            needs.unknown[error.message].append(server_id)
    return found


def _find_place(
    settings: LaunchSettings, profile: LaunchProfile | None, server: SourceServer, subnets: Mapping[str, Subnet]
) -> LaunchPlace:
    """Where and as what the settings launch the server, after its profile if it has one. Raise ProfileRefused."""
    if profile is None:
        return read_place(settings.configuration, settings.data, server.source_address)
    wanted = build_wanted(profile, settings, ProfiledServer(server.server_id, server.source_address), subnets)
    return read_place(wanted.configure(settings.configuration), wanted.data, server.source_address)


def _find_capacity(place: LaunchPlace, server: SourceServer, subnets: Mapping[str, Subnet]) -> Capacity:
    """Raise ProfileRefused if the settings leave the type or the zone to DRS or EC2."""
    instance_type = place.instance_type or server.recommended_type
    if not instance_type:
        raise ProfileRefused("neither its settings nor DRS say which instance type it is launched as")
    if not place.subnet_ids:
        raise ProfileRefused("its settings name no subnet, so its zone is not known before the launch")
    zone = subnets[place.subnet_ids[0]].zone
    return Capacity(instance_type, zone, WINDOWS if server.is_windows else LINUX)


# --- the end of the run -----------------------------------------------------------------------------------------
def list_ended(target: Target, owners: Owners) -> list[Reservation]:
    """The reservations in the target whose runs are over."""
    return [each for each in reservations.list_reservations(target) if owners.is_run_over(each.execution_id)]


def release(target: Target, ended: Sequence[Reservation], owners: Owners) -> dict[Reservation, str]:
    """End reservations of runs that are over, found by their rows and by their tags; say of those left why.

    What a lost answer has made is found by its tag. A function of the run may still be about to make one, so a row
    without an id stays until none can be. Raise what EC2 raises, and AwsUnavailable.
    """
    if not ended:
        return {}
    live, left = capacity_reservations.find_live(target, {each.execution_id for each in ended}), {}
    failed: dict[str, str] = {}
    for execution_id, found in live.items():
        rows = [each for each in ended if each.execution_id == execution_id]
        for reservation_id in {*found, *(each.reservation_id for each in rows if each.reservation_id)}:
            try:
                capacity_reservations.cancel(target, reservation_id)
            except DrsWavesError as error:
                failed[execution_id] = error.message
                facts = {"reservation": reservation_id, "reason": error.message}
                logger.warning("reservation not ended", extra=facts)
    for each in ended:
        if each.execution_id in failed:
            left[each] = failed[each.execution_id]
        elif not each.reservation_id and owners.ended_within(each.execution_id, FUNCTION_SECONDS):
            left[each] = "its reservation may still be made"
        else:
            reservations.remove(each)
    return left
