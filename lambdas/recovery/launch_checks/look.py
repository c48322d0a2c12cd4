"""Looks at what the launches of a plan need in one target, and judges it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery import clock
from recovery.domain.drs_shapes.launch_configurations import LaunchDocument
from recovery.domain.findings import address_checks, quota_checks, source_checks
from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import PlannedLaunch, PresentInstance, PresentReservation, TargetFacts
from recovery.domain.findings.gathering import Found
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.findings.settings_checks import check_settings, choose_type
from recovery.domain.launch_profiles.settings import LaunchPlace
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.drs import busy_servers
from recovery.launch_checks.isolation import check_isolation
from recovery.launch_checks.plan_launches import CheckedServers, plan_launches
from recovery.launch_checks.reading import Reader
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import launch_templates, lookups, networks
from recovery.target_services.launch_needs import instance_types, names, present
from recovery.target_services.launch_templates import TemplateVersion
from recovery.target_services.lookups import DocumentKind


@dataclass(frozen=True, slots=True)
class LaunchLook:
    """What a look has found in a target, how far its networks are isolated, and how large its launches are."""

    found: Sequence[Found] = ()
    isolation: Sequence[Mapping[str, Any]] = ()
    sizes: Sequence[LaunchSize] = ()


def look_at_launches(target: Target, checked: CheckedServers) -> LaunchLook:
    """Look at everything that the launches of these servers need. Raise errors that are transient.

    What the target does not permit to read is noted, and the rest is judged without it.
    """
    reader = Reader(target)
    templates = checked.template_ids
    versions = (
        reader.read("launch templates", lambda: launch_templates.get_default_versions(target, templates))
        if templates
        else {}
    )
    subnets = reader.read("subnets", lambda: networks.describe_subnets(target, None)) if templates else {}
    launches = plan_launches(checked, versions or {}, subnets)
    facts = _read_facts(reader, launches, subnets)
    found = [
        *_check_templates(reader, launches, versions),
        *_check_launches(launches, facts),
        *_check_sources(reader, checked),
    ]
    isolation = check_isolation(target, launches, facts, checked.servers.values())
    found += [*isolation.found, *reader.list_notes()]
    return LaunchLook(found, isolation.verdicts, quota_checks.measure(launches, facts))


def _read_facts(reader: Reader, launches: Sequence[PlannedLaunch], subnets: Mapping[str, Subnet] | None) -> TargetFacts:
    """Read each kind of thing once, and only those kinds that a launch needs."""
    target, placed = reader.target, [launch for launch in launches if launch.place]
    if not placed:
        return TargetFacts(subnets=subnets)
    named = _list_named([launch.place for launch in placed if launch.place])
    wanted = {name for launch in placed if (name := choose_type(launch))}
    instances = reader.read("instances", lambda: present.list_instances(target))
    reservations = reader.read("capacity reservations", lambda: present.list_reservations(target))
    kinds = wanted | _list_present_types(instances or (), reservations or ())
    return TargetFacts(
        subnets=subnets,
        security_groups=reader.read("security groups", lambda: names.find_security_groups(target, named.groups)),
        kinds=reader.read("instance types", lambda: instance_types.describe_types(target, kinds)),
        zones=reader.read("zones of instance types", lambda: instance_types.find_zones(target, wanted)),
        profiles=reader.read("instance profiles", lambda: names.find_instance_profiles(target, named.profiles)),
        key_pairs=reader.read("key pairs", lambda: names.find_key_pairs(target, named.keys)),
        instances=instances,
        interfaces=reader.read("network interfaces", lambda: present.find_interfaces(target, named.addresses)),
        reservations=reservations,
        quotas=reader.read("quotas of EC2", lambda: present.list_quotas(target, "ec2")),
        storage_quotas=reader.read("quotas of EBS", lambda: present.list_quotas(target, "ebs")),
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """What places name, each thing once."""

    groups: frozenset[str]
    profiles: frozenset[str]
    keys: frozenset[str]
    addresses: frozenset[str]


def _list_named(places: Collection[LaunchPlace]) -> _Named:
    return _Named(
        groups=frozenset(group for place in places for group in place.security_groups),
        profiles=frozenset(place.instance_profile for place in places if place.instance_profile),
        keys=frozenset(place.key_name for place in places if place.key_name),
        addresses=frozenset(place.address for place in places if place.address),
    )


def _list_present_types(instances: Iterable[PresentInstance], reservations: Iterable[PresentReservation]) -> set[str]:
    """The types of what uses vCPUs now."""
    return {each.instance_type for each in instances if each.counts} | {each.instance_type for each in reservations}


def _check_templates(
    reader: Reader, launches: Sequence[PlannedLaunch], versions: Mapping[str, TemplateVersion] | None
) -> Iterator[Found]:
    """Templates that are gone, and those whose default version is."""
    without = [
        (launch, template_id)
        for launch in launches
        if versions is not None and (template_id := launch.configuration.template_id) and template_id not in versions
    ]
    if not without:
        return
    asked = {template_id for _, template_id in without}
    exist = reader.read(
        "default versions of launch templates", lambda: launch_templates.get_default_numbers(reader.target, asked)
    )
    for launch, template_id in without:
        who = ((launch.server_id,), (launch.mode,))
        if exist is not None and template_id in exist:
            yield Found(Code.DEFAULT_VERSION_MISSING, f"the default version of {template_id} is not there", *who)
        else:
            yield Found(Code.TEMPLATE_MISSING, f"{template_id} is not there", *who)


def _check_launches(launches: Sequence[PlannedLaunch], facts: TargetFacts) -> Iterator[Found]:
    for launch in launches:
        for code, evidence in check_settings(launch, facts):
            yield Found(code, evidence, (launch.server_id,), (launch.mode,))
    for mode in RunMode:
        of_mode = [launch for launch in launches if launch.mode is mode]
        if of_mode:
            yield from address_checks.check_addresses(of_mode, facts)
            yield from address_checks.check_room(of_mode, facts)
            yield from quota_checks.check_vcpus(of_mode, facts)
            yield from quota_checks.check_storage(of_mode, facts)


def _check_sources(reader: Reader, checked: CheckedServers) -> Iterator[Found]:
    now = clock.now()
    missing = _find_missing_documents(reader, checked)
    for server_id, server in checked.servers.items():
        probe = checked.probes.get(server_id)
        documents = probe.documents or () if probe else ()
        for code, evidence in (
            *source_checks.check_source(server.machine, now),
            *source_checks.check_documents(documents, missing),
        ):
            yield Found(code, evidence, (server_id,))
    for server_id, hold in busy_servers.find_plan_holds(reader.target, checked.servers.keys()).items():
        yield Found(Code.HELD_BY_PLAN, f"{hold.holder} holds it", (server_id,))


def _find_missing_documents(reader: Reader, checked: CheckedServers) -> dict[LaunchDocument, str]:
    """The documents of launch actions that are not in the target, or not of the right type, with the reason."""
    wanted = {each for probe in checked.probes.values() for each in probe.documents or ()}
    missing = {}
    for document in sorted(wanted, key=lambda each: (each.name, each.version or "")):
        kind = DocumentKind.AUTOMATION if document.kind == "SSM_AUTOMATION" else DocumentKind.COMMAND

        def ask(document: LaunchDocument = document, kind: DocumentKind = kind) -> str | None:
            try:
                lookups.find_document(reader.target, document.name, document.version, kind)
            except NotInTarget:
                version = f" version {document.version}" if document.version else ""
                return f"{document.name}{version} is not there"
            except TargetRefused as error:
                return error.message
            return None

        if reason := reader.read(f"document {document.name}", ask):
            missing[document] = reason
    unread = any(
        probe.configuration and probe.configuration.runs_actions and probe.documents is None
        for probe in checked.probes.values()
    )
    if unread:
        reader.failed["launch actions"] = "DRS did not list those of some servers"
    return missing
