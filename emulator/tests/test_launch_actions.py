"""Launch actions of DRS: their runs in the job, and what they need."""

from typing import Any

import pytest

from emulator_support.client import DRILL, EmulatorClient

MINUTE = 60
HOUR = 3600


def server_with_actions(emulator: EmulatorClient, *names: str, optional: bool = False) -> str:
    (server,) = emulator.seed()
    for number, name in enumerate(names, start=2):
        emulator.drs.put_launch_action(
            resourceId=server,
            actionCode="AWS-RunShellScript",
            order=number,
            actionId=f"0a1b2c3d-0000-4000-8000-00000000000{number}",
            optional=optional,
            active=True,
            name=name,
            actionVersion="1",
            category="VALIDATION",
            description="",
        )
    emulator.drs.update_launch_configuration(sourceServerID=server, postLaunchEnabled=True)
    return server


def launch(emulator: EmulatorClient, server: str, seconds: float = DRILL + 10 * MINUTE) -> Any:
    job_id = emulator.start([server])
    emulator.advance(seconds)
    return emulator.job(job_id)


def runs(job: Any) -> list[tuple[str, str, str]]:
    status = job["participatingServers"][0].get("launchActionsStatus", {})
    return [(run["action"]["name"], run["status"], run.get("failureReason", "")) for run in status.get("runs", [])]


def test_one_action_fails_by_its_name(emulator: EmulatorClient) -> None:
    server = server_with_actions(emulator, "Time sync", "Check the disks", optional=True)
    emulator.control("POST", "faults", {"kind": "LAUNCH_ACTION_FAILS", "actionName": "Check the disks"})
    job = launch(emulator, server)
    failed = ("Check the disks", "FAILED", "The document ended with status Failed")
    assert runs(job) == [("Time sync", "SUCCEEDED", ""), failed]
    assert (job["status"], job["participatingServers"][0]["launchStatus"]) == ("COMPLETED", "LAUNCHED")


def test_the_failure_of_an_action_that_is_not_optional_fails_the_launch(emulator: EmulatorClient) -> None:
    server = server_with_actions(emulator, "Check the disks")
    emulator.control("POST", "faults", {"kind": "LAUNCH_ACTION_FAILS", "sourceServerId": server})
    job = launch(emulator, server)
    assert (job["status"], job["participatingServers"][0]["launchStatus"]) == ("COMPLETED", "FAILED")


def test_an_action_that_hangs_keeps_the_job_for_an_hour(emulator: EmulatorClient) -> None:
    server = server_with_actions(emulator, "Check the disks", optional=True)
    emulator.control("POST", "faults", {"kind": "LAUNCH_ACTION_HANGS"})
    job = launch(emulator, server)
    assert (job["status"], runs(job)) == ("STARTED", [("Check the disks", "IN_PROGRESS", "")])
    emulator.advance(HOUR)
    ended = emulator.job(job["jobID"])
    reason = "The document ended with status TimedOut"
    assert (ended["status"], runs(ended)) == ("COMPLETED", [("Check the disks", "FAILED", reason)])


def test_actions_can_go_on_after_the_end_of_the_job(emulator: EmulatorClient) -> None:
    emulator.change(behaviour={"launchActions": "after"}, durations={"launchAction": {"pending": 600, "started": 60}})
    server = server_with_actions(emulator, "Check the disks")
    emulator.control("POST", "faults", {"kind": "LAUNCH_ACTION_FAILS"})
    job = launch(emulator, server, DRILL)
    assert (job["status"], runs(job)) == ("COMPLETED", [])
    emulator.advance(11 * MINUTE)
    later = emulator.job(job["jobID"])
    assert (later["status"], runs(later)[0][1]) == ("COMPLETED", "FAILED")
    assert later["participatingServers"][0]["launchStatus"] == "LAUNCHED"


def test_actions_wait_for_an_agent_that_comes_late(emulator: EmulatorClient) -> None:
    server = server_with_actions(emulator, "Check the disks")
    emulator.rule("INSTANCE", sourceServerId=server, agentSeconds=15 * MINUTE)
    job = launch(emulator, server)
    assert (job["status"], runs(job)) == ("STARTED", [])
    emulator.advance(10 * MINUTE)
    ended = emulator.job(job["jobID"])
    assert (ended["status"], runs(ended)) == ("COMPLETED", [("Check the disks", "SUCCEEDED", "")])
    assert "ssmAgentDiscoveryDatetime" in ended["participatingServers"][0]["launchActionsStatus"]


@pytest.mark.parametrize("optional", [True, False])
def test_without_an_agent_all_actions_fail(emulator: EmulatorClient, optional: bool) -> None:
    server = server_with_actions(emulator, "Time sync", "Check the disks", optional=optional)
    emulator.rule("INSTANCE", sourceServerId=server, agent="absent")
    job = launch(emulator, server, DRILL + 30 * MINUTE)
    reason = "The SSM agent was not found on the instance"
    assert runs(job) == [("Time sync", "FAILED", reason), ("Check the disks", "FAILED", reason)]
    assert "ssmAgentDiscoveryDatetime" not in job["participatingServers"][0]["launchActionsStatus"]
    expected = "LAUNCHED" if optional else "FAILED"
    assert (job["status"], job["participatingServers"][0]["launchStatus"]) == ("COMPLETED", expected)
