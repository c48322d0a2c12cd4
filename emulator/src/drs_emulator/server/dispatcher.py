"""One request in, one reply out: whose call it is, what it asks, whether it may, what the answer is."""

import logging
import time
import uuid

from drs_emulator.clock import iso
from drs_emulator.control.control_api import PREFIX, Control
from drs_emulator.engine import ec2_query_api
from drs_emulator.engine.ec2 import MadeUpEc2
from drs_emulator.errors import (
    ConnectionCut,
    InternalServer,
    NotBuilt,
    ServiceError,
    Throttled,
    Unavailable,
    Uninitialized,
)
from drs_emulator.operations import BUILT, Call
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.rest_json import parse, render, render_error
from drs_emulator.protocol.service_model import Operation, drs_model
from drs_emulator.simulation.job_lifecycle import advance
from drs_emulator.target_key import TargetKey
from drs_emulator.world.call_log import CallRecord
from drs_emulator.world.faults import CALLS, Kind
from drs_emulator.world.world import World

log = logging.getLogger(__name__)


class App:
    def __init__(self, world: World) -> None:
        self.world = world
        self.control = Control(world)
        self._model = drs_model()

    def handle(self, request: Request) -> Reply:
        if request.path.startswith(PREFIX):
            return self.control.handle(request)
        request_id = str(uuid.uuid4())
        began = time.perf_counter()
        name, target, outcome = "-", TargetKey("-", "-"), "OK"
        try:
            if ec2_query_api.is_for_ec2(request) and isinstance(self.world.ec2, MadeUpEc2):
                name = ec2_query_api.OPERATION
                target = self.world.accounts.target(request.headers.get("authorization", ""))
                return ec2_query_api.describe(self.world.ec2, target, request)
            operation, labels = self._model.match(request.method, request.path)
            name = operation.name
            target = self.world.accounts.target(request.headers.get("authorization", ""))
            return self._answer(operation, labels, target, request, request_id)
        except ServiceError as error:
            outcome = error.code
            if isinstance(error, InternalServer) and not error.wanted:
                log.error("%s: %s", name, error.message)
            return render_error(self._model, error, request_id)
        except ConnectionCut as cut:
            outcome = str(cut)
            raise
        except Exception as error:  # a defect here must look like one of the service, and be seen in the log
            outcome = InternalServer.code
            log.exception("%s failed", name)
            return render_error(self._model, InternalServer(f"The emulator failed: {error!r}"), request_id)
        finally:
            took = round((time.perf_counter() - began) * 1000, 2)
            moment = iso(self.world.clock.now())
            self.world.ledger.record(CallRecord(moment, target.account, target.region, name, outcome, took, request_id))

    def _answer(
        self, operation: Operation, labels: dict[str, str], key: TargetKey, request: Request, request_id: str
    ) -> Reply:
        handler = BUILT.get(operation.name)
        if handler is None:
            raise NotBuilt(f"The DRS emulator has no {operation.name} yet")
        world = self.world
        answer_is_lost = self._strike(operation.name, key, request)
        limit = world.settings.rate_limit(operation.name)
        world.throttle.take(key, operation.name, limit, world.clock.now())
        values = parse(operation, labels, request)
        with world.lock:
            now = world.clock.now()
            advance(world, now)
            target = world.target(key)
            if not target.initialized and Uninitialized.code in operation.errors:
                raise Uninitialized(f"DRS is not initialized in account {key.account}, Region {key.region}")
            output = handler(Call(world, target, operation.name, values, now))
        if answer_is_lost:
            raise ConnectionCut(taken=True)
        return render(operation, output, request_id)

    def _strike(self, operation: str, key: TargetKey, request: Request) -> bool:
        """Whether the answer will be lost. Raises Throttled, ServiceError, ConnectionCut for the other faults."""
        world = self.world
        servers = request.body.decode(errors="replace") if world.faults.entries else ""
        lost = False
        for fault in world.faults.striking(CALLS, key, operation, servers, world.settings.seed, world.clock.now()):
            match fault.kind:
                case Kind.LATENCY:
                    time.sleep(fault.milliseconds / 1000)
                case Kind.CUT_AFTER:
                    lost = True
                case Kind.CUT_BEFORE:
                    raise ConnectionCut(taken=False)
                case Kind.THROTTLING:
                    wait = str(fault.retry_after_seconds)
                    raise Throttled(f"{fault.id}: rate exceeded", serviceCode="drs", retryAfterSeconds=wait)
                case Kind.SERVER_ERROR if fault.status == 500:
                    raise InternalServer(f"{fault.id}: as asked for", wanted=True)
                case _:
                    raise Unavailable(
                        f"{fault.id}: {fault.kind} in {key.region}",
                        503 if fault.kind is Kind.REGION_DOWN else fault.status,
                    )
        return lost
