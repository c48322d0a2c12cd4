"""Whether servers, waves and a whole run can be recovered now: pure rules that return verdicts with reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from recovery.domain import verdicts
from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration, LaunchDocument
from recovery.domain.execution import ExecutionStatus
from recovery.domain.findings.codes import Code
from recovery.domain.plan import Wave
from recovery.domain.verdicts import ExecutionVerdict
from recovery.wording import first_of, plural


@dataclass(frozen=True, slots=True)
class WaveReadiness:
    """The inspection of one wave: how many servers it has, and how many of them cannot be recovered, with an example.

    `optional` and `blocked_optional` count servers that the wave may do without. `already_launched` counts servers that
    the continued run launched; no other number counts them. `unlistable_groups` and `empty_groups` have the reason for
    each required group whose servers could not be listed, or that selects none. `refusals` are reasons against the run
    that no tolerance outweighs. `is_complete` is False while a target is pending whose servers are not even known by
    id; `total` then counts too few.
    """

    wave: Wave
    total: int
    blocked: int
    example_reason: str
    selections: str
    blocked_optional: int = 0
    already_launched: int = 0
    unlistable_groups: Sequence[str] = ()
    empty_groups: Sequence[str] = ()
    is_complete: bool = True
    refusals: Sequence[str] = ()

    def refusal(self) -> str | None:
        """Why the wave cannot be run; None when it can, without the blocked servers."""
        name = f"wave {self.wave.name}"
        if self.refusals:
            return f"{name}: {'; '.join(self.refusals)}"
        if self.unlistable_groups:
            return f"{name}: {'; '.join(self.unlistable_groups)}"
        needed = [use for use in self.wave.groups if not use.optional] or not self.wave.groups
        if self.total == 0 and self.is_complete and needed and not self.already_launched:
            return f"{name} selects no servers ({self.selections})"
        if self.empty_groups:
            return f"{name}: {'; '.join(self.empty_groups)}"
        return self._refuse_blocked() if self.blocked else None

    def _refuse_blocked(self) -> str | None:
        required, percent = self.blocked - self.blocked_optional, self.wave.max_failed_percent
        nothing_left = self.is_complete and self.blocked == self.total and required
        # A share of servers of which some are not known yet cannot be judged. Its wave is judged at its end.
        may_be_tolerated = not self.is_complete and percent > 0
        if nothing_left or not (may_be_tolerated or verdicts.is_within_tolerance(required, self.total, percent)):
            return (
                f"wave {self.wave.name}: {self.blocked} of {plural(self.total, 'server')} cannot be recovered, "
                f"{percent} % may fail: {self.example_reason}"
            )
        return None


# The field of a start by which its requester agrees that launches replace live recovery instances.
REPLACE_EXISTING = "replaceExisting"

# What to do about a launch that would destroy something. A drill is no reason to replace what a recovery launched.
ADVICE = f"if you mean that, start the run with {REPLACE_EXISTING}"
ADVICE_FOR_DRILLS = "drill other servers, or wait until that recovery is retired"


class Readiness(StrEnum):
    """BLOCKED servers are not launched. WARN ones are, and operators should know the reason."""

    READY = "READY"
    WARN = "WARN"
    BLOCKED = "BLOCKED"


@dataclass(frozen=True, slots=True)
class ServerVerdict:
    """Whether a server can be recovered, with every reason against it, and the code of each reason.

    A verdict on record has no codes: they are in the findings of a readiness run.
    """

    readiness: Readiness
    reasons: tuple[str, ...] = ()
    codes: tuple[Code, ...] = field(default=(), compare=False)
    """In the order of the reasons."""

    @property
    def is_blocked(self) -> bool:
        """Whether the server is not launched."""
        return self.readiness is Readiness.BLOCKED


@dataclass(frozen=True, slots=True)
class Probe:
    """What DRS shows for one server at a time only: its launch configuration and its newest usable snapshot.

    A value that was not read is None. `snapshot_at` is in epoch seconds. `has_snapshot` is False when there is none to
    launch from. `launches_into` is the existing EC2 instance that a launch would overwrite. `problem` is why DRS showed
    nothing of the server. `documents` are those of its launch actions, which a readiness run asks for.
    """

    has_launch_configuration: bool | None = None
    has_snapshot: bool | None = None
    snapshot_id: str | None = None
    snapshot_at: float | None = None
    launches_into: str | None = None
    problem: str | None = None
    configuration: LaunchConfiguration | None = None
    documents: tuple[LaunchDocument, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason against a server, with its code. One that is READY is none."""

    readiness: Readiness
    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What inspection knows of a source server. `lag_seconds` is how far its replica is behind, if DRS reports it.

    `in_job` and `in_run` name the DRS job that it is in now, and another run that recovers it. `live_instance` and
    `drill_instance` name its present recovery instances: those that may serve production, and those of drills. With
    `may_replace`, the requester has agreed that the launch replaces what is live. A server that `fails_back` replicates
    a recovered server home. `found` are the reasons that a look at what its launch needs has found.
    """

    replication_state: str
    lag_seconds: float | None = None
    in_job: str | None = None
    in_run: str | None = None
    live_instance: str | None = None
    drill_instance: str | None = None
    may_replace: bool = False
    is_drill: bool = False
    fails_back: bool = False
    probe: Probe = Probe()
    found: tuple[Reason, ...] = ()


# The dataReplicationStates of botocore's drs model that are not healthy, and what each means for a launch. A source
# that has failed is DISCONNECTED or STALLED. In a disaster nearly all are, and they are launched from their last
# snapshots.
_REPLICATION_STATES: Mapping[str, tuple[Readiness, Code, str]] = {
    "BACKLOG": (Readiness.WARN, Code.REPLICATION_BEHIND, "its replica is behind and catching up"),
    "RESCAN": (
        Readiness.WARN,
        Code.REPLICATION_RESCAN,
        "its disks are read again; it is launched from an older snapshot",
    ),
    "PAUSED": (
        Readiness.WARN,
        Code.REPLICATION_PAUSED,
        "its replication is paused; it is launched from an older snapshot",
    ),
    "STALLED": (
        Readiness.WARN,
        Code.REPLICATION_STALLED,
        "its replication is stalled; it is launched from an older snapshot",
    ),
    "DISCONNECTED": (
        Readiness.WARN,
        Code.REPLICATION_DISCONNECTED,
        "its source does not answer; it is launched from its last snapshot",
    ),
    "STOPPED": (
        Readiness.BLOCKED,
        Code.REPLICATION_STOPPED,
        "its replication is STOPPED, so DRS has nothing to launch it from",
    ),
    "INITIATING": (
        Readiness.BLOCKED,
        Code.REPLICATION_INITIATING,
        "its replication is INITIATING, so DRS has nothing to launch it from yet",
    ),
    "INITIAL_SYNC": (
        Readiness.BLOCKED,
        Code.INITIAL_SYNC,
        "it is in its first sync (INITIAL_SYNC), so DRS has nothing to launch it from",
    ),
}

# In these states a server can be launched, and its snapshots need no check.
HEALTHY_STATES = frozenset(("CONTINUOUS", "CREATING_SNAPSHOT"))


def judge_server(facts: ServerFacts, rpo_minutes: int | None, now: float) -> ServerVerdict:
    """Judge whether the server can be recovered, and what operators should know of it; `now` is in epoch seconds."""
    reasons = [
        *_judge_direction(facts),
        *_judge_replication(facts.replication_state),
        *_judge_data_age(facts, rpo_minutes, now),
        *_judge_probe(facts.probe),
        *_judge_others(facts),
        *_judge_live_instances(facts),
        *facts.found,
    ]
    reasons.sort(key=lambda reason: reason.readiness is not Readiness.BLOCKED)  # readers see what blocks it first
    worst = next((reason.readiness for reason in reasons), Readiness.READY)
    return ServerVerdict(worst, tuple(each.text for each in reasons), tuple(each.code for each in reasons))


def _judge_direction(facts: ServerFacts) -> list[Reason]:
    text = "it replicates home (FAILBACK), so a launch would begin a failback"
    return [Reason(Readiness.BLOCKED, Code.FAILS_BACK, text)] if facts.fails_back else []


def _judge_replication(state: str) -> list[Reason]:
    if state in HEALTHY_STATES:
        return []
    unknown = f"DRS reports its replication as {state or 'not there'}, which drs-waves does not know"
    return [Reason(*_REPLICATION_STATES.get(state, (Readiness.WARN, Code.REPLICATION_UNKNOWN, unknown)))]


def _judge_probe(probe: Probe) -> list[Reason]:
    reasons = []
    if probe.problem:
        reasons.append(Reason(Readiness.BLOCKED, Code.NOT_SHOWN, probe.problem))
    if probe.has_launch_configuration is False:
        reasons.append(Reason(Readiness.BLOCKED, Code.NO_LAUNCH_CONFIGURATION, "it has no launch configuration"))
    return reasons


def _judge_others(facts: ServerFacts) -> list[Reason]:
    """What else goes on with the server."""
    reasons = []
    if facts.in_job:
        waits = f"it is in job {facts.in_job}; its own launch waits for the end of that"
        reasons.append(Reason(Readiness.WARN, Code.IN_JOB, waits))
    if facts.in_run:
        reasons.append(Reason(Readiness.WARN, Code.IN_OTHER_RUN, f"execution {facts.in_run} recovers it too"))
    if facts.drill_instance:
        replaced = f"it already has recovery instance {facts.drill_instance}, which a new launch replaces"
        reasons.append(Reason(Readiness.WARN, Code.DRILL_INSTANCE_REPLACED, replaced))
    return reasons


def _judge_live_instances(facts: ServerFacts) -> list[Reason]:
    """What a launch would destroy. DRS deletes the recovery instance of an earlier launch first, whichever it was."""
    reasons = []
    if facts.live_instance:
        harm = f"its recovery instance {facts.live_instance} is live, and a launch would replace it"
        codes = (Code.LIVE_INSTANCE, Code.LIVE_INSTANCE_REPLACED)
        reasons.append(_judge_harm(harm, facts, ADVICE_FOR_DRILLS if facts.is_drill else ADVICE, codes))
    if facts.probe.launches_into:
        harm = f"its launch configuration launches into instance {facts.probe.launches_into}, and would overwrite it"
        codes = (Code.LAUNCHES_INTO_INSTANCE, Code.LAUNCHES_INTO_INSTANCE_AGREED)
        reasons.append(_judge_harm(harm, facts, ADVICE, codes))
    return reasons


def _judge_harm(harm: str, facts: ServerFacts, advice: str, codes: tuple[Code, Code]) -> Reason:
    """The first code is for a harm that blocks the server, the second for one that the requester has agreed to."""
    if facts.may_replace:
        return Reason(Readiness.WARN, codes[1], f"{harm}; the run says {REPLACE_EXISTING}")
    return Reason(Readiness.BLOCKED, codes[0], f"{harm}; {advice}")


def _judge_data_age(facts: ServerFacts, rpo_minutes: int | None, now: float) -> list[Reason]:
    if facts.probe.has_snapshot is False:
        nothing = "DRS has no snapshot of it, or none from the requested point in time or before"
        return [Reason(Readiness.BLOCKED, Code.NO_SNAPSHOT, nothing)]
    reasons = []
    if rpo_minutes is not None and facts.lag_seconds is not None and facts.lag_seconds > rpo_minutes * 60:
        behind = f"its replica is {_format_age(facts.lag_seconds)} behind, over the RPO target"
        reasons.append(Reason(Readiness.WARN, Code.LAG_OVER_RPO, behind))
    at = facts.probe.snapshot_at
    if rpo_minutes is not None and at is not None and now - at > rpo_minutes * 60:
        old = f"its newest snapshot is {_format_age(now - at)} old, over the RPO target"
        reasons.append(Reason(Readiness.WARN, Code.SNAPSHOT_OVER_RPO, old))
    return reasons


def _format_age(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3_600 else f"{seconds / 3_600:.0f} h"


def collect_refusals(waves: Sequence[WaveReadiness]) -> list[str]:
    """The reasons why a run must not start; empty when it may."""
    return [reason for wave in waves if (reason := wave.refusal())]


def judge_readiness_run(waves: Sequence[WaveReadiness], warned: int) -> ExecutionVerdict:
    """The verdict on a readiness run that found no reason against a start."""
    total, blocked = sum(wave.total for wave in waves), sum(wave.blocked for wave in waves)
    ready = plural(total - blocked - warned, "server is ready", "servers are ready")
    summary = f"{ready}, {warned} with a warning, {blocked} blocked"
    return ExecutionVerdict(ExecutionStatus.READY, summary)


def judge_refusal(reasons: Sequence[str]) -> ExecutionVerdict:
    """The verdict on a run that must not start, with the first ten reasons."""
    return ExecutionVerdict(ExecutionStatus.NOT_READY, "; ".join(first_of(reasons, 10)))
