"""Target accounts: the roles through which drs-waves reaches them, and whether these work."""

from api.http.parameters import IF_MATCH, PAGE, page_parameters, read_version, require_version
from api.http.request import name_caller, require_account_id
from api.router import Router
from api.schemas.requests.accounts import AccountRequest, AccountUpdate
from api.schemas.responses.accounts import (
    StepRefusal,
    TargetAccount,
    TargetAccounts,
    Verification,
    build_account,
    build_reachability,
    build_refusal,
)
from recovery import clock
from recovery.catalog import accounts, plans
from recovery.catalog.history import Author
from recovery.domain import target
from recovery.domain.reachability import ReachabilityStatus
from recovery.domain.wave_steps import needs
from recovery.domain.wave_steps.needs import StepNeeds
from recovery.drs import assumed_roles, fan_out
from recovery.drs import client as drs
from recovery.errors import AccountAlreadyRegistered, AccountInUse, AccountNotFound, VersionConflict
from recovery.target_services import prerequisites

router = Router("Target accounts")

# For DRS, and again for what checks and actions need.
HALF_THE_TIME = fan_out.TIMEOUT_SECONDS / 2


@router.operation(
    "POST",
    "/target-accounts",
    status=201,
    location="/target-accounts/{accountId}",
    errors=(AccountAlreadyRegistered,),
)
def register_account(body: AccountRequest) -> TargetAccount:
    """Registers an account. Sending the same request again is not an error.

    Answers 409 if the account is registered with other values.
    """
    account = body.to_account()
    accounts.register_account(account, _author())
    return build_account(account)


def _author() -> Author:
    """Who changes an account, and when."""
    return Author(name_caller(router.current_event), clock.iso())


@router.operation("GET", "/target-accounts", parameters=PAGE)
def list_accounts() -> TargetAccounts:
    """Lists the target accounts, page by page."""
    page = accounts.list_accounts(*page_parameters(router.current_event))
    registered = [target.TargetAccount.from_item(row) for row in page.items]
    return {"targetAccounts": [build_account(account) for account in registered], "nextToken": page.next_token}


@router.operation("GET", "/target-accounts/{accountId}", errors=(AccountNotFound,))
def read_account(account_id: str) -> TargetAccount:
    """Returns a target account."""
    return build_account(accounts.get_account(require_account_id(account_id)))


@router.operation(
    "PUT", "/target-accounts/{accountId}", parameters=(IF_MATCH,), errors=(AccountNotFound, VersionConflict)
)
def update_account(account_id: str, body: AccountUpdate) -> TargetAccount:
    """Replaces a target account and returns it. Answers 409 if it has changed since it was read."""
    given = require_version(router.current_event, body.version)
    before = accounts.get_account(require_account_id(account_id))
    updated = accounts.update_account(body.to_account(before), given, _author())
    assumed_roles.discard_clients()
    return build_account(updated)


@router.operation(
    "DELETE",
    "/target-accounts/{accountId}",
    parameters=(IF_MATCH,),
    errors=(AccountInUse, AccountNotFound, VersionConflict),
)
def delete_account(account_id: str) -> None:
    """Deletes a target account. Answers 409 while protection groups have servers in it."""
    accounts.delete_account(require_account_id(account_id), _author(), read_version(router.current_event))
    assumed_roles.discard_clients()


@router.operation("POST", "/target-accounts/{accountId}/verify", errors=(AccountNotFound,))
def verify_account(account_id: str) -> Verification:
    """Assumes the account's role with fresh credentials and makes one DRS call in each of its Regions.

    Looks also whether what the checks and actions of plans need is there and permitted. Answers 200 with the result for
    each Region, even if none can be reached.
    """
    account = accounts.get_account(require_account_id(account_id))
    assumed_roles.discard_clients()  # a session from an hour ago does not show whether the role works now
    outcomes = fan_out.ask_all(account.targets, drs.check_access, HALF_THE_TIME)
    regions = [build_reachability(place.region, outcome) for place, outcome in outcomes.items()]
    ok = bool(regions) and all(region["status"] is ReachabilityStatus.OK for region in regions)
    refused = _find_refused_steps(account.account_id)
    return {"accountId": account.account_id, "ok": ok, "regions": regions, "refusedSteps": refused}


def _find_refused_steps(account_id: str) -> list[StepRefusal]:
    """The steps of all plans that need something in the account, and would not work there as things are."""
    of_account = []
    for plan, groups in plans.list_with_groups():
        for each in needs.list_needs(plan, groups):
            needed = tuple(need for need in each.needs if need.target.account_id == account_id)
            of_account.append(StepNeeds(each.step, needed))
    problems = prerequisites.find_problems(of_account, HALF_THE_TIME)
    return [build_refusal(problem) for problem in problems if problem.is_certain]
