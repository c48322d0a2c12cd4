"""Compliance: which plans and servers have a recent drill that counts, and which servers are in no plan."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeVar

from api.http.parameters import (
    MAX_LARGE_PAGE_SIZE,
    PAGE,
    Parameter,
    id_parameter,
    page,
    page_parameters,
    parse_offset,
    plan_id_filter,
    query_parameters,
)
from api.http.request import invalid_field
from api.router import Router
from api.schemas.responses.drills.compliance import (
    Compliance,
    ComplianceOfGroups,
    ComplianceOfServers,
    UnplannedServers,
    build_groups,
    build_plan,
    build_server,
    build_targets,
    build_unplanned,
    count_fleet,
)
from recovery import clock
from recovery.domain.drills.compliance import DrillStanding, PlanStanding
from recovery.drills.compliance import Fleet, read_fleet

router = Router("Compliance")

T = TypeVar("T")

_LARGE_PAGE = page(MAX_LARGE_PAGE_SIZE)
_PLAN = id_parameter("planId", "Only what belongs to this plan.")
_STATUS = Parameter(
    "status", "Only what has this status.", {"type": "string", "enum": [status.value for status in DrillStanding]}
)


@router.operation("GET", "/compliance", parameters=(_PLAN, _STATUS, *PAGE))
def read_compliance() -> Compliance:
    """Returns for every plan whether it has a recent drill that counts, the worst first.

    `counts` are those of all plans, also when only some are asked for.
    """
    limit, token = page_parameters(router.current_event)
    wanted = _status_filter()
    fleet = read_fleet()
    found = [each for each in _plans_of(fleet) if wanted in (None, each.status)]
    shown, next_token = _cut(found, limit, token)
    return {
        "asOf": clock.iso(fleet.at),
        "counts": count_fleet(fleet),
        "plans": [build_plan(standing) for standing in shown],
        "nextToken": next_token,
    }


@router.operation("GET", "/compliance/servers", parameters=(_PLAN, _STATUS, *_LARGE_PAGE))
def read_compliance_of_servers() -> ComplianceOfServers:
    """Returns for every server of a plan the last drill that counts, and when the next one is due."""
    limit, token = page_parameters(router.current_event, MAX_LARGE_PAGE_SIZE)
    wanted = _status_filter()
    fleet = read_fleet()
    found = [
        (standing, server)
        for standing in _plans_of(fleet)
        for server in standing.servers
        if wanted in (None, server.status)
    ]
    shown, next_token = _cut(found, limit, token)
    return {
        "asOf": clock.iso(fleet.at),
        "servers": [build_server(standing, server) for standing, server in shown],
        "nextToken": next_token,
    }


@router.operation("GET", "/compliance/groups", parameters=(_PLAN, _STATUS, *_LARGE_PAGE))
def read_compliance_of_groups() -> ComplianceOfGroups:
    """Returns for every group of a plan the worst status of its servers, and whether they are known."""
    limit, token = page_parameters(router.current_event, MAX_LARGE_PAGE_SIZE)
    wanted = _status_filter()
    fleet = read_fleet()
    groups = [group for standing in _plans_of(fleet) for group in build_groups(standing, fleet.targets)]
    shown, next_token = _cut([group for group in groups if wanted in (None, group["status"])], limit, token)
    return {"asOf": clock.iso(fleet.at), "groups": list(shown), "nextToken": next_token}


@router.operation("GET", "/compliance/unplanned-servers", parameters=_LARGE_PAGE)
def list_unplanned_servers() -> UnplannedServers:
    """Lists the servers that replicate and are in no plan, as DRS listed them within the last hour.

    `targets` says when each target was listed. One that could not be read since keeps its last list.
    """
    limit, token = page_parameters(router.current_event, MAX_LARGE_PAGE_SIZE)
    fleet = read_fleet()
    shown, next_token = _cut(fleet.unplanned, limit, token)
    return {
        "asOf": clock.iso(fleet.at),
        "servers": [build_unplanned(listed, server) for listed, server in shown],
        "targets": build_targets(fleet),
        "nextToken": next_token,
    }


def _status_filter() -> DrillStanding | None:
    text = query_parameters(router.current_event).get("status")
    if text is not None and text not in DrillStanding.__members__:
        raise invalid_field("status", f"must be one of {', '.join(DrillStanding)}")
    return None if text is None else DrillStanding(text)


def _plans_of(fleet: Fleet) -> Iterable[PlanStanding]:
    plan_id = plan_id_filter(router.current_event)
    return [each for each in fleet.plans if plan_id in (None, each.facts.plan.plan_id)]


def _cut(found: Sequence[T], limit: int, token: str | None) -> tuple[list[T], str | None]:
    """A page of a list that is built in memory, and the token of the next one."""
    begin = parse_offset(token)
    end = begin + limit
    return list(islice(found, begin, end)), str(end) if end < len(found) else None
