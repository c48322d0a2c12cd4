"""Rounds of restore-target: puts back what ended batches have changed in a target, as far as it is possible now."""

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial

from aws_lambda_powertools import Logger

from recovery.aws.dynamodb import MAX_WRITERS
from recovery.domain.target import Target
from recovery.errors import DrsWavesError, RateBudgetExhausted, Transient
from recovery.launch_settings import messages, reserving, restore
from recovery.launch_settings.owners import FUNCTION_SECONDS, Owners
from recovery.launch_settings.restore import Outcome, Result
from recovery.store.launches import restores, settings_changes
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange

logger = Logger(child=True)

# Real seconds after which a round begins no further server. Its function has 120, and a server takes seven calls.
ROUND_SECONDS = 50

# Seconds to the next round. Jobs take minutes; what the rate limit or the time of a round left goes on soon.
MIN_WAIT_SECONDS, MAX_WAIT_SECONDS, SOON_SECONDS = 30, 300, 2


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to put back in a target: all, or the changes of these servers; `round` counts the rounds before this one.

    `force` overwrites what a person has changed; `keep` only removes the rows.
    """

    target: Target
    machine: str
    round: int = 0
    server_ids: Collection[str] = ()
    force: bool = False
    keep: bool = False

    @property
    def is_special(self) -> bool:
        """Whether it wants other than what every execution does, and so cannot be left to another one."""
        return bool(self.server_ids) or self.force or self.keep


@dataclass(frozen=True, slots=True)
class RestoreRound:
    """How many changes were dealt with, and how many of ended batches are left; `wait_seconds` to the next round, and
    `because` says of one of them what it waits for.

    After the last round, nothing is left that can be put back. `left` has no change that a person has to decide about,
    and none of a batch that goes on: its end starts restore-target again.
    """

    done: int = 0
    left: int = 0
    wait_seconds: int = 0
    because: str | None = None
    is_last: bool = True


def restore_round(request: RestoreRequest) -> RestoreRound:
    """Put back what can be put back now. A target that another execution is at work on is left to it, unless the
    request says more than to put all back.

    What fails for one server does not stop the others. Raise AwsUnavailable when DynamoDB does not answer, CircuitOpen
    and the errors of DRS when its jobs cannot be read.
    """
    wait = min(MIN_WAIT_SECONDS * (request.round + 1), MAX_WAIT_SECONDS)
    if not request.is_special and not restores.claim(request.target, request.machine, FUNCTION_SECONDS + wait):
        return RestoreRound(because="another execution puts back what was changed there")
    owners = Owners(request.target)
    changes = [change for change in settings_changes.list_changes(request.target) if _is_meant(change, request, owners)]
    attempts = _try_each(changes, partial(_try_one, request=request, owners=owners))
    _tell(request.target, attempts)
    left = [each for each in attempts if each.is_left]
    kept = _release_reservations(request.target, owners)
    if not left and not kept:
        return _end(request, len(attempts))
    reasons = [*(each.because for each in left if each.because), *kept]
    because = reasons[0] if reasons else "there was no time for it in this round"
    wait = SOON_SECONDS if any(each.is_postponed for each in left) else wait
    return RestoreRound(len(attempts) - len(left), len(left) + len(kept), wait, because, is_last=False)


def _end(request: RestoreRequest, restored: int) -> RestoreRound:
    """The last round, unless something was asked for since it began."""
    if request.is_special or restores.release(request.target, request.machine):
        return RestoreRound(restored)
    more = "another batch or run has ended since this round began"
    return RestoreRound(restored, wait_seconds=SOON_SECONDS, because=more, is_last=False)


def _release_reservations(target: Target, owners: Owners) -> list[str]:
    """End the reservations of ended runs; say of each that is left why."""
    ended = reserving.list_ended(target, owners)
    try:
        left = reserving.release(target, ended, owners)
    except DrsWavesError as error:  # settings are put back all the same
        logger.warning("reservations not ended", extra={"target": target.key, "reason": error.message})
        return [error.message] * len(ended)
    return [f"{each.item}: {reason}" for each, reason in left.items()]


def _is_meant(change: SettingsChange, request: RestoreRequest, owners: Owners) -> bool:
    if request.server_ids and change.server_id not in request.server_ids:
        return False
    if request.keep or request.force:
        return True
    return change.status is not ChangeStatus.LEFT and not owners.is_in_progress(change)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What became of a server: an outcome, or an error; neither if the round had no time for it."""

    change: SettingsChange
    outcome: Outcome | None = None
    error: DrsWavesError | None = None

    @property
    def is_left(self) -> bool:
        """Whether a later round has to try it again."""
        return self.outcome is None or self.outcome.result is Result.WAITS

    @property
    def is_postponed(self) -> bool:
        """Whether nothing keeps a later round from doing it."""
        return self.outcome is None and (self.error is None or isinstance(self.error, RateBudgetExhausted))

    @property
    def because(self) -> str:
        """Why it is left, for operators."""
        reason = self.error.message if self.error else self.outcome.reason if self.outcome else ""
        return f"{self.change.server_id}: {reason}" if reason else ""

    @property
    def problem(self) -> str | None:
        """Why it was not possible, if that does not pass by itself."""
        return self.error.message if self.error and not isinstance(self.error, Transient) else None


def _try_each(changes: Sequence[SettingsChange], attempt: Callable[[SettingsChange], _Attempt]) -> list[_Attempt]:
    """Try several servers at a time, until the round is over."""
    ends = time.monotonic() + ROUND_SECONDS

    def try_in_time(change: SettingsChange) -> _Attempt:
        return _Attempt(change) if time.monotonic() > ends else attempt(change)

    with ThreadPoolExecutor(MAX_WRITERS) as pool:  # the copied context keeps the share of the rate limit
        tried = [pool.submit(copy_context().run, try_in_time, change) for change in changes]
        return [each.result() for each in tried]


def _try_one(change: SettingsChange, request: RestoreRequest, owners: Owners) -> _Attempt:
    try:
        outcome = restore.try_put_back(change, force=request.force, keep=request.keep, owners=owners)
    except DrsWavesError as error:  # of this server, and the others go on
        logger.warning("settings not put back", extra={"server": change.server_id, "reason": error.message})
        return _Attempt(change, error=error)
    return _Attempt(change, outcome)


def _tell(target: Target, attempts: Sequence[_Attempt]) -> None:
    """Tell operators what is not as before and why, each server once."""
    news: list[SettingsChange | None] = [each.outcome.news for each in attempts if each.outcome]
    for each in attempts:
        if each.problem:
            news.append(restore.note_problem(target, each.change.server_id, each.problem))
    messages.send_settings_left([each for each in news if each is not None])
