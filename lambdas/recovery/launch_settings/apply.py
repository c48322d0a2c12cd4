"""Applies the launch profiles of a batch before its job is started, several servers at a time and in rounds."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import TypedDict

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import MAX_WRITERS
from recovery.call_shares import CallShare, use_share
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import ExecutionStatus
from recovery.domain.launch_failures import FailureKind
from recovery.domain.launch_profiles.profiles import LaunchProfile, ProfileOption
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.launch_profiles.wanted import ProfiledServer, ProfileRefused
from recovery.drs import client as drs
from recovery.drs.busy_servers import Hold
from recovery.errors import (
    DrsRefused,
    DrsWavesError,
    LateMessage,
    RunHalted,
    RunPaused,
    ServerBusy,
    TargetAccessDenied,
)
from recovery.launch_settings import others
from recovery.launch_settings.changing import VISIBLE_WITHIN_SECONDS, NotVisibleYet, Wanted, change_settings
from recovery.launch_settings.profiled import find_profiles
from recovery.store import batches, executions
from recovery.store.launches import applied_settings, settings_changes
from recovery.store.launches.applied_settings import AppliedServer, AppliedSettings
from recovery.store.launches.settings_changes import SettingsChange
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import launch_templates, networks

logger = Logger(child=True)

# Real seconds after which a round begins no further server. One takes up to half a dozen calls, each of which may wait
# ten seconds for a place in the rate limit, and the function has 120 seconds.
ROUND_SECONDS = 45

# Servers that are changed at once: each client of botocore keeps ten connections, and DRS and EC2 get about as many
# calls in a second.
SERVERS_AT_ONCE = MAX_WRITERS

# Seconds until the next round if it would find nothing but what EC2 does not show yet.
SECONDS_TO_VISIBLE = 10

# After a launch that failed for one of these, the next type of the profile is tried.
TYPE_FAILURES = frozenset((FailureKind.CAPACITY, FailureKind.QUOTA, FailureKind.INSTANCE_TYPE))

# With these, a server cannot be launched as its profile says, however often it is tried.
REFUSALS = (DrsRefused, TargetRefused, NotInTarget, TargetAccessDenied)


class AppliedState(TypedDict):
    """The output of ApplySettings: whether all servers are done, how many are left, and when to go on."""

    done: bool
    left: int
    waitSeconds: int


@dataclass(frozen=True, slots=True)
class AppliedRound:
    """How many servers are left for another round, and in how many seconds it should begin."""

    left: int = 0
    wait_seconds: int = 1

    def to_state(self) -> AppliedState:
        """The output of ApplySettings."""
        return {"done": self.left == 0, "left": self.left, "waitSeconds": self.wait_seconds}


def apply_settings(ref: BatchRef) -> AppliedRound:
    """Change the launch settings of the batch's servers that have a profile, as far as a round gets.

    A server whose profile cannot be applied is refused, and the others go on. Servers without a profile get back what
    another batch has changed of them. Nothing is changed once a job of the
    batch may run: it may be launching with the settings. Raise LateMessage, RunHalted, RunPaused, ServerBusy, and
    errors that are transient; what the round has done before is on record then.
    """
    batch = batches.get_batch(ref)
    if batch.status is BatchStatus.SETTLED:
        raise LateMessage(f"{ref.key} is settled already")
    if batch.status.is_in_attempt:
        return AppliedRound()
    run = executions.get_requested_run(ref.execution_id)
    if run.is_halted:
        raise RunHalted(run.halted_because)
    if run.status is ExecutionStatus.PAUSED:
        raise RunPaused(f"{run.execution_id} is paused, and {ref.key} has no job yet")
    profiles = {} if run.profiles is ProfileOption.SKIP else find_profiles(ref, batch.server_ids)
    with use_share(CallShare.READING):
        applied = _apply(batch, profiles) if profiles else AppliedRound()
        until = time.monotonic() + ROUND_SECONDS / 2
        left = others.free(ref.target, [each for each in batch.server_ids if each not in profiles], until)
    return replace(applied, left=applied.left + left)


def _apply(batch: Batch, profiles: Mapping[str, LaunchProfile]) -> AppliedRound:
    applied, began = _open(batch), time.monotonic()
    waiting = [server_id for server_id in sorted(profiles) if server_id not in applied.servers]
    outcomes = _change_each(applied, {each: profiles[each] for each in waiting}, began) if waiting else {}
    found = {server_id: each for server_id, each in outcomes.items() if isinstance(each, AppliedServer)}
    applied = replace(applied, servers={**applied.servers, **found})
    if found or not waiting:
        _record(applied, found)
    _raise_worst(outcomes.values())
    postponed = [server_id for server_id in waiting if server_id not in found]
    is_out_of_time = any(outcomes.get(server_id) is None for server_id in postponed)
    unseen = [] if postponed else _find_unseen(applied)
    return AppliedRound(len(postponed) + len(unseen), 1 if is_out_of_time else SECONDS_TO_VISIBLE)


def _raise_worst(outcomes: Iterable["Outcome"]) -> None:
    """Raise an error of a server, if there is one. Who holds a server matters least."""
    if errors := [each for each in outcomes if isinstance(each, DrsWavesError)]:
        raise min(errors, key=lambda error: isinstance(error, ServerBusy))


def _record(applied: AppliedSettings, found: Mapping[str, AppliedServer]) -> None:
    if not applied_settings.record_applied(applied):
        raise LateMessage(f"{applied.ref.key} is past attempt {applied.attempt}")
    if refused := {server_id: each.refused for server_id, each in found.items() if each.refused}:
        logger.warning("launch profiles refused", extra={"batch": applied.ref.key, "servers": refused})


def _open(batch: Batch) -> AppliedSettings:
    """What is on record of this attempt, or that nothing is yet."""
    before = applied_settings.get_applied(batch.ref)
    if before and before.attempt == batch.lease_attempt:
        return before
    failed = dict(before.failed_launches) if before else {}
    for server_id, result in batch.results.items():
        count, job_id = failed.get(server_id, (0, ""))
        if result.get("cause") in TYPE_FAILURES and result.get("jobId", job_id) != job_id:
            failed[server_id] = (count + 1, result["jobId"])
    return AppliedSettings(batch.ref, batch.lease_attempt, clock.now(), failed_launches=failed)


Outcome = AppliedServer | DrsWavesError | NotVisibleYet | None
"""None for a server that the round has not come to."""


def _change_each(applied: AppliedSettings, profiles: Mapping[str, LaunchProfile], began: float) -> dict[str, Outcome]:
    """What became of each server. An error of one leaves the others alone; only defects are raised."""
    target = applied.ref.target
    try:
        known = {server.server_id: server for server in drs.describe_source_servers(target, list(profiles))}
        subnet_ids = {subnet_id for profile in profiles.values() for subnet_id in profile.subnets.values()}
        subnets = networks.describe_subnets(target, subnet_ids) if subnet_ids else {}
        launches = others.find_launches(target, profiles)
    except REFUSALS as error:
        return dict.fromkeys(profiles, _refuse(error))
    held = {server_id: _judge_launch(server_id, hold) for server_id, hold in launches.items()}
    rows = settings_changes.get_changes(target, profiles.keys() - held.keys())
    wanted = [
        _want(applied, server_id, profile, known, subnets)
        for server_id, profile in profiles.items()
        if server_id not in held
    ]
    dynamodb.client()  # created once, before the threads share it
    with ThreadPoolExecutor(SERVERS_AT_ONCE) as pool:
        change = partial(_change_one, until=began + ROUND_SECONDS)
        # The copied context keeps the share of the calls, and the ids of the run in the log lines.
        futures = [pool.submit(copy_context().run, change, each, rows.get(each.server.server_id)) for each in wanted]
    changed = {each.server.server_id: future.result() for each, future in zip(wanted, futures, strict=True)}
    return held | changed


def _judge_launch(server_id: str, hold: Hold) -> Outcome:
    """A job that may be launching the server would launch it with the new settings. One that does not end withholds
    it, as it would at the start.
    """
    if hold.is_usual:
        return ServerBusy(f"launch settings of {server_id} have to wait: it is in {hold.holder}")
    return AppliedServer(at=clock.now(), refused=f"DRS has it in a conflict that lasts: {hold.holder} holds it")


def _want(
    applied: AppliedSettings,
    server_id: str,
    profile: LaunchProfile,
    known: Mapping[str, SourceServer],
    subnets: Mapping[str, Subnet],
) -> Wanted:
    address = known[server_id].source_address if server_id in known else None
    server = ProfiledServer(server_id, address, applied.count_failed(server_id))
    return Wanted(applied.ref, applied.attempt, applied.began_at, profile, server, subnets)


def _change_one(wanted: Wanted, row: SettingsChange | None, until: float) -> Outcome:
    if time.monotonic() > until:
        return None
    try:
        return change_settings(wanted, row)
    except ProfileRefused as refusal:
        return AppliedServer(at=clock.now(), refused=str(refusal))
    except REFUSALS as error:
        return _refuse(error)
    except (DrsWavesError, NotVisibleYet) as error:
        return error


def _refuse(error: DrsWavesError) -> AppliedServer:
    advice = f". {error.advice}" if isinstance(error, TargetAccessDenied) else ""
    return AppliedServer(at=clock.now(), refused=f"its launch profile cannot be applied: {error.message}{advice}")


def _find_unseen(applied: AppliedSettings) -> Sequence[str]:
    """The servers whose new default version EC2 need not show yet. A launch would use the earlier one."""
    recent = {
        server_id: each
        for server_id, each in applied.servers.items()
        if each.is_changed and clock.now() - each.at < VISIBLE_WITHIN_SECONDS
    }
    template_ids = {each.template_id for each in recent.values() if each.template_id}
    try:
        shown = launch_templates.get_default_numbers(applied.ref.target, template_ids) if template_ids else {}
    except REFUSALS:  # the start asks again, and decides
        return []
    return [
        server_id
        for server_id, each in recent.items()
        if each.template_id in shown and shown[each.template_id] != each.version
    ]
