"""The emulator as a whole, to run in a process of its own or inside a test.

with Emulator(speed=600) as emulator:
    emulator.seed("111122223333", "eu-west-1", [{"hostname": "web01"}])
    boto3.client("drs", endpoint_url=emulator.url, ...)
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from drs_emulator.clock import Clock
from drs_emulator.control.control_api import Control
from drs_emulator.control.state_file import load, save
from drs_emulator.engine.access_keys import Accounts, ask_engine, decode_key
from drs_emulator.engine.ec2 import EngineEc2, MadeUpEc2
from drs_emulator.engine.event_bus import EngineBus, NoBus
from drs_emulator.server.dispatcher import App
from drs_emulator.server.http_server import HttpServer
from drs_emulator.settings import Settings
from drs_emulator.simulation.job_lifecycle import advance
from drs_emulator.world.world import World

if TYPE_CHECKING:
    from mypy_boto3_drs.client import DrsClient

log = logging.getLogger(__name__)

TICK_AT_MOST = 1.0  # real seconds the ticker sleeps when nothing is due


class Emulator:
    """A context manager, or `start` and `stop`. `control` is the control API without HTTP.

    `account_of` tells the account of an access key id that is not one itself; without it the engine is asked, and
    without an engine the account is read from the key. `state` is a file to go on from, where there is one, and to
    save to at the end; its settings then count, and not `speed`, `seed` and `origin`.
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
    ) -> None:
        """Raises OSError where the port is taken, StateError for a state that cannot be read."""
        resolve = account_of or (ask_engine(engine_url) if engine_url else decode_key)
        clock = Clock(speed, origin)
        ec2 = EngineEc2(engine_url) if engine_url else MadeUpEc2(lambda: self.world.clock.now())
        bus = EngineBus(engine_url) if engine_url else NoBus()
        self.world = World(Settings(speed=speed, seed=seed), clock, ec2, bus, Accounts(resolve))
        app = App(self.world)
        app.control.engine_url = engine_url
        self.control: Control = app.control
        self.control.state_file = state
        if state and state.exists():
            load(self.world, state)
        self._http = HttpServer(host, port, app.handle)
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
        """What EC2 is being asked is finished, what is only waiting for it is dropped. Raises StateError."""
        self._stopping = True
        self.world.woken.set()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()
        self.world.ec2.close()
        self.world.bus.close()
        if self.control.state_file:
            save(self.world, self.control.state_file)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def seed(self, account: str, region: str, servers: list[dict[str, Any]]) -> list[str]:
        """The ids of the new source servers. Raises BadControlInput."""
        answer = self.control.seed({"accountId": account, "region": region, "servers": servers})
        return list(answer["sourceServerIDs"])

    def client(self, account: str, region: str, *, attempts: int = 1) -> "DrsClient":
        """A boto3 client of this emulator; it does not retry unless told to."""
        return boto3.client(
            "drs",
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",  # noqa: S106 (not checked)
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
        )

    def _tick(self) -> None:
        """Lets things happen when nobody asks, so that EC2 is called when it is time."""
        world = self.world
        while not self._stopping:
            world.woken.clear()
            with world.lock:
                now = world.clock.now()
                try:
                    advance(world, now)
                except Exception:  # one step that fails must not stop time for all others
                    log.exception("a step failed")
                due = world.timeline.next_due()
            speed = world.clock.speed
            pause = (due - now) / speed if due is not None and speed > 0 else TICK_AT_MOST
            world.woken.wait(min(max(pause, 0.001), TICK_AT_MOST))
