"""What EC2's status checks and Systems Manager say of an instance at a moment.

It follows from the time of the launch, the durations of the settings and the rules, so nothing is scheduled: a rule
takes effect at once, on instances that run and on those to come.
"""

from dataclasses import dataclass

from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.world.world import World

TERMINATED_IS_SHOWN_SECONDS = 3600  # "for a short time", the EC2 guide says
AREAS = {"system": "system-impaired", "instance": "instance-impaired", "ebs": "ebs-impaired"}


@dataclass(frozen=True, slots=True)
class Health:
    """`registered_at` is None without an agent. The checks pass at `passes_at`, unless they stay in `checks`.

    `target_health` is what a rule says of target groups.
    """

    instance: ManagedInstance
    registered_at: float | None
    lost_at: float | None
    back_at: float | None
    passes_at: float
    checks: str
    target_health: str | None = None

    def is_registered(self, now: float) -> bool:
        runs = self.instance.state == "RUNNING"
        return runs and self.registered_at is not None and self.registered_at <= now

    def is_online(self, now: float) -> bool:
        if not self.is_registered(now):
            return False
        if self.lost_at is None or now < self.lost_at:
            return True
        return self.back_at is not None and self.back_at <= now

    def last_ping(self, now: float) -> float:
        return now if self.is_online(now) else min(now, self.lost_at or now)

    def check(self, area: str, now: float) -> str:
        """Return the status of the checks of an area (system, instance or ebs) in EC2's spelling."""
        if self.instance.state != "RUNNING":
            return "not-applicable"
        if self.checks in ("initializing", "insufficient-data"):
            return self.checks
        if now < self.passes_at:
            return "initializing"
        return "impaired" if self.checks == AREAS[area] else "ok"


def health_of(world: World, instance: ManagedInstance) -> Health:
    boot, started = world.settings.durations.boot, instance.launched_at
    registered: float | None = started + boot.pending * instance.pace
    passes_at = started + (boot.pending + boot.started) * instance.pace
    checks, is_absent, lost_after, back_after, made_at = "ok", False, None, None, 0.0
    target_health = None
    for rule in world.rules.of_instance(instance):
        target_health = rule.target_health or target_health
        checks = rule.checks or checks
        if rule.checks_seconds is not None:
            passes_at = started + rule.checks_seconds
        if rule.agent_seconds is not None:
            registered = started + rule.agent_seconds
        is_absent = rule.agent == "absent" if rule.agent else is_absent
        if rule.agent_lost_seconds is not None:
            lost_after, back_after, made_at = rule.agent_lost_seconds, rule.agent_back_seconds, rule.created_at
    if is_absent:
        registered = None
    lost_at = None if lost_after is None or registered is None else max(registered, made_at) + lost_after
    back_at = None if lost_at is None or back_after is None else lost_at + back_after
    return Health(instance, registered, lost_at, back_at, passes_at, checks, target_health)


def is_shown_by_ec2(instance: ManagedInstance, now: float) -> bool:
    return instance.ended_at is None or now < instance.ended_at + TERMINATED_IS_SHOWN_SECONDS
