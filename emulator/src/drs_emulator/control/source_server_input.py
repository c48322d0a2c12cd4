"""Reads source servers from control requests. Defaults for absent members are always the same."""

import copy
import ipaddress
from typing import Any

from drs_emulator.ids import digest, stable_id
from drs_emulator.protocol.service_model import drs_model, service_model
from drs_emulator.protocol.validation import find_problems
from drs_emulator.records.launch_configuration import LaunchConfiguration
from drs_emulator.records.replication import DAY, HOUR, INTERRUPTED, Replication
from drs_emulator.records.source_server import Disk, FailsAt, Machine, SourceServer, right_size
from drs_emulator.settings import BadControlInput
from drs_emulator.target_key import TargetKey

GIB = 2**30
FIELDS = {
    "sourceServerID": str,
    "hostname": str,
    "fqdn": str,
    "os": str,
    "cpus": int,
    "ramBytes": int,
    "ramGiB": (int, float),
    "disks": list,
    "tags": dict,
    "replicationState": str,
    "replicationError": str,
    "lagDuration": str,
    "recommendedInstanceType": str,
    "sourceCloud": dict,
    "stagingAccountID": str,
    "sourceNetworkID": str,
    "vmWareUuid": str,
    "awsInstanceID": str,
    "ip": str,
    "failsAt": str,
    "inConflict": bool,
    "launchTemplate": dict,
}
CHANGEABLE = {"replicationState", "replicationError", "lagDuration", "failsAt", "inConflict"}
DISK_FIELDS = {"deviceName", "bytes", "gib"}


def parse_server(sent: Any, key: TargetKey, path: str, now: float) -> SourceServer:
    """Raise BadControlInput, which names the field below `path`."""
    fields = _check_fields(sent, path)
    hostname = fields.get("hostname") or _reject(f"{path}.hostname", "is required")
    ram = fields.get("ramBytes") or round(fields.get("ramGiB", 8) * GIB)
    cores = fields.get("cpus", 2)
    disks = [_parse_disk(disk, f"{path}.disks[{i}]") for i, disk in enumerate(fields.get("disks", [{"gib": 32}]))]
    seed = digest(key, hostname)
    state = fields.get("replicationState", "CONTINUOUS")
    machine = Machine(
        hostname=hostname,
        fqdn=fields.get("fqdn", f"{hostname}.example.internal"),
        os=fields.get("os", "Red Hat Enterprise Linux 9.4"),
        cores=cores,
        ram_bytes=ram,
        disks=tuple(disks),
        ip=_parse_ip(fields.get("ip", f"10.1.{int(seed[:2], 16)}.{int(seed[2:4], 16) % 250 + 4}"), path),
        mac="00:50:" + ":".join(seed[i : i + 2] for i in range(4, 12, 2)),
        vmware_uuid=fields.get("vmWareUuid", ""),
        ec2_id=fields.get("awsInstanceID", ""),
        origin=fields.get("sourceCloud", {}),
    )
    server = SourceServer(
        id=fields.get("sourceServerID") or stable_id("s-", key, hostname),
        target=key,
        machine=machine,
        instance_type=fields.get("recommendedInstanceType") or right_size(cores, ram),
        launch=LaunchConfiguration(hostname, stable_id("lt-", key, hostname)),
        added_at=now - 30 * DAY,
        replication=Replication(
            state=state,
            lag=fields.get("lagDuration", "PT0S" if state == "CONTINUOUS" else "PT15M"),
            error=fields.get("replicationError", ""),
            protected_since=now - 30 * DAY,
            last_seen=now - HOUR if state in INTERRUPTED else None,
        ),
        staging_account=fields.get("stagingAccountID", ""),
        source_network=fields.get("sourceNetworkID", ""),
        fails_at=_parse_fails_at(fields.get("failsAt"), path),
        in_conflict=fields.get("inConflict", False),
        tags=fields.get("tags", {}),
    )
    for problem in find_problems(drs_model().shape("SourceServer"), server.to_api(now), strict=True):
        raise BadControlInput(f"{path}: is not a valid source server: {problem}")
    return server


def read_template_data(sent: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what a server's launch template has besides its defaults. Raise BadControlInput."""
    data: dict[str, Any] = sent.get("launchTemplate", {})
    for problem in find_problems(service_model("ec2").shape("ResponseLaunchTemplateData"), data, strict=True):
        raise BadControlInput(f"{path}.launchTemplate.{problem}")
    return data


def change_server(server: SourceServer, sent: Any, now: float) -> None:
    """Change members of an existing server, all of CHANGEABLE or none. Raise BadControlInput."""
    fields = _check_fields(sent, "server")
    for name in fields:
        if name not in CHANGEABLE:
            _reject(f"server.{name}", f"cannot be changed; {', '.join(sorted(CHANGEABLE))} can")
    fails_at = _parse_fails_at(fields.get("failsAt") or None, "server")
    changed = copy.deepcopy(server)
    if "replicationState" in fields:
        changed.replication.set_state(fields["replicationState"], now)
    changed.replication.lag = fields.get("lagDuration", changed.replication.lag)
    changed.replication.error = fields.get("replicationError", changed.replication.error)
    for problem in find_problems(drs_model().shape("SourceServer"), changed.to_api(now), strict=True):
        raise BadControlInput(f"server: is not a valid source server: {problem}")
    server.replication = changed.replication
    server.in_conflict = fields.get("inConflict", server.in_conflict)
    server.fails_at = fails_at if "failsAt" in fields else server.fails_at


def _check_fields(sent: Any, path: str) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise BadControlInput(f"{path}: must be an object")
    for name, value in sent.items():
        expected: Any = FIELDS.get(name) or _reject(
            f"{path}.{name}", f"is unknown; the members are {', '.join(sorted(FIELDS))}"
        )
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            raise BadControlInput(f"{path}.{name}: has the wrong type")
    return sent


def _parse_disk(sent: Any, path: str) -> Disk:
    if not isinstance(sent, dict) or not sent.keys() <= DISK_FIELDS:
        raise BadControlInput(f"{path}: must be an object of {', '.join(sorted(DISK_FIELDS))}")
    size = sent.get("bytes", sent.get("gib", 32) if "bytes" not in sent else 0)
    if isinstance(size, bool) or not isinstance(size, (int, float)) or size <= 0:
        raise BadControlInput(f"{path}.{'bytes' if 'bytes' in sent else 'gib'}: must be a number above 0")
    return Disk(str(sent.get("deviceName", "/dev/sda1")), round(size if "bytes" in sent else size * GIB))


def _parse_ip(text: str, path: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise BadControlInput(f"{path}.ip: {error}") from error


def _parse_fails_at(text: str | None, path: str) -> FailsAt | None:
    if text is None:
        return None
    if text not in FailsAt.__members__:
        raise BadControlInput(f"{path}.failsAt: must be one of {', '.join(FailsAt)}")
    return FailsAt(text)


def _reject(path: str, problem: str) -> Any:
    raise BadControlInput(f"{path}: {problem}")
