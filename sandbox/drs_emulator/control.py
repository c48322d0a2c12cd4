"""The control API below `/_emulator`: JSON in, JSON out, no credentials. Bad input answers 400 and names the field.

- `GET health` -> `{status, engineUrl, clock, operations: {built, missing}}`, where `clock` is
  `{origin, speed, simulatedNow, anchor: {real, simulated, speed}}` and
  simulated now = anchor.simulated + (real now - anchor.real) * anchor.speed
- `POST reset` forgets servers, jobs, instances, buckets and calls; keeps settings and clock
- `POST source-servers` `{accountId, region, servers: [...]}` -> `{sourceServerIDs}`; initializes DRS there; all or none
- `GET settings`, `PUT settings` `{speed, seed, spread, quotas: {jobsInProgress, serversPerJob, serversInJobs},
  durations: {drill, recovery, terminate: {pending, started}}, pageSize: {default, maximum},
  rateLimits: {default or an operation: {perSecond, burst}}}`; a PUT may hold any part,
  null instead of an operation's limit gives it the default one again; answers the whole
- `POST advance` `{seconds}` lets the simulated clock jump ahead -> `{simulatedNow}`
- `GET calls` -> `{total, operations: {name: {outcome: n}}, peak: {overall: {jobs, servers}, targets: [...]}}`;
  with `?detail=true` also `calls`, the last 10,000

A server of `source-servers` needs a `hostname`; it may have `sourceServerID, fqdn, os, cpus, ramBytes` or `ramGiB`,
`disks: [{deviceName, bytes or gib}], tags, replicationState` (CONTINUOUS), `replicationError, lagDuration` (ISO 8601),
`recommendedInstanceType, sourceCloud: {originAccountID, originRegion, originAvailabilityZone}, stagingAccountID,
vmWareUuid, awsInstanceID, ip, failsAt` (SNAPSHOT, CONVERSION or LAUNCH: every launch of it fails there).
"""

import json
import re
from dataclasses import asdict
from typing import Any

from sandbox.drs_emulator.clock import iso
from sandbox.drs_emulator.life import advance
from sandbox.drs_emulator.operations import BUILT
from sandbox.drs_emulator.protocol import JSON, Reply, Request, drs_model
from sandbox.drs_emulator.seeding import server_from_json
from sandbox.drs_emulator.settings import BadControlInput
from sandbox.drs_emulator.state import World
from sandbox.drs_emulator.target import TargetKey

PREFIX = "/_emulator"


class Control:
    """The same by method call and over HTTP. Methods raise BadControlInput."""

    def __init__(self, world: World, engine_url: str | None = None) -> None:
        self._world = world
        self.engine_url = engine_url

    def handle(self, request: Request) -> Reply:
        try:
            status, answer = self._route(request)
        except BadControlInput as error:
            status, answer = 400, {"message": str(error)}
        return Reply(status, dict(JSON), json.dumps(answer).encode())

    def _route(self, request: Request) -> tuple[int, dict[str, Any]]:
        match request.method, request.path.removeprefix(PREFIX).rstrip("/"):
            case "GET", "/health":
                return 200, self.health()
            case "POST", "/reset":
                return 200, self.reset()
            case "POST", "/source-servers":
                return 201, self.seed(_body(request))
            case "GET", "/settings":
                return 200, self.settings()
            case "PUT", "/settings":
                return 200, self.change_settings(_body(request))
            case "POST", "/advance":
                return 200, self.advance(_body(request).get("seconds"))
            case "GET", "/calls":
                return 200, self.calls(detail="detail=true" in request.query)
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

    def reset(self) -> dict[str, Any]:
        self._world.reset()
        return {}

    def seed(self, body: dict[str, Any]) -> dict[str, Any]:
        key = TargetKey(
            _text(body, "accountId", r"\d{12}", "12 digits"),
            _text(body, "region", r"[a-z]{2,4}(-[a-z]+)+-\d", "a Region"),
        )
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
                made[server.id] = server
            target.servers.update(made)
            target.initialized = True
        return {"sourceServerIDs": list(made)}

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


def _text(body: dict[str, Any], name: str, pattern: str, what: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise BadControlInput(f"{name}: must be {what}")
    return value
