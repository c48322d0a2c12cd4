"""The RESTORE row of a target in the `target-changes` table: which state machine puts settings back there."""

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.store.launches.settings_changes import table

ITEM = "RESTORE"


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "item": ITEM}


def claim(target: Target, machine: str, seconds: float) -> bool:
    """Claim the target for an execution of restore-target; return False while another one has it.

    One that claims it again keeps it. The claim expires, because an execution that is stopped does not release it.
    """
    now = clock.now()
    return dynamodb.update_if(
        table(),
        _key(target),
        {"machine": machine, "until": int(now + seconds)},
        condition="attribute_not_exists(#machine) OR #machine = :machine OR #until < :now",
        given={"machine": machine, "now": int(now)},
    )


def release(target: Target, machine: str) -> None:
    """Release the claim, if this execution has it."""
    dynamodb.update_if(
        table(),
        _key(target),
        {},
        remove=["machine", "until"],
        condition="#machine = :machine",
        given={"machine": machine},
    )


def is_claimed(target: Target) -> bool:
    """Whether an execution is at work on the target."""
    row = dynamodb.get(table(), _key(target)) or {}
    return "machine" in row and row["until"] >= clock.now()
