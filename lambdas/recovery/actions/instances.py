"""The new instances of a wave, on which its commands run and which its actions can name."""

from recovery.domain.execution import ServerStatus
from recovery.domain.target import Target
from recovery.domain.wave_steps.action_record import NewInstances
from recovery.drs import client, ec2
from recovery.store import batch_servers, executions


def find_new_instances(execution_id: str, wave: str, only: Target | None) -> dict[Target, dict[str, str]]:
    """The instances of the servers that this run launched in the wave: by target, EC2's id of each source server.

    DRS is asked for those that it did not show yet when their job was settled. One that it does not show now either is
    missing. Raise errors of DRS that are transient, and TargetAccessDenied.
    """
    found: dict[Target, dict[str, str]] = {}
    unknown: dict[Target, dict[str, str | None]] = {}
    for row in executions.query_rows(execution_id, f"BATCH#{wave}#"):
        target = Target.from_state(row)
        if (only and target != only) or "results" not in row:
            continue
        for server in batch_servers.list_servers(row):
            if server["status"] != ServerStatus.LAUNCHED:
                continue
            if instance_id := server.get("recoveryInstanceId"):
                found.setdefault(target, {})[server["sourceServerId"]] = instance_id
            else:
                unknown.setdefault(target, {})[server["sourceServerId"]] = server.get("jobId")
    for target, servers in unknown.items():
        for instance in client.find_instances_of(target, servers):
            if instance.exists and instance.job_id and instance.job_id == servers.get(instance.server_id):
                found.setdefault(target, {})[instance.server_id] = instance.ec2_instance_id
    return found


def describe(found: dict[Target, dict[str, str]], *, with_addresses: bool) -> NewInstances:
    """What the texts of an action can say of these instances, in the order of targets and servers.

    The private addresses cost a call of EC2 for 200 instances, and are read only if they are wanted.
    """
    server_ids, instance_ids, addresses = list[str](), list[str](), list[str]()
    for target, servers in sorted(found.items()):
        there = ec2.describe_instances(target, list(servers.values()))[0] if with_addresses else {}
        for server_id, instance_id in sorted(servers.items()):
            server_ids.append(server_id)
            instance_ids.append(instance_id)
            if instance_id in there and (address := there[instance_id].private_ip):
                addresses.append(address)
    return NewInstances(tuple(instance_ids), tuple(addresses), tuple(server_ids))
