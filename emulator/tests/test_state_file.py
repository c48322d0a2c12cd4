"""Stopping an emulator and continuing from its state file."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drs_emulator import Emulator
from emulator_support.client import ACCOUNT, DRILL, REGION
from emulator_support.process import COMMAND, started


def described(emulator: Emulator) -> dict[str, Any]:
    drs = emulator.client(ACCOUNT, REGION)
    jobs = drs.describe_jobs()["items"]
    return {
        "servers": drs.describe_source_servers()["items"],
        "jobs": jobs,
        "logs": [drs.describe_job_log_items(jobID=job["jobID"])["items"] for job in jobs],
        "instances": drs.describe_recovery_instances()["items"],
        "plans": drs.list_recovery_plans()["recoveryPlans"],
        "executions": drs.list_recovery_plan_executions()["recoveryPlanExecutions"],
        "templates": drs.describe_launch_configuration_templates()["items"],
        "launch templates": emulator.ec2_client(ACCOUNT, REGION).describe_launch_template_versions(
            Versions=["$Default", "$Latest"]
        )["LaunchTemplateVersions"],
        "ec2 instances": emulator.ec2_client(ACCOUNT, REGION).describe_instances()["Reservations"],
        "network": emulator.control.ec2_resources(),
        "faults": emulator.control._world.faults.describe(0),
        "settings": emulator.control.settings(),
    }


def populate(emulator: Emulator) -> None:
    """Create something of everything, some of it in progress."""
    drs = emulator.client(ACCOUNT, REGION)
    servers = emulator.seed(ACCOUNT, REGION, [{"hostname": f"host-{n}"} for n in range(4)])
    drs.create_launch_configuration_template(copyTags=False)
    changes = {"profile": "slow", "behaviour": {"timeForm": "offset"}, "quotas": {"jobsInProgress": 7}}
    emulator.control.change_settings(changes)
    strange = {"accountId": ACCOUNT, "region": REGION, "kind": "SOURCE_SERVER_WITH_ONLY_AN_ID"}
    emulator.control.add_strange_record(strange)
    drs.start_recovery(sourceServers=[{"sourceServerID": servers[0]}], isDrill=True)
    emulator.control.advance(DRILL)
    ec2 = emulator.ec2_client(ACCOUNT, REGION)
    template = drs.get_launch_configuration(sourceServerID=servers[3])["ec2LaunchTemplateID"]
    data = {"InstanceType": "t3.large"}
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data)  # type: ignore[arg-type]
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    ec2.create_capacity_reservation(
        InstanceType="m5.large", InstancePlatform="Linux/UNIX", AvailabilityZone=f"{REGION}a", InstanceCount=3
    )
    emulator.control.add_instance_profile(ACCOUNT, "shop-web")
    quota = {"accountId": ACCOUNT, "region": REGION, "quotaCode": "L-1216C47A", "value": 99}
    emulator.control.set_quota(quota)
    emulator.control._world.faults.add({"kind": "LAUNCH_FAILS", "sourceServerId": servers[1], "count": 3}, 0)
    drs.start_recovery(sourceServers=[{"sourceServerID": servers[1]}], isDrill=True)
    plan = drs.create_recovery_plan(name="shop")["recoveryPlan"]["recoveryPlanArn"]  # type: ignore[attr-defined]
    arn = f"arn:aws:drs:{REGION}:{ACCOUNT}:source-server/{servers[2]}"
    server_step = {"serverStepConfiguration": {"servers": [{"serverArn": arn}]}}
    drs.create_recovery_plan_step(recoveryPlanArn=plan, stepName="only", configuration=server_step)  # type: ignore[attr-defined]
    drs.create_recovery_plan_step(  # type: ignore[attr-defined]
        recoveryPlanArn=plan, stepName="pause", configuration={"waitStepConfiguration": {"waitDurationMinutes": 90}}
    )
    drs.start_recovery_plan_execution(recoveryPlanArn=plan, mode="DRILL")  # type: ignore[attr-defined]
    emulator.control.advance(DRILL / 2)


def test_an_emulator_continues_where_it_was_stopped(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with Emulator(speed=0, state=file) as first:
        populate(first)
        before, moment = described(first), first.world.clock.now()
    with Emulator(speed=60, state=file) as second:
        assert second.world.clock.now() == moment  # the saved speed of 0 applies, not 60
        assert described(second) == before
        second.control.advance(2 * DRILL)
        drs = second.client(ACCOUNT, REGION)
        statuses = [s["launchStatus"] for job in drs.describe_jobs()["items"] for s in job["participatingServers"]]
        assert statuses == ["LAUNCHED", "FAILED", "LAUNCHED"]  # newest first; the fault was saved too
        second.control.advance(90 * 60)
        executions = drs.list_recovery_plan_executions()["recoveryPlanExecutions"]  # type: ignore[attr-defined]
        assert [execution["status"] for execution in executions] == ["COMPLETED"]


def test_a_file_from_before_launch_templates_gets_those_of_its_servers(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with Emulator(speed=0, state=file) as first:
        first.seed(ACCOUNT, REGION, [{"hostname": "host"}])
    saved = json.loads(file.read_text())
    for target in saved["targets"]:
        del target["ec2"]
    file.write_text(json.dumps(saved))
    with Emulator(state=file) as second:
        assert len(second.ec2_client(ACCOUNT, REGION).describe_launch_templates()["LaunchTemplates"]) == 1


def test_calls_to_ec2_without_a_result_are_repeated(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with Emulator(speed=0, state=file) as first:
        first.world.ec2.launch = lambda request: None  # type: ignore[method-assign]
        server = first.seed(ACCOUNT, REGION, [{"hostname": "host"}])[0]
        first.client(ACCOUNT, REGION).start_recovery(sourceServers=[{"sourceServerID": server}])
        first.control.advance(2500)
        assert first.client(ACCOUNT, REGION).describe_jobs()["items"][0]["status"] == "STARTED"
    with Emulator(state=file) as second:
        job = second.client(ACCOUNT, REGION).describe_jobs()["items"][0]
        assert (job["status"], job["participatingServers"][0]["launchStatus"]) == ("COMPLETED", "LAUNCHED")


def test_a_process_saves_on_request_and_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with started("--state", str(file), "--speed", "600") as process:
        assert process.control("POST", "save")["path"] == str(file)
        saved = json.loads(file.read_text())
        process.terminate()
        assert process.wait(timeout=10) == 0
    later = json.loads(file.read_text())
    assert later["version"] == 1
    assert later["simulated_now"] > saved["simulated_now"]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("text", ["{", "{}", '{"version": 1}'])
def test_a_file_without_a_valid_state_is_rejected_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    command = [*COMMAND, "--port", "0", "--state", str(file)]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"drs-emulator: {file}: is no state of this emulator: ")
    assert refused.stderr.count("\n") == 1


def test_without_a_state_file_a_save_is_rejected() -> None:
    with Emulator(speed=0) as emulator, pytest.raises(ValueError, match="without --state"):
        emulator.control.save()
