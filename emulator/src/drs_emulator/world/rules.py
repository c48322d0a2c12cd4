"""Rules of the control API: how instances boot, and what commands and automations do instead of succeeding.

A rule has a scope, as a fault has. Rules of COMMAND and AUTOMATION are tried in order of creation, and the first that
matches decides; one with a `count` decides so many runs, per instance for commands, and then the next one does. Rules
of INSTANCE add up: what a later one says about the same matter counts.
"""

import math
import re
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.settings import BadControlInput, camel_case, camel_case_keys
from drs_emulator.target_key import TargetKey


class RuleKind(StrEnum):
    INSTANCE = "INSTANCE"
    COMMAND = "COMMAND"
    AUTOMATION = "AUTOMATION"


CHECKS = ("ok", "initializing", "instance-impaired", "system-impaired", "ebs-impaired", "insufficient-data")
TARGET_HEALTH = ("healthy", "initial", "unhealthy", "unused", "draining", "unavailable")
EFFECTS = {RuleKind.COMMAND: ("SUCCEEDS", "FAILS", "HANGS"), RuleKind.AUTOMATION: (
    "SUCCEEDS", "FAILS", "HANGS", "IS_CANCELLED",
)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. A scope of None matches everything. All seconds are simulated.

    INSTANCE: `checks` is the state in which the status checks stay, `checks_seconds` the time until they pass,
    `agent` online or absent, `agent_seconds` the time until the agent registers. Both count from the launch. The agent
    is lost `agent_lost_seconds` after it registered, or after the rule was made if that is later, and back after
    `agent_back_seconds`. `target_health` is its state in all target groups.

    COMMAND and AUTOMATION: `effect`, after `seconds`, in at most `count` runs. A command has `exit_code`, `stdout`,
    `stderr`, and `stdout_length`, to which its output is repeated. An automation has the `step` that is meant.
    """

    id: str
    kind: RuleKind
    created_at: float
    account_id: str | None = None
    region: str | None = None
    instance_id: str | None = None
    source_server_id: str | None = None
    hostname: str | None = None
    document: str | None = None
    contains: str | None = None
    step: str | None = None
    checks: str | None = None
    checks_seconds: float | None = None
    agent: str | None = None
    agent_seconds: float | None = None
    agent_lost_seconds: float | None = None
    agent_back_seconds: float | None = None
    target_health: str | None = None
    effect: str = "SUCCEEDS"
    seconds: float | None = None
    count: int | None = None
    exit_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    stdout_length: int | None = None
    message: str | None = None


INSTANCE_SCOPE = {"instance_id", "source_server_id", "hostname"}
COMMON = {"account_id", "region"}
RUNS = {"document", "contains", "effect", "seconds", "count"}
FIELDS = {
    RuleKind.INSTANCE: COMMON
    | INSTANCE_SCOPE
    | {
        "checks",
        "checks_seconds",
        "agent",
        "agent_seconds",
        "agent_lost_seconds",
        "agent_back_seconds",
        "target_health",
    },
    RuleKind.COMMAND: COMMON | INSTANCE_SCOPE | RUNS | {"exit_code", "stdout", "stderr", "stdout_length"},
    RuleKind.AUTOMATION: COMMON | RUNS | {"step", "message"},
}
PATTERNS = {
    "account_id": (r"\d{12}", "12 digits"),
    "region": (r"[a-z]{2,4}(-[a-z]+)+-\d", "a Region"),
    "instance_id": (r"i-[0-9a-fA-F]{8,17}", "the id of an EC2 instance"),
    "source_server_id": (r"s-[0-9a-zA-Z]{17}", "a source server id"),
}
INTEGERS = {"count": 1, "exit_code": 1, "stdout_length": 0}  # with their minimum


@dataclass(slots=True)
class RuleEntry:
    """A rule with the number of runs that it decided, by instance; automations are under an empty id."""

    rule: Rule
    struck: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Rules:
    """All rules, in order of creation. The world's lock guards them."""

    made: int = 0
    entries: dict[str, RuleEntry] = field(default_factory=dict)

    def add(self, body: dict[str, Any], now: float) -> str:
        """Raise BadControlInput."""
        rule = parse_rule(body, f"rule-{self.made + 1}", now)
        self.made += 1
        self.entries[rule.id] = RuleEntry(rule)
        return rule.id

    def remove(self, rule_id: str | None) -> list[str]:
        """Remove a rule, or all of them, and return the removed ids. Raise BadControlInput."""
        removed = list(self.entries) if rule_id is None else [rule_id]
        for each in removed:
            if self.entries.pop(each, None) is None:
                raise BadControlInput(f"id: there is no rule {each}")
        return removed

    def describe(self) -> list[dict[str, Any]]:
        shown = []
        for entry in self.entries.values():
            known = FIELDS[entry.rule.kind] | {"id", "kind"}
            fields = {k: v for k, v in asdict(entry.rule).items() if k in known and v is not None}
            shown.append(camel_case_keys(fields) | {"struck": sum(entry.struck.values())})
        return shown

    def of_instance(self, instance: ManagedInstance) -> list[Rule]:
        """Return the rules of kind INSTANCE that are about this instance."""
        rules = (entry.rule for entry in self.entries.values() if entry.rule.kind is RuleKind.INSTANCE)
        return [rule for rule in rules if _is_about(rule, instance.target, instance)]

    def draw(
        self, kind: RuleKind, target: TargetKey, document: str, text: str, about: ManagedInstance | None, step: str = ""
    ) -> Rule | None:
        """Return the rule that decides this run, and count it."""
        subject = about.id if about else ""
        for entry in self.entries.values():
            rule, struck = entry.rule, entry.struck.get(subject, 0)
            if (
                rule.kind is kind
                and _is_about(rule, target, about)
                and rule.document in (None, document)
                and rule.step in (None, step)
                and (rule.contains is None or rule.contains in text)
                and (rule.count is None or struck < rule.count)
            ):
                entry.struck[subject] = struck + 1
                return rule
        return None


def _is_about(rule: Rule, target: TargetKey, instance: ManagedInstance | None) -> bool:
    if rule.account_id not in (None, target.account) or rule.region not in (None, target.region):
        return False
    return instance is None or (
        rule.instance_id in (None, instance.id)
        and rule.source_server_id in (None, instance.server_id)
        and rule.hostname in (None, instance.hostname)
    )


def parse_rule(body: dict[str, Any], rule_id: str, now: float) -> Rule:
    """Parse a rule. Raise BadControlInput, which names the field."""
    if body.get("kind") not in RuleKind.__members__:
        raise BadControlInput(f"kind: must be one of {', '.join(RuleKind)}")
    kind = RuleKind(body["kind"])
    names = {camel_case(name): name for name in FIELDS[kind]}
    sent: dict[str, Any] = {}
    for name, value in body.items():
        if name == "kind":
            continue
        if name not in names:
            raise BadControlInput(f"{name}: is unknown; the members for {kind} are {', '.join(sorted(names))}")
        _check_field(kind, names[name], value)
        sent[names[name]] = value
    if "agent_back_seconds" in sent and "agent_lost_seconds" not in sent:
        raise BadControlInput("agentLostSeconds: agentBackSeconds requires it")
    return Rule(rule_id, kind, now, **sent)


def _check_field(kind: RuleKind, name: str, value: Any) -> None:
    if name in PATTERNS:
        pattern, requirement = PATTERNS[name]
        is_valid = isinstance(value, str) and re.fullmatch(pattern, value) is not None
    elif name in INTEGERS:
        requirement = f"a whole number, {INTEGERS[name]} or more"
        is_valid = isinstance(value, int) and not isinstance(value, bool) and value >= INTEGERS[name]
    elif name.endswith("seconds"):
        requirement = "a number, 0 or more"
        is_valid = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
    elif name in ("checks", "agent", "target_health", "effect"):
        named = {"checks": CHECKS, "agent": ("online", "absent"), "target_health": TARGET_HEALTH}
        choices = named.get(name) or EFFECTS[kind]
        requirement, is_valid = f"one of {', '.join(choices)}", value in choices
    else:
        requirement, is_valid = "a text", isinstance(value, str)
    if not is_valid:
        raise BadControlInput(f"{camel_case(name)}: must be {requirement}")
