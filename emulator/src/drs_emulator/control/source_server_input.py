"""Source servers from a control request: what a person leaves out is filled in, always in the same way."""

import copy
import ipaddress
from typing import Any

from drs_emulator.ids import digest, stable_id
from drs_emulator.protocol.service_model import drs_model
from drs_emulator.protocol.validation import problems
from drs_emulator.records.launch_configuration import LaunchConfiguration
from drs_emulator.records.replication import DAY, HOUR, OUT_OF_TOUCH, Replication
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
}
CHANGEABLE = {"replicationState", "replicationError", "lagDuration", "failsAt"}
DISK_FIELDS = {"deviceName", "bytes", "gib"}


def server_from_json(sent: Any, key: TargetKey, where: str, now: float) -> SourceServer:
    """Raises BadControlInput, which names the field below `where`."""
    given = _checked(sent, where)
    hostname = given.get("hostname") or _refuse(f"{where}.hostname", "is required")
    ram = given.get("ramBytes") or round(given.get("ramGiB", 8) * GIB)
    cores = given.get("cpus", 2)
    disks = [_disk(disk, f"{where}.disks[{i}]") for i, disk in enumerate(given.get("disks", [{"gib": 32}]))]
    seed = digest(key, hostname)
    state = given.get("replicationState", "CONTINUOUS")
    machine = Machine(
        hostname=hostname,
        fqdn=given.get("fqdn", f"{hostname}.example.internal"),
        os=given.get("os", "Red Hat Enterprise Linux 9.4"),
        cores=cores,
        ram_bytes=ram,
        disks=tuple(disks),
        ip=_ip(given.get("ip", f"10.1.{int(seed[:2], 16)}.{int(seed[2:4], 16) % 250 + 4}"), where),
        mac="00:50:" + ":".join(seed[i : i + 2] for i in range(4, 12, 2)),
        vmware_uuid=given.get("vmWareUuid", ""),
        ec2_id=given.get("awsInstanceID", ""),
        origin=given.get("sourceCloud", {}),
    )
    server = SourceServer(
        id=given.get("sourceServerID") or stable_id("s-", key, hostname),
        target=key,
        machine=machine,
        instance_type=given.get("recommendedInstanceType") or right_size(cores, ram),
        launch=LaunchConfiguration(hostname, stable_id("lt-", key, hostname)),
        added_at=now - 30 * DAY,
        replication=Replication(
            state=state,
            lag=given.get("lagDuration", "PT0S" if state == "CONTINUOUS" else "PT15M"),
            error=given.get("replicationError", ""),
            protected_since=now - 30 * DAY,
            last_seen=now - HOUR if state in OUT_OF_TOUCH else None,
        ),
        staging_account=given.get("stagingAccountID", ""),
        source_network=given.get("sourceNetworkID", ""),
        fails_at=_fails_at(given.get("failsAt"), where),
        tags=given.get("tags", {}),
    )
    for problem in problems(drs_model().node("SourceServer"), server.to_api(now), strict=True):
        raise BadControlInput(f"{where}: makes no source server: {problem}")
    return server


def change_server(server: SourceServer, sent: Any, now: float) -> None:
    """What may be changed of a server that is there: CHANGEABLE. Raises BadControlInput, and then changes nothing."""
    given = _checked(sent, "server")
    for name in given:
        if name not in CHANGEABLE:
            _refuse(f"server.{name}", f"cannot be changed; {', '.join(sorted(CHANGEABLE))} can")
    fails_at = _fails_at(given.get("failsAt") or None, "server")
    changed = copy.deepcopy(server)
    if "replicationState" in given:
        changed.replication.set(given["replicationState"], now)
    changed.replication.lag = given.get("lagDuration", changed.replication.lag)
    changed.replication.error = given.get("replicationError", changed.replication.error)
    for problem in problems(drs_model().node("SourceServer"), changed.to_api(now), strict=True):
        raise BadControlInput(f"server: makes no source server: {problem}")
    server.replication = changed.replication
    server.fails_at = fails_at if "failsAt" in given else server.fails_at


def _checked(sent: Any, where: str) -> dict[str, Any]:
    if not isinstance(sent, dict):
        raise BadControlInput(f"{where}: must be an object")
    for name, value in sent.items():
        expected: Any = FIELDS.get(name) or _refuse(
            f"{where}.{name}", f"is not known; known are {', '.join(sorted(FIELDS))}"
        )
        if not isinstance(value, expected) or isinstance(value, bool):
            raise BadControlInput(f"{where}.{name}: is of the wrong type")
    return sent


def _disk(sent: Any, where: str) -> Disk:
    if not isinstance(sent, dict) or not sent.keys() <= DISK_FIELDS:
        raise BadControlInput(f"{where}: must be an object of {', '.join(sorted(DISK_FIELDS))}")
    size = sent.get("bytes", sent.get("gib", 32) if "bytes" not in sent else 0)
    if isinstance(size, bool) or not isinstance(size, (int, float)) or size <= 0:
        raise BadControlInput(f"{where}.{'bytes' if 'bytes' in sent else 'gib'}: must be a number above 0")
    return Disk(str(sent.get("deviceName", "/dev/sda1")), round(size if "bytes" in sent else size * GIB))


def _ip(text: str, where: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise BadControlInput(f"{where}.ip: {error}") from error


def _fails_at(text: str | None, where: str) -> FailsAt | None:
    if text is None:
        return None
    if text not in FailsAt.__members__:
        raise BadControlInput(f"{where}.failsAt: must be one of {', '.join(FailsAt)}")
    return FailsAt(text)


def _refuse(where: str, why: str) -> Any:
    raise BadControlInput(f"{where}: {why}")
