"""The servers of a run, as its rows have them: in the row of their batch, or in the EXCLUDED# row of their wave.

A row holds many servers: `servers` has what inspection found of each, and never changes; `results` has the result of
each that an attempt has tried. `inspections` creates the rows, and `batches` writes the results with the state of the
batch that they belong to, in one write.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import ServerStatus
from recovery.domain.inspection import InspectedServer
from recovery.domain.server_result import Recorded
from recovery.errors import AwsUnavailable
from recovery.packing import pack, unpack
from recovery.store import executions

Row = Mapping[str, Any]

# How often a write of results is tried again after another one has changed them since they were read.
MAX_CHANGES = 5


def pack_servers(servers: Mapping[str, InspectedServer]) -> bytes:
    """What inspection found of each server, by its id, as an attribute of a row."""
    return pack({server_id: server.to_json() for server_id, server in servers.items()})


def unpack_servers(packed: bytes) -> dict[str, InspectedServer]:
    """The inverse."""
    return {server_id: InspectedServer.from_json(server) for server_id, server in unpack(packed).items()}


def list_with_batches(execution_id: str, wave: str) -> Iterator[tuple[Batch, dict[str, InspectedServer]]]:
    """The batches of a wave, each with what inspection found of its servers, by id."""
    for row in executions.query_rows(execution_id, f"BATCH#{wave}#"):
        if row["item"] == BatchRef.from_event(row).sort_key:
            yield Batch.from_item(row), unpack_servers(row["servers"])


def get_with_batch(ref: BatchRef) -> tuple[Batch, dict[str, InspectedServer]]:
    """Read a batch, and what inspection found of its servers, by id. Raise KeyError when there is none."""
    row = dynamodb.get(executions.table(), {"executionId": ref.execution_id, "item": ref.sort_key})
    if row is None:
        raise KeyError(f"no row {ref.sort_key} in execution {ref.execution_id}")
    return replace(Batch.from_item(row), ref=ref), unpack_servers(row["servers"])


def list_servers(row: Row) -> Iterator[dict[str, Any]]:
    """Each server of a BATCH# or EXCLUDED# row, in the order of the ids: its place, what inspection found, its result.

    The status is PENDING before the first result, EXCLUDED for a server that no batch has. A name that is unknown is
    missing.
    """
    place = {name: row[name] for name in ("executionId", "wave", "accountId", "region")}
    status = ServerStatus.PENDING if "batch" in row else ServerStatus.EXCLUDED
    results: Mapping[str, Recorded] = unpack(row["results"]) if "results" in row else {}
    for server_id, server in sorted(unpack_servers(row["servers"]).items()):
        yield {
            **place,
            "sourceServerId": server_id,
            "status": status.value,
            **_describe(server),
            **results.get(server_id, {}),
        }


def _describe(server: InspectedServer) -> dict[str, Any]:
    reasons, is_blocked = list(server.verdict.reasons), server.verdict.is_blocked
    found = {
        "hostname": server.hostname or None,
        "reason": "; ".join(reasons) if is_blocked else None,
        "readiness": server.verdict.readiness.value,
        "warnings": reasons if reasons and not is_blocked else None,
        "optional": server.optional or None,
        "groups": list(server.groups) or None,
        "snapshotId": server.snapshot_id,
        "snapshotAt": clock.iso(server.snapshot_at) if server.snapshot_at is not None else None,
        "lagSeconds": None if server.lag_seconds is None else int(server.lag_seconds),
    }
    return {name: value for name, value in found.items() if value is not None}


def list_notable(execution_id: str, wave: str) -> list[dict[str, Any]]:
    """The servers of a wave that failed, were launched with a warning, or have not passed their checks.

    The last have `verification`, what their checks found, as the CHECKS# row of their batch has it.
    """
    found = []
    for row in executions.query_rows(execution_id, f"BATCH#{wave}#"):
        if "results" in row:
            unverified = _read_unverified(row)
            servers = ({**each, "verification": unverified.get(each["sourceServerId"])} for each in list_servers(row))
            found += [
                server
                for server in servers
                if server["status"] == ServerStatus.FAILED or server.get("launchWarnings") or server["verification"]
            ]
    return found


def read_checked(row: Row) -> Mapping[str, Row]:
    """What the checks of this batch found of each of its servers: a GetItem for a batch that has checks."""
    if not row.get("checked"):
        return {}
    key = {"executionId": row["executionId"], "item": row["item"].replace("BATCH#", "CHECKS#", 1)}
    found = dynamodb.get(executions.table(), key) or {}
    servers: Mapping[str, Row] = unpack(found["servers"]) if "servers" in found else {}
    return servers


def _read_unverified(row: Row) -> Mapping[str, Row]:
    checked = read_checked(row) if row.get("unverified") else {}
    return {server_id: found for server_id, found in checked.items() if found["status"] == "UNVERIFIED"}


def add_instances(execution_id: str, launched: Iterable[LaunchedInstance]) -> int:
    """Add the instances, and the times of their data, to servers that were settled before DRS showed them.

    Only a server that an instance's own job launched, and only what its result lacks, is written. Return how many
    servers were. Raise AwsUnavailable if a batch changes again and again meanwhile.
    """
    by_server = {instance.server_id: instance for instance in launched if instance.job_id}
    if not by_server:
        return 0
    rows = executions.query_rows(execution_id, "BATCH#")
    tried = [row for row in rows if "results" in row and row["item"] == BatchRef.from_event(row).sort_key]
    return sum(dynamodb.map_each(lambda row: _add_to_batch(row, by_server), tried))


def _add_to_batch(row: Row, by_server: Mapping[str, LaunchedInstance]) -> int:
    key = {"executionId": row["executionId"], "item": row["item"]}
    for _ in range(MAX_CHANGES):
        results = Batch.from_item(row).results
        found = {each: _find_missing(result, by_server.get(each)) for each, result in results.items()}
        missing = {server_id: values for server_id, values in found.items() if values}
        if not missing:
            return 0
        added = {server_id: {**result, **missing.get(server_id, {})} for server_id, result in results.items()}
        is_unchanged = {"condition": "#results = :before", "given": {"before": row["results"]}}
        if dynamodb.update_if(executions.table(), key, {"results": pack(added)}, **is_unchanged):
            return len(missing)
        row = dynamodb.get(executions.table(), key) or row
    raise AwsUnavailable(f"{row['item']} of {row['executionId']} changes again and again")


def _find_missing(result: Recorded, instance: LaunchedInstance | None) -> dict[str, str]:
    """What the result of a launched server lacks, and the instance of its job has."""
    if instance is None or result["status"] != ServerStatus.LAUNCHED or result.get("jobId") != instance.job_id:
        return {}
    if result.get("recoveryInstanceId", instance.instance_id) != instance.instance_id:
        return {}
    found = {"recoveryInstanceId": instance.instance_id, "dataAt": instance.snapshot_at}
    return {name: value for name, value in found.items() if value and result.get(name) is None}
