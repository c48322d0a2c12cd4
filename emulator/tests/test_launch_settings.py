"""The effects of launch configurations, templates and replication settings."""

from typing import Any

from emulator_support.client import DRILL, EmulatorClient


def launch(emulator: EmulatorClient, servers: list[str]) -> list[dict[str, Any]]:
    emulator.start(servers)
    emulator.advance(DRILL)
    instances: list[dict[str, Any]] = emulator.drs.describe_recovery_instances()["items"]  # type: ignore[assignment]
    return instances


def test_disposition_private_address_and_tags_take_effect(emulator: EmulatorClient) -> None:
    server = emulator.seed(tags={"tier": "web"}, ip="10.9.8.7")[0]
    changed = emulator.drs.update_launch_configuration(
        sourceServerID=server, launchDisposition="STOPPED", copyPrivateIp=True, copyTags=False, name="web"
    )
    assert (changed["launchDisposition"], changed["name"]) == ("STOPPED", "web")
    instance = launch(emulator, [server])[0]
    assert (instance["ec2InstanceState"], instance["tags"]) == ("STOPPED", {})
    assert instance["recoveryInstanceProperties"]["networkInterfaces"][0]["ips"] == ["10.9.8.7"]


def test_the_fast_recovery_mode_leaves_out_the_conversion(emulator: EmulatorClient) -> None:
    fast, usual = emulator.seed(2)
    changed = emulator.drs.update_launch_configuration(sourceServerID=fast, recoveryMode="FAST")  # type: ignore[call-arg]
    assert changed["recoveryMode"] == "FAST"  # type: ignore[typeddict-item]
    job_id = emulator.start([fast, usual])
    emulator.advance(DRILL)
    assert [each["launchStatus"] for each in emulator.job(job_id)["participatingServers"]] == ["LAUNCHED"] * 2
    items = emulator.drs.describe_job_log_items(jobID=job_id)["items"]
    converted = [each["eventData"]["sourceServerID"] for each in items if each["event"] == "CONVERSION_START"]
    assert converted == [usual]


def test_a_template_applies_to_new_servers_only(emulator: EmulatorClient) -> None:
    old = emulator.seed()[0]
    template = emulator.drs.create_launch_configuration_template(copyPrivateIp=True)["launchConfigurationTemplate"]
    new = emulator.seed(1, hostname="new")[0]
    assert not emulator.drs.get_launch_configuration(sourceServerID=old)["copyPrivateIp"]
    assert emulator.drs.get_launch_configuration(sourceServerID=new)["copyPrivateIp"]
    assert template["launchDisposition"] == "STARTED"


def test_launch_actions_run_in_order_and_the_job_waits_for_them(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    for number in (3, 2):
        emulator.drs.put_launch_action(
            resourceId=server,
            actionCode="AWS-RunShellScript",
            order=number,
            actionId=f"0a1b2c3d-0000-4000-8000-00000000000{number}",
            optional=False,
            active=True,
            name=f"Action {number}",
            actionVersion="1",
            category="OTHER",
            description="",
        )
    emulator.drs.update_launch_configuration(sourceServerID=server, postLaunchEnabled=True)
    emulator.change(spread=0, durations={"launchAction": {"pending": 600, "started": 600}})
    job_id = emulator.start([server])
    emulator.advance(19 * 60)
    assert emulator.job(job_id)["status"] == "STARTED"
    emulator.advance(600)
    participant = emulator.job(job_id)["participatingServers"][0]
    assert participant["launchStatus"] == "LAUNCHED"
    assert [run["action"]["name"] for run in participant["launchActionsStatus"]["runs"]] == ["Action 2"]
    emulator.advance(1200)
    job = emulator.job(job_id)
    runs = job["participatingServers"][0]["launchActionsStatus"]["runs"]
    assert [(run["action"]["name"], run["status"]) for run in runs] == [
        ("Action 2", "SUCCEEDED"),
        ("Action 3", "SUCCEEDED"),
    ]
    assert job["status"] == "COMPLETED"


def test_a_restarted_replication_goes_through_its_states(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]

    def state() -> str:
        return emulator.drs.describe_source_servers()["items"][0]["dataReplicationInfo"]["dataReplicationState"]

    def points() -> int:
        return len(emulator.drs.describe_recovery_snapshots(sourceServerID=server)["items"])

    assert points() > 30
    emulator.drs.stop_replication(sourceServerID=server)
    assert (state(), points()) == ("STOPPED", 0)
    emulator.drs.start_replication(sourceServerID=server)
    seen = [state()]
    for _ in range(3):
        emulator.advance(50 * 60)
        seen.append(state())
    assert seen == ["INITIATING", "INITIAL_SYNC", "INITIAL_SYNC", "CONTINUOUS"]
    emulator.advance(3600)
    assert 0 < points() < 12


def test_recovery_points_follow_the_policy_and_expire(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    oldest = emulator.drs.describe_recovery_snapshots(sourceServerID=server, order="ASC")["items"][0]
    emulator.advance(8 * 86400)
    left = {s["snapshotID"] for s in emulator.drs.describe_recovery_snapshots(sourceServerID=server)["items"]}
    assert oldest["snapshotID"] not in left
    off = [{"units": unit, "interval": 1, "retentionDuration": 1, "enabled": False} for unit in ("MINUTE", "HOUR")]
    days = {"units": "DAY", "interval": 1, "retentionDuration": 3, "enabled": True}
    emulator.drs.update_replication_configuration(sourceServerID=server, pitPolicy=[*off, days])  # type: ignore[list-item]
    assert len(emulator.drs.describe_recovery_snapshots(sourceServerID=server)["items"]) == 3


def test_the_state_of_a_server_can_be_changed(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    body = {"accountId": "111122223333", "region": "eu-west-1"}
    change = body | {"server": {"replicationState": "STALLED", "lagDuration": "PT2H", "failsAt": "LAUNCH"}}
    assert emulator.control("PATCH", f"source-servers/{server}", change)[0] == 200
    info = emulator.drs.describe_source_servers()["items"][0]["dataReplicationInfo"]
    assert (info["dataReplicationState"], info["lagDuration"]) == ("STALLED", "PT2H")
    assert launch(emulator, [server]) == []
    for wrong in ({"replicationState": "FINE"}, {"hostname": "x"}, "x"):
        assert emulator.control("PATCH", f"source-servers/{server}", body | {"server": wrong})[0] == 400


def test_an_ended_job_can_be_deleted_and_the_oldest_are_dropped(emulator: EmulatorClient) -> None:
    servers = emulator.seed(5)
    jobs = [emulator.start([server]) for server in servers]
    try:
        emulator.drs.delete_job(jobID=jobs[0])
    except emulator.drs.exceptions.ConflictException:
        emulator.change(jobsKept=2)
    emulator.advance(DRILL)
    assert len(emulator.drs.describe_jobs()["items"]) == 2
    latest = emulator.start(servers[:1])
    emulator.advance(DRILL)
    emulator.drs.delete_job(jobID=latest)
    assert latest not in [job["jobID"] for job in emulator.drs.describe_jobs()["items"]]
