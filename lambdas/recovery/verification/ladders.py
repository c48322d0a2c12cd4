"""Which checks each launched server of a batch has, and how far it has climbed by the record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recovery.domain.batch import Batch
from recovery.domain.execution import ServerStatus
from recovery.domain.inspection import InspectedServer
from recovery.domain.plan import Wave
from recovery.domain.wave_steps.checks import Check, build_ladder

Ladder = tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class LaunchedServer:
    """A launched server with the checks that it takes, and its job and instance as far as its result has them."""

    server_id: str
    ladder: Ladder
    job_id: str | None
    instance_id: str | None


def find_launched(wave: Wave, batch: Batch, inspected: Mapping[str, InspectedServer]) -> dict[str, LaunchedServer]:
    """The launched servers of the batch that have checks, by id.

    `inspected` has the groups of each. A server that DRS reports as launched in a job that still runs is one of them.
    """
    return {each.server_id: each for each in _list_launched(wave, batch, inspected) if each.ladder}


def _list_launched(wave: Wave, batch: Batch, inspected: Mapping[str, InspectedServer]) -> Iterator[LaunchedServer]:
    mode = batch.ref.mode.of_steps
    if mode is None:
        return
    in_job = batch.launched_in_job if batch.status.is_in_attempt else ()
    results = {**{server_id: {"jobId": batch.job_id} for server_id in in_job}, **batch.results}
    by_groups: dict[tuple[str, ...], Ladder] = {}
    for server_id, result in sorted(results.items()):
        if result.get("status", ServerStatus.LAUNCHED) != ServerStatus.LAUNCHED and server_id not in in_job:
            continue
        groups = inspected[server_id].groups if server_id in inspected else ()
        if groups not in by_groups:
            own = (check for use in wave.groups if use.group_id in groups for check in use.checks)
            by_groups[groups] = build_ladder((*wave.checks, *own), mode, batch.ref.target)
        yield LaunchedServer(server_id, by_groups[groups], result.get("jobId"), result.get("recoveryInstanceId"))
