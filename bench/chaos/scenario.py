"""What happens in a round, drawn from a seed: plans, faults, and who starts what."""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.clients import Reply
from sandbox.settings import HUB_ACCOUNT, REGION, TARGET_ACCOUNT, SandboxError
from sandbox.stack import Sandbox

TARGETS = ((HUB_ACCOUNT, REGION), (TARGET_ACCOUNT, "eu-central-1"))
UNFINISHED = {"PENDING", "POLLING", "PAUSED"}
ROUND_SECONDS = 600.0

# Real seconds between two reads of a record.
POLL_SECONDS = 0.7

START_PATHS = {"DRILL": "drills", "RECOVERY": "recoveries"}


@dataclass(slots=True)
class Chain:
    """The runs of one start: the first one and those that continue it, in order, with the records at their ends."""

    plan_id: str
    mode: str
    records: list[dict[str, Any]] = field(default_factory=list)
    cleanup: dict[str, Any] | None = None


class Scenario:
    """Rounds of a few plans each. `broken` collects what went wrong that only the starter can see."""

    def __init__(self, sandbox: Sandbox, seed: int, name: str) -> None:
        self._sandbox, self._chance, self._name = sandbox, random.Random(seed), name
        self._number = 0
        self.broken: list[str] = []

    # --- a round
    def play_round(self, plans: int, *, region_down: bool) -> list[Chain]:
        """Start each plan under faults, continue some of the runs, drill over the recoveries, clean up the drills."""
        chains = self._start_plans(plans, region_down=region_down)
        self._sandbox.control_emulator("DELETE", "/faults")
        for chain in chains:
            if chain.records and chain.records[-1]["status"] != "COMPLETED" and self._chance.random() < 0.6:
                self._continue_twice(chain)
        recovered = [chain for chain in chains if chain.mode == "RECOVERY"]
        chains += self._start_all((chain.plan_id, "DRILL") for chain in recovered if self._chance.random() < 0.7)
        for chain in chains:
            if chain.mode == "DRILL" and chain.records:
                self._clean_up(chain)
        return chains

    def _start_plans(self, plans: int, *, region_down: bool) -> list[Chain]:
        starts = []
        for _ in range(plans):
            self._number += 1
            waves = self._make_waves()
            mode = self._chance.choice(("DRILL", "DRILL", "RECOVERY"))
            starts.append((self._make_plan(f"{self._name} {self._number}", waves), mode))
            if self._chance.random() < 0.25:  # another team has a plan over the same servers
                other = self._chance.choice(("DRILL", "RECOVERY"))
                starts.append((self._make_plan(f"{self._name} {self._number} twin", waves), other))
        self._make_faults(region_down=region_down)
        return self._start_all(starts)

    def _start_all(self, starts: Iterable[tuple[str, str]]) -> list[Chain]:
        chains = []
        for plan_id, mode in starts:
            reply = self._sandbox.request("POST", f"/recovery-plans/{plan_id}/{START_PATHS[mode]}")
            if reply.status != 202:
                raise SandboxError(f"the start of {plan_id} was refused with {reply.status}: {reply.body}")
            chains.append((Chain(plan_id, mode), str(reply.body["executionId"])))
        for chain, execution_id in chains:
            self._finish(chain, execution_id)
        return [chain for chain, _ in chains]

    def _finish(self, chain: Chain, execution_id: str) -> None:
        deadline = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < deadline:
            record: dict[str, Any] = self._sandbox.request("GET", f"/executions/{execution_id}").body
            if record["status"] not in UNFINISHED:
                chain.records.append(record)
                return
            self._sandbox.require_alive()
            time.sleep(POLL_SECONDS)
        self.broken.append(f"{execution_id}: no final status after {ROUND_SECONDS:.0f} s")

    def _continue_twice(self, chain: Chain) -> None:
        """Continue the run, and once more, as an operator does who missed the first answer."""
        before = chain.records[-1]["executionId"]
        replies: list[Reply] = [self._sandbox.request("POST", f"/executions/{before}/continue") for _ in range(2)]
        accepted = [reply for reply in replies if reply.status == 202]
        if len(accepted) != 1:
            statuses = [(reply.status, reply.body) for reply in replies]
            self.broken.append(f"{before}: continued twice, answers {statuses}")
        for reply in accepted:
            self._finish(chain, str(reply.body["executionId"]))

    def _clean_up(self, chain: Chain) -> None:
        # A continuation that was not ready has left its chain, and its clean-up would find nothing.
        linked = [record for record in chain.records if record["status"] != "NOT_READY"] or chain.records[:1]
        execution_id = self._chance.choice(linked)["executionId"]
        reply = self._sandbox.request("POST", f"/executions/{execution_id}/cleanup")
        if reply.status != 202:
            self.broken.append(f"{execution_id}: its clean-up was refused with {reply.status}: {reply.body}")
            return
        deadline = time.monotonic() + ROUND_SECONDS
        while time.monotonic() < deadline:
            record = self._sandbox.request("GET", f"/executions/{execution_id}/cleanup").body
            if record["status"] != "RUNNING":
                chain.cleanup = record
                return
            time.sleep(POLL_SECONDS)
        self.broken.append(f"{execution_id}: its clean-up did not end within {ROUND_SECONDS:.0f} s")

    # --- what it is made of
    def _make_waves(self) -> list[dict[str, Any]]:
        """One to three waves, each with a few servers in one target or both, some with a tolerance."""
        waves = []
        for wave in range(self._chance.randint(1, 3)):
            groups = []
            for account, region in self._chance.sample(TARGETS, self._chance.randint(1, 2)):
                place = {"accountId": account, "region": region}
                tags = {"drill": f"{self._name}-{self._number}", "wave": str(wave)}
                names = [f"{self._name}-{self._number}-{wave}-{each}" for each in range(self._chance.randint(1, 6))]
                servers = [{"hostname": name, "tags": tags} for name in names]
                self._sandbox.control_emulator("POST", "/source-servers", {**place, "servers": servers})
                group = {"name": f"{self._name} {self._number} {wave} {region}", **place, "tags": tags}
                groups.append({"groupId": self._post("/protection-groups", group)["groupId"]})
            tolerance = self._chance.choice((0, 30, 60))
            waves.append({"name": f"wave-{wave}", "groups": groups, "maxFailedPercent": tolerance})
        return waves

    def _make_plan(self, name: str, waves: list[dict[str, Any]]) -> str:
        body = {"name": name, "waves": waves, "launchAttempts": self._chance.randint(1, 3)}
        return str(self._post("/recovery-plans", body)["planId"])

    def _make_faults(self, *, region_down: bool) -> None:
        """Some of every kind. A Region that goes down stays so for ten simulated minutes."""
        made: list[dict[str, Any]] = [
            {"kind": "THROTTLING", "probability": 0.08},
            {"kind": "SERVER_ERROR", "probability": 0.05},
            {"kind": "CUT_BEFORE", "probability": 0.04},
            {"kind": "CUT_AFTER", "probability": 0.04},
            {"kind": "CUT_AFTER", "operation": "StartRecovery", "probability": 0.3},
            {"kind": "LATENCY", "probability": 0.05, "milliseconds": 150},
            {"kind": "SNAPSHOT_FAILS", "probability": 0.04},
            {"kind": "CONVERSION_FAILS", "probability": 0.04},
            {"kind": "LAUNCH_FAILS", "probability": 0.06},
            {"kind": "MISSING_PERMISSION", "probability": 0.03},
            {"kind": "PREVIOUS_SNAPSHOT", "probability": 0.05},
            {"kind": "JOB_STAYS_PENDING", "probability": 0.1, "holdSeconds": 900},
        ]
        if region_down:
            account, region = self._chance.choice(TARGETS)
            made.append({"kind": "REGION_DOWN", "accountId": account, "region": region, "durationSeconds": 600})
        for fault in made:
            self._sandbox.control_emulator("POST", "/faults", fault)

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        reply = self._sandbox.request("POST", path, body)
        if reply.status != 201:
            raise SandboxError(f"POST {path} answered {reply.status}: {reply.body}")
        answer: dict[str, Any] = reply.body
        return answer
