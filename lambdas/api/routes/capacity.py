"""The free capacity of DRS's quotas, in one Region, in an account, or everywhere. Reading it leases nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence

from api.http.parameters import PAGE, page_parameters
from api.http.request import require_account_id, require_region
from api.router import Router
from api.schemas.responses.targets import (
    CapacityOfAccount,
    CapacityOfAll,
    CapacityOfTarget,
    TargetCapacity,
    build_capacity,
)
from recovery import clock
from recovery.catalog.accounts import get_account, list_accounts
from recovery.domain.capacity import report as capacity_report
from recovery.domain.capacity.report import CapacityReport
from recovery.domain.target import Target, TargetAccount
from recovery.drs import capacity_leases, circuit_breaker, fan_out, service_quotas
from recovery.drs import client as drs
from recovery.errors import AccountNotFound, InvalidRequest

router = Router("Targets")


@router.operation("GET", "/capacity", parameters=PAGE)
def read_capacity() -> CapacityOfAll:
    """Returns the capacity of every Region of a page of accounts."""
    page = list_accounts(*page_parameters(router.current_event))
    accounts = [TargetAccount.from_item(item) for item in page.items]
    return {**_read_capacity(accounts), "nextToken": page.next_token}


@router.operation("GET", "/capacity/{accountId}", errors=(AccountNotFound,))
def read_capacity_of_account(account_id: str) -> CapacityOfAccount:
    """Returns the capacity of every Region of an account."""
    return _read_capacity([get_account(require_account_id(account_id))])


@router.operation("GET", "/capacity/{accountId}/{region}", errors=(AccountNotFound, InvalidRequest))
def read_capacity_of_target(account_id: str, region: str) -> CapacityOfTarget:
    """Returns the capacity of an account and Region, even of a Region that the account does not list."""
    account = get_account(require_account_id(account_id))
    target = Target(account.account_id, require_region(region))
    (capacity,) = _ask([target])
    return {**capacity, "at": clock.iso()}


def _read_capacity(accounts: Iterable[TargetAccount]) -> CapacityOfAccount:
    accounts = list(accounts)
    targets = [target for account in accounts for target in account.targets]
    return {
        "at": clock.iso(),
        "targets": _ask(targets),
        "accountsWithoutRegions": [account.account_id for account in accounts if not account.regions],
    }


def _ask(targets: Sequence[Target]) -> list[TargetCapacity]:
    """The capacity of each target, and its circuit as it is after it was asked."""
    answers = fan_out.ask_all(targets, _read_target)
    circuits = circuit_breaker.read_circuits(targets)
    return [build_capacity(target, answer, circuits[target]) for target, answer in answers.items()]


def _read_target(target: Target) -> CapacityReport:
    load = capacity_leases.read_current_usage(target)
    states = Counter(server.replication_state for server in drs.describe_source_servers(target))
    return capacity_report.build_report(load.jobs, load.servers, states, service_quotas.get_quotas(target))
