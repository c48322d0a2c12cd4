"""Gathers what checks have found of single launches: one finding for all servers and kinds of runs that share it."""

from collections.abc import Iterable
from dataclasses import dataclass

from recovery.domain.findings.catalogue import CATALOGUE
from recovery.domain.findings.codes import Code
from recovery.domain.findings.finding import Finding, Severity
from recovery.domain.wave_steps.modes import RunMode

_ORDER = list(Severity)


@dataclass(frozen=True, slots=True)
class Found:
    """What a check has found of servers in some kinds of runs. `remedy` is one that says more than the catalogue's."""

    code: Code
    evidence: str
    server_ids: tuple[str, ...] = ()
    modes: tuple[RunMode, ...] = tuple(RunMode)
    remedy: str = ""


def gather(found: Iterable[Found]) -> list[Finding]:
    """The findings, those that block first; equal evidence of several servers and kinds of runs is one finding."""
    servers: dict[tuple[Code, str, str], dict[str, None]] = {}
    modes: dict[tuple[Code, str, str], set[RunMode]] = {}
    for each in found:
        key = (each.code, each.evidence, each.remedy)
        servers.setdefault(key, {}).update(dict.fromkeys(each.server_ids))
        modes.setdefault(key, set()).update(each.modes)
    findings = [
        Finding(
            code=code.value,
            severity=CATALOGUE[code].severity,
            evidence=evidence,
            remedy=remedy or CATALOGUE[code].remedy,
            server_ids=tuple(sorted(servers[code, evidence, remedy])),
            modes=tuple(mode for mode in RunMode if mode in modes[code, evidence, remedy]),
        )
        for code, evidence, remedy in servers
    ]
    return sorted(findings, key=lambda each: (_ORDER.index(each.severity), each.code, each.evidence))


def describe(finding: Finding) -> str:
    """The finding in one sentence, which begins with the title of its check: a reason that a server is blocked."""
    words = {RunMode.DRILL: " (in drills)", RunMode.RECOVERY: " (in recoveries)"}
    only = words[finding.modes[0]] if len(finding.modes) == 1 else ""
    return f"{CATALOGUE[Code(finding.code)].title}{only}: {finding.evidence}"
