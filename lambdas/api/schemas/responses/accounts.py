"""Target accounts, as the API shows them."""

from typing import Any

from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Versioned, build_from_row
from recovery.domain import target
from recovery.domain.reachability import Reachability, ReachabilityStatus


class TargetAccount(Versioned):
    """A target account, without its external id."""

    accountId: str
    name: str
    roleArn: str
    regions: list[str]


class TargetAccounts(Paged):
    """A page of target accounts."""

    targetAccounts: list[TargetAccount]


class RegionReachability(TypedDict):
    """Whether DRS can be reached in a Region of an account."""

    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None


class Verification(TypedDict):
    """Whether DRS can be reached in an account; `ok` if it can be in each of its Regions."""

    accountId: str
    ok: bool
    regions: list[RegionReachability]


def build_account(account: target.TargetAccount) -> TargetAccount:
    """The account as drs-waves knows it."""
    return build_from_row(TargetAccount, account.to_item())


def build_reachability(region: str, answer: Any) -> RegionReachability:
    """Whether the Region answered; `answer` may be the error that was raised instead."""
    outcome = Reachability.of(answer)
    return {"region": region, "status": outcome.status, "message": outcome.message, "advice": outcome.advice}
