"""Target accounts: how drs-waves reaches each account."""

from dataclasses import replace
from typing import Any

from recovery.aws import dynamodb
from recovery.aws.pagination import Page
from recovery.catalog import versions
from recovery.catalog.history import Author, Kind
from recovery.catalog.versions import MAX_NAMED
from recovery.domain.target import TargetAccount
from recovery.errors import AccountAlreadyRegistered, AccountInUse, AccountNotFound, TargetNotRegistered
from recovery.settings import settings


def get_registered_account(account_id: str) -> TargetAccount:
    """The account that a run needs. Raise TargetNotRegistered when it has no row."""
    item = find_account_row(account_id)
    if item is None:
        raise TargetNotRegistered(f"account {account_id} is not registered as a target account")
    return TargetAccount.from_item(item)


def find_account_row(account_id: str) -> dict[str, Any] | None:
    """The account's row, None if it is not registered."""
    return dynamodb.get(settings().target_accounts_table, {"accountId": account_id})


def get_account(account_id: str) -> TargetAccount:
    """The account that a request names. Raise AccountNotFound when it is not registered."""
    try:
        return get_registered_account(account_id)
    except TargetNotRegistered as error:
        raise AccountNotFound(error.message) from error


def register_account(account: TargetAccount, author: Author) -> None:
    """Store a new account; repeating the request changes nothing. Raise AccountAlreadyRegistered."""
    if versions.create_row(Kind.ACCOUNT, settings().target_accounts_table, account.to_item(), author):
        return
    if get_registered_account(account.account_id) != account:
        raise AccountAlreadyRegistered(f"account {account.account_id} is registered already")


def update_account(account: TargetAccount, version: int, author: Author) -> TargetAccount:
    """Replace the given version. Raise AccountNotFound, VersionConflict."""
    table, gone = settings().target_accounts_table, AccountNotFound(f"account {account.account_id} is gone")
    row = find_account_row(account.account_id)
    if row is None:
        raise gone
    wanted = replace(account, version=version + 1)
    versions.replace_row(Kind.ACCOUNT, table, row, wanted.to_item(), version, author, gone)
    return wanted


def delete_account(account_id: str, author: Author, version: int | None = None) -> None:
    """Delete an account. Raise AccountNotFound, AccountInUse while groups have servers in it, VersionConflict."""
    account = get_account(account_id)
    versions.require_version(account.version, version)
    groups = [
        row["name"] for row in dynamodb.scan(settings().protection_groups_table) if row["accountId"] == account_id
    ]
    if groups:
        named = sorted(groups)[:MAX_NAMED]
        raise AccountInUse(f"protection groups have servers in it: {', '.join(named)}", protectionGroups=named)
    versions.delete_if_same(Kind.ACCOUNT, settings().target_accounts_table, account.to_item(), author)


def list_accounts(limit: int, token: str | None) -> Page:
    """A page of accounts, including their external ids."""
    return versions.list_page(settings().target_accounts_table, limit, token)
