"""What a run found out about launches: its FINDINGS# rows have what its inspection found in each target, and how far
the networks are isolated. Its LOOK# rows have what the looks at networks before the starts of batches found.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import BatchRef
from recovery.domain.findings.finding import Finding
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.target import Target
from recovery.packing import pack, unpack
from recovery.store import executions

PREFIX = "FINDINGS#"
LOOK_PREFIX = "LOOK#"


@dataclass(frozen=True, slots=True)
class TargetFindings:
    """What was found in a target. `isolation` has a verdict for each place that servers are launched into.

    `launches` says how large the launches are; it is empty where nobody asked.
    """

    target: Target
    found_at: str
    findings: tuple[Finding, ...] = ()
    isolation: tuple[Mapping[str, Any], ...] = ()
    launches: tuple[LaunchSize, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """The verdicts on the places of a batch right before a start, as `IsolationVerdict.to_item` has them."""

    ref: BatchRef
    at: str
    isolation: tuple[Mapping[str, Any], ...]


def record(
    execution_id: str,
    target: Target,
    findings: Iterable[Finding],
    isolation: Iterable[Mapping[str, Any]] = (),
    launches: Iterable[LaunchSize] = (),
    part: str = "",
    source_vpcs: Iterable[str] = (),
) -> None:
    """Write the row of the target, over that of an earlier look. A `part` of the look has a row of its own.

    `source_vpcs` are the VPCs of the sources, for the looks before starts.
    """
    packed = pack(
        {
            "findings": [each.to_item() for each in findings],
            "isolation": [dict(each) for each in isolation],
            "launches": [each.to_item() for each in launches],
            "sourceVpcs": list(source_vpcs),
        }
    )
    key = {"executionId": execution_id, "item": f"{PREFIX}{target.key}{f'#{part}' if part else ''}"}
    dynamodb.update(executions.table(), key, {**target.to_state(), "foundAt": clock.iso(), "packed": packed})


def list_findings(execution_id: str) -> list[TargetFindings]:
    """What was found in each target of the run; a target with parts comes once for each of them."""
    found = []
    for row in executions.query_rows(execution_id, PREFIX):
        packed = unpack(row["packed"])
        findings = tuple(Finding.from_item(each) for each in packed["findings"])
        launches = tuple(LaunchSize.from_item(each) for each in packed.get("launches", ()))
        place = (Target.from_state(row), row["foundAt"])
        found.append(TargetFindings(*place, findings, tuple(packed["isolation"]), launches))
    return found


def get_source_vpcs(execution_id: str, target: Target) -> list[str]:
    """The VPCs of the sources in the target, as the inspection of the run found them; none if it did not look."""
    row = dynamodb.get(executions.table(), {"executionId": execution_id, "item": f"{PREFIX}{target.key}"})
    return list(unpack(row["packed"]).get("sourceVpcs", ())) if row else []


# --- looks before starts ----------------------------------------------------------------------------------------
def record_look(ref: BatchRef, isolation: Iterable[Mapping[str, Any]]) -> None:
    """Write what a look right before a start of the batch has found. Each look has a row: none replaces another."""
    at = clock.iso()
    key = {"executionId": ref.execution_id, "item": f"{LOOK_PREFIX}{ref.sort_key}#{at}"}
    values = {"wave": ref.wave, **ref.target.to_state(), "batch": ref.number, "foundAt": at}
    dynamodb.update(executions.table(), key, {**values, "packed": pack([dict(each) for each in isolation])})


def list_looks(execution_id: str) -> list[Look]:
    """The looks before the starts of the run's batches, oldest first."""
    looks = [
        Look(
            BatchRef(execution_id, row["wave"], Target.from_state(row), int(row["batch"])),
            row["foundAt"],
            tuple(unpack(row["packed"])),
        )
        for row in executions.query_rows(execution_id, LOOK_PREFIX)
    ]
    return sorted(looks, key=lambda look: look.at)
