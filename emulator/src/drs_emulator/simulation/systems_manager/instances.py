"""EC2 instances that come and go with the jobs of DRS."""

from drs_emulator.ids import digest
from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.records.source_server import SourceServer
from drs_emulator.world.ec2.networks import release
from drs_emulator.world.instance_health import is_shown_by_ec2
from drs_emulator.world.target import Target
from drs_emulator.world.world import World


def boot_instance(
    world: World, target: Target, instance_id: str, server: SourceServer, private_ip: str, *, runs: bool, at: float
) -> None:
    """Add the instance that DRS launched for a server, or boot it again if DRS launched into it."""
    _forget_terminated(target, at)
    target.machines[instance_id] = ManagedInstance(
        instance_id,
        target.key,
        at,
        server.id,
        server.machine.hostname,
        server.machine.os,
        private_ip,
        {"Name": server.launch.name, **(server.tags if server.launch.copies_tags else {})}
        | {"AWSElasticDisasterRecoverySourceServerID": server.id},
        "RUNNING" if runs else "STOPPED",
        draw_pace(world, target, "boot", instance_id),
    )


def end_instance(target: Target, instance_id: str, at: float) -> None:
    if instance := target.machines.get(instance_id):
        instance.state, instance.ended_at = "TERMINATED", at
    release(target, instance_id)


def draw_pace(world: World, target: Target, *subject: object) -> float:
    """Return the share of its usual time that something takes, by the seed and the spread of the settings."""
    spread = world.settings.spread
    share = int(digest(world.settings.seed, target.key, *subject)[:13], 16) / 16**13
    return 1 - spread + 2 * spread * share


def _forget_terminated(target: Target, now: float) -> None:
    target.machines = {key: each for key, each in target.machines.items() if is_shown_by_ec2(each, now)}
