"""Drills a wave of 100 and one of 1,200 servers with launch profiles and without, and counts what the profiles cost.

    python -m bench.profiles [--servers 100 --servers 1200] [--speed 10] [--port 4660]

Every server copies the address of its source before, and its group has a drill profile of subnets, a security group and
a released address. So each profile changes the launch configuration, makes a version of the launch template and makes
it the default one; afterwards all of it is put back. All servers are in one account and Region, whose budget is 10 calls
of DRS and of EC2 a second.

`callsPerServer` has three parts. `apply` and `restore` are the calls of a drill with profiles beyond those of a drill
without, told apart by their operation: of those that both use, half each. `check` are the calls of a readiness run. The
seconds are simulated, those of `secondsAdded` between the request and the start of the first and the last job. Each real
second that the machine needs for its work counts `speed` of them.

Writes build/bench/profiles.json and exits with 1 when settings stay changed or a wave of 100 takes 60 seconds longer.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.saturation import follow, seconds
from sandbox import deployment, drill, networks, seeding
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 1_200)
CALLS_PER_SECOND = 10
PROFILE = {
    "subnets": networks.drill_subnets(REGION),
    "securityGroups": [networks.DRILL_GROUP],
    "privateIp": "release",
    "isolation": "reported",  # so that the same plan can be drilled without its profiles
}
MOST_SECONDS_ADDED = {100: 60.0}
# How often each operation is called in which half. What is in neither is not of profiles.
OF_APPLY = ("CreateLaunchTemplateVersion",)
OF_RESTORE = ("DeleteLaunchTemplateVersions",)
OF_BOTH = ("UpdateLaunchConfiguration", "ModifyLaunchTemplate")
RESTORE_SECONDS = 600.0
SETTLING_SECONDS = 1.0

Row = dict[str, Any]


def main() -> int:
    """Print the figures and write them to build/bench/profiles.json."""
    options = _options()
    parameters = {"CallsPerSecond": str(CALLS_PER_SECOND)}
    with Sandbox(
        port=options.port,
        drs_port=options.port + 1,
        speed=options.speed,
        parameters=parameters,
        on_progress=lambda text: print(text, file=sys.stderr),
    ) as sandbox:
        seeding.register_accounts(sandbox)
        networks.lay_networks(sandbox.control_emulator, HUB_ACCOUNT, REGION)
        sandbox.control_emulator("PUT", "/settings", {"spread": 0})
        deployment.await_functions(sandbox.client("lambda"))
        figures = [_measure(sandbox, size) for size in options.servers or SIZES]
    missed = [sentence for each in figures for sentence in each["missed"]]
    whole = {"timeScale": options.speed, "callsPerSecond": CALLS_PER_SECOND, "sizes": figures, "missed": missed}
    drill.write_figures(whole, ROOT / "build" / "bench" / "profiles.json")
    print(json.dumps(whole, indent=2))
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, action="append", help="repeatable; 100 and 1,200 if none is given")
    parser.add_argument("--speed", type=float, default=10, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4660, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _measure(sandbox: Sandbox, size: int) -> Row:
    """A readiness run, a drill without profiles, and one with them, of the same servers."""
    servers, plan = _seed(sandbox, size)
    before = _read_defaults(sandbox, servers)
    check = _run(sandbox, plan, "readiness", {})
    without = _run(sandbox, plan, "drills", {"launchProfiles": "skip"})
    applied = _run(sandbox, plan, "drills", {"launchProfiles": "apply"})
    added = {name: applied["calls"][name] - without["calls"][name] for name in applied["calls"]}
    apply, restore = _split(added)
    figures: Row = {
        "servers": size,
        "launched": applied["record"]["servers"]["launched"],
        "status": applied["record"]["status"],
        "callsPerServer": {
            "apply": round(sum(apply.values()) / size, 2),
            "restore": round(sum(restore.values()) / size, 2),
            "check": round(sum(check["calls"].values()) / size, 2),
        },
        "callsAdded": {name: count for name, count in sorted(added.items()) if count},
        "callsOfCheck": dict(sorted(check["calls"].items())),
        "secondsToFirstJob": {"without": without["firstJob"], "with": applied["firstJob"]},
        "secondsToLastJob": {"without": without["lastJob"], "with": applied["lastJob"]},
        "secondsOfWave": {"without": without["seconds"], "with": applied["seconds"]},
        "secondsAdded": round(applied["seconds"] - without["seconds"], 1),
        "secondsToRestore": applied["secondsToRestore"],
        "batches": len(applied["jobs"]),
    }
    changed = sum(now != before[name] for name, now in _read_defaults(sandbox, servers).items())
    figures["missed"] = list(_list_missed(figures, changed))
    return figures


def _seed(sandbox: Sandbox, size: int) -> tuple[list[str], str]:
    """Servers that copy the address of their source, in a group with a drill profile; and the plan of this group."""
    tags = {"fleet": f"{size} profiled"}
    servers = [{"hostname": f"profiled-{size}-{number:04}", "tags": tags} for number in range(size)]
    place = {"accountId": HUB_ACCOUNT, "region": REGION}
    ids: list[str] = sandbox.control_emulator("POST", "/source-servers", {**place, "servers": servers})[
        "sourceServerIDs"
    ]
    drs = sandbox.client("drs")
    for server_id in ids:
        drs.update_launch_configuration(sourceServerID=server_id, copyPrivateIp=True)
    body = {"name": tags["fleet"], **place, "tags": tags, "launchProfiles": {"drill": PROFILE}}
    group = seeding.create_resource(sandbox, "/protection-groups", body)["groupId"]
    wave = {"name": "all", "groups": [{"groupId": group}]}
    plan = seeding.create_resource(sandbox, "/recovery-plans", {"name": tags["fleet"], "waves": [wave]})
    return ids, str(plan["planId"])


def _read_defaults(sandbox: Sandbox, servers: Iterable[str]) -> dict[str, str]:
    """The launch configuration and the default version of the template of each server, as one text."""
    drs, ec2 = sandbox.client("drs"), sandbox.client("ec2")
    pages = ec2.get_paginator("describe_launch_template_versions").paginate(Versions=["$Default"])
    defaults = {
        each["LaunchTemplateId"]: [each["VersionNumber"], each["LaunchTemplateData"]]
        for page in pages
        for each in page["LaunchTemplateVersions"]
    }
    found = {}
    for server_id in servers:
        configuration = drs.get_launch_configuration(sourceServerID=server_id)
        configuration.pop("ResponseMetadata")
        default = defaults[configuration["ec2LaunchTemplateID"]]
        found[server_id] = json.dumps([configuration, default], sort_keys=True)
    return found


# --- runs -------------------------------------------------------------------------------------------------------------
def _run(sandbox: Sandbox, plan: str, kind: str, body: Row) -> Row:
    """A run to the end of its wave and of what it has to put back: its record, its calls and its times."""
    before, records = _count_calls(sandbox), dict[str, Row]()
    path = f"/recovery-plans/{plan}/{kind}"
    reply = sandbox.request("POST", path, body)
    if reply.status != 202:
        raise SystemExit(f"POST {path} answered {reply.status}: {reply.body}")
    execution_id = reply.body["executionId"]
    follow(sandbox, execution_id, records)
    record = records[execution_id]
    ended = sandbox.now()
    _await_restored(sandbox)
    restored = sandbox.now() - ended
    jobs = sorted(seconds(str(job["creationDateTime"])) for job in _list_jobs(sandbox, execution_id))
    requested = seconds(record["requestedAt"])
    return {
        "record": record,
        "calls": _count_calls(sandbox) - before,
        "jobs": jobs,
        "firstJob": round(jobs[0] - requested, 1) if jobs else None,
        "lastJob": round(jobs[-1] - requested, 1) if jobs else None,
        "seconds": round(seconds(record["endedAt"]) - requested, 1),
        "secondsToRestore": round(restored, 1),
    }


def _count_calls(sandbox: Sandbox) -> Counter[str]:
    """The calls of functions and of this program so far, by operation."""
    time.sleep(SETTLING_SECONDS)
    operations = sandbox.control_emulator("GET", "/calls")["operations"]
    return Counter({name: sum(outcomes.values()) for name, outcomes in operations.items()})


def _list_jobs(sandbox: Sandbox, execution_id: str) -> list[Row]:
    pages = sandbox.client("drs").get_paginator("describe_jobs").paginate(filters={})
    jobs = (job for page in pages for job in page["items"])
    return [job for job in jobs if job.get("tags", {}).get("drs-waves:execution") == execution_id]


def _await_restored(sandbox: Sandbox) -> None:
    """Wait until no row says that settings have to be put back."""
    deadline = time.monotonic() + RESTORE_SECONDS
    table = sandbox.resources["TargetChanges"]
    while sandbox.client("dynamodb").scan(TableName=table, ConsistentRead=True, Limit=1)["Items"]:
        if time.monotonic() > deadline:
            return
        time.sleep(1)


# --- what it costs ----------------------------------------------------------------------------------------------------
def _split(added: Row) -> tuple[Counter[str], Counter[str]]:
    """The calls to apply and to restore."""
    apply, restore = Counter[str](), Counter[str]()
    for name, count in added.items():
        if name in OF_APPLY:
            apply[name] += count
        elif name in OF_RESTORE:
            restore[name] += count
        elif name in OF_BOTH:
            apply[name] += count / 2
            restore[name] += count / 2
    return apply, restore


def _list_missed(figures: Row, changed: int) -> Iterable[str]:
    size = figures["servers"]
    if changed:
        yield f"{size} servers: the launch settings of {changed} stay changed"
    if figures["launched"] < size:
        yield f"{size} servers: {figures['launched']} were launched"
    most = MOST_SECONDS_ADDED.get(size)
    if most is not None and figures["secondsAdded"] > most:
        yield f"{size} servers: profiles added {figures['secondsAdded']} s"


if __name__ == "__main__":
    sys.exit(main())
