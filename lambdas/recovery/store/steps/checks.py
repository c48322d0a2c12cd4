"""CHECKS# rows: how far the launched servers of a batch have climbed in their checks.

A row is written only as it was read: the number of its looks is its version, so that a look that comes late or twice
loses. What changes its counts changes those of the BATCH row in the same transaction.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.wave_steps.ladder import ServerChecks, Verification
from recovery.packing import pack, unpack
from recovery.store import executions

# A row has 400 KB. Outputs that hardly compress are cut, so that a hundred servers fit.
MAX_PACKED, SHORT_TEXT = 300_000, 200

# Turns that the row tells of, the one that goes on among them, and the checks that each names.
MAX_TURNS, MAX_CHECKS_OF_TURN = 20, 5


@dataclass(frozen=True, slots=True)
class CheckTurn:
    """A turn that was over when another one began.

    `checked` counts the servers that it checked, without those that had passed before; `failed` the unverified ones by
    the check that they did not pass, and `cut_off` those of them whose run was halted first, which failed none.
    """

    turn: int
    began_at: str
    ended_at: str | None
    checked: int
    verified: int
    unverified: int
    cut_off: int
    failed: Mapping[str, int]

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "CheckTurn":
        """Read an entry of `turns`."""
        failed = {check: int(count) for check, count in row["failed"].items()}
        return cls(
            turn=int(row["turn"]),
            began_at=row["beganAt"],
            ended_at=row.get("endedAt"),
            checked=int(row["checked"]),
            verified=int(row["verified"]),
            unverified=int(row["unverified"]),
            cut_off=int(row["cutOff"]),
            failed=failed,
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        return {
            "turn": self.turn,
            "beganAt": self.began_at,
            "endedAt": self.ended_at,
            "checked": self.checked,
            "verified": self.verified,
            "unverified": self.unverified,
            "cutOff": self.cut_off,
            "failed": dict(self.failed),
        }


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """The row of a batch that is checked.

    `began_at` and `until` bound the checks of this turn, in epoch seconds; `looks` counts the changes of the row.
    `next_look_at` is when the next look is due. `servers` are those that have checks, by id; `passed_before` is how
    many of them had passed when the turn began. `earlier` are the turns before this one, oldest first.
    """

    ref: BatchRef
    turn: int
    began_at: float
    until: float
    servers: Mapping[str, ServerChecks]
    looks: int = 0
    next_look_at: float = 0
    ended_at: str | None = None
    passed_before: int = 0
    earlier: tuple[CheckTurn, ...] = ()

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "CheckedBatch":
        """Read a CHECKS row."""
        servers = {server_id: ServerChecks.from_json(entry) for server_id, entry in unpack(row["servers"]).items()}
        return cls(
            ref=BatchRef.from_event(row),
            turn=int(row["turn"]),
            began_at=clock.parse_iso(row["beganAt"]),
            until=float(row["until"]),
            servers=servers,
            looks=int(row["looks"]),
            next_look_at=float(row.get("nextLookAt", 0)),
            ended_at=row.get("endedAt"),
            passed_before=int(row.get("passedBefore", 0)),
            earlier=tuple(map(CheckTurn.from_item, row.get("turns", ()))),
        )

    def after(self, before: "CheckedBatch | None") -> "CheckedBatch":
        """The same at its beginning, with the turns of the row that it follows.

        The first turn is kept, however many follow, and so are the last ones.
        """
        passed = self.counts["verified"]
        if before is None:
            return replace(self, passed_before=passed)
        turns = (*before.earlier, *([ended] if (ended := before.this_turn).checked else []))
        if len(turns) >= MAX_TURNS:
            turns = (turns[0], *turns[len(turns) - MAX_TURNS + 2 :])
        return replace(self, passed_before=passed, earlier=turns)

    @property
    def this_turn(self) -> CheckTurn:
        """What this turn has found so far."""
        unverified = [server for server in self.servers.values() if server.status is Verification.UNVERIFIED]
        failed = Counter(server.check or "unknown" for server in unverified if not server.is_cut_off)
        return CheckTurn(
            turn=self.turn,
            began_at=clock.iso(self.began_at),
            ended_at=self.ended_at,
            checked=len(self.servers) - self.passed_before,
            verified=self.counts["verified"] - self.passed_before,
            unverified=len(unverified),
            cut_off=self._count_cut_off(),
            failed=dict(failed.most_common(MAX_CHECKS_OF_TURN)),
        )

    def _count_cut_off(self) -> int:
        return sum(1 for server in self.servers.values() if server.is_cut_off)

    def to_item(self) -> dict[str, Any]:
        """The attributes of the row beside its key."""
        return {
            "wave": self.ref.wave,
            **self.ref.target.to_state(),
            "batch": self.ref.number,
            "turn": self.turn,
            "beganAt": clock.iso(self.began_at),
            "until": int(self.until),
            "looks": self.looks,
            "nextLookAt": int(self.next_look_at),
            "endedAt": self.ended_at,
            "passedBefore": self.passed_before,
            "turns": [turn.to_item() for turn in self.earlier],
            "servers": self._pack(),
            **self.counts,
        }

    def _pack(self) -> bytes:
        packed = pack({server_id: server.to_json() for server_id, server in self.servers.items()})
        if len(packed) <= MAX_PACKED:
            return packed
        cut = {server_id: server.cut_texts(SHORT_TEXT) for server_id, server in self.servers.items()}
        return pack({server_id: server.to_json() for server_id, server in cut.items()})

    @property
    def counts(self) -> dict[str, int]:
        """The counts of its servers."""
        found = [server.status for server in self.servers.values()]
        verified, unverified = found.count(Verification.VERIFIED), found.count(Verification.UNVERIFIED)
        return {"checked": len(found), "verified": verified, "unverified": unverified}

    def counts_of_batch(self, optional: Collection[str]) -> dict[str, int]:
        """The counts that the BATCH row repeats; `optional` are the servers that the wave may do without."""
        unverified = {each for each, server in self.servers.items() if server.status is Verification.UNVERIFIED}
        of_optional = len(unverified.intersection(optional))
        return {**self.counts, "optionalUnverified": of_optional, "cutOff": self._count_cut_off()}

    @property
    def has_open(self) -> bool:
        """Whether some of its servers have no answer yet."""
        return any(not server.is_settled for server in self.servers.values())


def _key(ref: BatchRef) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": ref.sort_key.replace("BATCH#", "CHECKS#", 1)}


def get_checks(ref: BatchRef) -> CheckedBatch | None:
    """Read the row of a batch; None if it has no checks."""
    row = dynamodb.get(executions.table(), _key(ref))
    return None if row is None else replace(CheckedBatch.from_item(row), ref=ref)


def list_checks(execution_id: str, wave: str) -> dict[BatchRef, CheckedBatch]:
    """Read the rows of a wave, by batch."""
    found: Iterable[CheckedBatch] = map(CheckedBatch.from_item, executions.query_rows(execution_id, f"CHECKS#{wave}#"))
    return {each.ref: each for each in found}


def save_checks(before: CheckedBatch | None, checked: CheckedBatch, batch: Batch, launched: int | None = None) -> bool:
    """Write the row, and the counts of its batch if they change; False if it has changed since it was read.

    `before` is the row as it was read, None for a new one. `launched` is how many servers of the batch were launched,
    when checks of it begin.
    """
    looks = before.looks + 1 if before else 1
    ended_at = None if checked.has_open else checked.ended_at or clock.iso()
    checked = replace(checked, looks=looks, ended_at=ended_at)
    same: dict[str, Any] = {"condition": "attribute_not_exists(#looks)"}
    if before:
        same = {"condition": "#looks = :looks", "given": {"looks": before.looks}}
    options = {**same, "remove": [] if ended_at else ["endedAt"]}
    values = checked.to_item()
    counts = checked.counts_of_batch(batch.optional)
    if before and launched is None and counts == before.counts_of_batch(batch.optional):
        return dynamodb.update_if(executions.table(), _key(checked.ref), values, **options)
    of_batch = {**counts, "launchedWhenChecked": launched}
    key = {"executionId": batch.ref.execution_id, "item": batch.ref.sort_key}
    exists = "attribute_exists(#executionId)"
    try:
        dynamodb.transact(
            [
                dynamodb.update_action(executions.table(), _key(checked.ref), values, **options),
                dynamodb.update_action(executions.table(), key, of_batch, condition=exists),
            ]
        )
    except ConditionFailed:
        return False
    return True


def record_launched(execution_id: str, wave: str, *, is_again: bool) -> None:
    """Record in the row of the wave that its servers are launched and checked from now on.

    With `is_again`, another round has launched more of them, so that the time of the earlier one is replaced.
    """
    _record_time(execution_id, wave, "launchedAt", clock.iso(), is_again=is_again)


def record_verified(execution_id: str, wave: str, at: str) -> None:
    """Record in the row of the wave when the last of its servers had its answer."""
    _record_time(execution_id, wave, "verifiedAt", at, is_again=True)


def _record_time(execution_id: str, wave: str, name: str, at: str, *, is_again: bool) -> None:
    key = {"executionId": execution_id, "item": f"WAVE#{wave}"}
    is_first = "" if is_again else f" AND attribute_not_exists(#{name})"
    dynamodb.update_if(executions.table(), key, {name: at}, condition=f"attribute_exists(#wave){is_first}")
