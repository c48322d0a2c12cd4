"""The FINDINGS# rows of a run: what its inspection found in each target, and how far the networks are isolated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.findings.finding import Finding
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.target import Target
from recovery.packing import pack, unpack
from recovery.store import executions

PREFIX = "FINDINGS#"


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


def record(
    execution_id: str,
    target: Target,
    findings: Iterable[Finding],
    isolation: Iterable[Mapping[str, Any]] = (),
    launches: Iterable[LaunchSize] = (),
    part: str = "",
) -> None:
    """Write the row of the target, over that of an earlier look. A `part` of the look has a row of its own."""
    packed = pack(
        {
            "findings": [each.to_item() for each in findings],
            "isolation": [dict(each) for each in isolation],
            "launches": [each.to_item() for each in launches],
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
