"""Reads documents of Systems Manager that tests add, and shows the instances that Systems Manager knows."""

import math
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.control.control_input import read_target_key, read_text
from drs_emulator.records.ssm_document import DocumentStep, Parameter, SsmDocument
from drs_emulator.settings import BadControlInput
from drs_emulator.world.instance_health import AREAS, health_of
from drs_emulator.world.world import World

Body = dict[str, Any]
PLATFORMS = ("Linux", "Windows", "MacOS")


def add_document(world: World, body: Body) -> Body:
    """Add a document, or a new version of it, which becomes the default. Raise BadControlInput."""
    key = read_target_key(body)
    known = {"accountId", "region", "name", "type", "parameters", "steps", "seconds", "platforms", "description"}
    _check_names(body, known, "")
    name = read_text(body, "name", r"(?!AWS-)[a-zA-Z0-9_\-.]{3,128}", "the name of a document, and not one of AWS")
    kind = read_text(body, "type", "Command|Automation", "Command or Automation")
    steps = _read_list(body, "steps")
    if (kind == "Automation") != bool(steps):
        raise BadControlInput("steps: an automation needs at least one, and a command has none")
    platforms = tuple(_read_list(body, "platforms") or PLATFORMS)
    if not set(platforms) <= set(PLATFORMS):
        raise BadControlInput(f"platforms: must be some of {', '.join(PLATFORMS)}")
    sent = enumerate(_read_list(body, "parameters"))
    parameters = tuple(_read_parameter(each, f"parameters[{index}]") for index, each in sent)
    read_steps = tuple(_read_step(each, f"steps[{index}]") for index, each in enumerate(steps))
    seconds, description = _read_seconds(body, "seconds", ""), str(body.get("description", ""))
    with world.lock:
        versions = world.target(key).documents.setdefault(name, [])
        number, now = len(versions) + 1, world.clock.now()
        versions.append(
            SsmDocument(
                name, kind, parameters, read_steps, seconds, platforms, description, number, now, owner=key.account
            )
        )
    return {"name": name, "version": number}


def _read_parameter(sent: Any, path: str) -> Parameter:
    """Read a parameter: a name alone, or an object with name, type, default and allowedValues."""
    if isinstance(sent, str):
        sent = {"name": sent}
    _check_names(sent, {"name", "type", "default", "allowedValues", "description"}, f"{path}.")
    name, kind, default = sent.get("name"), sent.get("type", "String"), sent.get("default")
    if not isinstance(name, str) or not 1 <= len(name) <= 50:
        raise BadControlInput(f"{path}.name: must be a text of 1 to 50 characters")
    if kind not in ("String", "StringList"):
        raise BadControlInput(f"{path}.type: must be String or StringList")
    if default is not None and not isinstance(default, str):
        raise BadControlInput(f"{path}.default: must be a text")
    return Parameter(name, kind, default, str(sent.get("description", "")), tuple(_read_list(sent, "allowedValues")))


def _read_step(sent: Any, path: str) -> DocumentStep:
    known = {"name", "action", "seconds", "timeoutSeconds", "onFailure", "isCritical", "outputs"}
    _check_names(sent, known, f"{path}.")
    on_failure, is_critical, outputs = (
        sent.get("onFailure", "Abort"),
        sent.get("isCritical", True),
        sent.get("outputs", {}),
    )
    if on_failure not in ("Abort", "Continue"):
        raise BadControlInput(f"{path}.onFailure: must be Abort or Continue")
    if not isinstance(is_critical, bool):
        raise BadControlInput(f"{path}.isCritical: must be true or false")
    if not isinstance(outputs, dict) or not all(isinstance(value, list) for value in outputs.values()):
        raise BadControlInput(f"{path}.outputs: must be an object of lists")
    try:
        name = read_text(sent, "name", r"[a-zA-Z0-9_]{3,128}", "3 to 128 letters, digits and underscores")
        action = read_text({"action": "aws:executeScript"} | sent, "action", r"aws:[a-zA-Z]{3,25}", "an action")
    except BadControlInput as error:
        raise BadControlInput(f"{path}.{error}") from error
    seconds = _read_seconds(sent, "seconds", f"{path}.")
    return DocumentStep(
        name, action, seconds, _read_seconds(sent, "timeoutSeconds", f"{path}."), on_failure, is_critical, outputs
    )


def _check_names(sent: Any, known: set[str], path: str) -> None:
    if not isinstance(sent, dict):
        raise BadControlInput(f"{path.rstrip('.') or 'body'}: must be an object")
    for name in sent:
        if name not in known:
            raise BadControlInput(f"{path}{name}: is unknown; the members are {', '.join(sorted(known))}")


def _read_list(body: Body, name: str) -> list[Any]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise BadControlInput(f"{name}: must be a list")
    return value


def _read_seconds(body: Body, name: str, path: str) -> float | None:
    value = body.get(name)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and not (is_number and 0 <= value < math.inf):
        raise BadControlInput(f"{path}{name}: must be a number, 0 or more")
    return value


def list_instances(world: World) -> list[Body]:
    """Return the instances of all targets, with the state of their checks and their agent."""
    with world.lock:
        now = world.clock.now()
        shown = []
        for key in sorted(world.targets):
            for _, instance in sorted(world.targets[key].machines.items()):
                health = health_of(world, instance)
                entry = {
                    "accountId": key.account,
                    "region": key.region,
                    "instanceId": instance.id,
                    "sourceServerId": instance.server_id,
                    "hostname": instance.hostname,
                    "state": instance.state,
                    "launchedAt": iso(instance.launched_at),
                    "agent": "online" if health.is_online(now) else "lost" if health.is_registered(now) else "absent",
                    "checks": {area: health.check(area, now) for area in AREAS},
                }
                shown.append(entry)
        return shown
