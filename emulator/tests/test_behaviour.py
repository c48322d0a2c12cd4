"""The knobs of the behaviour and the profiles, through boto3."""

from datetime import datetime
from typing import Any

import pytest

from drs_emulator import Emulator
from drs_emulator.behaviour import KNOBS, PROFILES
from drs_emulator.settings import BadControlInput, camel_case
from emulator_support.client import ACCOUNT, REGION, EmulatorClient

HOUR = 3600
PLACE = {"accountId": ACCOUNT, "region": REGION}


def drill(emulator: EmulatorClient, number: int = 2, **fields: object) -> tuple[list[str], str]:
    """Run a drill to its end, and return its servers and its job."""
    servers = emulator.seed(number, **fields)
    job_id = emulator.start(servers)
    emulator.advance(HOUR)
    return servers, job_id


def instances(emulator: EmulatorClient) -> list[Any]:
    return list(emulator.drs.describe_recovery_instances()["items"])


def log(emulator: EmulatorClient, job_id: str) -> list[Any]:
    return list(emulator.drs.describe_job_log_items(jobID=job_id, maxResults=1000)["items"])


def fault(emulator: EmulatorClient, kind: str, **more: Any) -> None:
    status, answer = emulator.control("POST", "faults", {"kind": kind, **more})
    assert status == 201, answer


def test_participants_of_a_captured_launch_name_no_instance(captured: EmulatorClient) -> None:
    servers, job_id = drill(captured)
    participants = captured.job(job_id)["participatingServers"]
    assert [(p["sourceServerID"], p["launchStatus"]) for p in participants] == [(s, "LAUNCHED") for s in servers]
    assert all("recoveryInstanceID" not in participant for participant in participants)
    found = captured.drs.describe_recovery_instances(filters={"sourceServerIDs": servers})["items"]
    assert {instance["jobID"] for instance in found} == {job_id}


def test_full_participants_name_their_instances(captured: EmulatorClient) -> None:
    captured.change(behaviour={"launchParticipants": "full"})
    _, job_id = drill(captured)
    named = {p["recoveryInstanceID"] for p in captured.job(job_id)["participatingServers"]}
    assert named == {instance["recoveryInstanceID"] for instance in instances(captured)}


@pytest.mark.parametrize(
    ("variant", "members"),
    [
        ("empty", None),
        ("named", {"recoveryInstanceID"}),
        ("instance", {"recoveryInstanceID", "launchStatus"}),
        ("full", {"recoveryInstanceID", "launchStatus", "sourceServerID"}),
    ],
)
def test_an_ended_terminate_job_has_participants_by_the_knob(
    captured: EmulatorClient, variant: str, members: set[str] | None
) -> None:
    captured.change(behaviour={"terminateParticipants": variant, "optionalMembers": "absent"})
    drill(captured)
    ids = [instance["recoveryInstanceID"] for instance in instances(captured)]
    job = captured.drs.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]
    assert [p["recoveryInstanceID"] for p in job["participatingServers"]] == ids, "while it runs, they are named"
    captured.advance(HOUR)
    ended = captured.job(job["jobID"])
    assert ended["status"] == "COMPLETED"
    assert [set(p) for p in ended["participatingServers"]] == ([members] * 2 if members else [])
    assert instances(captured) == []


def test_a_failback_job_names_only_the_instance(captured: EmulatorClient) -> None:
    drill(captured, 1)
    instance = instances(captured)[0]["recoveryInstanceID"]
    assert captured.control("POST", "failback-clients", PLACE | {"recoveryInstanceID": instance})[0] == 201
    captured.advance(3 * HOUR)
    job = captured.drs.start_failback_launch(recoveryInstanceIDs=[instance])["job"]
    assert job["participatingServers"] == [{"recoveryInstanceID": instance}]


def test_optional_members_of_jobs_are_given_to_some_to_all_or_to_none(captured: EmulatorClient) -> None:
    servers = captured.seed(20)
    for server in servers:
        captured.start([server])

    def count() -> tuple[int, int, int]:
        jobs: list[Any] = list(captured.drs.describe_jobs()["items"])
        return (
            sum("participatingResources" in job for job in jobs),
            sum("launchActionsStatus" in job["participatingServers"][0] for job in jobs),
            sum("tags" in job for job in jobs),
        )

    some = count()
    assert 0 < some[0] < 20
    assert 0 < some[1] < 20
    assert count() == some, "the same jobs have them in each answer"
    captured.change(behaviour={"optionalMembers": "present"})
    assert count() == (20, 20, 20)
    captured.change(behaviour={"optionalMembers": "absent"})
    assert count() == (0, 0, 0)
    captured.advance(HOUR)
    tagged = captured.start(servers[:1], tags={"run": "7"})
    assert captured.job(tagged)["tags"] == {"run": "7"}


def times(record: Any) -> list[str]:
    """Return all times of a record, at every level."""
    if isinstance(record, dict):
        return [t for name, value in record.items() for t in ([value] if _is_time(name, value) else times(value))]
    return [time for entry in record for time in times(entry)] if isinstance(record, list) else []


def _is_time(name: str, value: object) -> bool:
    return isinstance(value, str) and name.lower().endswith(("datetime", "timestamp"))


@pytest.mark.parametrize(("form", "endings"), [("zulu", {"Z"}), ("offset", {"+00:00"}), ("mixed", {"Z", "+00:00"})])
def test_times_have_the_form_of_the_knob(captured: EmulatorClient, form: str, endings: set[str]) -> None:
    captured.change(behaviour={"timeForm": form})
    _, job_id = drill(captured, 5)
    found = times(list(captured.drs.describe_source_servers()["items"]))
    found += times(instances(captured)) + times(log(captured, job_id)) + times(captured.job(job_id))
    assert {"Z" if time.endswith("Z") else time[-6:] for time in found} == endings
    assert all(len(time) == (24 if time.endswith("Z") else 32) for time in found), "milliseconds, or microseconds"
    assert len(found) > 40


def test_times_are_mixed_in_the_same_way_each_time(captured: EmulatorClient) -> None:
    _, job_id = drill(captured)
    assert captured.job(job_id) == captured.job(job_id)
    assert log(captured, job_id) == log(captured, job_id)


@pytest.mark.parametrize("form", ["zulu", "offset"])
def test_a_time_of_an_answer_finds_its_job_whatever_its_form(captured: EmulatorClient, form: str) -> None:
    captured.change(behaviour={"timeForm": form})
    job_id = captured.start(captured.seed())
    created = datetime.fromisoformat(captured.job(job_id)["creationDateTime"])
    asked = created.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert [job["jobID"] for job in captured.drs.describe_jobs(filters={"fromDate": asked})["items"]] == [job_id]


def test_no_lag_and_long_durations_have_days(captured: EmulatorClient) -> None:
    captured.seed(1)
    captured.seed(1, hostname="late", lagDuration="PT2H", replicationState="BACKLOG")
    servers: list[Any] = list(captured.drs.describe_source_servers()["items"])
    assert {server["dataReplicationInfo"]["lagDuration"] for server in servers} == {"P0D", "PT2H"}
    assert all("D" in server["lifeCycle"]["elapsedReplicationDuration"] for server in servers)
    captured.change(behaviour={"durationForm": "time"})
    again: list[Any] = list(captured.drs.describe_source_servers()["items"])
    assert {server["dataReplicationInfo"]["lagDuration"] for server in again} == {"PT0S", "PT2H"}


def test_a_captured_log_has_the_events_and_their_data(captured: EmulatorClient) -> None:
    captured.change(spread=0)
    _, job_id = drill(captured, 1)
    items = log(captured, job_id)
    assert [item["event"] for item in items] == [
        "JOB_START",
        "SNAPSHOT_START",
        "SNAPSHOT_END",
        "CONVERSION_START",
        "CONVERSION_END",
        "LAUNCH_START",
        "LAUNCH_END",
        "JOB_END",
    ]
    data = {item["event"]: set(item["eventData"]) for item in items}
    assert data["JOB_START"] == data["JOB_END"] == set()
    assert data["CONVERSION_START"] == {"sourceServerID"}
    assert data["CONVERSION_END"] == {"sourceServerID", "conversionServerID"}
    ended = next(item["eventData"] for item in items if item["event"] == "LAUNCH_END")
    assert ended["targetInstanceID"] == instances(captured)[0]["recoveryInstanceID"]
    created = datetime.fromisoformat(captured.job(job_id)["creationDateTime"])
    after = {item["event"]: (datetime.fromisoformat(item["logDateTime"]) - created).total_seconds() for item in items}
    assert after["JOB_START"] == pytest.approx(0.4, abs=0.1)
    assert after["SNAPSHOT_END"] < 2
    assert 45 < after["CONVERSION_START"] < 65
    assert 230 < after["CONVERSION_END"] < 270
    assert 500 < after["LAUNCH_END"] < after["JOB_END"] == pytest.approx(533, abs=1)


def test_a_captured_job_is_started_from_the_first_second(captured: EmulatorClient) -> None:
    job_id = captured.start(captured.seed())
    assert captured.job(job_id)["status"] == "PENDING"
    captured.advance(1)
    assert captured.job(job_id)["status"] == "STARTED"


@pytest.mark.parametrize(("is_drill", "pending", "total"), [(True, 13 * 60, 19 * 60), (False, 15 * 60, 30 * 60)])
def test_a_slow_job_is_pending_for_long(captured: EmulatorClient, is_drill: bool, pending: float, total: float) -> None:
    captured.change(profile="slow", spread=0)
    job_id = captured.start(captured.seed(), drill=is_drill)
    assert captured.events(job_id) == ["JOB_START"]
    captured.advance(pending - 1)
    assert captured.job(job_id)["status"] == "PENDING"
    assert "SNAPSHOT_END" in captured.events(job_id)
    captured.advance(2)
    assert captured.job(job_id)["status"] == "STARTED"
    captured.advance(total - pending)
    assert captured.job(job_id)["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("kind", "event"),
    [("LAUNCH_FAILS", ""), ("CONVERSION_FAILS", "CONVERSION_FAIL"), ("SNAPSHOT_FAILS", "SNAPSHOT_FAIL")],
)
@pytest.mark.parametrize("variant", ["LAUNCH_END", "LAUNCH_FAILED", "none"])
def test_a_failed_launch_has_its_cause_in_the_log_or_none(
    captured: EmulatorClient, kind: str, event: str, variant: str
) -> None:
    captured.change(behaviour={"failureEvent": variant})
    fault(captured, kind)
    _, job_id = drill(captured, 1)
    assert captured.job(job_id)["participatingServers"][0]["launchStatus"] == "FAILED"
    expected = [] if variant == "none" else [event or variant]
    causes = [item["event"] for item in log(captured, job_id) if item["eventData"].get("rawError")]
    failures = {"SNAPSHOT_FAIL", "CONVERSION_FAIL", "LAUNCH_FAILED", "LAUNCH_END"}
    assert causes == [each for each in captured.events(job_id) if each in failures] == expected


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("MISSING_PERMISSION", {}, ["UnauthorizedOperation", "not authorized to perform: ec2:RunInstances"]),
        ("MISSING_PERMISSION", {"action": "kms:CreateGrant"}, ["AccessDenied", "not authorized", "kms:CreateGrant"]),
        ("VCPU_LIMIT", {}, ["VcpuLimitExceeded"]),
        ("NO_CAPACITY", {}, ["InsufficientInstanceCapacity"]),
        ("NO_LAUNCH_TEMPLATE", {}, ["InvalidLaunchTemplateId.NotFound"]),
        ("LAUNCH_FAILS", {"rawError": "a text of the test"}, ["a text of the test"]),
    ],
)
def test_a_launch_fails_with_the_text_of_its_fault(
    captured: EmulatorClient, kind: str, more: dict[str, str], words: list[str]
) -> None:
    servers = captured.seed(2)
    fault(captured, kind, sourceServerId=servers[0], **more)
    job_id = captured.start(servers)
    captured.advance(HOUR)
    job = captured.job(job_id)
    assert job["status"] == "COMPLETED"
    assert [p["launchStatus"] for p in job["participatingServers"]] == ["FAILED", "LAUNCHED"]
    (cause,) = (item["eventData"] for item in log(captured, job_id) if "rawError" in item["eventData"])
    assert cause["sourceServerID"] == servers[0]
    assert all(word in cause["rawError"] for word in words)


def test_a_launch_can_use_the_previous_snapshot_on_demand(captured: EmulatorClient) -> None:
    fault(captured, "PREVIOUS_SNAPSHOT")
    server = captured.seed()[0]
    latest = captured.drs.describe_recovery_snapshots(sourceServerID=server)["items"][0]["timestamp"]
    job_id = captured.start([server])
    captured.advance(HOUR)
    assert captured.events(job_id)[2:4] == ["SNAPSHOT_FAIL", "USING_PREVIOUS_SNAPSHOT"]
    assert captured.job(job_id)["participatingServers"][0]["launchStatus"] == "LAUNCHED"
    point = datetime.fromisoformat(instances(captured)[0]["pointInTimeSnapshotDateTime"])
    assert point.timestamp() == pytest.approx(datetime.fromisoformat(latest).timestamp(), abs=0.001)


def test_without_a_previous_snapshot_the_launch_fails(captured: EmulatorClient) -> None:
    server = captured.seed()[0]
    off: Any = [
        {"units": unit, "interval": 1, "retentionDuration": 1, "enabled": False} for unit in ("MINUTE", "HOUR", "DAY")
    ]
    captured.drs.update_replication_configuration(sourceServerID=server, pitPolicy=off)
    fault(captured, "PREVIOUS_SNAPSHOT")
    job_id = captured.start([server])
    captured.advance(HOUR)
    assert captured.job(job_id)["participatingServers"][0]["launchStatus"] == "FAILED"
    assert "USING_PREVIOUS_SNAPSHOT_FAILED" in captured.events(job_id)


def test_an_unknown_member_comes_with_each_recovery_instance(captured: EmulatorClient) -> None:
    sent: list[bytes] = []
    client = captured.unchecked
    client.meta.events.register("after-call.drs", lambda http_response, **_: sent.append(http_response.content))
    drill(captured, 1)
    client.describe_recovery_instances()
    captured.change(behaviour={"unknownFields": False, "instanceState": "missing"})
    client.describe_recovery_instances()
    assert [b"usageOperationData" in body for body in sent] == [True, False]
    assert [b"ec2InstanceState" in body for body in sent] == [True, False]


@pytest.mark.parametrize("variant", ["sparse", "bare", "full"])
def test_a_source_server_has_optional_members_by_the_knob(captured: EmulatorClient, variant: str) -> None:
    captured.change(behaviour={"sourceServers": variant})
    captured.seed(1, hostname="new")
    drill(captured, 1)
    servers: list[Any] = list(captured.drs.describe_source_servers()["items"])
    for server in servers:
        assert ("stagingArea" in server) == ("replicationDirection" in server) == (variant == "full")
        assert ("lastLaunchResult" in server) == (variant != "bare")
    launched = [server for server in servers if "recoveryInstanceId" in server]
    assert len(launched) == (0 if variant == "bare" else 1)
    initiated = [server["lifeCycle"].get("lastLaunch", {}).get("initiated", {}) for server in servers]
    assert sum("jobID" in each for each in initiated) == len(launched)


def test_an_extended_server_keeps_its_staging_area(captured: EmulatorClient) -> None:
    captured.seed(1, stagingAccountID="9" * 12)
    server = captured.drs.describe_source_servers()["items"][0]
    assert server["stagingArea"]["status"] == "EXTENDED"


LIVE = "i-0aaaabbbbccccdddd"
ALLOWED = {"AWSDRS": "AllowLaunchingIntoThisInstance"}


def server_into(emulator: EmulatorClient, instance_id: str) -> str:
    """Return a server that is launched into an existing instance."""
    server = emulator.seed()[0]
    into: Any = {"launchIntoEC2InstanceID": instance_id}
    emulator.drs.update_launch_configuration(sourceServerID=server, launchIntoInstanceProperties=into)
    return server


def test_a_launch_into_an_instance_overwrites_it_whatever_its_state_and_tags(captured: EmulatorClient) -> None:
    live = {"instanceId": LIVE, "tags": {"Name": "live"}}
    assert captured.control("POST", "ec2-instances", PLACE | live)[0] == 201
    server = server_into(captured, LIVE)
    for launches in (1, 2):  # the second does not terminate the instance first
        captured.start([server])
        captured.advance(HOUR)
        assert [instance["recoveryInstanceID"] for instance in instances(captured)] == [LIVE]
        (shown,) = captured.control("GET", "ec2-instances")[1]["instances"]
        assert (shown["instanceId"], shown["state"], shown["overwritten"]) == (LIVE, "running", launches)
        assert shown["tags"]["AWSElasticDisasterRecoverySourceServerID"] == server


@pytest.mark.parametrize(
    ("existing", "problem"),
    [
        (None, "does not exist"),
        ({"state": "running", "tags": ALLOWED}, "is running"),
        ({"state": "stopped", "tags": {"AWSDRS": "yes"}}, "does not have the tag"),
        ({"state": "stopped", "tags": ALLOWED}, None),
    ],
)
def test_a_guarded_launch_needs_a_stopped_and_tagged_instance(
    captured: EmulatorClient, existing: dict[str, Any] | None, problem: str | None
) -> None:
    captured.change(behaviour={"launchInto": "guarded"})
    if existing is not None:
        assert captured.control("POST", "ec2-instances", PLACE | {"instanceId": LIVE} | existing)[0] == 201
    job_id = captured.start([server_into(captured, LIVE)])
    captured.advance(HOUR)
    status = captured.job(job_id)["participatingServers"][0]["launchStatus"]
    errors = [item["eventData"]["rawError"] for item in log(captured, job_id) if "rawError" in item["eventData"]]
    assert status == ("FAILED" if problem else "LAUNCHED")
    assert [problem in error for error in errors if problem] == ([True] if problem else [])
    counted = captured.control("GET", "ec2-instances")[1]["instances"]
    assert [each["overwritten"] for each in counted] == ([] if existing is None else [0 if problem else 1])


def test_a_profile_sets_every_knob_and_the_durations_that_a_caller_does_not_set(captured: EmulatorClient) -> None:
    for name, profile in PROFILES.items():
        captured.change(profile=name, durations={"drill": {"pending": 5}})
        settings = captured.control("GET", "settings")[1]
        assert settings["profile"] == name
        assert settings["behaviour"] == {camel_case(knob): getattr(profile.behaviour, knob) for knob in KNOBS}
        assert settings["durations"]["drill"] == {"pending": 5, "started": profile.drill[1]}
        assert settings["durations"]["recovery"]["started"] == profile.recovery[1]
    captured.change(profile="unkind", behaviour={"timeForm": "zulu"})
    behaviour = captured.control("GET", "settings")[1]["behaviour"]
    assert (behaviour["timeForm"], behaviour["sourceServers"]) == ("zulu", "bare")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"profile": "nice"}, "profile"),
        ({"behaviour": {"timeForm": "lunar"}}, "behaviour.timeForm"),
        ({"behaviour": {"colour": "red"}}, "behaviour.colour"),
        ({"behaviour": {"hiddenSeconds": -1}}, "behaviour.hiddenSeconds"),
        ({"behaviour": {"hiddenSeconds": True}}, "behaviour.hiddenSeconds"),
        ({"behaviour": {"unknownFields": 1}}, "behaviour.unknownFields"),
        ({"behaviour": {"unknownFields": "yes"}}, "behaviour.unknownFields"),
        ({"behaviour": []}, "behaviour"),
    ],
)
def test_a_wrong_knob_is_rejected_and_named(captured: EmulatorClient, change: dict[str, Any], field: str) -> None:
    before = captured.control("GET", "settings")
    status, answer = captured.control("PUT", "settings", change)
    assert (status, answer["message"].partition(":")[0]) == (400, field)
    assert captured.control("GET", "settings") == before


def test_an_emulator_in_the_process_takes_a_profile_and_knobs() -> None:
    with Emulator(speed=0, profile="slow", behaviour={"timeForm": "zulu"}) as emulator:
        settings = emulator.control.settings()
    assert (settings["profile"], settings["behaviour"]["timeForm"]) == ("slow", "zulu")
    assert settings["durations"]["drill"]["pending"] == 780
    with pytest.raises(BadControlInput, match="profile"):
        Emulator(speed=0, profile="nice")
