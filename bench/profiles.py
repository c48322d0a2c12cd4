"""Drills waves of 100 and of 1,200 servers with launch profiles and without, and counts what the profiles cost.

    POWERTOOLS_LOG_LEVEL=CRITICAL PYTHONPATH=lambdas:. python -m bench.profiles [--servers 100] [--speed 4]

Each server copies the address of its source, and its group has a drill profile with subnets, a security group and a
released address. So a profile changes the launch configuration, makes a version of the launch template and makes it the
default one; afterwards all of it is put back. All servers are in one account and Region, which takes 10 calls a second.

`callsPerServer` counts the calls of DRS and EC2 that functions make in the target: `apply` those of ApplySettings,
`restore` those of RestoreTarget, and `check` all those of a readiness run. `secondsAdded` compares the drill with the
same drill without profiles, from the request to the end of its waves.

The product runs in this process, with the real machines and functions, on a fifth of DRS's own times. Seconds are
simulated; each real second that the machine needs for its work counts `speed` of them, and five times as many in the
wave of 1,200 servers, whose seconds are no measure therefore.

Writes build/bench/profiles.json, and exits with 1 when settings stay changed, a server is not launched, or profiles add
more than 60 seconds to the wave of 100 servers.
"""

import argparse
import contextlib
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox import drill, networks
from tests.support.fault_injection import Call, calls_through
from tests.support.launch_settings import CHANGES, read_settings
from tests.support.product import HUB, SHORT_DURATIONS, WEST, Product
from tests.support.shops import target_client

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 1_200)
SERVICES = ("drs", "ec2", "iam", "service-quotas")
CALLS_PER_SECOND = 10
MOST_SECONDS_ADDED = 60.0
PROFILE = {
    "subnets": networks.drill_subnets(WEST),
    "securityGroups": [networks.DRILL_GROUP],
    "privateIp": "release",
    "isolation": "reported",  # so that the same plan can be drilled without its profiles
}
RESTORE_SECONDS = 900.0
UNLIMITED = {"perSecond": 10_000, "burst": 10_000}

Row = dict[str, Any]
Calls = Counter[tuple[str, str]]
"""Numbers of calls by function and operation."""


def main() -> int:
    """Print the figures and write them to build/bench/profiles.json."""
    options = _options()
    figures = [_measure(size, options.speed * (1 if size <= min(SIZES) else 5)) for size in options.servers or SIZES]
    missed = [sentence for each in figures for sentence in each["missed"]]
    whole = {"callsPerSecond": CALLS_PER_SECOND, "cores": os.cpu_count(), "sizes": figures, "missed": missed}
    drill.write_figures(whole, ROOT / "build" / "bench" / "profiles.json")
    print(json.dumps(whole, indent=2))
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, action="append", help="repeatable; 100 and 1,200 if none is given")
    parser.add_argument("--speed", type=float, default=4, help="simulated seconds to a real one")
    return parser.parse_args()


def _measure(size: int, speed: float) -> Row:
    """A readiness run, a drill without profiles, and one with them, of the same servers."""
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),  # where functions write their logs and metrics
        Product(speed=speed, durations=SHORT_DURATIONS, CALLS_PER_SECOND=str(CALLS_PER_SECOND)) as product,
    ):
        product.emulator.control.change_settings({"spread": 0})
        with _unlimited(product):
            servers, plan = _seed(product, size)
            before = _read_settings(product, servers)
        with _counted() as counted:
            check = _run(product, plan, "readiness", {}, counted)
            without = _run(product, plan, "drills", {"launchProfiles": "skip"}, counted)
            applied = _run(product, plan, "drills", {"launchProfiles": "apply"}, counted)
        with _unlimited(product):
            after = _read_settings(product, servers)
    figures: Row = {
        "servers": size,
        "timeScale": speed,
        "statuses": [each["status"] for each in (check, without, applied)],
        "launched": applied["launched"],
        "callsPerServer": {
            "apply": _per_server(applied["calls"], size, "ApplySettings"),
            "restore": _per_server(applied["calls"], size, "RestoreTarget"),
            "check": _per_server(check["calls"], size),
        },
        "callsOfApply": _by_operation(applied["calls"], "ApplySettings"),
        "callsOfRestore": _by_operation(applied["calls"], "RestoreTarget"),
        "callsOfCheck": _by_operation(check["calls"]),
        "callsOfDrill": {"without": without["calls"].total(), "with": applied["calls"].total()},
        "secondsToFirstJob": {"without": without["secondsToFirstJob"], "with": applied["secondsToFirstJob"]},
        "secondsOfDrill": {"without": without["seconds"], "with": applied["seconds"]},
        "secondsAdded": round(applied["seconds"] - without["seconds"], 1),
        "secondsUntilRestored": applied["secondsUntilRestored"],
    }
    changed = sum(after[server] != before[server] for server in servers)
    figures["missed"] = list(_list_missed(figures, changed))
    return figures


def _seed(product: Product, size: int) -> tuple[list[str], str]:
    """Servers that copy the address of their source, in a group with a drill profile; and the plan of this group."""
    control = product.emulator.control
    networks.lay_networks(
        lambda _, __, body: control.add_ec2_resource(
            body["kind"], body["accountId"], body["region"], body["resource"]
        ),
        HUB,
        WEST,
    )  # fmt: skip
    servers = product.seed(size)
    drs = product.emulator.client(HUB, WEST)
    for server_id in servers:
        drs.update_launch_configuration(sourceServerID=server_id, copyPrivateIp=True)
    group = product.group(servers, launchProfiles={"drill": PROFILE})
    return servers, product.plan({"name": "all", "groups": [group]})


@contextlib.contextmanager
def _unlimited(product: Product) -> Iterator[None]:
    """Let this program call the emulator as fast as it can; the runs between have the limits of AWS."""
    usual = product.emulator.control.settings()["rateLimits"]
    product.emulator.control.change_settings({"rateLimits": dict.fromkeys(usual, UNLIMITED)})
    yield
    product.emulator.control.change_settings({"rateLimits": usual})


def _read_settings(product: Product, servers: Sequence[str]) -> dict[str, str]:
    return read_settings(product.emulator.client(HUB, WEST), target_client(product, "ec2"), servers)


# --- runs -------------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def _counted() -> Iterator[Callable[[], Calls]]:
    """Count the calls of functions in the target; yield what returns the counts so far."""
    counts, lock = Calls(), threading.Lock()

    def counting(call: Call) -> Call:
        def counted(self: Any, operation: str, parameters: Any) -> Any:
            function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
            if function and self.meta.service_model.service_name in SERVICES:
                with lock:
                    counts[function, operation] += 1
            return call(self, operation, parameters)

        return counted

    with calls_through(counting):
        yield lambda: Calls(counts)


def _run(product: Product, plan: str, kind: str, body: Mapping[str, Any], counted: Callable[[], Calls]) -> Row:
    """A run, and what comes after it until nothing has to be put back."""
    before = counted()
    reply = product.request("POST", f"/recovery-plans/{plan}/{kind}", body)
    if reply.status != 202:
        raise SystemExit(f"the start of {kind} was refused with {reply.status}: {reply.body}")
    execution_id = reply.body["executionId"]
    record = product.finish(execution_id, timeout=3_600)
    print(f"{execution_id}: {record['status']} {record['reason']}", file=sys.stderr)
    ended, deadline = product.emulator.world.clock.now(), time.monotonic() + RESTORE_SECONDS
    while _has_changes(product) and time.monotonic() < deadline:
        time.sleep(0.2)
    jobs = [each for each in product.jobs() if each.get("tags", {}).get("drs-waves:execution") == execution_id]
    requested = _seconds(record["requestedAt"])
    return {
        "status": record["status"],
        "launched": record["servers"]["launched"],
        "calls": counted() - before,
        "secondsToFirstJob": round(min(_seconds(each["creationDateTime"]) for each in jobs) - requested, 1)
        if jobs
        else None,
        "seconds": round(_seconds(record["endedAt"]) - requested, 1),
        "secondsUntilRestored": round(product.emulator.world.clock.now() - ended, 1),
    }


def _has_changes(product: Product) -> bool:
    return any(row["item"].startswith(CHANGES) for row in product.items("TargetChanges"))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


# --- what it costs ----------------------------------------------------------------------------------------------------
def _per_server(calls: Calls, size: int, function: str | None = None) -> float:
    return round(sum(count for (each, _), count in calls.items() if function in (None, each)) / size, 3)


def _by_operation(calls: Calls, function: str | None = None) -> dict[str, int]:
    found = Counter[str]()
    for (each, operation), count in calls.items():
        if function in (None, each):
            found[operation] += count
    return dict(sorted(found.items()))


def _list_missed(figures: Row, changed: int) -> Iterator[str]:
    size = figures["servers"]
    if changed:
        yield f"{size} servers: the launch settings of {changed} stay changed"
    if figures["launched"] < size:
        yield f"{size} servers: {figures['launched']} were launched"
    if size <= min(SIZES) and figures["secondsAdded"] > MOST_SECONDS_ADDED:
        yield f"{size} servers: profiles added {figures['secondsAdded']} s"


if __name__ == "__main__":
    sys.exit(main())
