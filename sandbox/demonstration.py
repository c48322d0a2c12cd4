"""What happens during the drill that `make drill` shows: faults, an approval, and a line that explains each.

An act waits for a condition of the run's record, never for a time on the wall, so a slow machine changes nothing but
when it happens. `ANSWERS` fit every plan: a person answers what the run asks. `FAULTS` fit examples/demonstration.yaml.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox import people
from sandbox.stack import Sandbox

PERSON = "maria"
FAILING_HOST = "app-orders-02"
FAILING_TARGET = ("111122223333", "us-west-2")
STALLED_HOST = "db-catalog-01"  # in the same account and Region
AWAY = ("444455556666", "eu-central-1")
AWAY_MINUTES = 10  # at least
WAVE_OF_FAULTS = "application"
_LAUNCH_ERROR = "Server.InternalError: Internal error on launch"
# How long a question stays on the screen before the person answers it, in simulated seconds of the run.
PATIENCE_SECONDS = 150

# What a person answers to each question of a run.
_ANSWERS = {"APPROVAL": "approve", "RESUME": "resume", "DECISION": "abort"}

Record = Mapping[str, Any]


@dataclass
class Stage:
    """What acts can read and do. `record` is the run as it was read last."""

    sandbox: Sandbox
    server_ids: Mapping[tuple[str, str, str], str]
    """Ids of source servers by account, Region and host name."""
    record: Record = field(default_factory=dict)
    outage: str = ""
    """The id of the fault that keeps the Region away."""
    outage_began: float = 0.0
    is_noticed: bool = False
    """Whether the run has come upon the outage."""
    answered: set[str] = field(default_factory=set)
    person: people.Person | None = None

    def wave(self, name: str) -> Record:
        """A wave of the run; empty if the run has none of this name."""
        return next((wave for wave in self.record["waves"] if wave["name"] == name), {})

    def batch(self, wave: str, target: tuple[str, str]) -> Record:
        """The batch of a wave in an account and Region; empty before it exists."""
        batches = (each for each in self.record["batches"] if each["wave"] == wave)
        return next((each for each in batches if (each["accountId"], each["region"]) == target), {})

    def add_fault(self, **fault: Any) -> str:
        """Let the DRS emulator fail in this way, and return the fault's id."""
        return str(self.sandbox.control_emulator("POST", "/faults", fault)["id"])


@dataclass(frozen=True, slots=True)
class Act:
    """`play` runs once, when `is_due`, and returns the line that explains what happens."""

    is_due: Callable[[Stage], bool]
    play: Callable[[Stage], str]


class Demonstration:
    """Plays acts while a drill is watched."""

    def __init__(self, stage: Stage, acts: Sequence[Act], explain: Callable[[str], None]) -> None:
        self._stage, self._waiting, self._explain = stage, list(acts), explain

    def follow(self, record: Record) -> None:
        """Play what this record makes due, each with its line."""
        self._stage.record = record
        for act in [each for each in self._waiting if each.is_due(self._stage)]:
            self._waiting.remove(act)
            self._say(act.play(self._stage))
        for line in answer_questions(self._stage):
            self._say(line)

    def _say(self, line: str) -> None:
        self._explain(f"{datetime.fromtimestamp(self._stage.sandbox.now(), UTC):%H:%M} {line}")


# --- answers ----------------------------------------------------------------------------------------------------
def mark_questions(record: Record) -> dict[str, Any]:
    """The record, whose questions say that nobody at the terminal has to answer them."""
    waits = [
        {**wait, "text": "; ".join(filter(None, (wait.get("text"), "make drill answers this")))}
        if wait["for"] in _ANSWERS
        else wait
        for wait in record["waitingFor"]
    ]
    return {**record, "waitingFor": waits}


def answer_questions(stage: Stage) -> Iterator[str]:
    """Answer each question that the run has asked for PATIENCE_SECONDS, as another person than who started the run."""
    for wait in stage.record["waitingFor"]:
        answer = _ANSWERS.get(wait["for"])
        since = wait.get("since") or stage.record["requestedAt"]
        question = f"{wait['for']} {wait['wave']} {since}"
        if answer is None or question in stage.answered or _age(stage, since) < PATIENCE_SECONDS:
            continue
        method, path = next(each for each in wait["answers"] if each.endswith(f"/{answer}")).split(" ", 1)
        stage.person = stage.person or people.introduce(stage.sandbox, PERSON)
        reply = stage.person.request(method, path, {"comment": "answered by make drill"})
        stage.answered.add(question)
        on = f"wave {wait['wave']}" if wait["wave"] else "the run"
        if reply.status < 400:
            yield f"{PERSON}, who did not start the drill, answers: {answer} {on}; the report names both people"
        else:  # the question may have ended meanwhile
            yield f"the answer of {PERSON}, {answer} {on}, is refused: {reply.body.get('detail', reply.status)}"


def _age(stage: Stage, since: str) -> float:
    return stage.sandbox.now() - datetime.fromisoformat(since).timestamp()


# --- what happens in examples/demonstration.yaml ----------------------------------------------------------------
def prepare(stage: Stage) -> None:
    """Before the run starts: stall the replication of one server, and let the first launch of another fail."""
    account_id, region = FAILING_TARGET
    stalled, failing = (stage.server_ids[account_id, region, host] for host in (STALLED_HOST, FAILING_HOST))
    server = {"replicationState": "STALLED", "lagDuration": "PT5M"}
    body = {"accountId": account_id, "region": region, "server": server}
    stage.sandbox.control_emulator("PATCH", f"/source-servers/{stalled}", body)
    stage.add_fault(kind="LAUNCH_FAILS", sourceServerId=failing, count=1, rawError=_LAUNCH_ERROR)


def _has_started(stage: Stage) -> bool:
    return bool(stage.wave("database").get("status", "WAITING") != "WAITING")


def _say_what_starts(stage: Stage) -> str:
    return "the databases launch first, in two accounts and Regions; the other waves wait for them"


def _say_what_is_stalled(stage: Stage) -> str:
    return f"the replication of {STALLED_HOST} is stalled, so it launches from older data; its age counts for the RPO"


def _asks_for_approval(stage: Stage) -> bool:
    return any(wait["for"] == "APPROVAL" for wait in stage.record["waitingFor"])


def _say_what_is_asked(stage: Stage) -> str:
    return "the databases are up: the application starts, and the web tier waits for an approval by another person"


def _runs_in_both_regions(stage: Stage) -> bool:
    targets = (FAILING_TARGET, AWAY)
    return all(stage.batch(WAVE_OF_FAULTS, target).get("jobId") for target in targets)


def _take_the_region_away(stage: Stage) -> str:
    account_id, region = AWAY
    stage.outage = stage.add_fault(kind="REGION_DOWN", accountId=account_id, region=region)
    stage.outage_began = stage.sandbox.now()
    return f"{region} stops answering; its job goes on in DRS"


def _notices(stage: Stage) -> bool:
    """The run polls a job every few minutes, so the outage lasts until the run has come upon it."""
    waits = (wait for wait in stage.record["waitingFor"] if wait["for"] == "DRS")
    stage.is_noticed = bool(stage.outage) and any(AWAY[1] in (wait.get("text") or "") for wait in waits)
    return stage.is_noticed


def _say_what_is_noticed(stage: Stage) -> str:
    return f"the run gets no answer from {AWAY[1]}: it waits and asks again, and no server fails because of it"


def _has_lasted(stage: Stage) -> bool:
    return stage.is_noticed and stage.sandbox.now() - stage.outage_began >= AWAY_MINUTES * 60


def _bring_the_region_back(stage: Stage) -> str:
    stage.sandbox.control_emulator("DELETE", f"/faults/{stage.outage}")
    minutes = round((stage.sandbox.now() - stage.outage_began) / 60)
    return f"{AWAY[1]} answers again after {minutes} minutes; the run goes on with the job that it had started"


def _tries_again(stage: Stage) -> bool:
    return bool(stage.batch(WAVE_OF_FAULTS, FAILING_TARGET).get("attempt", 0) > 1)


def _say_what_is_retried(stage: Stage) -> str:
    return f"{FAILING_HOST} did not launch, though DRS calls its job COMPLETED; the run launches it again, alone"


FAULTS = (
    Act(_has_started, _say_what_starts),
    Act(_has_started, _say_what_is_stalled),
    Act(_asks_for_approval, _say_what_is_asked),
    Act(_runs_in_both_regions, _take_the_region_away),
    Act(_notices, _say_what_is_noticed),
    Act(_has_lasted, _bring_the_region_back),
    Act(_tries_again, _say_what_is_retried),
)
"""The acts of examples/demonstration.yaml."""
