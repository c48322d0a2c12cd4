"""The emulated world: accounts and Regions with their servers, jobs and instances, and what drives them."""

import threading

from drs_emulator.clock import Clock
from drs_emulator.engine.access_keys import Accounts
from drs_emulator.engine.ec2 import Ec2
from drs_emulator.engine.event_bus import Bus
from drs_emulator.settings import Settings
from drs_emulator.target_key import TargetKey
from drs_emulator.world.call_log import CallLedger
from drs_emulator.world.faults import Faults
from drs_emulator.world.rate_limits import Throttle
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event, Timeline


class World:
    """`lock` guards targets and timeline; nothing slow is done while it is held. Reentrant: see `ec2`."""

    def __init__(self, settings: Settings, clock: Clock, ec2: Ec2, bus: Bus, accounts: Accounts) -> None:
        self.settings = settings
        self.clock = clock
        self.ec2 = ec2
        self.bus = bus
        self.accounts = accounts
        self.lock = threading.RLock()
        self.targets: dict[TargetKey, Target] = {}
        self.timeline = Timeline()
        self.throttle = Throttle()
        self.ledger = CallLedger()
        self.faults = Faults()
        self.woken = threading.Event()  # set when the ticker must look again at what is next

    def target(self, key: TargetKey) -> Target:
        return self.targets.setdefault(key, Target(key))

    def note_load(self, target: Target) -> None:
        """Tells the ledger; only the start of a job can make a new peak."""
        loads = [each.load() for each in self.targets.values()]
        overall = (sum(jobs for jobs, _ in loads), sum(servers for _, servers in loads))
        self.ledger.note_load(target.key, target.load(), overall)

    def schedule(self, due: float, event: Event) -> None:
        earliest = self.timeline.next_due()
        self.timeline.add(due, event)
        if earliest is None or due < earliest:
            self.woken.set()

    def reset(self) -> None:
        """Forgets everything but settings and clock. Instances that run at the engine are left to it."""
        with self.lock:
            self.targets.clear()
            self.timeline.clear()
            self.throttle.clear()
            self.ledger.clear()
            self.faults = Faults()
