"""What happens in a round, drawn from a seed: plans, faults, and who starts what."""

import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench.chaos import profiles, steps
from bench.chaos.people import Behaviour, People
from bench.chaos.profiles import Profiles
from bench.chaos.steps import Steps
from sandbox.clients import Reply
from sandbox.settings import HUB_ACCOUNT, REGION, TARGET_ACCOUNT, SandboxError
from sandbox.stack import Sandbox

TARGETS = ((HUB_ACCOUNT, REGION), (TARGET_ACCOUNT, "eu-central-1"))
UNFINISHED = {"PENDING", "POLLING", "PAUSED"}
ROUND_SECONDS = 600.0

# Real seconds between two reads of a record.
POLL_SECONDS = 0.7

WITH_STEPS = 0.7
"""The part of the waves that has checks, and that which has actions."""

START_PATHS = {"DRILL": "drills", "RECOVERY": "recoveries"}


@dataclass(slots=True)
class Plan:
    """A plan: its waves as the API takes them, and its id once it was created.

    `checks` has, by wave and source server, the kinds of checks that the server has. `steps` are its own actions.
    `servers` are the ids of its source servers.
    """

    waves: list[dict[str, Any]] = field(default_factory=list)
    checks: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    steps: dict[str, Any] = field(default_factory=dict)
    servers: list[str] = field(default_factory=list)
    plan_id: str = ""

    def name_action(self, wave: str, place: str, number: int) -> str:
        """The name of an action by the parts of its key: `-` stands for the plan, and numbers begin with 1."""
        owner = next((each for each in self.waves if each["name"] == wave), self.steps)
        return str(owner[place][number - 1]["name"])


@dataclass(slots=True)
class Chain:
    """The runs of one start: the first one and those that continue it, in order, with the records at their ends.

    `behaviour` is what operators do in the run that is on. A person changes a launch template `by_hand` after so many
    reads of runs with launching servers; None if no person does, or one has.
    """

    plan: "Plan"
    mode: str
    behaviour: Behaviour
    records: list[dict[str, Any]] = field(default_factory=list)
    cleanup: dict[str, Any] | None = None
    by_hand: int | None = None

    @property
    def aborted(self) -> bool:
        """Whether its last run was aborted in Step Functions. Its jobs may go on after its end."""
        return self.behaviour.aborted

    @property
    def executions(self) -> list[str]:
        """The ids of its runs."""
        return [record["executionId"] for record in self.records]


class Scenario:
    """Rounds of a few plans each.

    `broken` collects what went wrong that only the starter can see, and `seen` counts faults that struck and answers.
    """

    def __init__(self, sandbox: Sandbox, seed: int, name: str) -> None:
        self._sandbox, self._chance, self._name = sandbox, random.Random(seed), name
        self._number = 0
        self.broken: list[str] = []
        self.seen = Counter[str]()
        self._steps = Steps(sandbox, self._chance)
        self._people = People(sandbox, self._chance, self.broken, self.seen)
        self.profiles = Profiles(sandbox, self._chance, self.seen)

    # --- a round
    def play_round(self, plans: int, *, region_down: bool) -> list[Chain]:
        """Start each plan under faults, continue some of the runs, drill over the recoveries, clean up the drills.

        The rules that break servers and automations stay until the next round.
        """
        self._sandbox.control_emulator("DELETE", "/rules")
        chains = self._start_plans(plans, region_down=region_down)
        for fault in self._sandbox.control_emulator("GET", "/faults")["faults"]:
            self.seen[f"fault {fault['kind']} of {fault.get('service', 'launches')}"] += fault["struck"]
        self._sandbox.control_emulator("DELETE", "/faults")
        for chain in chains:
            if _can_be_continued(chain) and self._chance.random() < 0.6:
                self._continue_twice(chain)
        recovered = [chain for chain in chains if chain.mode == "RECOVERY" and not chain.aborted]
        chains += self._start_all((chain.plan, "DRILL") for chain in recovered if self._chance.random() < 0.7)
        for chain in chains:
            if chain.mode == "DRILL" and chain.records and not chain.aborted:
                self._clean_up(chain)
        return chains

    def _start_plans(self, plans: int, *, region_down: bool) -> list[Chain]:
        starts = []
        for _ in range(plans):
            self._number += 1
            plan = self._draw_plan()
            mode = self._chance.choice(("DRILL", "DRILL", "RECOVERY"))
            starts.append((self._make_plan(f"{self._name} {self._number}", plan), mode))
            if self._chance.random() < 0.25:  # another team has a plan over the same servers
                other = self._chance.choice(("DRILL", "RECOVERY"))
                starts.append((self._make_plan(f"{self._name} {self._number} twin", plan), other))
        self._make_faults(region_down=region_down)
        return self._start_all(starts)

    def _start_all(self, starts: Iterable[tuple[Plan, str]]) -> list[Chain]:
        started = []
        for plan, mode in starts:
            path = f"/recovery-plans/{plan.plan_id}/{START_PATHS[mode]}"
            reply = self._sandbox.request("POST", path, self.profiles.draw_options())
            if reply.status != 202:
                raise SandboxError(f"the start of {plan.plan_id} was refused with {reply.status}: {reply.body}")
            chain = Chain(plan, mode, self._people.draw(), by_hand=self.profiles.draw_moment())
            started.append((chain, str(reply.body["executionId"])))
        self._finish(started)
        return [chain for chain, _ in started]

    def _finish(self, started: Sequence[tuple[Chain, str]]) -> None:
        """Do what operators do until each of these runs has ended."""
        deadline = time.monotonic() + ROUND_SECONDS
        left = list(started)
        while left and time.monotonic() < deadline:
            for chain, execution_id in list(left):
                record: dict[str, Any] = self._sandbox.request("GET", f"/executions/{execution_id}").body
                if record["status"] in UNFINISHED:
                    self._people.act(chain.behaviour, record)
                    self._change_by_hand(chain, record)
                else:
                    chain.records.append(record)
                    left.remove((chain, execution_id))
            self._sandbox.require_alive()
            time.sleep(POLL_SECONDS)
        self.broken += [f"{execution_id}: no final status after {ROUND_SECONDS:.0f} s" for _, execution_id in left]

    def _change_by_hand(self, chain: Chain, record: dict[str, Any]) -> None:
        if chain.by_hand is None or not (record["servers"] or {}).get("launching"):
            return
        chain.by_hand -= 1
        if chain.by_hand <= 0:
            chain.by_hand = None
            self.profiles.change_by_hand(chain.plan.servers)

    def _continue_twice(self, chain: Chain) -> None:
        """Continue the run, and once more, as an operator does who missed the first answer."""
        before = chain.records[-1]["executionId"]
        replies: list[Reply] = [self._sandbox.request("POST", f"/executions/{before}/continue") for _ in range(2)]
        accepted = [reply for reply in replies if reply.status == 202]
        if len(accepted) != 1:
            statuses = [(reply.status, reply.body) for reply in replies]
            self.broken.append(f"{before}: continued twice, answers {statuses}")
        chain.behaviour = self._people.draw()
        self._finish([(chain, str(reply.body["executionId"])) for reply in accepted])

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
    def _draw_plan(self) -> Plan:
        """One to three waves, each with a few servers in one target or both, some with a tolerance, checks, actions."""
        plan = Plan()
        for wave in range(self._chance.randint(1, 3)):
            plan.waves.append(self._draw_wave(plan, wave))
        if self._chance.random() < WITH_STEPS:
            plan.steps = self._steps.draw_actions_of_plan(TARGETS[0])
        return plan

    def _draw_wave(self, plan: Plan, number: int) -> dict[str, Any]:
        name, groups, subject = f"wave-{number}", [], f"{self._name}-{self._number}-{number}."
        targets = self._chance.sample(TARGETS, self._chance.randint(1, 2))
        servers: list[list[str]] = []
        hostnames: list[str] = []
        for account, region in targets:
            place = {"accountId": account, "region": region}
            tags = {"drill": f"{self._name}-{self._number}", "wave": str(number)}
            made = [f"{self._name}-{self._number}-{number}-{each}" for each in range(self._chance.randint(1, 6))]
            made = [f"{hostname}-{region}".replace(" ", "-") for hostname in made]
            body = {**place, "servers": [{"hostname": hostname, "tags": tags} for hostname in made]}
            servers.append(self._sandbox.control_emulator("POST", "/source-servers", body)["sourceServerIDs"])
            hostnames += made
            self.profiles.remember((account, region), servers[-1])
            plan.servers += servers[-1]
            group = {"name": f"{self._name} {self._number} {number} {region}", **place, "tags": tags}
            group |= self.profiles.draw(region)
            groups.append({"groupId": self._post("/protection-groups", group)["groupId"]})
        more: dict[str, Any] = {"onFailure": "ask"} if self._chance.random() < 0.5 else {}
        if self._chance.random() < WITH_STEPS:
            more |= self._steps.draw_checks(targets, servers, f"{self._name}-{self._number}-{number}".replace(" ", "-"))
            plan.checks[name] = _kinds_of(more["checks"], targets, servers)
            self._steps.break_servers(hostnames)
        if self._chance.random() < WITH_STEPS:
            more |= self._steps.draw_actions(name, targets[0], subject)
            self._steps.break_automations(subject)
        return {"name": name, "groups": groups, "maxFailedPercent": self._chance.choice((0, 30, 60)), **more}

    def _make_plan(self, name: str, plan: Plan) -> Plan:
        attempts = {"launchAttempts": self._chance.randint(1, 3)}
        created = self._post("/recovery-plans", {"name": name, "waves": plan.waves, **plan.steps, **attempts})
        return replace(plan, plan_id=str(created["planId"]))

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
            place = {"accountId": account, "region": region, "service": self._chance.choice(("drs", "all"))}
            made.append({"kind": "REGION_DOWN", **place, "durationSeconds": 600})
        for fault in (*made, *steps.list_faults(), *profiles.list_faults()):
            self._sandbox.control_emulator("POST", "/faults", fault)

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        reply = self._sandbox.request("POST", path, body)
        if reply.status != 201:
            raise SandboxError(f"POST {path} answered {reply.status}: {reply.body}")
        answer: dict[str, Any] = reply.body
        return answer


def _can_be_continued(chain: Chain) -> bool:
    return bool(chain.records) and chain.records[-1]["status"] != "COMPLETED" and not chain.aborted


def _kinds_of(
    checks: Iterable[Any], targets: Sequence[tuple[str, str]], servers: Sequence[Iterable[str]]
) -> dict[str, frozenset[str]]:
    """The kinds of checks of each server. A target group has servers of its own account and Region only."""
    kinds = {check if isinstance(check, str) else next(iter(check)) for check in checks}
    return {
        server: frozenset(kinds if target == targets[0] else kinds - {"targetGroup"})
        for target, each in zip(targets, servers, strict=True)
        for server in each
    }
