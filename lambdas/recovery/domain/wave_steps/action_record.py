"""What the record of a run says of an action: its status, its attempts, and what runs in the targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace
from recovery.packing import pack, unpack

OF_PLAN = "-"
"""Stands in keys for the wave of an action that is the plan's own. No wave has this name."""

MAX_OUTPUT = 2_000
MAX_REASON = 1_000

# What the outputs and notes of all parts may have: a row has 400 KB, and a command on 4,000 instances has 80 parts.
MAX_TEXT_OF_PARTS = 40_000


# How the last line of an output begins that others are left out of.
_MORE = "... and "


def note_more(count: int, noun: str) -> str:
    """`... and 2 more instances`: the last line of an output that lacks those of so many."""
    return f"{_MORE}{count} more {noun if count == 1 else f'{noun}s'}"


def cut_output(text: str, most: int) -> str:
    """The first `most` characters of an output. A last line that says what was left out of it is kept."""
    if len(text) <= most:
        return text
    last = text.rpartition("\n")[2]
    if not last.startswith(_MORE) or len(last) >= most:
        return text[:most]
    return f"{text[: most - len(last) - 1]}\n{last}"


def join_outputs(texts: Sequence[str], most: int, noun: str) -> str:
    """The first `most` of the outputs, and how many others there are, in MAX_OUTPUT characters that they share equally.

    `noun` is what has one output each: `instance`.
    """
    whole = "\n".join(texts)
    if len(texts) <= most and len(whole) <= MAX_OUTPUT:
        return whole
    more = [note_more(len(texts) - most, noun)] if len(texts) > most else []
    shown = texts[:most]
    share = (MAX_OUTPUT - sum(len(line) + 1 for line in more)) // len(shown) - 1
    return "\n".join([*(cut_output(text, share) for text in shown), *more])


class ActionStatus(StrEnum):
    """WAITING is for a person or a time. VERIFIED: a drill looked and found that it could run.

    SKIPPED: a person, or the start of the run, left it out. CANCELLED: it was stopped with its run.
    """

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    VERIFIED = "VERIFIED"

    @property
    def is_open(self) -> bool:
        """Whether the attempt has not ended."""
        return self in (ActionStatus.PENDING, ActionStatus.RUNNING, ActionStatus.WAITING)

    @property
    def is_done(self) -> bool:
        """Whether the action needs no other attempt."""
        return self in (ActionStatus.SUCCEEDED, ActionStatus.SKIPPED, ActionStatus.VERIFIED)


class AwaitedAnswer(StrEnum):
    """What an action waits for: that a person confirms a manual task, or decides about an action that failed."""

    CONFIRM = "CONFIRM"
    DECISION = "DECISION"

    @property
    def answers(self) -> tuple["ActionAnswer", ...]:
        """What an operator can answer."""
        return tuple(answer for answer in ActionAnswer if answer.awaited is self)

    def of_attempt(self, attempt: int) -> str:
        """The wait of this attempt, as `answered` of the row names it."""
        return f"{self.value}#{attempt}"


class ActionAnswer(StrEnum):
    """An operator's answer. CONFIRM and REJECT are for manual tasks, the others for an action that failed.

    ABORT lets it count as `onFailure: stop` does.
    """

    CONFIRM = "confirm"
    REJECT = "reject"
    RETRY = "retry"
    SKIP = "skip"
    ABORT = "abort"

    @property
    def awaited(self) -> AwaitedAnswer:
        """What it answers."""
        is_confirmation = self in (ActionAnswer.CONFIRM, ActionAnswer.REJECT)
        return AwaitedAnswer.CONFIRM if is_confirmation else AwaitedAnswer.DECISION


class PartStatus(StrEnum):
    """READY: not started, and surely not. STARTING: a call may have started it."""

    READY = "READY"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it runs."""
        return self in (PartStatus.SUCCEEDED, PartStatus.FAILED, PartStatus.STOPPED)


def find_awaited(row: Mapping[str, Any]) -> AwaitedAnswer | None:
    """What an action waits for a person with, by its ACTION# row; None if it does not wait, or was answered."""
    if not row.get("waitingFor"):
        return None
    awaited = AwaitedAnswer(row["waitingFor"])
    is_answered = row.get("answered") == awaited.of_attempt(int(row.get("attempt", 0)))
    return None if is_answered else awaited


@dataclass(frozen=True, slots=True)
class ActionPart:
    """What an action does in one target, for a command on at most 50 instances.

    `key` marks what it starts; `id` names that. `intent_at` (epoch seconds) is when the last call that starts it was
    prepared, and `began_at` the first. `note` says what went wrong with it.
    """

    target: Target
    key: str
    status: PartStatus = PartStatus.READY
    id: str = ""
    intent_at: int = 0
    began_at: int = 0
    instance_ids: tuple[str, ...] = ()
    output: str = ""
    note: str = ""

    def to_item(self, max_text: int) -> dict[str, Any]:
        """As the row has it, without the ids of instances, which the row keeps packed.

        `output` and `note` have at most `max_text` characters each.
        """
        values: dict[str, Any] = {
            **self.target.to_state(),
            "key": self.key,
            "status": self.status.value,
            "id": self.id,
            "intentAt": self.intent_at,
            "beganAt": self.began_at,
            "instances": len(self.instance_ids),
            "output": cut_output(self.output, max_text),
            "note": self.note[:max_text],
        }
        return {name: value for name, value in values.items() if value not in ("", 0)}


@dataclass(frozen=True, slots=True)
class NewInstances:
    """The new instances of a wave, as an action got them: EC2's ids, private addresses, ids of the source servers."""

    instance_ids: tuple[str, ...] = ()
    private_ips: tuple[str, ...] = ()
    server_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """An ACTION# row. `number` is its place in the list of the plan, from 1; `wave` is None for the plan's own.

    `attempt` counts from 1, and `turn` is that of the wave in which the attempt began. `until` (epoch seconds) is the
    end of its time. `version` counts the writes of the row, 0 before the first. `is_settled` is True for an action that
    failed and whose failure an operator has decided about, or that nothing follows any more. `instructions` are those
    of a manual task.
    """

    execution_id: str
    wave: str | None
    place: ActionPlace
    number: int
    name: str
    kind: ActionKind
    title: str
    status: ActionStatus = ActionStatus.PENDING
    attempt: int = 0
    turn: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    until: int | None = None
    reason: str = ""
    output: str = ""
    instructions: str = ""
    parts: tuple[ActionPart, ...] = ()
    instances: NewInstances = NewInstances()
    waiting_for: AwaitedAnswer | None = None
    waiting_since: str | None = None
    is_settled: bool = False
    version: int = 0

    @classmethod
    def new(
        cls, execution_id: str, wave: str | None, place: ActionPlace, number: int, action: Action
    ) -> "ActionRecord":
        """An action that is not on record yet."""
        return cls(execution_id, wave, place, number, action.name, action.kind, action.title)

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "ActionRecord":
        """Read an ACTION# row."""
        packed = unpack(row["packed"]) if "packed" in row else {}
        of_parts = packed.get("parts", [])
        parts = tuple(
            ActionPart(
                target=Target.from_state(part),
                key=part["key"],
                status=PartStatus(part["status"]),
                id=part.get("id", ""),
                intent_at=int(part.get("intentAt", 0)),
                began_at=int(part.get("beganAt", 0)),
                instance_ids=tuple(of_parts[index]) if index < len(of_parts) else (),
                output=part.get("output", ""),
                note=part.get("note", ""),
            )
            for index, part in enumerate(row.get("parts", ()))
        )
        return cls(
            execution_id=row["executionId"],
            wave=row.get("wave"),
            place=ActionPlace(row["place"]),
            number=int(row["number"]),
            name=row["name"],
            kind=ActionKind(row["kind"]),
            title=row["title"],
            status=ActionStatus(row["status"]),
            attempt=int(row.get("attempt", 0)),
            turn=int(row.get("turn", 0)),
            started_at=row.get("startedAt"),
            ended_at=row.get("endedAt"),
            until=int(row["until"]) if "until" in row else None,
            reason=row.get("reason", ""),
            output=row.get("output", ""),
            instructions=row.get("instructions", ""),
            parts=parts,
            instances=NewInstances(*map(tuple, packed.get("instances", ()))),
            waiting_for=AwaitedAnswer(row["waitingFor"]) if row.get("waitingFor") else None,
            waiting_since=row.get("waitingSince"),
            is_settled=bool(row.get("settled", False)),
            version=int(row.get("version", 0)),
        )

    def to_item(self) -> dict[str, Any]:
        """The attributes of the row, without its keys and the decisions of operators. None is for none."""
        of_parts = [list(part.instance_ids) for part in self.parts]
        of_run = [list(each) for each in (self.instances.instance_ids, self.instances.private_ips)]
        packed = {"parts": of_parts, "instances": [*of_run, list(self.instances.server_ids)]}
        has_instances = any(part.instance_ids for part in self.parts) or self.instances != NewInstances()
        max_text = MAX_TEXT_OF_PARTS // (2 * max(len(self.parts), 1))
        first: Mapping[str, Any] = self.parts[0].target.to_state() if self.parts else {}
        return {
            "wave": self.wave,
            "place": self.place.value,
            "number": self.number,
            "name": self.name,
            "kind": self.kind.value,
            "title": self.title,
            "status": self.status.value,
            "attempt": self.attempt,
            "turn": self.turn,
            "startedAt": self.started_at,
            "endedAt": self.ended_at,
            "until": self.until,
            "reason": self.reason[:MAX_REASON] or None,
            "output": cut_output(self.output, MAX_OUTPUT) or None,
            "instructions": self.instructions or None,
            "accountId": first.get("accountId"),
            "region": first.get("region"),
            "parts": [part.to_item(max_text) for part in self.parts] or None,
            "packed": pack(packed) if has_instances else None,
            "waitingFor": self.waiting_for.value if self.waiting_for else None,
            "waitingSince": self.waiting_since,
            "settled": True if self.is_settled else None,
            "version": self.version,
        }

    @property
    def sort_key(self) -> str:
        """The sort key of the row."""
        return f"ACTION#{self.wave or OF_PLAN}#{self.place.value}#{self.number:02}"

    @property
    def key(self) -> str:
        """What marks everything that this attempt starts: run/wave/place/number/attempt."""
        return f"{self.execution_id}/{self.wave or OF_PLAN}/{self.place.value}/{self.number}/{self.attempt}"

    def end(self, status: ActionStatus, now: str, reason: str = "", output: str | None = None) -> "ActionRecord":
        """The record with its attempt ended. When a wait for a person began stays in it, unless that was answered."""
        return replace(
            self,
            status=status,
            ended_at=now,
            reason=reason,
            output=self.output if output is None else output,
            waiting_for=None,
        )

    def with_part(self, index: int, part: ActionPart) -> "ActionRecord":
        """The record with another part in this place."""
        return replace(self, parts=(*self.parts[:index], part, *self.parts[index + 1 :]))
