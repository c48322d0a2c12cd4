"""The control API below `/_emulator`: JSON in, JSON out, no credentials. Bad input answers 400 and names the field.

- `GET health` -> `{status, engineUrl, clock, operations: {built, missing}}`, where `clock` is
  `{origin, speed, simulatedNow, anchor: {real, simulated, speed}}` and
  simulated now = anchor.simulated + (real now - anchor.real) * anchor.speed
- `POST reset` forgets servers, jobs, instances, buckets, faults and calls; keeps settings and clock; with
  `{terminateInstances: true}` the engine is asked to terminate the instances -> `{instancesTerminated}`
- `POST source-servers` `{accountId, region, servers: [...]}` -> `{sourceServerIDs}`; initializes DRS there; all or none
- `PATCH source-servers/ID` `{accountId, region, server: {replicationState, replicationError, lagDuration, failsAt}}`
  changes what is given; a state set so stays, and an empty failsAt takes the failing away
- `POST failback-clients` `{accountId, region, recoveryInstanceID}` boots a failback client, which starts a failback
- `GET settings`, `PUT settings` `{speed, seed, spread, jobsKept,
  quotas: {jobsInProgress, serversPerJob, serversInJobs, sourceServers},
  durations: {drill, recovery, terminate, failback, replication, launchAction: {pending, started}},
  pageSize: {default, maximum}, rateLimits: {default or an operation: {perSecond, burst}}}`; a PUT may hold any part,
  null instead of an operation's limit gives it the default one again; answers the whole
- `POST advance` `{seconds}` lets the simulated clock jump ahead -> `{simulatedNow}`
- `GET calls` -> `{total, operations: {name: {outcome: n}}, peak: {overall: {jobs, servers}, targets: [...]}}`;
  with `?detail=true` also `calls`, the last 10,000
- `POST faults` -> `{id}`, `GET faults` -> `{faults: [{..., struck, active}]}`, `DELETE faults` or `DELETE faults/ID`
  -> `{deleted}`; a fault has a `kind` (see `faults`) and may have `operation, accountId, region, sourceServerId, count,
  probability, durationSeconds`, and of its kind `milliseconds, status, retryAfterSeconds, holdSeconds`
- `POST save` writes the state to the file of `--state` -> `{path, simulatedNow}`

A server of `source-servers` needs a `hostname`; it may have `sourceServerID, fqdn, os, cpus, ramBytes` or `ramGiB`,
`disks: [{deviceName, bytes or gib}], tags, replicationState` (CONTINUOUS), `replicationError, lagDuration` (ISO 8601),
`recommendedInstanceType, sourceCloud: {originAccountID, originRegion, originAvailabilityZone}, stagingAccountID,
sourceNetworkID, vmWareUuid, awsInstanceID, ip, failsAt` (SNAPSHOT, CONVERSION or LAUNCH: its launches fail there).
"""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.control.source_server_input import change_server, server_from_json
from drs_emulator.control.state_file import StateError, save
from drs_emulator.ids import new_id
from drs_emulator.operations import BUILT
from drs_emulator.protocol.http_messages import JSON, Reply, Request
from drs_emulator.protocol.service_model import drs_model
from drs_emulator.records.recovery_instance import Failback
from drs_emulator.settings import BadControlInput
from drs_emulator.simulation.job_lifecycle import advance, release
from drs_emulator.target_key import TargetKey
from drs_emulator.world.world import World

PREFIX = "/_emulator"


class Control:
    """The same by method call and over HTTP. Methods raise BadControlInput."""

    def __init__(self, world: World, engine_url: str | None = None) -> None:
        self._world = world
        self.engine_url = engine_url
        self.state_file: Path | None = None

    def handle(self, request: Request) -> Reply:
        try:
            status, answer = self._route(request)
        except BadControlInput as error:
            status, answer = 400, {"message": str(error)}
        return Reply(status, dict(JSON), json.dumps(answer).encode())

    def _route(self, request: Request) -> tuple[int, dict[str, Any]]:
        path, _, name = request.path.removeprefix(f"{PREFIX}/").partition("/")
        match request.method, path, name:
            case "GET", "health", "":
                return 200, self.health()
            case "POST", "reset", "":
                return 200, self.reset(**_flags(request, terminateInstances="terminate_instances"))
            case "POST", "source-servers", "":
                return 201, self.seed(_body(request))
            case "PATCH", "source-servers", _ if name:
                return 200, self.change_server(name, _body(request))
            case "POST", "failback-clients", "":
                return 201, self.boot_failback_client(_body(request))
            case "GET", "settings", "":
                return 200, self.settings()
            case "PUT", "settings", "":
                return 200, self.change_settings(_body(request))
            case "POST", "advance", "":
                return 200, self.advance(_body(request).get("seconds"))
            case "GET", "calls", "":
                return 200, self.calls(detail="detail=true" in request.query)
            case "GET", "faults", "":
                return 200, {"faults": self._world.faults.describe(self._world.clock.now())}
            case "POST", "faults", "":
                return 201, {"id": self._world.faults.add(_body(request), self._world.clock.now())}
            case "DELETE", "faults", _:
                return 200, {"deleted": self.remove_faults(name or None)}
            case "POST", "save", "":
                return 200, self.save()
        return 404, {"message": f"{request.method} {request.path} is not of the control API"}

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
        """How many instances EC2 was asked to terminate; without it, those of the engine are left to the engine."""
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
        key = _target_key(body)
        sent = body.get("servers")
        if not isinstance(sent, list):
            raise BadControlInput("servers: must be a list")
        with self._world.lock:
            target = self._world.target(key)
            now = self._world.clock.now()
            made = {}
            for index, one in enumerate(sent):
                server = server_from_json(one, key, f"servers[{index}]", now)
                if server.id in made or server.id in target.servers:
                    raise BadControlInput(f"servers[{index}].hostname: {server.id} is there already; give another id")
                server.apply_templates(target.templates.values())
                made[server.id] = server
            target.servers.update(made)
            target.initialized = True
        return {"sourceServerIDs": list(made)}

    def change_server(self, server_id: str, body: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        with world.lock:
            now = world.clock.now()
            advance(world, now)
            server = world.target(_target_key(body)).servers.get(server_id)
            if server is None:
                raise BadControlInput(f"id: there is no source server {server_id} in this account and Region")
            change_server(server, body.get("server"), now)
            return {"sourceServer": server.to_api(now)}

    def boot_failback_client(self, body: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        with world.lock:
            now = world.clock.now()
            advance(world, now)
            instance = world.target(_target_key(body)).instances.get(str(body.get("recoveryInstanceID")))
            if instance is None or instance.disconnected:
                raise BadControlInput("recoveryInstanceID: is no recovery instance of this account and Region")
            instance.failback = Failback("FAILBACK_IN_PROGRESS", now, client_id=new_id("s-"))
            instance.failback.replication.start(now, world.settings.durations.replication)
            return {"failbackClientID": instance.failback.client_id}

    def remove_faults(self, fault_id: str | None) -> list[str]:
        """All of them without an id. The jobs they held PENDING begin."""
        world = self._world
        with world.lock:
            gone = world.faults.remove(fault_id)
            release(world, gone, world.clock.now())
        return gone

    def settings(self) -> dict[str, Any]:
        return self._world.settings.to_json()

    def change_settings(self, change: dict[str, Any]) -> dict[str, Any]:
        """Durations count for jobs that start from now on; everything else at once."""
        with self._world.lock:
            changed = self._world.settings.changed(change)
            if changed.speed != self._world.clock.speed:
                self._world.clock.set_speed(changed.speed)
            self._world.settings = changed
        self._world.woken.set()
        return changed.to_json()

    def advance(self, seconds: Any) -> dict[str, Any]:
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
            raise BadControlInput("seconds: must be a number, 0 or more")
        with self._world.lock:
            now = self._world.clock.advance(seconds)
            advance(self._world, now)
        return {"simulatedNow": iso(now)}

    def save(self) -> dict[str, Any]:
        if self.state_file is None:
            raise BadControlInput("state: the emulator was started without --state")
        try:
            now = save(self._world, self.state_file)
        except StateError as error:
            raise BadControlInput(f"state: {error}") from error
        return {"path": str(self.state_file), "simulatedNow": iso(now)}

    def calls(self, *, detail: bool = False) -> dict[str, Any]:
        return self._world.ledger.report(detail=detail)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise BadControlInput(f"body: is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadControlInput("body: must be an object")
    return body


def _target_key(body: dict[str, Any]) -> TargetKey:
    return TargetKey(
        _text(body, "accountId", r"\d{12}", "12 digits"),
        _text(body, "region", r"[a-z]{2,4}(-[a-z]+)+-\d", "a Region"),
    )


def _flags(request: Request, **names: str) -> dict[str, bool]:
    """The members of a body that holds nothing but booleans, by the names their parameters have."""
    body = _body(request)
    for name, value in body.items():
        if name not in names or not isinstance(value, bool):
            raise BadControlInput(f"{name}: must be one of {', '.join(names)}, true or false")
    return {names[name]: value for name, value in body.items()}


def _text(body: dict[str, Any], name: str, pattern: str, what: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise BadControlInput(f"{name}: must be {what}")
    return value
