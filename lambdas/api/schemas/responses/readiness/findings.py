"""Findings of a run, as the API shows them."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time
from recovery.domain.findings.finding import Finding as StoredFinding
from recovery.domain.findings.finding import Severity
from recovery.domain.findings.titles import find_title
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.store.launches.findings import Look, TargetFindings

# Servers that a finding names. A wave may have thousands; the list of a run's servers has each with its reasons.
MAX_SERVERS = 20

_ORDER = list(Severity)


class Finding(TypedDict):
    """Something that a check has found in an account and Region."""

    accountId: str
    region: str
    code: Annotated[str, Field(description="The code of the check, which stays the same when texts change.")]
    severity: Annotated[
        Severity,
        Field(description="BLOCKING: a launch would fail or do harm. NOTE: it was not looked at."),
    ]
    title: Annotated[str, Field(description="What is wrong, in a few words.")]
    evidence: Annotated[str, Field(description="What was found, with ids and numbers.")]
    remedy: Annotated[str, Field(description="What to do about it.")]
    modes: Annotated[list[RunMode], Field(description="The kinds of runs that it concerns.")]
    servers: Annotated[int, Field(description="How many servers it concerns; 0 for the whole account and Region.")]
    sourceServerIds: Annotated[list[str], Field(description="The first of these servers.")]


class IsolationOfPlace(TypedDict):
    """Whether a place that a drill launches into is isolated, and why."""

    accountId: str
    region: str
    subnetId: Annotated[str, Field(description="The subnet.")]
    vpcId: Annotated[str | None, Field(description="Its VPC; null if it is not known.")]
    securityGroups: Annotated[list[str], Field(description="The security groups of the servers there.")]
    isolated: Annotated[str, Field(description="YES, NO or UNKNOWN, which counts as not isolated.")]
    internetOnly: Annotated[
        bool, Field(description="Whether only the internet can be reached from there, and no other network.")
    ]
    because: Annotated[list[str], Field(description="Why.")]
    lookedAt: Annotated[Time, Field(description="When the networks were read.")]


class LookBeforeStart(IsolationOfPlace):
    """Whether a place was isolated right before a batch was started."""

    wave: str
    batch: Annotated[int, Field(description="The batch of the wave, from 1.")]


class Findings(TypedDict):
    """What the inspection of a run found, and the looks at networks before its starts."""

    findings: Annotated[list[Finding], Field(description="The findings, the blocking ones first.")]
    isolation: Annotated[
        list[IsolationOfPlace],
        Field(description="The places that drills launch into, as the inspection found them."),
    ]
    looks: Annotated[
        list[LookBeforeStart],
        Field(description="What was found when the networks were read again before starts, oldest first."),
    ]


def build_findings(found: Iterable[TargetFindings], looks: Iterable[Look]) -> Findings:
    """The findings of all targets, the blocking ones first, and the looks before starts."""
    listed = list(found)
    findings = [_build_finding(each.target, finding) for each in listed for finding in each.findings]
    findings.sort(key=lambda each: (_ORDER.index(each["severity"]), each["code"]))
    isolation = [_build_isolation(each.target, verdict, each.found_at) for each in listed for verdict in each.isolation]
    later: list[LookBeforeStart] = [
        {**_build_isolation(look.ref.target, verdict, look.at), "wave": look.ref.wave, "batch": look.ref.number}
        for look in looks
        for verdict in look.isolation
    ]
    return {"findings": findings, "isolation": isolation, "looks": later}


def _build_finding(target: Target, finding: StoredFinding) -> Finding:
    return {
        "accountId": target.account_id,
        "region": target.region,
        "code": finding.code,
        "severity": finding.severity,
        "title": find_title(finding.code),
        "evidence": finding.evidence,
        "remedy": finding.remedy,
        "modes": list(finding.modes),
        "servers": len(finding.server_ids),
        "sourceServerIds": list(finding.server_ids[:MAX_SERVERS]),
    }


def _build_isolation(target: Target, verdict: Any, at: str) -> IsolationOfPlace:
    return {
        "accountId": target.account_id,
        "region": target.region,
        "subnetId": verdict["subnetId"],
        "vpcId": verdict.get("vpcId"),
        "securityGroups": list(verdict.get("securityGroups", ())),
        "isolated": verdict["isolated"],
        "internetOnly": bool(verdict.get("internetOnly", False)),
        "because": list(verdict.get("because", ())),
        "lookedAt": at,
    }
