"""Commands on the servers of a look: collects the results of those that run, and sends those that are due.

A check's command may run again and again, so that one whose answer was lost is just sent again. One that has no result
in its time is cancelled.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from aws_lambda_powertools import Logger

from recovery.domain.target import Target
from recovery.domain.wave_steps.checks import KINDS_OF_COMMANDS, Check, CheckKind
from recovery.domain.wave_steps.ladder import SHORT_SECONDS, Found, Observation
from recovery.domain.wave_steps.masking import mask
from recovery.errors import DrsWavesError
from recovery.target_services import run_command
from recovery.target_services.run_command import CommandOutcome, Invocation
from recovery.verification import scripts
from recovery.verification.look import Look

logger = Logger(child=True)

# How long Systems Manager tries to deliver a command, and how much later than a result is due one is given up.
DELIVERY_SECONDS = 60
GRACE_SECONDS = 60


def collect_results(look: Look) -> None:
    """Ask for the results of the commands that run, once for each command."""
    by_command: dict[str, list[str]] = defaultdict(list)
    due = look.list_due("ssm", *KINDS_OF_COMMANDS)
    for server_id in due:
        if command := look.servers[server_id].command:
            by_command[command].append(server_id)
    for command_id, server_ids in by_command.items():
        look.ask("ssm", server_ids, _collect, command_id, due)


def _collect(look: Look, command_id: str, due: Mapping[str, Check]) -> None:
    results = run_command.list_invocations(look.target, command_id)
    for server_id, check in due.items():
        server = look.servers[server_id]
        if server.command == command_id:
            result = results.get(str(server.instance_id))
            late = look.now - server.sent_at > timeout_of(check) + DELIVERY_SECONDS + GRACE_SECONDS
            if late and (result is None or not result.outcome.has_ended):
                look.given_up.add(command_id)
            look.note(server_id, _judge(result, is_late=late))


def _judge(result: Invocation | None, *, is_late: bool) -> Observation:
    output = mask(result.output) if result else ""
    if result is None or not result.outcome.has_ended:
        if is_late:
            return Observation(Found.FAILED, "the command has no result in its time")
        return Observation(Found.RUNNING, output)
    if result.outcome is CommandOutcome.SUCCEEDED:
        return Observation(Found.PASSED)
    code = f", exit code {result.response_code}" if result.response_code is not None else ""
    return Observation(Found.FAILED, f"{result.detail}{code}: {output or 'no output'}")


def send_commands(look: Look) -> None:
    """Send the commands of the checks that are due: one for each check, platform and 50 servers."""
    parts: dict[tuple[str, str], list[str]] = defaultdict(list)
    due = look.list_due("ssm", *KINDS_OF_COMMANDS)
    for server_id, check in due.items():
        server = look.servers[server_id]
        if server.command is None and server.platform:
            platform = server.platform if check.kind is not CheckKind.COMMAND else ""
            parts[check.key, platform].append(server_id)
    for (_, platform), server_ids in parts.items():
        check = due[server_ids[0]]
        for at in range(0, len(server_ids), run_command.MAX_IDS):
            part = server_ids[at : at + run_command.MAX_IDS]
            look.ask("ssm", part, _send, part, check, platform)


def _send(look: Look, server_ids: Sequence[str], check: Check, platform: str) -> None:
    document, version, parameters = _build_command(look, check, platform)
    by_instance = look.by_instance(server_ids)
    sent = run_command.send(look.target, document, version, parameters, list(by_instance), look.key, DELIVERY_SECONDS)
    for instance_id, server_id in by_instance.items():
        if instance_id in sent.unmanaged:
            look.note(server_id, Observation(Found.FAILED, "Systems Manager does not take commands for it"))
            look.change(server_id, platform=None)
        else:
            look.change(server_id, command=sent.command_id, sent_at=look.now, next_at=look.now + SHORT_SECONDS)


def _build_command(look: Look, check: Check, platform: str) -> tuple[str, str | None, dict[str, list[str]]]:
    if check.kind is not CheckKind.COMMAND:
        document, lines = scripts.build_script(check, platform)
        return document, None, {"commands": lines, "executionTimeout": [str(timeout_of(check))]}
    settings = check.settings
    parameters = {name: list(values) for name, values in settings.get("parameters", {}).items()}
    if settings["document"] in (run_command.SHELL_DOCUMENT, run_command.POWERSHELL_DOCUMENT):
        parameters = {"executionTimeout": [str(timeout_of(check))], **parameters}
    return settings["document"], settings.get("documentVersion"), parameters


def cancel(target: Target, command_ids: Iterable[str]) -> None:
    """Ask for the end of commands whose results are not awaited any more, so that they do not pile up on the servers.

    A command that is not cancelled ends when its own time is up.
    """
    for command_id in sorted(command_ids):
        try:
            run_command.cancel(target, command_id)
        except DrsWavesError as error:
            logger.warning("command not cancelled", extra={"command": command_id, "reason": str(error)})


def timeout_of(check: Check) -> int:
    """How many seconds a command of the check may run."""
    if check.kind is CheckKind.COMMAND:
        return int(check.settings.get("timeoutSeconds", 300))
    return scripts.timeout_seconds(check) + scripts.MARGIN_SECONDS
