"""Operations of Run Command."""

import uuid
from collections.abc import Iterator
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.errors import Refused
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.systems_manager.documents import check_parameters, find_versions, pick_version
from drs_emulator.operations.systems_manager.managed_instances import refuse_unmanaged
from drs_emulator.operations.systems_manager.paging import forget_oldest, newest_first, paginate_ssm, read_time
from drs_emulator.records.command import Command, Invocation
from drs_emulator.records.ssm_document import SsmDocument
from drs_emulator.simulation.systems_manager import command_run
from drs_emulator.world.instance_health import health_of

DEFAULT_TIMEOUT = 3600  # of TimeoutSeconds, as the user guide says
EXECUTION_TIMEOUT, MAX_EXECUTION_TIMEOUT = 3600, 172_800  # the default and the maximum of AWS-RunShellScript
MAX_STDOUT, MAX_STDERR, MAX_LISTED_OUTPUT = 24_000, 8_000, 2_500  # characters, by the reference and the model
CUT_MARK = "---Output truncated---"
ERROR_LINE = "\n----------ERROR-------\n"  # the agent writes it between both outputs of a plugin
REPEATED = ("Comment", "Parameters", "InstanceIds", "Targets", "OutputS3BucketName", "OutputS3KeyPrefix")


@operation("SendCommand", "ssm")
def send_command(call: Call) -> dict[str, Any]:
    """Instances are ids, or tags of managed instances. Without a client token, a repeated call is a second command."""
    sent = call.input
    versions = find_versions(call.target, sent["DocumentName"])
    if not versions or versions[-1].kind != "Command":
        raise Refused("InvalidDocument", f"Document with name {sent['DocumentName']} does not exist.")
    document = pick_version(versions, sent.get("DocumentVersion"))
    if document is None:
        raise Refused("InvalidDocumentVersion", "The document version is not valid or does not exist.")
    parameters: dict[str, list[str]] = sent.get("Parameters") or {}
    check_parameters(document, parameters, "InvalidParameters")
    ids = _find_instances(call, document)
    target = call.target
    target.commands_made += 1
    behaviour, durations = call.world.settings.behaviour, call.world.settings.durations
    command = Command(
        id=str(uuid.uuid4()),
        number=target.commands_made,
        target=target.key,
        document=document.name,
        version=sent.get("DocumentVersion") or "$DEFAULT",
        plugin=document.plugin,
        request=_repeat_request(sent),
        requested_at=call.now,
        timeout_seconds=sent.get("TimeoutSeconds") or DEFAULT_TIMEOUT,
        execution_seconds=_read_execution_timeout(parameters),
        max_concurrency=max(1, _share_of(sent.get("MaxConcurrency") or "50", len(ids))),
        max_errors=_share_of(sent.get("MaxErrors") or "0", len(ids)),
        run_seconds=durations.command.started if document.seconds is None else document.seconds,
        invocations={each: Invocation(each, target.machines[each].hostname) for each in ids},
        shown_at=call.now + behaviour.command_delay_seconds,
    )
    command_run.send(call.world, target, command)
    forget_oldest(target.commands, call.world.settings.jobs_kept)
    return {"Command": command.to_api()}


def _repeat_request(sent: dict[str, Any]) -> dict[str, Any]:
    repeated = {name: sent[name] for name in REPEATED if name in sent}
    defaults: dict[str, Any] = {"InstanceIds": [], "Targets": [], "Comment": "", "Parameters": {}}
    limits = {"MaxConcurrency": sent.get("MaxConcurrency") or "50", "MaxErrors": sent.get("MaxErrors") or "0"}
    return defaults | repeated | limits


def _find_instances(call: Call, document: SsmDocument) -> list[str]:
    """Return the ids of the instances of the request. Raise Refused.

    Instances of another platform are left out if others are left, because a tag can be on both.
    """
    ids: list[str] = call.input.get("InstanceIds") or []
    targets: list[dict[str, Any]] = call.input.get("Targets") or []
    if bool(ids) == bool(targets):
        raise Refused("InvalidInstanceId", "Either InstanceIds or Targets must be given.")
    named = [each for target in targets if target.get("Key") == "InstanceIds" for each in target.get("Values", [])]
    asked = ids or named
    if asked:
        _check_named(call, asked)
    else:
        asked = [each for each in sorted(call.target.machines) if _has_tags(call, each, targets)]
    fitting = [each for each in asked if call.target.machines[each].platform in document.platforms]
    if ids and not fitting:
        raise Refused("UnsupportedPlatformType", f"{document.name} does not support the platform of the instances.")
    return fitting


def _check_named(call: Call, ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        raise Refused("DuplicateInstanceId")
    refuse_unmanaged(call, ids)


def _has_tags(call: Call, instance_id: str, targets: list[dict[str, Any]]) -> bool:
    instance = call.target.machines[instance_id]
    if not health_of(call.world, instance).is_registered(call.now):
        return False
    for each in targets:
        key, values = each.get("Key", ""), each.get("Values", [])
        if key == "tag-key" and not instance.tags.keys() & set(values):
            return False
        if key.startswith("tag:") and instance.tags.get(key.removeprefix("tag:")) not in values:
            return False
    return True


def _read_execution_timeout(parameters: dict[str, list[str]]) -> float:
    """Raise Refused."""
    text = (parameters.get("executionTimeout") or [str(EXECUTION_TIMEOUT)])[0]
    if not text.isdigit() or not 1 <= int(text) <= MAX_EXECUTION_TIMEOUT:
        raise Refused("InvalidParameters", f"executionTimeout must be from 1 to {MAX_EXECUTION_TIMEOUT}, not {text}")
    return float(text)


def _share_of(limit: str, number: int) -> int:
    """Read a number or a percentage of the instances. That a share is rounded down is an assumption."""
    return int(limit[:-1]) * number // 100 if limit.endswith("%") else int(limit)


@operation("ListCommands", "ssm")
def list_commands(call: Call) -> dict[str, Any]:
    """Newest first. An unknown command is an empty list."""
    instance_id = call.input.get("InstanceId")
    matching = [
        each
        for each in _find_commands(call)
        if (not instance_id or instance_id in each.invocations) and _has_status(call, *each.status())
    ]
    return paginate_ssm(call, matching, lambda each: newest_first(each.number), Command.to_api, "Commands")


@operation("ListCommandInvocations", "ssm")
def list_command_invocations(call: Call) -> dict[str, Any]:
    """Newest command first, with the instances in order of id. Output comes only with Details."""
    instance_id = call.input.get("InstanceId")
    matching = [
        (command, each)
        for command in _find_commands(call)
        for _, each in sorted(command.invocations.items())
        if instance_id in (None, each.instance_id) and _has_status(call, each.status, each.details)
    ]

    def sort_key(entry: tuple[Command, Invocation]) -> str:
        return newest_first(entry[0].number) + entry[1].instance_id

    def to_api(entry: tuple[Command, Invocation]) -> dict[str, Any]:
        return _show_invocation(call, *entry)

    return paginate_ssm(call, matching, sort_key, to_api, "CommandInvocations")


def _find_commands(call: Call) -> Iterator[Command]:
    """Yield the commands of the request, newest first, without those that are still hidden. Raise Refused, Invalid."""
    filters = {each["key"]: each["value"] for each in call.input.get("Filters") or ()}
    after = read_time("InvokedAfter", filters["InvokedAfter"]) if "InvokedAfter" in filters else 0
    before = read_time("InvokedBefore", filters["InvokedBefore"]) if "InvokedBefore" in filters else float("inf")
    if "ExecutionStage" in filters:
        raise Refused("InvalidFilterKey", "The emulator does not implement the filter ExecutionStage.")
    command_id = call.input.get("CommandId")
    commands = call.target.commands
    found = commands.values() if command_id is None else (commands[each] for each in (command_id,) if each in commands)
    for command in sorted(found, key=lambda each: -each.number):
        if (
            command.shown_at <= call.now
            and after <= command.requested_at <= before
            and filters.get("DocumentName") in (None, command.document)
        ):
            yield command


def _has_status(call: Call, status: str, details: str) -> bool:
    asked = [each["value"] for each in call.input.get("Filters") or () if each["key"] == "Status"]
    return all(each in (status, details) for each in asked)


def _show_invocation(call: Call, command: Command, invocation: Invocation) -> dict[str, Any]:
    shown = {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "InstanceName": invocation.instance_name,
        "Comment": command.request["Comment"],
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "RequestedDateTime": command.requested_at,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "CommandPlugins": [],
    }
    return shown | {"CommandPlugins": [_show_plugin(call, command, invocation)]} if call.input.get("Details") else shown


def _show_plugin(call: Call, command: Command, invocation: Invocation) -> dict[str, Any]:
    """A plugin has fewer statuses than an invocation."""
    status = {"Delayed": "Pending", "Cancelling": "InProgress"}.get(invocation.status, invocation.status)
    output = invocation.stdout + (ERROR_LINE + invocation.stderr if invocation.stderr else "")
    shown: dict[str, Any] = {
        "Name": command.plugin,
        "Status": status,
        "StatusDetails": invocation.details,
        "ResponseCode": invocation.exit_code,
        "Output": _cut(call, output, MAX_LISTED_OUTPUT),
    }
    if invocation.started_at is not None:
        shown["ResponseStartDateTime"] = invocation.started_at
        if invocation.ended_at is not None:
            shown["ResponseFinishDateTime"] = invocation.ended_at
    return shown


def _cut(call: Call, text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    if call.world.settings.behaviour.output_cut == "plain":
        return text[:limit]
    return text[: limit - len(CUT_MARK)] + CUT_MARK


@operation("GetCommandInvocation", "ssm")
def get_command_invocation(call: Call) -> dict[str, Any]:
    """InvocationDoesNotExist also shortly after SendCommand, because Run Command is eventually consistent."""
    command = call.target.commands.get(call.input["CommandId"])
    invocation = command.invocations.get(call.input["InstanceId"]) if command else None
    if command is None or invocation is None or call.now < command.shown_at:
        raise Refused("InvocationDoesNotExist")
    if call.input.get("PluginName") not in (None, command.plugin):
        raise Refused("InvalidPluginName")
    started, ended = invocation.started_at, invocation.ended_at
    elapsed = f"PT{ended - started:.3f}S" if started is not None and ended is not None else ""
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "Comment": command.request["Comment"],
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "PluginName": command.plugin,
        "ResponseCode": invocation.exit_code,
        "ExecutionStartDateTime": iso(started) if started is not None else "",
        "ExecutionElapsedTime": elapsed,
        "ExecutionEndDateTime": iso(ended) if elapsed and ended is not None else "",
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputContent": _cut(call, invocation.stdout, MAX_STDOUT),
        "StandardOutputUrl": "",
        "StandardErrorContent": _cut(call, invocation.stderr, MAX_STDERR),
        "StandardErrorUrl": "",
    }


@operation("CancelCommand", "ssm")
def cancel_command(call: Call) -> dict[str, Any]:
    """A command that has ended stays as it is."""
    ids: list[str] = call.input.get("InstanceIds") or []
    command = call.target.commands.get(call.input["CommandId"])
    if command is None:
        raise Refused("InvalidCommandId")
    if len(set(ids)) < len(ids):
        raise Refused("DuplicateInstanceId")
    if foreign := [each for each in ids if each not in command.invocations]:
        raise Refused("InvalidInstanceId", f"{', '.join(foreign)}: the command does not run there")
    command_run.cancel(call.world, command, ids, call.now)
    return {}
