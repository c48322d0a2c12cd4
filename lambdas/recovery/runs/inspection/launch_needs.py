"""What a readiness run looks at beside DRS: whether its launches would find what they need. And its findings on record.

A reason of a server comes with a code of the catalogue, and so does what concerns a whole target, so that clients can
compare two readiness runs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import Execution, Mode
from recovery.domain.findings.catalogue import CATALOGUE, Scope
from recovery.domain.findings.codes import Code
from recovery.domain.findings.finding import Finding, Severity
from recovery.domain.findings.gathering import Found, describe, gather
from recovery.domain.inspection import WaveTargetInspection, hide_ids
from recovery.domain.launch_profiles.profiles import LaunchProfile, choose_profile
from recovery.domain.plan import ProtectionGroup
from recovery.domain.readiness import Probe, Readiness, Reason
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.launch_checks.look import LaunchLook, look_at_launches
from recovery.launch_checks.plan_launches import CheckedServers
from recovery.runs.inspection.selection import WaveSelection
from recovery.store.launches import findings

# Seconds of probing after which the look waits for the next round of the task: it takes some 30 seconds itself.
SECONDS_BEFORE_LOOK = 30

_READINESS = {Severity.BLOCKING: Readiness.BLOCKED, Severity.WARNING: Readiness.WARN, Severity.NOTE: Readiness.READY}


@dataclass(frozen=True, slots=True)
class LaunchNeeds:
    """What a look has found: reasons of servers, by id, and notes for operators. Without a look there are none."""

    look: LaunchLook = field(default_factory=LaunchLook)
    reasons: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def look(
    execution: Execution,
    target: Target,
    groups: Mapping[str, ProtectionGroup],
    selections: Iterable[WaveSelection],
    servers: Mapping[str, SourceServer],
    probes: Mapping[str, Probe],
    replaces: Mapping[str, frozenset[str]],
) -> LaunchNeeds:
    """Look at the launches of these servers, if this is a readiness run. Raise errors that are transient.

    `replaces` has the recovery instances of each server, which DRS terminates when it launches the server again.
    """
    if execution.run.mode is not Mode.READINESS or not servers:
        return LaunchNeeds()
    groups_of: dict[str, tuple[str, ...]] = {}
    for selection in selections:
        for server_id, selected in selection.servers.items():
            groups_of.setdefault(server_id, selected.groups)

    def find_profile(server_id: str, mode: RunMode) -> LaunchProfile | None:
        of_groups = (groups[each].profiles for each in groups_of.get(server_id, ()) if each in groups)
        return choose_profile(of_groups, server_id, mode)

    looked = look_at_launches(target, CheckedServers(servers, probes, find_profile, replaces))
    gathered = gather(looked.found)
    notes = tuple(f"not looked at: {each.evidence}" for each in gathered if each.code == Code.NOT_LOOKED_AT)
    return LaunchNeeds(looked, _list_reasons(gathered), notes)


def _list_reasons(gathered: Iterable[Finding]) -> dict[str, tuple[Reason, ...]]:
    reasons: dict[str, list[Reason]] = {}
    for finding in gathered:
        code = Code(finding.code)
        if CATALOGUE[code].scope is Scope.SERVER:
            for server_id in finding.server_ids:
                reasons.setdefault(server_id, []).append(Reason(_READINESS[finding.severity], code, describe(finding)))
    return {server_id: tuple(each) for server_id, each in reasons.items()}


def record(
    execution: Execution,
    target: Target,
    needs: LaunchNeeds,
    inspected: Sequence[WaveTargetInspection],
    falls: Iterable[str],
) -> None:
    """Write the findings of a readiness run in a target, with those of its inspection; `falls` are notes on groups."""
    if execution.run.mode is not Mode.READINESS:
        return
    found = [
        *needs.look.found,
        *_list_found(inspected),
        *(Found(Code.GROUP_FELL, text) for text in falls),
    ]
    findings.record(execution.execution_id, target, gather(found), needs.look.isolation, needs.look.sizes)


def _list_found(inspected: Iterable[WaveTargetInspection]) -> Iterator[Found]:
    """The reasons of servers that inspection has found itself, and groups without servers.

    Reasons of several servers that differ only in ids are one.
    """
    wave_of: dict[str, str] = {}
    texts: dict[tuple[Code, str], list[tuple[str, str]]] = {}
    for inspection in inspected:
        for text in inspection.empty_groups:
            yield Found(Code.GROUP_EMPTY, f"wave {inspection.wave.name}: {text}")
        for server_id, server in inspection.servers.items():
            for code, text in zip(server.verdict.codes, server.verdict.reasons, strict=False):
                if CATALOGUE[code].scope is Scope.RECORD:
                    texts.setdefault((code, hide_ids(text)), []).append((server_id, text))
            if server.verdict.is_blocked:
                continue
            if server_id in wave_of:
                yield Found(Code.IN_EARLIER_WAVE, f"it is in wave {wave_of[server_id]} already", (server_id,))
            wave_of.setdefault(server_id, inspection.wave.name)
    for (code, text), each in texts.items():
        same = {one for _, one in each}
        yield Found(code, same.pop() if len(same) == 1 else text, tuple(server_id for server_id, _ in each))


def record_unusable(execution: Execution, target: Target, inspected: Iterable[WaveTargetInspection], why: str) -> None:
    """Write that a readiness run cannot use a target."""
    if execution.run.mode is Mode.READINESS:
        servers = tuple(sorted({server_id for each in inspected for server_id in each.servers}))
        findings.record(execution.execution_id, target, gather([Found(Code.TARGET_UNUSABLE, why, servers)]))
