"""Keeps the launch settings of one batch from the launches of everybody else.

DRS reads a launch template when it comes to launch a server, whoever started the job. So a batch changes no settings of
a server that something else may be launching, and a batch starts no server with settings that another one has changed.

Two batches cannot miss each other: one holds its servers before it looks for rows, and the other writes its row before
it looks for holds.
"""

import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from recovery import clock
from recovery.aws.dynamodb import MAX_WRITERS
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.target import Target
from recovery.drs import busy_servers, capacity_leases
from recovery.drs import client as drs
from recovery.drs.busy_servers import Hold
from recovery.errors import DrsWavesError, ServerBusy, Transient
from recovery.launch_settings import messages, restore
from recovery.launch_settings.owners import Owners
from recovery.launch_settings.restore import Outcome
from recovery.store.launches import settings_changes
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from recovery.target_errors import SettingsNotApplied

# A person has decided how LEFT settings are.
_NOT_AS_BEFORE = (ChangeStatus.CHANGING, ChangeStatus.CHANGED, ChangeStatus.RESTORING)


# --- settings of others, in the way of a launch -------------------------------------------------------------------
def find_changes(target: Target, server_ids: Collection[str]) -> list[SettingsChange]:
    """What batches have changed of these servers and not put back. Read consistently."""
    changes = settings_changes.get_changes(target, server_ids).values()
    return sorted((each for each in changes if each.status in _NOT_AS_BEFORE), key=lambda each: each.server_id)


def require_own_settings(batch: Batch, server_ids: Collection[str]) -> None:
    """Raise SettingsNotApplied, or ServerBusy in an attempt, if one of these servers has the settings of another batch.

    `server_ids` are servers that the batch launches without a profile. ApplySettings puts their settings back.
    """
    changes = find_changes(batch.ref.target, server_ids)
    if not changes:
        return
    why = _say(changes[0], "they are not put back")
    raise ServerBusy(why) if batch.status.is_in_attempt else SettingsNotApplied(why)


def free(target: Target, server_ids: Collection[str], until: float) -> int:
    """Put back what other batches have changed of these servers; return how many are left when the time is over.

    `until` is in seconds of the monotonic clock. Raise ServerBusy while one of them has to wait, and errors that are
    transient.
    """
    changes = find_changes(target, server_ids)
    if not changes:
        return 0
    owners = Owners(target)
    with ThreadPoolExecutor(MAX_WRITERS) as pool:
        tries = [pool.submit(copy_context().run, _free_one, change, owners, until) for change in changes]
        outcomes = [each.result() for each in tries]
    messages.send_settings_left([each.news for each in outcomes if isinstance(each, Outcome) and each.news])
    errors = [each for each in outcomes if isinstance(each, DrsWavesError)]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, ServerBusy))
    return sum(each is None for each in outcomes)


def _free_one(change: SettingsChange, owners: Owners, until: float) -> Outcome | DrsWavesError | None:
    if time.monotonic() > until:
        return None
    try:
        outcome = restore.try_put_back(change, force=False, keep=False, owners=owners)
    except Transient as error:
        return error
    except DrsWavesError as error:  # what the target refuses ends no batch: an operator can let the settings stay
        return ServerBusy(_say(change, error.message))
    if outcome.is_done or outcome.result is restore.Result.LEFT:
        return outcome
    return ServerBusy(_say(change, outcome.reason))


def _say(change: SettingsChange, reason: str) -> str:
    return (
        f"{change.server_id} has launch settings of {change.owner.key} still: {reason}. To launch with them, let them "
        "stay: `drs-waves profiles restore --keep`"
    )


# --- launches of others, in the way of a change -------------------------------------------------------------------
def find_launches(target: Target, server_ids: Collection[str]) -> Mapping[str, Hold]:
    """Which of the servers a job in DRS may be launching now. One call of DRS, and one more for some jobs."""
    return busy_servers.find_job_holds(target, drs.list_recent_jobs(target), server_ids, clock.now())


def require_unheld(ref: BatchRef, server_id: str) -> None:
    """Raise ServerBusy while another batch starts the server."""
    if holder := capacity_leases.find_holder(ref, server_id):
        raise ServerBusy(f"launch settings of {server_id} have to wait: batch {holder} is launching it")
