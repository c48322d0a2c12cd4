"""The week whose message about compliance was sent: one row, so that a week has one message.

A function may be killed between its claim and the message. A claim that is old and not sent is free again: a message
that comes twice is better than a week without one.
"""

from recovery import clock
from recovery.aws import dynamodb
from recovery.settings import settings

_KEY = {"planId": "COMPLIANCE", "item": "WEEK"}


# Longer than any function runs.
CLAIM_SECONDS = 1_800


def claim_week(week: str) -> bool:
    """Claim the message of a week, such as `2026-W48`; False if it was or is being sent, or one of a later week."""
    is_dead = "#week = :week AND attribute_not_exists(#sent) AND #at < :old"
    return dynamodb.update_if(
        settings().drills_table,
        _KEY,
        {"week": week, "at": clock.iso()},
        remove=["sent"],
        condition=f"attribute_not_exists(#week) OR #week < :week OR ({is_dead})",
        given={"week": week, "old": clock.iso(clock.now() - CLAIM_SECONDS)},
    )


def note_sent(week: str) -> None:
    """Note that the message of the week that was claimed is sent."""
    mine = {"week": week}
    dynamodb.update_if(settings().drills_table, _KEY, {"sent": True}, condition="#week = :week", given=mine)


def release_week(week: str) -> None:
    """Give the claim back, because the message could not be sent: the next look tries again."""
    mine = {"week": week}
    dynamodb.update_if(settings().drills_table, _KEY, {}, remove=["week"], condition="#week = :week", given=mine)
