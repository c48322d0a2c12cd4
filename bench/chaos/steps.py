"""Draws checks and actions for plans, and the rules by which servers, commands and automations break.

A rule without a count lasts for the round: a server that it breaks never passes the check that it concerns. The other
rules pass, as a slow boot does, and what they break works after a while or at a second try.
"""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from sandbox import shop
from sandbox.stack import Sandbox

Row = dict[str, Any]
Place = tuple[str, str]
"""An account and Region."""

CHECK_MINUTES, ACTION_MINUTES = 15, 10
COMMAND = "Shop-CheckService"
CHECKS: tuple[Any, ...] = (
    "boot",
    "agent",
    "postLaunchActions",
    {"tcp": {"port": 5432}},
    {"http": {"port": 8080, "path": "/health"}},
    {"command": {"document": COMMAND, "timeoutSeconds": 120}},
)
LASTING: tuple[Row, ...] = (
    {"kind": "INSTANCE", "checks": "initializing"},
    {"kind": "INSTANCE", "checks": "instance-impaired"},
    {"kind": "INSTANCE", "agent": "absent"},
    {"kind": "INSTANCE", "targetHealth": "unhealthy"},
    {"kind": "COMMAND", "effect": "FAILS", "exitCode": 3, "stderr": "no connection"},
    {"kind": "COMMAND", "effect": "HANGS"},
)
PASSING: tuple[Row, ...] = (
    {"kind": "INSTANCE", "checksSeconds": 500},
    {"kind": "INSTANCE", "agentSeconds": 420},
    {"kind": "INSTANCE", "agentLostSeconds": 30, "agentBackSeconds": 240},
    {"kind": "COMMAND", "effect": "FAILS", "count": 2},
    {"kind": "COMMAND", "effect": "HANGS", "count": 1},
    {"kind": "COMMAND", "effect": "SUCCEEDS", "stdout": "page read ", "stdoutLength": 24_000, "count": 3},
)
AUTOMATIONS: tuple[Row, ...] = (
    {"document": "Shop-PromoteDatabase", "step": "promote", "effect": "FAILS", "message": "the replica lags"},
    {"document": "Shop-PromoteDatabase", "step": "promote", "effect": "HANGS"},
    {"document": "Shop-PromoteDatabase", "step": "checkReplica", "effect": "FAILS", "count": 1},
    {"document": "Shop-PromoteDatabase", "step": "promote", "effect": "IS_CANCELLED", "count": 1},
)
SERVICES = ("ssm", "ec2", "elbv2")


def open_shops(sandbox: Sandbox, targets: Iterable[Place]) -> None:
    """Create what actions use in each target: documents, a function, a state machine and an event bus."""
    for account, region in targets:
        shop.open_shop(
            lambda service, account=account, region=region: sandbox.client(service, account=account, region=region),  # type: ignore[misc]
            sandbox.control_emulator,
            account,
            region,
        )


class Steps:
    """Draws from the chance of a scenario. `sandbox` gets the rules and the target groups."""

    def __init__(self, sandbox: Sandbox, chance: random.Random) -> None:
        self._sandbox, self._chance = sandbox, chance

    # --- checks
    def draw_checks(self, targets: Sequence[Place], servers: Sequence[Sequence[str]], name: str) -> Row:
        """Some checks of a wave; `servers` are the ids of its servers in each of the targets."""
        checks: list[Any] = self._chance.sample(CHECKS, self._chance.randint(1, 4))
        if self._chance.random() < 0.3:
            account, region = targets[0]
            group = {"accountId": account, "region": region, "name": name, "port": 8080}
            made = self._sandbox.control_emulator("POST", "/target-groups", {**group, "sourceServerIds": servers[0]})
            checks.append({"targetGroup": made["targetGroupArn"]})
        if isinstance(checks[0], dict) and self._chance.random() < 0.3:
            checks[0] = {**checks[0], "successes": 2}
        return {"checks": checks, "checksTimeoutMinutes": CHECK_MINUTES, "checksEverySeconds": 20}

    def break_servers(self, hostnames: Iterable[str]) -> None:
        """Break some of the servers, for good or for a while."""
        for hostname in hostnames:
            drawn = self._chance.random()
            rules = LASTING if drawn < 0.12 else PASSING if drawn < 0.4 else ()
            if rules:
                self._add_rule({**self._chance.choice(rules), "hostname": hostname})

    # --- actions
    def draw_actions(self, wave: str, target: Place, subject: str) -> Row:
        """Actions before and after a wave. `subject` is in the parameters of its automations, for rules."""
        command = [{"ssmCommand": {"document": "Shop-WarmCaches"}}] if self._chance.random() < 0.6 else []
        after: list[Row] = [
            {"ssmAutomation": {"document": "Shop-PromoteDatabase", "parameters": {"Database": subject}}},
            {"manual": {"instructions": "Place an order."}},
            {"stateMachine": {"name": shop.MACHINE, "input": {"run": "{executionId}"}}},
        ]
        before: list[Row] = [
            {"ssmAutomation": {"document": "Shop-FreezeWrites", "parameters": {"Mode": "{mode}"}}},
            {"ssmAutomation": {"document": "Shop-PromoteDatabase", "parameters": {"Database": subject}}},
            {"manual": {"instructions": "Look whether the writers have stopped."}},
            {"wait": {"minutes": 2}},
        ]
        return {
            place: [self._finish(kind, f"{wave}-{place}-{number}", target) for number, kind in enumerate(chosen)]
            for place, chosen in (
                ("before", self._chance.sample(before, self._chance.randint(0, 2))),
                ("after", command + self._chance.sample(after, self._chance.randint(0, 2))),
            )
        }

    def draw_actions_of_plan(self, target: Place) -> Row:
        """At most one action before and one after the plan."""
        kinds: dict[str, Row] = {
            "before": {"ssmAutomation": {"document": "Shop-FreezeWrites", "parameters": {"Mode": "{mode}"}}},
            "after": {"event": {"bus": shop.BUS, "detailType": "Recovered", "detail": {"run": "{executionId}"}}},
        }
        return {
            place: [self._finish(kind, f"plan-{place}", target)]
            for place, kind in kinds.items()
            if self._chance.random() < 0.4
        }

    def _finish(self, kind: Row, name: str, target: Place) -> Row:
        acts_in_target = not kind.keys() & {"manual", "wait", "ssmCommand"}
        where = {"accountId": target[0], "region": target[1]} if acts_in_target else {}
        on_failure = self._chance.choice(("stop", "continue", "ask"))
        return {"name": name, **kind, **where, "timeoutMinutes": ACTION_MINUTES, "onFailure": on_failure}

    def break_automations(self, subject: str) -> None:
        """Break the automations whose parameters have this subject, or not."""
        if self._chance.random() < 0.4:
            self._add_rule({"kind": "AUTOMATION", **self._chance.choice(AUTOMATIONS), "contains": subject})

    def _add_rule(self, rule: Row) -> None:
        self._sandbox.control_emulator("POST", "/rules", rule)


def list_faults() -> list[Row]:
    """Faults of the services that checks and actions call: throttling, errors, and answers that are lost."""
    of_services: list[Row] = [
        {"kind": kind, "service": service, "probability": probability}
        for service in SERVICES
        for kind, probability in (
            ("THROTTLING", 0.08),
            ("SERVER_ERROR", 0.04),
            ("CUT_BEFORE", 0.04),
            ("CUT_AFTER", 0.04),
        )
    ]
    starts = ("StartAutomationExecution", "SendCommand")
    return [*of_services, *({"kind": "CUT_AFTER", "operation": each, "probability": 0.3} for each in starts)]
