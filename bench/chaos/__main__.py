"""Runs drills and recoveries under random faults of every kind, and compares each record with the DRS emulator.

    python -m bench.chaos [--runs 30] [--seed 11 --seed 12] [--profile captured --profile unkind] [--speed 120]

Each seed runs under each profile of the emulator. Most groups have launch profiles, some runs reserve capacity, and
some are aborted in Step Functions; of these, only what they leave of launch settings and reservations is judged.

Writes build/bench/chaos.json: counts, seeds, profiles, what was seen of checks, actions, faults and people, and each
invariant that was broken. Exit status 0 when none was.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.chaos import invariants, settings_invariants, step_invariants
from bench.chaos.profiles import CHANGING
from bench.chaos.scenario import TARGETS, Chain, Scenario
from bench.chaos.settings_truth import read_settings_truth
from bench.chaos.step_truth import read_step_truth
from bench.chaos.steps import open_shops
from bench.chaos.truth import read_truth
from drs_emulator.behaviour import PROFILES
from sandbox import drill, networks, seeding
from sandbox.stack import Sandbox

ROOT = Path(__file__).resolve().parents[2]
PLANS_AT_ONCE = 5

# Real seconds after which DRS shows every job and instance; a profile may hide new ones for minutes of simulated time.
SETTLING_SECONDS = 3.0


def main() -> int:
    options = _options()
    began = time.monotonic()
    passes: list[dict[str, Any]] = []
    for profile in options.profile or ["captured"]:
        with Sandbox(port=options.port, drs_port=options.port + 1, speed=options.speed, on_progress=print) as sandbox:
            seeding.register_accounts(sandbox)
            open_shops(sandbox, TARGETS)
            for target in TARGETS:
                networks.lay_networks(sandbox.control_emulator, *target)
            for seed in options.seed or [11]:
                sandbox.control_emulator("PUT", "/settings", {"profile": profile, "seed": seed})
                passes.append(_run(sandbox, profile, seed, options.runs))
    broken = [sentence for each in passes for sentence in each["brokenInvariants"]]
    figures = {"timeScale": options.speed, "seconds": round(time.monotonic() - began, 1), "passes": passes}
    drill.write_figures({**figures, "broken": len(broken)}, ROOT / "build" / "bench" / "chaos.json")
    print(json.dumps({**figures, "broken": len(broken)}, indent=2))
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30, help="first runs of plans; continuations come on top")
    parser.add_argument("--seed", type=int, action="append", help="repeatable; 11 if none is given")
    parser.add_argument(
        "--profile", action="append", choices=list(PROFILES), help="repeatable; captured if none is given"
    )
    parser.add_argument("--speed", type=float, default=120, help="simulated seconds to a real one")
    parser.add_argument("--port", type=int, default=4574, help="port of the local AWS; the DRS emulator takes the next")
    return parser.parse_args()


def _run(sandbox: Sandbox, profile: str, seed: int, runs: int) -> dict[str, Any]:
    began = time.monotonic()
    scenario, before = Scenario(sandbox, seed, f"{profile} {seed}"), _count_changes(sandbox)
    statuses, seen = Counter[str](), Counter[str]()
    broken: list[str] = []
    for first in range(0, runs, PLANS_AT_ONCE):
        chains = scenario.play_round(min(PLANS_AT_ONCE, runs - first), region_down=first == PLANS_AT_ONCE)
        statuses.update(f"{chain.mode} {record['status']}" for chain in chains for record in chain.records)
        broken += _check_round(sandbox, chains, seen)
        broken += _check_settings(sandbox, scenario)
        done = f"{profile}, seed {seed}: {min(first + PLANS_AT_ONCE, runs)} of {runs}"
        print(f"{done}: {dict(statuses)}, {len(broken)} broken", flush=True)
    broken += [*scenario.broken, *_leases(sandbox)]
    seen.update(_count_changes(sandbox) - before)
    return {
        "profile": profile,
        "seed": seed,
        "runs": sum(statuses.values()),
        "statuses": dict(sorted(statuses.items())),
        "seen": dict(sorted((seen + scenario.seen).items())),
        "seconds": round(time.monotonic() - began, 1),
        "brokenInvariants": broken,
    }


def _check_round(sandbox: Sandbox, chains: list[Chain], seen: Counter[str]) -> Iterator[str]:
    time.sleep(SETTLING_SECONDS)
    truth, of_steps = read_truth(sandbox, TARGETS), read_step_truth(sandbox, TARGETS)
    yield from invariants.no_live_recovery_is_replaced(truth)
    for chain in (each for each in chains if not each.aborted):
        yield from invariants.nothing_is_left(chain, truth)
        yield from step_invariants.no_done_action_runs_again(chain, of_steps)
        for record in chain.records:
            servers = drill.list_servers(sandbox, record["executionId"])
            yield from invariants.record_equals_truth(record, servers, truth)
            yield from invariants.every_failure_has_a_cause(record, servers)
            yield from invariants.counts_equal_rows(record, servers)
            now = sandbox.request("GET", f"/executions/{record['executionId']}").body
            yield from step_invariants.no_action_is_started_twice(now, of_steps)
            yield from step_invariants.nothing_runs_after_the_end(now, of_steps)
            yield from step_invariants.every_action_has_an_end(now)
            yield from step_invariants.every_launched_server_has_an_answer(now, servers, chain.plan.checks)
            yield from step_invariants.no_broken_server_is_verified(now, servers, chain.plan.checks, of_steps)
            yield from step_invariants.counts_of_checks_equal_rows(now, servers)
            seen.update(f"server {server['verification']['status']}" for server in servers if server["verification"])
            seen.update(f"action {action['kind']} {action['status']}" for action in now["actions"])


def _check_settings(sandbox: Sandbox, scenario: Scenario) -> Iterator[str]:
    truth = read_settings_truth(sandbox, TARGETS, scenario.profiles)
    yield from settings_invariants.no_launch_settings_stay_changed(truth)
    yield from settings_invariants.no_row_is_left(truth)
    yield from settings_invariants.no_reservation_is_left(truth)


def _count_changes(sandbox: Sandbox) -> Counter[str]:
    """The calls so far that have changed launch settings and reservations."""
    operations = sandbox.control_emulator("GET", "/calls")["operations"]
    return Counter({f"call {name}": operations.get(name, {}).get("OK", 0) for name in CHANGING})


def _leases(sandbox: Sandbox) -> list[str]:
    rows = sandbox.client("dynamodb").scan(TableName=sandbox.resources["Limits"])["Items"]
    return [
        f"{row['target']['S']}: lease left for {holder}"
        for row in rows
        if row["item"]["S"] == "LEASES"
        for holder in row.get("leases", {}).get("M", {})
    ]


if __name__ == "__main__":
    sys.exit(main())
