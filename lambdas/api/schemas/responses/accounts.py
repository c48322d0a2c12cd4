"""Target accounts, as the API shows them."""

from typing import Any, Self

from api.schemas.responses.base import PageModel, ResponseModel, Versioned
from recovery.domain import target
from recovery.domain.reachability import Reachability, ReachabilityStatus


class TargetAccount(Versioned):
    """A target account, without its external id."""

    account_id: str
    name: str
    role_arn: str
    regions: list[str]

    @classmethod
    def from_account(cls, account: target.TargetAccount) -> Self:
        """The account as drs-waves knows it."""
        return cls.from_item(account.to_item())


class TargetAccounts(PageModel):
    """A page of target accounts."""

    target_accounts: list[TargetAccount]


class RegionReachability(ResponseModel):
    """Whether DRS can be reached in a Region of an account."""

    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None

    @classmethod
    def from_answer(cls, region: str, answer: Any) -> Self:
        """Whether the Region answered; `answer` may be the error that was raised instead."""
        outcome = Reachability.of(answer)
        return cls(region=region, status=outcome.status, message=outcome.message, advice=outcome.advice)


class Verification(ResponseModel):
    """Whether DRS can be reached in an account; `ok` if it can be in each of its Regions."""

    account_id: str
    ok: bool
    regions: list[RegionReachability]
