"""Drills a wave of 100 and one of 1,000 servers, without checks and with five, and counts what the checks cost.

    python -m bench.checks [--servers 100 --servers 1000] [--speed 20] [--port 4640]

Each server has the checks boot, agent, http, command and targetGroup. All servers are in one account and Region, and
those of a batch boot at their own times, by the emulator's spread. A part is at most 50 servers of a batch; a look at a
batch should make at most one call in each service for each of its parts. `callsForPartAndLook` is the average of all
looks. For a batch that is alone, the calls of each look are told apart by the times in the history of its machine, and
`mostCallsForPartInALook` is the highest count.

Seconds are simulated; each real second that the machine needs for its work counts `speed` of them. Calls are those that
the emulator logs while the wave is checked. Write units are DynamoDB's, counted by the engine.

Writes build/bench/checks.json and exits with 1 when a server was not verified or a limit is missed.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from bench.saturation import follow, seconds
from sandbox import deployment, drill, seeding, shop
from sandbox.engine import ENVIRONMENTS_MOST, METER
from sandbox.settings import HUB_ACCOUNT, REGION
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 1_000)
KINDS = LAUNCHED, VERIFIED = "launched", "verified"
SERVERS_IN_PART = 50  # the ids that one call of Systems Manager takes
CHECK = "CheckServers"
# Batches of a wave are looked at at once. To start ten environments of a function would take two processors seconds.
ENVIRONMENTS_OF_A_FUNCTION = 6
# A server that boots at another time than the others is at another check, and a call for it is one more in that look.
MOST = {"callsForPartAndLook": 1.0, "mostCallsForPartInALook": 2.0, "callsOfRound": 100}
# The operations by which checks and their rate limiters write. Others differ between two drills for other reasons.
WRITES_OF_CHECKS = ("TransactWriteItems", "UpdateItem")
# What the meter of the engine writes once a second, and the drill's last writes.
SETTLING_SECONDS = 2.5

Row = dict[str, Any]


def main() -> int:
    """Print the figures and write them to build/bench/checks.json."""
    options = _options()
    meter = Path(tempfile.mkdtemp(prefix="checks-")) / "dynamodb.json"
    os.environ[METER] = str(meter)
    os.environ[ENVIRONMENTS_MOST] = str(ENVIRONMENTS_OF_A_FUNCTION)
    with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
        seeding.register_accounts(sandbox)
        sizes = options.servers or list(SIZES)
        servers = [_seed(sandbox, f"{size} {kind}", size) for size in sizes for kind in KINDS]
        opened = shop.open_shop(
            _client_of(sandbox),
            sandbox.control_emulator,
            HUB_ACCOUNT,
            REGION,
            list(chain.from_iterable(servers)),
        )
        deployment.await_functions(sandbox.client("lambda"))
        figures = [_measure(sandbox, size, opened.target_group_arn, meter) for size in sizes]
    missed = [sentence for each in figures for sentence in each["missed"]]
    whole = {"timeScale": options.speed, "sizes": figures, "missed": missed}
    drill.write_figures(whole, ROOT / "build" / "bench" / "checks.json")
    print(json.dumps(whole, indent=2))
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, action="append", help="repeatable; 100 and 1,000 if none is given")
    parser.add_argument("--speed", type=float, default=20, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4640, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _client_of(sandbox: Sandbox) -> shop.Client:
    return lambda service: sandbox.client(service, account=HUB_ACCOUNT, region=REGION)


def _seed(sandbox: Sandbox, name: str, size: int) -> list[str]:
    """Source servers of a drill: new ones for each, because a second launch of a server costs other writes."""
    hostname = name.replace(" ", "-")
    servers = [{"hostname": f"{hostname}-{number:04}", "tags": {"fleet": name}} for number in range(size)]
    body = {"accountId": HUB_ACCOUNT, "region": REGION, "servers": servers}
    ids: list[str] = sandbox.control_emulator("POST", "/source-servers", body)["sourceServerIDs"]
    return ids


# --- drills -------------------------------------------------------------------------------------------------------
def _measure(sandbox: Sandbox, size: int, target_group: str, meter: Path) -> Row:
    """A wave without checks, and then one with them."""
    checks = [
        "boot",
        "agent",
        {"http": {"port": 8080, "path": "/health"}},
        {"command": {"document": "Shop-CheckService"}},
        {"targetGroup": target_group},
    ]
    alone = _drill(sandbox, f"{size} {LAUNCHED}", meter, {})
    checked = _drill(sandbox, f"{size} {VERIFIED}", meter, {"checks": checks, "checksTimeoutMinutes": 60})
    costs = _count_checks(sandbox, checked)
    used = _subtract(checked["dynamodb"], alone["dynamodb"])
    figures: Row = {
        "servers": size,
        "verified": costs.pop("verified"),
        "status": checked["record"]["status"],
        "secondsToLaunched": costs.pop("secondsToLaunched"),
        "secondsToVerified": costs.pop("secondsToVerified"),
        "secondsWithoutChecks": _since_start(alone["record"], alone["record"]["endedAt"]),
        **costs,
        "transitionsWithoutChecks": alone["transitions"],
        "transitionsInAll": checked["transitions"],
        "historyEventsWithoutChecks": alone["events"],
        "historyEventsInAll": checked["events"],
        "writeUnitsWithoutChecks": _write_units(alone["dynamodb"]),
        "writeUnitsInAll": _write_units(checked["dynamodb"]),
        "writeUnitsOfChecksPerServer": round(sum(used[name]["units"] for name in WRITES_OF_CHECKS) / size, 3),
        "dynamodbOfChecks": used,
    }
    figures["missed"] = list(_list_missed(figures))
    return figures


def _drill(sandbox: Sandbox, name: str, meter: Path, more: Mapping[str, Any]) -> Row:
    """A drill of a plan of one wave: its record, the machines that ran, and what DynamoDB did for it."""
    body = {"name": name, "accountId": HUB_ACCOUNT, "region": REGION, "tags": {"fleet": name}}
    group = seeding.create_resource(sandbox, "/protection-groups", body)["groupId"]
    wave = {"name": "all", "groups": [{"groupId": group}], **more}
    plan_id = seeding.create_resource(sandbox, "/recovery-plans", {"name": name, "waves": [wave]})["planId"]
    before, records = _read_meter(meter), dict[str, Row]()
    execution_id = sandbox.request("POST", f"/recovery-plans/{plan_id}/drills").body["executionId"]
    follow(sandbox, execution_id, records)
    record = records[execution_id]
    arns = drill.list_machine_executions(sandbox, record)
    histories = {arn: _read_history(sandbox, arn) for arn in arns}
    return {
        "record": record,
        "histories": histories,
        "transitions": sum(_count_transitions(history) for history in histories.values()),
        "events": sum(map(len, histories.values())),
        "dynamodb": _subtract(_read_meter(meter), before),
    }


def _since_start(record: Row, moment: str) -> float:
    return round(seconds(moment) - seconds(record["requestedAt"]), 1)


def _read_history(sandbox: Sandbox, arn: str) -> list[Row]:
    pages = sandbox.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def _count_transitions(history: Iterable[Row]) -> int:
    return sum(event["type"].endswith("StateEntered") for event in history)


# --- what the checks cost -------------------------------------------------------------------------------------------
def _count_checks(sandbox: Sandbox, drilled: Row) -> Row:
    """The calls while the wave was checked, by service and operation, and the looks that made them."""
    record = drilled["record"]
    (wave,) = record["waves"]
    launched, verified = seconds(wave["launchedAt"]), seconds(wave["verifiedAt"])
    batches = _read_batches(sandbox, record["executionId"])
    parts = sum(each["looks"] * math.ceil(each["checked"] / SERVERS_IN_PART) for each in batches)
    calls = [
        call
        for call in sandbox.control_emulator("GET", "/calls?detail=true")["calls"]
        if launched <= seconds(call["simulatedTime"]) <= verified
    ]
    by_service = Counter(call["service"] for call in calls)
    rounds = max(each["looks"] for each in batches)
    machines = [history for arn, history in drilled["histories"].items() if "verify-target:" in arn]
    looks = [sandbox.origin + (began - sandbox.origin) * sandbox.speed for began in chain(*map(_list_looks, machines))]
    return {
        "verified": sum(each["verified"] for each in batches),
        "secondsToLaunched": _since_start(record, wave["launchedAt"]),
        "secondsToVerified": _since_start(record, wave["verifiedAt"]),
        "batches": len(batches),
        "rounds": rounds,
        "looks": sum(each["looks"] for each in batches),
        "calls": _by_operation(calls),
        "callsFailed": sum(call["outcome"] != "OK" for call in calls),
        "callsOfRound": round(len(calls) / rounds, 1),
        "callsForPartAndLook": {service: round(count / parts, 3) for service, count in sorted(by_service.items())},
        "mostCallsForPartInALook": _count_most(calls, looks, batches) if len(batches) == 1 else None,
        "transitionsOfVerifyTarget": sum(map(_count_transitions, machines)),
        "historyEventsOfVerifyTarget": sum(map(len, machines)),
    }


def _read_batches(sandbox: Sandbox, execution_id: str) -> list[Row]:
    """The looks and the counts of each batch; the first write of a row begins its checks, and is no look."""
    pages = (
        sandbox.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=sandbox.resources["Executions"],
            KeyConditionExpression="executionId = :run AND begins_with(#item, :checks)",
            ExpressionAttributeNames={"#item": "item"},
            ExpressionAttributeValues={":run": {"S": execution_id}, ":checks": {"S": "CHECKS#"}},
        )
    )
    rows = [
        {name: int(row[name]["N"]) for name in ("looks", "checked", "verified")}
        for page in pages
        for row in page["Items"]
    ]
    return [{**row, "looks": row["looks"] - 1} for row in rows]


def _by_operation(calls: Iterable[Row]) -> dict[str, dict[str, int]]:
    counts = Counter((call["service"], call["operation"]) for call in calls)
    services = sorted({service for service, _ in counts})
    return {
        service: {operation: count for (of, operation), count in sorted(counts.items()) if of == service}
        for service in services
    }


def _list_looks(history: Sequence[Row]) -> list[float]:
    """When each look of a machine began. Times in histories of the local Step Functions are real."""
    return sorted(
        event["timestamp"].timestamp()
        for event in history
        if event["type"] == "TaskStateEntered" and event["stateEnteredEventDetails"]["name"] == CHECK
    )


def _count_most(calls: Iterable[Row], looks: Sequence[float], batches: Sequence[Row]) -> dict[str, float]:
    """Of each service, the most calls for a part of the only batch in one look."""
    parts = math.ceil(batches[0]["checked"] / SERVERS_IN_PART)
    counts = Counter((bisect_right(looks, seconds(call["simulatedTime"])), call["service"]) for call in calls)
    most: dict[str, float] = {}
    for (_, service), count in counts.items():
        most[service] = max(most.get(service, 0), count / parts)
    return dict(sorted(most.items()))


def _list_missed(figures: Row) -> Iterable[str]:
    size = figures["servers"]
    if figures["verified"] < size:
        yield f"{size} servers: {figures['verified']} were verified"
    for name in ("callsForPartAndLook", "mostCallsForPartInALook"):
        for service, count in (figures[name] or {}).items():
            if count > MOST[name]:
                yield f"{size} servers: {name} of {service} is {count}"
    if figures["callsOfRound"] > MOST["callsOfRound"]:
        yield f"{size} servers: {figures['callsOfRound']} calls in a round"


# --- DynamoDB -------------------------------------------------------------------------------------------------------
def _read_meter(meter: Path) -> dict[str, Row]:
    """What the engine has counted so far, once it has written it."""
    time.sleep(SETTLING_SECONDS)
    counted: dict[str, Row] = json.loads(meter.read_text())
    return counted


def _subtract(after: Mapping[str, Row], before: Mapping[str, Row]) -> dict[str, Row]:
    names = ("requests", "units")
    return {
        operation: {name: round(counts[name] - before.get(operation, {}).get(name, 0), 1) for name in names}
        for operation, counts in sorted(after.items())
    }


def _write_units(used: Mapping[str, Row]) -> float:
    reads = ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")
    return round(sum(float(each["units"]) for name, each in used.items() if name not in reads), 1)


if __name__ == "__main__":
    sys.exit(main())
