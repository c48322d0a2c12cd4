"""The control API below `/_emulator`: JSON without credentials. Bad input gets a 400 that names the field.

`docs/control-api.md` lists every route and member.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.control.source_server_input import change_server, parse_server
from drs_emulator.control.state_file import StateError, save_state
from drs_emulator.ids import new_id
from drs_emulator.operations import BUILT
from drs_emulator.protocol.http_messages import JSON, Reply, Request
from drs_emulator.protocol.service_model import drs_model
from drs_emulator.records.recovery_instance import Failback
from drs_emulator.records.source_server import SourceServer
from drs_emulator.settings import BadControlInput
from drs_emulator.simulation.job_lifecycle import release_held_jobs, run_due_events
from drs_emulator.target_key import TargetKey
from drs_emulator.world.world import World

PREFIX = "/_emulator"


class Control:
    """The control API, by method call and by HTTP. Methods raise BadControlInput."""

    def __init__(self, world: World, engine_url: str | None = None) -> None:
        self._world = world
        self.engine_url = engine_url
        self.state_file: Path | None = None

    def handle(self, request: Request) -> Reply:
        try:
            status, body = self._route(request)
        except BadControlInput as error:
            status, body = 400, {"message": str(error)}
        return Reply(status, dict(JSON), json.dumps(body).encode())

    def _route(self, request: Request) -> tuple[int, dict[str, Any]]:
        path, _, name = request.path.removeprefix(f"{PREFIX}/").partition("/")
        match request.method, path, name:
            case "GET", "health", "":
                return 200, self.health()
            case "POST", "reset", "":
                return 200, self.reset(**_read_flags(request, terminateInstances="terminate_instances"))
            case "POST", "source-servers", "":
                return 201, self.seed(_read_body(request))
            case "PATCH", "source-servers", _ if name:
                return 200, self.change_server(name, _read_body(request))
            case "POST", "failback-clients", "":
                return 201, self.boot_failback_client(_read_body(request))
            case "GET", "settings", "":
                return 200, self.settings()
            case "PUT", "settings", "":
                return 200, self.change_settings(_read_body(request))
            case "POST", "advance", "":
                return 200, self.advance(_read_body(request).get("seconds"))
            case "GET", "calls", "":
                return 200, self.calls(detail="detail=true" in request.query)
            case "GET", "faults", "":
                return 200, {"faults": self._world.faults.describe(self._world.clock.now())}
            case "POST", "faults", "":
                return 201, {"id": self._world.faults.add(_read_body(request), self._world.clock.now())}
            case "DELETE", "faults", _:
                return 200, {"deleted": self.remove_faults(name or None)}
            case "POST", "save", "":
                return 200, self.save()
        return 404, {"message": f"{request.method} {request.path} is no route of the control API"}

    def health(self) -> dict[str, Any]:
        clock = self._world.clock
        missing = drs_model().operations.keys() - BUILT.keys()
        return {
            "status": "ok",
            "engineUrl": self.engine_url,
            "clock": {
                "origin": clock.origin,
                "speed": clock.speed,
                "simulatedNow": iso(clock.now()),
                "anchor": asdict(clock.anchor),
            },
            "operations": {"built": sorted(BUILT), "missing": sorted(missing)},
        }

    def reset(self, *, terminate_instances: bool = False) -> dict[str, Any]:
        """Delete the state. Without `terminate_instances`, instances of the engine keep running."""
        world = self._world
        with world.lock:
            instances = [i for target in world.targets.values() for i in target.instances.values()]
            world.reset()
        if not terminate_instances:
            return {"instancesTerminated": 0}
        for instance in instances:
            world.ec2.terminate(instance.target, instance.id, lambda _: None)
        return {"instancesTerminated": len(instances)}

    def seed(self, body: dict[str, Any]) -> dict[str, Any]:
        key = _read_target_key(body)
        servers = body.get("servers")
        if not isinstance(servers, list):
            raise BadControlInput("servers: must be a list")
        with self._world.lock:
            target = self._world.target(key)
            now = self._world.clock.now()
            created: dict[str, SourceServer] = {}
            for index, sent in enumerate(servers):
                server = parse_server(sent, key, f"servers[{index}]", now)
                if server.id in created or server.id in target.servers:
                    raise BadControlInput(
                        f"servers[{index}].hostname: {server.id} already exists; set another sourceServerID"
                    )
                server.apply_templates(target.templates.values())
                created[server.id] = server
            target.servers.update(created)
            target.initialized = True
        return {"sourceServerIDs": list(created)}

    def change_server(self, server_id: str, body: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        with world.lock:
            now = world.clock.now()
            run_due_events(world, now)
            server = world.target(_read_target_key(body)).servers.get(server_id)
            if server is None:
                raise BadControlInput(f"id: there is no source server {server_id} in this account and Region")
            change_server(server, body.get("server"), now)
            return {"sourceServer": server.to_api(now)}

    def boot_failback_client(self, body: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        with world.lock:
            now = world.clock.now()
            run_due_events(world, now)
            instance = world.target(_read_target_key(body)).instances.get(str(body.get("recoveryInstanceID")))
            if instance is None or instance.is_disconnected:
                raise BadControlInput(
                    "recoveryInstanceID: there is no such recovery instance in this account and Region"
                )
            instance.failback = Failback("FAILBACK_IN_PROGRESS", now, client_id=new_id("s-"))
            instance.failback.replication.start(now, world.settings.durations.replication)
            return {"failbackClientID": instance.failback.client_id}

    def remove_faults(self, fault_id: str | None) -> list[str]:
        """Remove a fault, or all of them, and begin the jobs that they hold PENDING."""
        world = self._world
        with world.lock:
            removed = world.faults.remove(fault_id)
            release_held_jobs(world, removed, world.clock.now())
        return removed

    def settings(self) -> dict[str, Any]:
        return self._world.settings.to_json()

    def change_settings(self, change: dict[str, Any]) -> dict[str, Any]:
        """Change settings. Durations apply to jobs that start later; everything else applies at once."""
        with self._world.lock:
            changed = self._world.settings.with_changes(change)
            if changed.speed != self._world.clock.speed:
                self._world.clock.set_speed(changed.speed)
            self._world.settings = changed
        self._world.wake_ticker.set()
        return changed.to_json()

    def advance(self, seconds: Any) -> dict[str, Any]:
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
            raise BadControlInput("seconds: must be a number, 0 or more")
        with self._world.lock:
            now = self._world.clock.advance(seconds)
            run_due_events(self._world, now)
        return {"simulatedNow": iso(now)}

    def save(self) -> dict[str, Any]:
        if self.state_file is None:
            raise BadControlInput("state: the emulator was started without --state")
        try:
            now = save_state(self._world, self.state_file)
        except StateError as error:
            raise BadControlInput(f"state: {error}") from error
        return {"path": str(self.state_file), "simulatedNow": iso(now)}

    def calls(self, *, detail: bool = False) -> dict[str, Any]:
        return self._world.call_log.report(detail=detail)


def _read_body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise BadControlInput(f"body: is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadControlInput("body: must be an object")
    return body


def _read_target_key(body: dict[str, Any]) -> TargetKey:
    return TargetKey(
        _read_text(body, "accountId", r"\d{12}", "12 digits"),
        _read_text(body, "region", r"[a-z]{2,4}(-[a-z]+)+-\d", "a Region"),
    )


def _read_flags(request: Request, **names: str) -> dict[str, bool]:
    """Read a body of booleans, and return them under their parameter names."""
    body = _read_body(request)
    for name, value in body.items():
        if name not in names or not isinstance(value, bool):
            raise BadControlInput(f"{name}: must be one of {', '.join(names)}, and true or false")
    return {names[name]: value for name, value in body.items()}


def _read_text(body: dict[str, Any], name: str, pattern: str, what: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise BadControlInput(f"{name}: must be {what}")
    return value
