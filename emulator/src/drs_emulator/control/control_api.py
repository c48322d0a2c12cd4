"""The control API below `/_emulator`: JSON for callers that know the emulator's secret.

Bad input gets a 400 that names the field. `docs/control-api.md` lists every route and member.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.control import additions, networks, ssm_documents
from drs_emulator.control.control_input import read_body, read_flags, read_target_key
from drs_emulator.control.source_server_input import change_server, parse_server, read_template_data
from drs_emulator.control.state_file import StateError, save_state
from drs_emulator.ids import new_id
from drs_emulator.operations import BUILT, BUILT_BY_SERVICE
from drs_emulator.protocol.http_messages import JSON, Reply, Request
from drs_emulator.protocol.service_model import drs_model
from drs_emulator.records.recovery_instance import Failback
from drs_emulator.records.source_server import SourceServer
from drs_emulator.settings import BadControlInput
from drs_emulator.simulation.job_lifecycle import release_held_jobs, run_due_events
from drs_emulator.world.ec2.launch_templates import make_templates
from drs_emulator.world.world import World

PREFIX = "/_emulator"
Route = Callable[[Request], dict[str, Any]]
RESET_FLAGS = {"terminateInstances": "terminate_instances"}
CREATES = {
    "source-servers",
    "failback-clients",
    "faults",
    "ec2-instances",
    "strange-records",
    "rules",
    "ssm-documents",
    "target-groups",
    "ec2-resources",
    "instance-profiles",
}


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
        route = self._with_name(name).get((request.method, path)) if name else None
        route = route or (None if name else self._without_name().get((request.method, path)))
        if route is None:
            return 404, {"message": f"{request.method} {request.path} is no route of the control API"}
        return (201 if path in CREATES and request.method == "POST" else 200), route(request)

    def _without_name(self) -> dict[tuple[str, str], Route]:
        world = self._world
        return {
            ("GET", "health"): lambda _: self.health(),
            ("POST", "reset"): lambda request: self.reset(**read_flags(request, **RESET_FLAGS)),
            ("POST", "source-servers"): lambda request: self.seed(read_body(request)),
            ("POST", "failback-clients"): lambda request: self.boot_failback_client(read_body(request)),
            ("GET", "settings"): lambda _: self.settings(),
            ("PUT", "settings"): lambda request: self.change_settings(read_body(request)),
            ("POST", "advance"): lambda request: self.advance(read_body(request).get("seconds")),
            ("GET", "calls"): lambda request: self.calls(detail="detail=true" in request.query),
            ("GET", "faults"): lambda _: {"faults": world.faults.describe(world.clock.now())},
            ("POST", "faults"): lambda request: {"id": self.add_fault(read_body(request))},
            ("DELETE", "faults"): lambda _: {"deleted": self.remove_faults(None)},
            ("POST", "ec2-instances"): lambda request: additions.add_ec2_instance(world, read_body(request)),
            ("GET", "ec2-instances"): lambda _: additions.list_ec2_instances(world),
            ("POST", "strange-records"): lambda request: additions.add_strange_record(world, read_body(request)),
            ("DELETE", "strange-records"): lambda _: additions.remove_strange_records(world),
            ("GET", "rules"): lambda _: {"rules": world.rules.describe()},
            ("POST", "rules"): lambda request: {"id": self.add_rule(read_body(request))},
            ("DELETE", "rules"): lambda _: {"deleted": self.remove_rules(None)},
            ("POST", "ssm-documents"): lambda request: self.add_document(read_body(request)),
            ("POST", "target-groups"): lambda request: self.add_target_group(read_body(request)),
            ("GET", "ec2-resources"): lambda _: networks.list_resources(world),
            ("POST", "ec2-resources"): lambda request: networks.add_resource(world, read_body(request)),
            ("POST", "instance-profiles"): lambda request: networks.add_profile(world, read_body(request)),
            ("PUT", "service-quotas"): lambda request: networks.set_quota(world, read_body(request)),
            ("PUT", "instance-type-offerings"): lambda request: networks.set_offering(world, read_body(request)),
            ("GET", "instances"): lambda _: {"instances": self.instances()},
            ("POST", "save"): lambda _: self.save(),
        }

    def _with_name(self, name: str) -> dict[tuple[str, str], Route]:
        world = self._world
        return {
            ("PATCH", "source-servers"): lambda request: self.change_server(name, read_body(request)),
            ("PATCH", "launch-templates"): lambda request: networks.change_template(world, name, read_body(request)),
            ("DELETE", "ec2-resources"): lambda _: networks.remove_resource(world, name),
            ("DELETE", "instance-profiles"): lambda _: networks.remove_profile(world, name),
            ("DELETE", "faults"): lambda _: {"deleted": self.remove_faults(name)},
            ("DELETE", "rules"): lambda _: {"deleted": self.remove_rules(name)},
        }

    def add_fault(self, body: dict[str, Any]) -> str:
        return self._world.faults.add(body, self._world.clock.now())

    def add_ec2_instance(self, body: dict[str, Any]) -> dict[str, Any]:
        return additions.add_ec2_instance(self._world, body)

    def ec2_instances(self) -> list[dict[str, Any]]:
        instances: list[dict[str, Any]] = additions.list_ec2_instances(self._world)["instances"]
        return instances

    def add_strange_record(self, body: dict[str, Any]) -> dict[str, Any]:
        return additions.add_strange_record(self._world, body)

    def add_ec2_resource(self, kind: str, account: str, region: str, resource: dict[str, Any]) -> str:
        """Add a resource of a network as EC2 describes it, or change the given members of one. Return its id."""
        body = {"accountId": account, "region": region, "kind": kind, "resource": resource}
        return str(networks.add_resource(self._world, body)["id"])

    def ec2_resources(self) -> list[dict[str, Any]]:
        resources: list[dict[str, Any]] = networks.list_resources(self._world)["resources"]
        return resources

    def remove_ec2_resource(self, resource_id: str) -> None:
        networks.remove_resource(self._world, resource_id)

    def change_launch_template(self, template_id: str, body: dict[str, Any]) -> None:
        """Set the default version of a launch template, even to one that does not exist."""
        networks.change_template(self._world, template_id, body)

    def set_quota(self, body: dict[str, Any]) -> None:
        """Set a quota of Service Quotas, such as that of running vCPUs."""
        networks.set_quota(self._world, body)

    def set_offering(self, body: dict[str, Any]) -> None:
        """Say which zones offer an instance type."""
        networks.set_offering(self._world, body)

    def add_instance_profile(self, account: str, name: str) -> None:
        networks.add_profile(self._world, {"accountId": account, "name": name})

    def add_rule(self, body: dict[str, Any]) -> str:
        """Add a rule of how instances boot, or of what commands or automations do, and return its id."""
        with self._world.lock:
            return self._world.rules.add(body, self._world.clock.now())

    def remove_rules(self, rule_id: str | None) -> list[str]:
        with self._world.lock:
            return self._world.rules.remove(rule_id)

    def add_document(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add a document of Systems Manager, or a new version of one."""
        return ssm_documents.add_document(self._world, body)

    def add_target_group(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add a target group in which instances of source servers become healthy."""
        return additions.add_target_group(self._world, body)

    def instances(self) -> list[dict[str, Any]]:
        """Return the instances as Systems Manager and the status checks see them."""
        return ssm_documents.list_instances(self._world)

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
            "otherServices": {name: sorted(built) for name, built in BUILT_BY_SERVICE.items() if name != "drs"},
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
        key = read_target_key(body)
        servers = body.get("servers")
        if not isinstance(servers, list):
            raise BadControlInput("servers: must be a list")
        with self._world.lock:
            target = self._world.target(key)
            now = self._world.clock.now()
            created: dict[str, SourceServer] = {}
            data: dict[str, dict[str, Any]] = {}
            for index, sent in enumerate(servers):
                server = parse_server(sent, key, f"servers[{index}]", now)
                if server.id in created or server.id in target.servers:
                    raise BadControlInput(
                        f"servers[{index}].hostname: {server.id} already exists; set another sourceServerID"
                    )
                server.apply_templates(target.templates.values())
                created[server.id] = server
                data[server.id] = read_template_data(sent, f"servers[{index}]")
            target.servers.update(created)
            make_templates(target, created.values(), data)
            target.initialized = True
        return {"sourceServerIDs": list(created)}

    def change_server(self, server_id: str, body: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        with world.lock:
            now = world.clock.now()
            run_due_events(world, now)
            server = world.target(read_target_key(body)).servers.get(server_id)
            if server is None:
                raise BadControlInput(f"id: there is no source server {server_id} in this account and Region")
            change_server(server, body.get("server"), now)
            return {"sourceServer": server.to_api(now)}

    def boot_failback_client(self, body: dict[str, Any]) -> dict[str, Any]:
        world = self._world
        with world.lock:
            now = world.clock.now()
            run_due_events(world, now)
            instance = world.target(read_target_key(body)).instances.get(str(body.get("recoveryInstanceID")))
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
