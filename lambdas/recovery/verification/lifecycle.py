"""Begins and ends the checks of a wave."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from recovery import clock
from recovery.domain.batch import Batch
from recovery.domain.execution import Execution
from recovery.domain.plan import Wave
from recovery.domain.target import Target
from recovery.domain.wave_steps import ladder
from recovery.domain.wave_steps.ladder import ServerChecks
from recovery.errors import AwsUnavailable
from recovery.store import batch_servers
from recovery.store.steps import checks
from recovery.store.steps.checks import CheckedBatch
from recovery.verification.ladders import LaunchedServer, find_launched
from recovery.wording import plural

# How often a row is read and written again after a look has changed it meanwhile.
MAX_CHANGES = 5

LATE = "it was launched after the checks of its wave had ended"


def start_checks(execution: Execution, wave: Wave, turn: int) -> dict[Target, list[int]]:
    """Begin the checks of the wave's launched servers that have not passed them. Return their batches, by target.

    Nothing is returned when there is nothing to check: the wave has no checks in such a run, no server was launched,
    all have passed, or the run is halted. A repeated call of the same turn changes nothing.
    """
    return {} if execution.run.is_halted else begin_turn(execution, wave, turn)


def begin_turn(execution: Execution, wave: Wave, turn: int) -> dict[Target, list[int]]:
    """The same for a run that may have ended."""
    to_check: dict[Target, list[int]] = {}
    launched_by_batch = _list_launched(execution, wave)
    if not launched_by_batch:
        return to_check
    on_record = checks.list_checks(execution.execution_id, wave.name)
    is_again = False
    for batch, launched in launched_by_batch:
        row = on_record.get(batch.ref)
        if row is None or row.turn < turn:
            is_again = is_again or (row is not None and batch.launched != batch.launched_when_checked)
            row = _begin_batch(wave, batch, launched, row, turn)
        if row.has_open:
            to_check.setdefault(batch.ref.target, []).append(batch.ref.number)
    checks.record_launched(execution.execution_id, wave.name, is_again=is_again)
    return to_check


def _begin_batch(
    wave: Wave, batch: Batch, launched: Mapping[str, LaunchedServer], before: CheckedBatch | None, turn: int
) -> CheckedBatch:
    """Write the row of a batch for this turn; return the row on record. Raise AwsUnavailable if it changes."""
    now = clock.now()
    servers = {server_id: _begin_server(server, before) for server_id, server in launched.items()}
    until = now + wave.checks_timeout_minutes * 60
    begun = CheckedBatch(batch.ref, turn, now, until, servers, next_look_at=now).after(before)
    if checks.save_checks(before, begun, batch, launched=batch.launched):
        return begun
    if (found := checks.get_checks(batch.ref)) and found.turn >= turn:  # another invocation has begun the turn
        return found
    raise AwsUnavailable(f"the checks of {batch.ref.key} change meanwhile")


def _begin_server(server: LaunchedServer, before: CheckedBatch | None) -> ServerChecks:
    known = before.servers.get(server.server_id) if before else None
    if known and known.job and known.job != server.job_id:  # launched again since: what passed was another instance
        known = None
    state = known.begin_again(server.ladder) if known else ladder.begin(server.ladder)
    return replace(state, instance_id=state.instance_id or server.instance_id, job=server.job_id)


def end_checks(execution: Execution, wave: Wave, *, target: Target | None = None, reason: str | None = None) -> None:
    """Record every launched server of the wave that has checks and has not passed them as UNVERIFIED.

    `target` is the only one to end, `reason` why the checks have ended, if the record cannot say.
    """

    def settle(row: CheckedBatch, server: ServerChecks, now: float) -> ServerChecks:
        run = execution.run
        if reason is None and run.is_halted and not run.status.is_final:
            return server.cut_off(run.halted_because, now)
        why = reason or _explain_end(wave, row, now)
        return server.settle_unverified(_add_check(why, server), now)

    to_end = [each for each in _list_launched(execution, wave) if target is None or each[0].ref.target == target]
    for batch, launched in to_end:
        _end_batch(batch, launched, settle)
    if to_end:
        _record_verified(execution.execution_id, wave.name)


def record_late(execution: Execution, wave: Wave) -> None:
    """Record servers that were launched after the wave had ended as UNVERIFIED. Others may be checked again."""
    launched_by_batch = _list_launched(execution, wave)
    on_record = checks.list_checks(execution.execution_id, wave.name) if launched_by_batch else {}
    for batch, launched in launched_by_batch:
        row = on_record.get(batch.ref)
        if row is None or launched.keys() - row.servers.keys():
            _end_batch(batch, launched, None)


def _end_batch(
    batch: Batch,
    launched: Mapping[str, LaunchedServer],
    settle: Callable[[CheckedBatch, ServerChecks, float], ServerChecks] | None,
) -> None:
    """Add the servers of the batch that its row lacks; with `settle`, settle those that have no answer.

    Raise AwsUnavailable if the row changes again and again.
    """
    for _ in range(MAX_CHANGES):
        now, before = clock.now(), checks.get_checks(batch.ref)
        row = before or CheckedBatch(batch.ref, 0, now, now, {})
        servers = dict(row.servers)
        if settle:
            servers = {each: settle(row, server, now) for each, server in servers.items()}
        servers |= {each: _add_late(server, now) for each, server in launched.items() if each not in servers}
        if before and servers == row.servers:
            return
        if checks.save_checks(before, replace(row, servers=servers), batch, launched=batch.launched):
            return
    raise AwsUnavailable(f"the checks of {batch.ref.key} change again and again")


def _add_late(server: LaunchedServer, now: float) -> ServerChecks:
    begun = replace(ladder.begin(server.ladder), instance_id=server.instance_id, job=server.job_id)
    return begun.settle_unverified(LATE, now)


def _add_check(why: str, server: ServerChecks) -> str:
    return f"{server.check} has not passed: {why}" if server.check else why


def _explain_end(wave: Wave, row: CheckedBatch, now: float) -> str:
    if now >= row.until:
        return f"the time of {plural(wave.checks_timeout_minutes, 'minute')} is up"
    return "its checks broke off"


def _record_verified(execution_id: str, wave: str) -> None:
    rows = checks.list_checks(execution_id, wave).values()
    times = [server.at for row in rows for server in row.servers.values()]
    if times and all(times):
        checks.record_verified(execution_id, wave, max(at for at in times if at))


def _list_launched(execution: Execution, wave: Wave) -> list[tuple[Batch, dict[str, LaunchedServer]]]:
    """The batches of the wave that have launched servers with checks, and these servers."""
    mode = execution.run.mode.of_steps
    if mode is None or not wave.has_checks(mode):
        return []
    of_batches = batch_servers.list_with_batches(execution.execution_id, wave.name)
    launched = ((batch, find_launched(wave, batch, inspected)) for batch, inspected in of_batches)
    return [(batch, servers) for batch, servers in launched if servers]
