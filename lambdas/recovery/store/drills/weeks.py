"""The week whose message about compliance was sent: one row, so that a week has one message."""

from recovery import clock
from recovery.aws import dynamodb
from recovery.settings import settings

_KEY = {"planId": "COMPLIANCE", "item": "WEEK"}


def claim_week(week: str) -> bool:
    """Claim the message of a week, such as `2026-W48`; False if it was claimed, or one of a later week."""
    return dynamodb.update_if(
        settings().drills_table,
        _KEY,
        {"week": week, "at": clock.iso()},
        condition="attribute_not_exists(#week) OR #week < :week",
        given={"week": week},
    )


def release_week(week: str) -> None:
    """Give the claim back, because the message could not be sent: the next look tries again."""
    mine = {"week": week}
    dynamodb.update_if(settings().drills_table, _KEY, {}, remove=["week"], condition="#week = :week", given=mine)
