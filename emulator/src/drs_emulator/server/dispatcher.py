"""Turns a request into a reply: caller, operation, faults, rate limit, validation, response."""

import logging
import time
import uuid
from dataclasses import dataclass

from drs_emulator.clock import iso
from drs_emulator.control.control_api import PREFIX, Control
from drs_emulator.errors import (
    AccessDenied,
    Conflict,
    ConnectionCut,
    InternalServer,
    ServiceError,
    Throttled,
    Unavailable,
    Uninitialized,
    UnknownCredentials,
)
from drs_emulator.operations import Call
from drs_emulator.operations.tags import check_tags
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.service_model import Operation
from drs_emulator.protocol.validation import check_output
from drs_emulator.server.engine_answers import add_placements
from drs_emulator.server.services import DRS, SSM, Service, find_service
from drs_emulator.shaping.answers import reshape
from drs_emulator.shaping.strange_records import add_strange_records
from drs_emulator.simulation.job_lifecycle import run_due_events
from drs_emulator.target_key import TargetKey
from drs_emulator.world.call_log import CallRecord
from drs_emulator.world.faults import CALL_FAULTS, FaultKind
from drs_emulator.world.world import World

log = logging.getLogger(__name__)

STARTS = {"StartRecovery", "TerminateRecoveryInstances", "StartFailbackLaunch"}


@dataclass(slots=True)
class Effects:
    """What happens to the answer of a call that took effect. The seconds are real."""

    response_is_lost: bool = False
    answer_seconds: float = 0


class Dispatcher:
    """Handles the requests of all services that the emulator plays, and of the control API."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.control = Control(world)

    def handle(self, request: Request) -> Reply:
        if request.path.startswith(PREFIX):
            return self.control.handle(request)
        request_id = str(uuid.uuid4())
        started = time.perf_counter()
        name, target, outcome = "-", TargetKey("-", "-"), "OK"
        service = find_service(request)
        try:
            operation, labels = service.match(request)
            name = operation.name
            target = self.world.access_keys.target_of(request.headers)
            return self._call_operation(service, operation, labels, target, request, request_id)
        except ServiceError as error:
            outcome = error.code
            if isinstance(error, Conflict) and self.world.settings.behaviour.conflicts == "unnamed":
                error = Conflict("The request conflicts with the state of a resource")
            if isinstance(error, InternalServer) and not error.injected:
                log.error("%s: %s", name, error.message)
            return service.render_error(error, request_id)
        except ConnectionCut as cut:
            outcome = str(cut)
            raise
        except Exception as error:  # callers see an error of the service; the log has the defect
            outcome = InternalServer.code
            log.exception("%s failed", name)
            return service.render_error(InternalServer(f"The emulator failed: {error!r}"), request_id)
        finally:
            milliseconds = round((time.perf_counter() - started) * 1000, 2)
            now = iso(self.world.clock.now())
            call = CallRecord(now, target.account, target.region, name, outcome, milliseconds, request_id, service.name)
            self.world.call_log.record(call)

    def _call_operation(
        self,
        service: Service,
        operation: Operation,
        labels: dict[str, str],
        key: TargetKey,
        request: Request,
        request_id: str,
    ) -> Reply:
        world, handler = self.world, service.built.get(operation.name)
        engine = world.forwarder if self._is_of_engine(service, operation, request, key) else None
        if handler is None and engine is None:
            raise service.missing(operation)
        effects = self._apply_faults(service, operation.name, key, request)
        self._take_token(service, operation.name, key)
        if engine:
            reply = engine.forward(request)
            if operation.name == "DescribeInstances":
                with world.lock:
                    reply = add_placements(reply, world.target(key))
        else:
            reply = self._execute(service, operation, labels, key, request, request_id)
        time.sleep(effects.answer_seconds + self._start_seconds(operation.name))
        if effects.response_is_lost:
            raise ConnectionCut(took_effect=True)
        return reply

    def _is_of_engine(self, service: Service, operation: Operation, request: Request, key: TargetKey) -> bool:
        world = self.world
        if world.forwarder is None:
            return False
        with world.lock:
            return service.is_of_engine(operation, request, world.target(key))

    def _execute(
        self,
        service: Service,
        operation: Operation,
        labels: dict[str, str],
        key: TargetKey,
        request: Request,
        request_id: str,
    ) -> Reply:
        world = self.world
        values = service.parse(operation, labels, request)
        with world.lock:
            now = world.clock.now()
            run_due_events(world, now)
            target = world.target(key)
            if not target.initialized and Uninitialized.code in operation.errors:
                raise Uninitialized(f"DRS is not initialized in account {key.account}, Region {key.region}")
            call = Call(world, target, operation.name, values, now)
            if service is DRS and world.settings.behaviour.tag_rules == "strict":
                check_tags(call)
            output = service.built[operation.name](call)
            check_output(operation, output)
            if service is DRS:
                output = reshape(operation, output, world.settings.behaviour)
                output = add_strange_records(operation.name, values, output, target.strange_records)
        return service.render(operation, output, request_id)

    def _take_token(self, service: Service, operation: str, key: TargetKey) -> None:
        """Raise Throttled. EC2 and load balancers have higher limits: only those that the settings name apply."""
        settings, now = self.world.settings, self.world.clock.now()
        if service in (DRS, SSM) or operation in settings.rate_limits:
            self.world.rate_limiter.take(key, operation, settings.rate_limit(operation), now)

    def _start_seconds(self, operation: str) -> float:
        """Return the real seconds that a start of a job takes to answer. At speed 0, it answers at once."""
        speed = self.world.clock.speed
        return self.world.settings.behaviour.start_seconds / speed if operation in STARTS and speed else 0

    def _apply_faults(self, service: Service, operation: str, key: TargetKey, request: Request) -> "Effects":
        """Apply the faults that strike before the call. Raise ServiceError, ConnectionCut."""
        world = self.world
        servers = request.body.decode(errors="replace") if world.faults.entries else ""
        effects = Effects()
        seed, now = world.settings.seed, world.clock.now()
        for fault in world.faults.strike(CALL_FAULTS, key, operation, servers, seed, now, service.name):
            match fault.kind:
                case FaultKind.LATENCY:
                    time.sleep(fault.milliseconds / 1000)
                case FaultKind.CUT_AFTER:
                    effects.response_is_lost = True
                case FaultKind.SLOW_ANSWER:
                    effects.answer_seconds += fault.milliseconds / 1000
                case FaultKind.REGION_NOT_ENABLED:
                    raise UnknownCredentials("The security token included in the request is invalid.")
                case FaultKind.ACCESS_DENIED:
                    action = f"{service.iam_prefix}:{operation}"
                    raise AccessDenied(
                        f"User is not authorized to perform: {action} because no identity-based policy allows the "
                        f"{action} action ({fault.id})"
                    )
                case FaultKind.CUT_BEFORE:
                    raise ConnectionCut(took_effect=False)
                case FaultKind.THROTTLING:
                    wait = str(fault.retry_after_seconds)
                    raise Throttled(f"{fault.id}: rate exceeded", serviceCode="drs", retryAfterSeconds=wait)
                case FaultKind.SERVER_ERROR if fault.status == 500:
                    raise InternalServer(f"{fault.id}: injected error", injected=True)
                case _:
                    raise Unavailable(
                        f"{fault.id}: {fault.kind} in {key.region}",
                        503 if fault.kind is FaultKind.REGION_DOWN else fault.status,
                    )
        return effects
