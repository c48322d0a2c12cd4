"""All state of the emulator, and the parts that drive it."""

import threading

from drs_emulator.clock import Clock
from drs_emulator.engine.access_keys import AccessKeys
from drs_emulator.engine.ec2 import Ec2
from drs_emulator.engine.event_bus import EventBus
from drs_emulator.engine.forwarding import EngineForwarder
from drs_emulator.settings import Settings
from drs_emulator.target_key import TargetKey
from drs_emulator.world.call_log import CallLog
from drs_emulator.world.faults import Faults
from drs_emulator.world.rate_limits import RateLimiter
from drs_emulator.world.rules import Rules
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event, Timeline


class World:
    """`lock` guards targets and timeline. Hold it for short work only.

    It is reentrant, because simulated instances call back from within a call to `ec2`.
    """

    def __init__(
        self, settings: Settings, clock: Clock, ec2: Ec2, event_bus: EventBus, access_keys: AccessKeys
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.ec2 = ec2
        self.event_bus = event_bus
        self.access_keys = access_keys
        self.forwarder: EngineForwarder | None = None  # with an engine
        self.lock = threading.RLock()
        self.targets: dict[TargetKey, Target] = {}
        self.timeline = Timeline()
        self.rate_limiter = RateLimiter()
        self.call_log = CallLog()
        self.faults = Faults()
        self.rules = Rules()
        self.wake_ticker = threading.Event()  # set when the next event is earlier than the ticker expects

    def target(self, key: TargetKey) -> Target:
        return self.targets.setdefault(key, Target(key))

    def record_load(self, target: Target) -> None:
        """Report the load to the call log. Only the start of a job can reach a new peak."""
        loads = [other.count_load() for other in self.targets.values()]
        overall = (sum(jobs for jobs, _ in loads), sum(servers for _, servers in loads))
        self.call_log.record_load(target.key, target.count_load(), overall)

    def schedule(self, due: float, event: Event) -> None:
        earliest = self.timeline.next_due()
        self.timeline.add(due, event)
        if earliest is None or due < earliest:
            self.wake_ticker.set()

    def reset(self) -> None:
        """Forget everything except settings and clock. Instances of the engine keep running."""
        with self.lock:
            self.targets.clear()
            self.timeline.clear()
            self.rate_limiter.clear()
            self.call_log.clear()
            self.faults = Faults()
            self.rules = Rules()
            self.ec2.reset()
