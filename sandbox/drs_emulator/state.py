"""The emulated world: accounts and Regions with their servers, jobs and instances, and what drives them."""

import threading
from dataclasses import dataclass, field

from sandbox.drs_emulator.accounts import Accounts
from sandbox.drs_emulator.calls import CallLedger
from sandbox.drs_emulator.clock import Clock
from sandbox.drs_emulator.ec2 import Ec2
from sandbox.drs_emulator.errors import AccessDenied, ResourceNotFound
from sandbox.drs_emulator.instances import RecoveryInstance
from sandbox.drs_emulator.jobs import Job
from sandbox.drs_emulator.servers import SourceServer
from sandbox.drs_emulator.settings import Settings
from sandbox.drs_emulator.target import TargetKey
from sandbox.drs_emulator.throttle import Throttle
from sandbox.drs_emulator.timeline import Event, Timeline


@dataclass(slots=True)
class Target:
    """One account in one Region. `jobs` is in order of creation; `active` holds those in progress."""

    key: TargetKey
    initialized: bool = False
    servers: dict[str, SourceServer] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    active: dict[str, Job] = field(default_factory=dict)
    instances: dict[str, RecoveryInstance] = field(default_factory=dict)

    def load(self) -> tuple[int, int]:
        """(jobs in progress, servers in them), which the quotas are about."""
        return len(self.active), sum(len(job.participants) for job in self.active.values())

    def server(self, server_id: str) -> SourceServer:
        if server_id not in self.servers:
            raise ResourceNotFound(
                f"There is no source server {server_id}", resourceId=server_id, resourceType="SourceServer"
            )
        return self.servers[server_id]

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a source server, recovery instance or job, to read or to change."""
        _, _, _, region, account, resource = (arn.split(":", 5) + [""] * 5)[:6]
        if account != self.key.account:
            raise AccessDenied(f"{arn} belongs to another account")
        kind, _, resource_id = resource.partition("/")
        tagged: SourceServer | RecoveryInstance | Job | None = None
        if region == self.key.region and kind == "source-server":
            tagged = self.servers.get(resource_id)
        elif region == self.key.region and kind == "recovery-instance":
            tagged = self.instances.get(resource_id)
        elif region == self.key.region and kind == "job":
            tagged = self.jobs.get(resource_id)
        if tagged is None:
            raise ResourceNotFound(f"There is no resource {arn}", resourceId=arn, resourceType=kind)
        return tagged.tags


class World:
    """`lock` guards targets and timeline; nothing slow is done while it is held. Reentrant: see `ec2`."""

    def __init__(self, settings: Settings, clock: Clock, ec2: Ec2, accounts: Accounts) -> None:
        self.settings = settings
        self.clock = clock
        self.ec2 = ec2
        self.accounts = accounts
        self.lock = threading.RLock()
        self.targets: dict[TargetKey, Target] = {}
        self.timeline = Timeline()
        self.throttle = Throttle()
        self.ledger = CallLedger()
        self.woken = threading.Event()  # set when the ticker must look again at what is next

    def target(self, key: TargetKey) -> Target:
        return self.targets.setdefault(key, Target(key))

    def note_load(self, target: Target) -> None:
        """Tells the ledger; only the start of a job can make a new peak."""
        loads = [each.load() for each in self.targets.values()]
        overall = (sum(jobs for jobs, _ in loads), sum(servers for _, servers in loads))
        self.ledger.note_load(target.key, target.load(), overall)

    def schedule(self, due: float, event: Event) -> None:
        self.timeline.add(due, event)
        self.woken.set()

    def reset(self) -> None:
        """Forgets everything but settings and clock. Instances that run at the engine are left to it."""
        with self.lock:
            self.targets.clear()
            self.timeline.clear()
            self.throttle.clear()
            self.ledger.clear()
