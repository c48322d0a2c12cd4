"""Compares Run Command, through boto3, with a model of it: the state of an agent, and when each command ends.

Agents are lost and come back by rules; commands succeed, fail, hang and are cancelled. Nothing varies in length, so the
model needs no events of its own.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from emulator_support.client import EmulatorClient

FLEET = 3
DELIVERY, RUN, EXECUTION = 60, 20, 90  # seconds: until it times out, a usual run, until a run times out
PICK = st.lists(st.integers(0, FLEET - 1), min_size=1, max_size=FLEET, unique=True)
ENDED = {"Success", "Failed", "TimedOut", "Cancelled"}
ALLOWED = {  # what can follow, when a command is looked at again
    "Pending": {"Pending", "Delayed", "InProgress", *ENDED},
    "Delayed": {"Delayed", "InProgress", "Cancelling", *ENDED},
    "InProgress": {"InProgress", "Cancelling", *ENDED},
    "Cancelling": {"Cancelling", "Cancelled", "TimedOut"},
} | {status: {status} for status in ENDED}


@dataclass
class ModelCommand:
    """`cut_off` has the instances whose agent was lost since it began, `cancelled` those that were told to stop."""

    sent_at: float
    effect: str
    instances: list[str]
    cut_off: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    seen: dict[str, str] = field(default_factory=dict)


class CommandsAgainstAModel(RuleBasedStateMachine):
    emulator: EmulatorClient

    @initialize()
    def begin(self) -> None:
        self.emulator.control("POST", "reset")
        self.emulator.change(spread=0, durations={"command": {"pending": 1, "started": RUN}})
        self.instances = self.emulator.booted(FLEET)
        self.emulator.rule("COMMAND", contains="fails", effect="FAILS", exitCode=3)
        self.emulator.rule("COMMAND", contains="hangs", effect="HANGS")
        self.now = 0.0
        self.commands: dict[str, ModelCommand] = {}
        self.lost: dict[str, str] = {}  # the rule of each instance whose agent is lost

    @rule(picked=PICK, effect=st.sampled_from(["succeeds", "fails", "hangs"]))
    def send(self, picked: list[int], effect: str) -> None:
        instances = [self.instances[index] for index in picked]
        parameters = {"commands": [effect], "executionTimeout": [str(EXECUTION)]}
        sent = self.emulator.ssm.send_command(
            InstanceIds=instances, DocumentName="AWS-RunShellScript", Parameters=parameters, TimeoutSeconds=DELIVERY
        )
        command = ModelCommand(self.now, effect, instances)
        command.cut_off |= set(instances) & self.lost.keys()
        self.commands[sent["Command"]["CommandId"]] = command

    @rule(seconds=st.sampled_from([1, 7, 25, 50, 160]))
    def advance(self, seconds: int) -> None:
        self.emulator.advance(seconds)
        self.now += seconds

    @rule(index=st.integers(0, FLEET - 1))
    def lose_or_restore_an_agent(self, index: int) -> None:
        instance = self.instances[index]
        if instance in self.lost:
            self.emulator.control("DELETE", f"rules/{self.lost.pop(instance)}")
            return
        self.lost[instance] = self.emulator.rule("INSTANCE", instanceId=instance, agentLostSeconds=0)
        for command in self.commands.values():
            command.cut_off.add(instance)

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.commands:
            command_id = data.draw(st.sampled_from(sorted(self.commands)))
            self.emulator.ssm.cancel_command(CommandId=command_id)
            command = self.commands[command_id]
            command.cancelled |= {each for each in command.instances if command.seen.get(each) not in ENDED}

    @invariant()
    def every_invocation_is_as_the_model_says(self) -> None:
        for command_id, command in self.commands.items():
            listed = self.emulator.ssm.list_command_invocations(CommandId=command_id)["CommandInvocations"]
            assert [each["InstanceId"] for each in listed] == sorted(command.instances)
            for shown in listed:
                self.check(command, shown)
            self.check_the_whole(command_id, listed)

    def check(self, command: ModelCommand, shown: dict[str, Any]) -> None:
        instance, status, age = shown["InstanceId"], shown["Status"], self.now - command.sent_at
        assert status in ALLOWED[command.seen.get(instance, "Pending")]
        command.seen[instance] = status
        if age >= DELIVERY + EXECUTION:
            assert status in ENDED
        if status in ("Cancelled", "Cancelling"):
            assert instance in command.cancelled
        if instance in command.cut_off or instance in command.cancelled:
            return
        usual = {"succeeds": ("Success", RUN), "fails": ("Failed", RUN), "hangs": ("TimedOut", EXECUTION)}
        end, seconds = usual[command.effect]
        expected = "Pending" if age < 1 else "InProgress" if age < 1 + seconds else end
        assert status == expected

    def check_the_whole(self, command_id: str, listed: list[dict[str, Any]]) -> None:
        (whole,) = self.emulator.ssm.list_commands(CommandId=command_id)["Commands"]
        ended = [each for each in listed if each["Status"] in ENDED]
        assert (whole["CompletedCount"], whole["TargetCount"]) == (len(ended), len(listed))
        assert (whole["Status"] in ENDED) == (len(ended) == len(listed))
        assert (whole["Status"] == "Success") == all(each["Status"] == "Success" for each in listed)
        failed = [each for each in listed if each["StatusDetails"] in ("Failed", "ExecutionTimedOut")]
        assert whole["ErrorCount"] == len(failed)


@pytest.mark.proof
def test_commands_end_as_the_model_says(emulator: EmulatorClient) -> None:
    CommandsAgainstAModel.emulator = emulator
    run_state_machine_as_test(
        CommandsAgainstAModel,
        settings=settings(
            max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
