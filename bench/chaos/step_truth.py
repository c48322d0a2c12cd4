"""What runs have started in Systems Manager by the end of a round, and which servers the emulator's rules break."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.stack import Sandbox

ACTION_TAG, EXECUTION_TAG = "drs-waves:action", "drs-waves:execution"
AUTOMATION_OPEN = ("Pending", "InProgress", "Waiting", "PendingApproval", "Cancelling")
COMMAND_OPEN = ("Pending", "InProgress", "Delayed")

KINDS_OF_COMMANDS = frozenset(("tcp", "http", "command"))
KINDS_OF_AGENTS = KINDS_OF_COMMANDS | {"agent"}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Started:
    """An automation or a command: its id, the key that marks it, the instances of a command, and whether it runs."""

    id: str
    key: str
    runs: bool
    status: str
    instances: tuple[str, ...] = ()

    @property
    def execution(self) -> str:
        """The run that started it."""
        return self.key.partition("/")[0]


@dataclass(frozen=True, slots=True)
class StepTruth:
    """Automations and commands of actions by the run that started them, and what never works on each server.

    `broken` has, by host name, the kinds of checks that a rule which lasts breaks, with the rule.
    """

    automations: dict[str, list[Started]] = field(default_factory=lambda: defaultdict(list))
    commands: dict[str, list[Started]] = field(default_factory=lambda: defaultdict(list))
    broken: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    commands_can_be_cancelled: bool = True


def read_step_truth(sandbox: Sandbox, targets: Iterable[tuple[str, str]]) -> StepTruth:
    """Read what actions have started in these targets, which no fault may strike meanwhile, and the rules."""
    behaviour = sandbox.control_emulator("GET", "/settings")["behaviour"]
    truth = StepTruth(commands_can_be_cancelled=behaviour["cancelCommand"] == "stops")
    for account, region in targets:
        ssm = sandbox.client("ssm", account=account, region=region)
        for started in _list_automations(ssm):
            truth.automations[started.execution].append(started)
        for started in _list_commands(ssm):
            truth.commands[started.execution].append(started)
    for rule in sandbox.control_emulator("GET", "/rules")["rules"]:
        if rule.get("hostname") and "count" not in rule:
            for kind in kinds_broken_by(rule):
                truth.broken[rule["hostname"]][kind] = rule
    return truth


def _list_automations(ssm: Any) -> Iterable[Started]:
    pages = ssm.get_paginator("describe_automation_executions").paginate(
        Filters=[{"Key": "TagKey", "Values": [ACTION_TAG]}]
    )
    for page in pages:
        for item in page["AutomationExecutionMetadataList"]:
            automation_id, status = item["AutomationExecutionId"], item["AutomationExecutionStatus"]
            listed = ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=automation_id)["TagList"]
            tags = {tag["Key"]: tag["Value"] for tag in listed}
            yield Started(automation_id, tags[ACTION_TAG], status in AUTOMATION_OPEN, status)


def _list_commands(ssm: Any) -> Iterable[Started]:
    """The commands of actions: their comment is a key, in which slashes follow the id of the run."""
    for page in ssm.get_paginator("list_commands").paginate():
        for item in page["Commands"]:
            if "/" in (key := item.get("Comment", "")):
                status = item["Status"]
                instances = tuple(item["InstanceIds"])
                yield Started(item["CommandId"], key, status in COMMAND_OPEN, status, instances)


def kinds_broken_by(rule: Row) -> frozenset[str]:
    """The kinds of checks that never pass on a server while a rule without a count holds for it."""
    if rule["kind"] == "COMMAND":
        lasts = rule["effect"] in ("FAILS", "HANGS") and not rule.keys() & {"document", "contains"}
        return KINDS_OF_COMMANDS if lasts else frozenset()
    broken = set[str]()
    if rule.get("checks", "ok") != "ok":
        broken.add("boot")
    if rule.get("agent") == "absent":
        broken |= KINDS_OF_AGENTS
    if rule.get("targetHealth", "healthy") != "healthy":
        broken.add("targetGroup")
    return frozenset(broken)
