"""Looks at a batch and records what was found: whether all its servers have an answer, and when to look again."""

from dataclasses import dataclass, replace
from typing import TypedDict

from recovery import clock
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.plan import Wave
from recovery.domain.wave_steps.ladder import SHORT_SECONDS, seconds_to_next_look
from recovery.store import batch_servers, executions, run_requests
from recovery.store.steps import checks
from recovery.store.steps.checks import CheckedBatch
from recovery.verification import commands, observations
from recovery.verification.ladders import find_launched
from recovery.verification.look import Look
from recovery.wording import plural


class LookState(TypedDict):
    """The output of CheckServers."""

    done: bool
    waitSeconds: int


@dataclass(frozen=True, slots=True)
class LookResult:
    """Whether every server of the batch has an answer, and in how many seconds to look again."""

    done: bool
    wait_seconds: int = 1

    def to_state(self) -> LookState:
        """The output of CheckServers."""
        return {"done": self.done, "waitSeconds": self.wait_seconds}


@dataclass(frozen=True, slots=True)
class LookRequest:
    """What the machine knows of a look.

    `turn` tells a late look from one of the checks as they are now. `batches` is how many it looks at in the target,
    `is_after_end` whether the run had ended before, `was_postponed` whether the look before failed, so that the wait
    was longer than asked for.
    """

    turn: int
    batches: int = 1
    is_after_end: bool = False
    was_postponed: bool = False


def look_at_batch(ref: BatchRef, request: LookRequest) -> LookResult:
    """Look once at the servers of a batch that have no answer yet.

    A server whose time is up is looked at once more. A service that throttles or fails costs no server its time: what
    the others have found is recorded, and then the error is raised, with which the machine waits.
    """
    before = checks.get_checks(ref)
    if before is None or before.turn != request.turn or not before.has_open:
        return LookResult(done=True)
    run = executions.get_run(ref.execution_id)
    asked = run_requests.get_request(ref.execution_id).apply_to_run(run)
    now = clock.now()
    batch, inspected = batch_servers.get_with_batch(ref)
    if asked.is_halted and not request.is_after_end:
        cut_off = {each: server.cut_off(asked.halted_because, now) for each, server in before.servers.items()}
        saved = _save(before, replace(before, servers=cut_off), batch, request, now)
        commands.cancel(ref.target, _list_commands(before))
        return saved
    wave = run_requests.get_plan(ref.execution_id).wave(ref.wave)
    until = before.until
    if request.was_postponed:
        before = replace(before, until=before.until + max(now - before.next_look_at, 0))
    launched = find_launched(wave, batch, inspected)
    servers = {server_id: server for server_id, server in before.servers.items() if server_id in launched}
    look = Look(
        ref.target, f"drs-waves {ref.execution_id} {ref.wave}", now, wave.seconds_between_looks, launched, servers
    )
    _ask_all(look)
    found = replace(before, servers={**before.servers, **look.servers})
    if look.postponed:
        checks.save_checks(before, replace(found, until=until), batch)
        commands.cancel(ref.target, look.given_up)
        raise look.postponed[0]
    given_up = set(look.given_up)
    if now >= before.until:
        given_up |= _list_commands(found)
        found = _settle_open(found, _explain_time(wave), now)
    saved = _save(before, found, batch, request, now)
    commands.cancel(ref.target, given_up)
    return saved


def _ask_all(look: Look) -> None:
    """Ask one service after another. Each kind of check comes after those that are cheaper."""
    observations.find_instances(look)
    observations.check_states(look)
    observations.check_launch_actions(look)
    commands.collect_results(look)
    observations.check_agents(look)
    commands.send_commands(look)
    observations.check_target_groups(look)


def _settle_open(row: CheckedBatch, why: str, now: float) -> CheckedBatch:
    servers = {
        server_id: server.settle_unverified(f"{server.check} has not passed: {why}", now)
        for server_id, server in row.servers.items()
    }
    return replace(row, servers=servers)


def _list_commands(row: CheckedBatch) -> set[str]:
    """The commands that run on its servers."""
    return {server.command for server in row.servers.values() if server.command}


def _explain_time(wave: Wave) -> str:
    return f"the time of {plural(wave.checks_timeout_minutes, 'minute')} is up"


def _save(before: CheckedBatch, found: CheckedBatch, batch: Batch, request: LookRequest, now: float) -> LookResult:
    """Record the look, unless another one was faster, and say when the next one follows."""
    wait = seconds_to_next_look(
        found.servers.values(), now, found.began_at, found.until, before.looks + 1, request.batches
    )
    if checks.save_checks(before, replace(found, next_look_at=now + wait), batch):
        return LookResult(not found.has_open, wait)
    return LookResult(False, SHORT_SECONDS)
