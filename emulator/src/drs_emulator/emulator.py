"""The emulator as a whole, for a process of its own or for a test.

with Emulator(speed=600) as emulator:
    emulator.seed("111122223333", "eu-west-1", [{"hostname": "web01"}])
    drs = emulator.client("111122223333", "eu-west-1")  # a boto3 client
"""

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from drs_emulator.clock import Clock
from drs_emulator.control.control_api import Control
from drs_emulator.control.state_file import load_state, save_state
from drs_emulator.engine.access_keys import AccessKeys, decode_account, engine_account_lookup
from drs_emulator.engine.ec2 import EngineEc2, SimulatedEc2
from drs_emulator.engine.event_bus import EngineEventBus, NullEventBus
from drs_emulator.engine.forwarding import EngineForwarder
from drs_emulator.server.dispatcher import Dispatcher
from drs_emulator.server.http_server import HttpServer
from drs_emulator.settings import Settings
from drs_emulator.simulation.job_lifecycle import run_due_events
from drs_emulator.world.world import World
from loopback.guard import make_secret

if TYPE_CHECKING:
    from mypy_boto3_drs.client import DrsClient
    from mypy_boto3_ec2.client import EC2Client

log = logging.getLogger(__name__)

MAX_TICK_SECONDS = 1.0  # real seconds that the ticker sleeps if nothing is due


class Emulator:
    """Use it as a context manager, or call `start` and `stop`. `control` is the control API without HTTP.

    `account_of` returns the account of an access key id that is not an account itself. By default the engine looks
    it up or, without an engine, it is decoded from the key. `state` is a file to save to at the end. If the file
    exists, the emulator continues from it, and the file's settings replace all others. `behaviour` changes knobs of
    the `profile`, under their names in the control API: `behaviour={"timeForm": "zulu"}`.

    Callers send `secret` as their session token, in the header X-Amz-Security-Token; `client` does so. By default the
    emulator makes a secret. `engine_token` is what the engine expects in the same header, if it is guarded alike.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 60,
        seed: int = 7,
        origin: float | None = None,
        engine_url: str | None = None,
        account_of: Callable[[str], str] | None = None,
        state: Path | None = None,
        profile: str = "captured",
        behaviour: Mapping[str, Any] | None = None,
        secret: str | None = None,
        engine_token: str | None = None,
    ) -> None:
        """Raise OSError if the port is taken, StateError if the state cannot be read, and BadControlInput."""
        self.secret = secret or make_secret()
        resolve = account_of or (engine_account_lookup(engine_url, engine_token) if engine_url else decode_account)
        clock = Clock(speed, origin)
        ec2 = EngineEc2(engine_url, engine_token) if engine_url else SimulatedEc2(lambda: self.world.clock.now())
        event_bus = EngineEventBus(engine_url, engine_token) if engine_url else NullEventBus()
        chosen = {"profile": profile, "behaviour": dict(behaviour or {})}
        vouched = engine_token is None and resolve is not decode_account  # else only a token says who issued a key
        access_keys = AccessKeys(resolve, self.secret, issuer=engine_token, trusts_resolve=vouched)
        settings = Settings(speed=speed, seed=seed).with_changes(chosen)
        self.world = World(settings, clock, ec2, event_bus, access_keys)
        self.world.forwarder = EngineForwarder(engine_url) if engine_url else None
        dispatcher = Dispatcher(self.world)
        dispatcher.control.engine_url = engine_url
        self.control: Control = dispatcher.control
        self.control.state_file = state
        if state and state.exists():
            load_state(self.world, state)
        self._http = HttpServer(host, port, dispatcher.handle, self.secret)
        self.url = f"http://{host}:{self._http.server_port}"
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="http", daemon=True),
            threading.Thread(target=self._tick, name="ticker", daemon=True),
        ]

    def start(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Finish the EC2 calls in progress, drop those that are queued, and save the state. Raise StateError."""
        self._stopping = True
        self.world.wake_ticker.set()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()
        self.world.ec2.close()
        self.world.event_bus.close()
        if self.control.state_file:
            save_state(self.world, self.control.state_file)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def seed(self, account: str, region: str, servers: list[dict[str, Any]]) -> list[str]:
        """Create source servers and return their ids. Raise BadControlInput."""
        response = self.control.seed({"accountId": account, "region": region, "servers": servers})
        return list(response["sourceServerIDs"])

    def client(self, account: str, region: str, *, attempts: int = 1) -> "DrsClient":
        """Return a boto3 client of this emulator. By default it does not retry."""
        client: DrsClient = self._client("drs", account, region, attempts)
        return client

    def ssm_client(self, account: str, region: str, *, attempts: int = 1) -> Any:
        """Return a boto3 client of Systems Manager."""
        return self._client("ssm", account, region, attempts)

    def ec2_client(self, account: str, region: str, *, attempts: int = 1) -> "EC2Client":
        """Return a boto3 client of EC2. Calls that the emulator does not play are the engine's, if there is one."""
        client: EC2Client = self._client("ec2", account, region, attempts)
        return client

    def elb_client(self, account: str, region: str, *, attempts: int = 1) -> Any:
        """Return a boto3 client of Elastic Load Balancing, for DescribeTargetHealth."""
        return self._client("elbv2", account, region, attempts)

    def quotas_client(self, account: str, region: str, *, attempts: int = 1) -> Any:
        """Return a boto3 client of Service Quotas."""
        return self._client("service-quotas", account, region, attempts)

    def iam_client(self, account: str, region: str, *, attempts: int = 1) -> Any:
        """Return a boto3 client of IAM, for GetInstanceProfile. Other calls are the engine's, if there is one."""
        return self._client("iam", account, region, attempts)

    def _client(self, service: str, account: str, region: str, attempts: int) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",  # noqa: S106 (not checked)
            aws_session_token=self.secret,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
        )

    def _tick(self) -> None:
        """Run due events without waiting for a request, so that EC2 is called on time."""
        world = self.world
        while not self._stopping:
            world.wake_ticker.clear()
            with world.lock:
                now = world.clock.now()
                try:
                    run_due_events(world, now)
                except Exception:  # one failing step must not stop the clock for the others
                    log.exception("A step failed")
                due = world.timeline.next_due()
            speed = world.clock.speed
            pause = (due - now) / speed if due is not None and speed > 0 else MAX_TICK_SECONDS
            world.wake_ticker.wait(min(max(pause, 0.001), MAX_TICK_SECONDS))
