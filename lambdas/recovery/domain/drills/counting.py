"""Which drills count: whether one has shown what the policy of its plan asks, and if not, why."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from recovery.domain.drills.policy import CountsIf
from recovery.domain.drills.verdicts import Judgement, Opinion
from recovery.domain.execution import ExecutionStatus
from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.wave_steps.actions import ActionsOption
from recovery.wording import name_first, plural

# Servers that a sentence names, and characters of a comment that it repeats.
MAX_NAMES, MAX_COMMENT = 3, 200


@dataclass(frozen=True, slots=True)
class DrilledServer:
    """A server of a drill: whether its wave requires it, and whether it was launched, has checks, has passed them."""

    server_id: str
    hostname: str = ""
    required: bool = True
    launched: bool = False
    checked: bool = False
    verified: bool = False

    def __add__(self, other: "DrilledServer") -> "DrilledServer":
        """What two runs of a chain, or two waves, have shown of it together."""
        return DrilledServer(
            self.server_id,
            self.hostname or other.hostname,
            self.required or other.required,
            self.launched or other.launched,
            self.checked or other.checked,
            self.verified or other.verified,
        )

    @property
    def name(self) -> str:
        """As sentences name it."""
        return self.hostname or self.server_id


@dataclass(frozen=True, slots=True)
class DrillFacts:
    """An ended drill with the servers of its chain.

    `actions` and `profiles` are the options of the runs of the chain; `has_actions` and `has_profiles` say whether the
    plan has actions for drills, and its groups launch profiles for them. `continued_by` is the run that continues it.
    """

    status: ExecutionStatus
    servers: Mapping[str, DrilledServer]
    counts_if: CountsIf = CountsIf.LAUNCHED
    has_actions: bool = False
    has_profiles: bool = False
    actions: Collection[ActionsOption] = field(default_factory=tuple)
    profiles: Collection[ProfileOption] = field(default_factory=tuple)
    continued_by: str | None = None
    verdict: Opinion | None = None

    @property
    def required(self) -> list[DrilledServer]:
        """The servers that the waves do not do without."""
        return [server for server in self.servers.values() if server.required]

    @property
    def level(self) -> CountsIf | None:
        """The most that all its required servers have reached."""
        required = self.required
        if not required or not all(server.launched for server in required):
            return None
        return CountsIf.VERIFIED if all(server.verified for server in required) else CountsIf.LAUNCHED

    def has_shown(self, server: DrilledServer) -> bool:
        """Whether this server did what the policy asks."""
        return server.verified if self.counts_if is CountsIf.VERIFIED else server.launched


def find_why_not(facts: DrillFacts) -> list[str]:
    """Why the drill does not count, each reason a sentence; empty if it counts."""
    return [
        *_judge_end(facts),
        *_judge_servers(facts),
        *_judge_options(facts),
        *_judge_verdict(facts.verdict),
    ]


def _judge_end(facts: DrillFacts) -> Iterable[str]:
    if facts.continued_by:
        yield f"{facts.continued_by} continues it, and is judged in its place."
    if facts.status is not ExecutionStatus.COMPLETED:
        yield f"It ended as {facts.status.value}, not as COMPLETED."


def _judge_servers(facts: DrillFacts) -> Iterable[str]:
    required = facts.required
    if not required:
        yield "It has no server that its plan requires."
        return
    if missing := [server for server in required if not server.launched]:
        yield _name(missing, len(required), "not launched")
    if facts.counts_if is CountsIf.VERIFIED:
        yield from _judge_checks([server for server in required if server.launched], len(required))


def _judge_checks(launched: list[DrilledServer], total: int) -> Iterable[str]:
    unverified = [server for server in launched if not server.verified]
    if failed := [server for server in unverified if server.checked]:
        yield _name(failed, total, "not verified")
    if unchecked := [server for server in unverified if not server.checked]:
        them = "it" if len(unchecked) == 1 else "them"
        yield f"{_name(unchecked, total, 'not verified')[:-1]}; the plan has no checks for {them}."


def _name(servers: list[DrilledServer], total: int, what: str) -> str:
    """`2 of 5 required servers were not launched: db-1, db-2.`"""
    names = name_first(sorted(server.name for server in servers), MAX_NAMES)
    verb = "was" if len(servers) == 1 else "were"
    return f"{len(servers)} of {plural(total, 'required server')} {verb} {what}: {names}."


def _judge_options(facts: DrillFacts) -> Iterable[str]:
    if facts.has_actions and any(option is not ActionsOption.RUN for option in facts.actions):
        yield "The actions of its plan were left out."
    if facts.has_profiles and any(option is not ProfileOption.APPLY for option in facts.profiles):
        yield "The launch profiles of its groups were left out."


def _judge_verdict(verdict: Opinion | None) -> Iterable[str]:
    if verdict and verdict.judgement is Judgement.REJECTED:
        said = " ".join(verdict.comment.split())
        shown = said if len(said) <= MAX_COMMENT else f"{said[: MAX_COMMENT - 1]}…"
        yield f"{verdict.by} rejected it: {shown}" if shown else f"{verdict.by} rejected it."
