"""One request in, one reply out: whose call it is, what it asks, whether it may, what the answer is."""

import logging
import time
import uuid

from sandbox.drs_emulator.calls import CallRecord
from sandbox.drs_emulator.clock import iso
from sandbox.drs_emulator.control import PREFIX, Control
from sandbox.drs_emulator.errors import InternalServer, NotBuilt, ServiceError, Uninitialized
from sandbox.drs_emulator.life import advance
from sandbox.drs_emulator.operations import BUILT, Call
from sandbox.drs_emulator.protocol import Operation, Reply, Request, drs_model, parse, render, render_error
from sandbox.drs_emulator.state import World
from sandbox.drs_emulator.target import TargetKey

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
            operation, labels = self._model.match(request.method, request.path)
            name = operation.name
            target = self.world.accounts.target(request.headers.get("authorization", ""))
            return self._answer(operation, labels, target, request, request_id)
        except ServiceError as error:
            outcome = error.code
            if isinstance(error, InternalServer):
                log.error("%s: %s", name, error.message)
            return render_error(self._model, error, request_id)
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
        return render(operation, output, request_id)
