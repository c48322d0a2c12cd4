"""The RESTORE row of a target in the `target-changes` table: which state machine puts settings back there."""

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.store.launches.settings_changes import table

ITEM = "RESTORE"

# Between a claim that is refused and the mark that it was asked for, the other execution may end.
MAX_CLAIM_ATTEMPTS = 3


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "item": ITEM}


def claim(target: Target, machine: str, seconds: float) -> bool:
    """Claim the target for an execution of restore-target; return False while another one has it.

    One that claims it again keeps it. The claim expires, because an execution that is stopped does not release it.
    The one that has it learns that it was asked for, and looks again before it ends.
    """
    now = clock.now()
    for _ in range(MAX_CLAIM_ATTEMPTS):
        if dynamodb.update_if(
            table(),
            _key(target),
            {"machine": machine, "until": int(now + seconds)},
            remove=["askedBy"],
            condition="attribute_not_exists(#machine) OR #machine = :machine OR #until < :now",
            given={"machine": machine, "now": int(now)},
        ):
            return True
        if dynamodb.update_if(table(), _key(target), {"askedBy": machine}, condition="attribute_exists(#machine)"):
            return False
    return False  # claims come and go: others look


def release(target: Target, machine: str) -> bool:
    """Release the claim of this execution; return False, and keep it, if another one has asked for the target since."""
    return dynamodb.update_if(
        table(),
        _key(target),
        {},
        remove=["machine", "until"],
        condition="attribute_not_exists(#askedBy) OR #machine <> :machine",
        given={"machine": machine},
    )


def is_claimed(target: Target) -> bool:
    """Whether an execution is at work on the target."""
    row = dynamodb.get(table(), _key(target)) or {}
    return "machine" in row and row["until"] >= clock.now()
