"""What inspection finds before a launch: live instances, targets that do not answer, groups that select nothing."""

import time
from collections import Counter
from typing import Any

import pytest

from drs_emulator import errors, operations
from recovery import clock
from recovery.runs.probe import GONE
from tests.harness.engine import Execution
from tests.support.fault_injection import killed_after_change
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product
from tests.support.runs import wait_until


def start(product: Product, plan: str, mode: str, **body: Any) -> dict[str, Any]:
    """Start a run with a body, and return its record when it has ended."""
    reply = product.request("POST", f"/recovery-plans/{plan}/{mode}", body)
    assert reply.status == 202, reply
    return product.finish(reply.body["executionId"])


def instances(product: Product) -> dict[str, str]:
    """The recovery instance of each server in the first target, as DRS has it."""
    found = product.emulator.client(HUB, WEST).describe_recovery_instances(filters={})["items"]
    return {instance["sourceServerID"]: instance["recoveryInstanceID"] for instance in found}


def server(record: dict[str, Any], server_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in record["sourceServers"] if each["sourceServerId"] == server_id)
    return found


# --- live instances -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["drills", "recoveries", "readiness"])
def test_a_run_over_a_live_recovery_is_refused_and_names_the_instances_and_the_word(
    product: Product, mode: str
) -> None:
    ids = product.seed(2)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    recovery = start(product, plan, "recoveries")
    before, starts = instances(product), product.calls()["StartRecovery"]
    record = start(product, plan, mode)
    assert (recovery["status"], record["status"]) == ("COMPLETED", "NOT_READY"), record
    assert "srv-001, srv-002: its recovery instance" in record["reason"]
    assert recovery["executionId"] in record["reason"]
    advice = "drill other servers" if mode == "drills" else "start the run with replaceExisting"
    assert advice in record["reason"]
    assert mode != "drills" or "replaceExisting" not in record["reason"]
    assert all(before[each] in server(record, each)["reason"] for each in ids)
    assert instances(product) == before
    assert product.calls()["StartRecovery"] == starts


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_server_that_replicates_home_is_not_launched(product: Product, mode: str) -> None:
    """A launch of it would begin the failback, and DRS's own ids tell the two directions of a server apart."""
    cloud = {"originAccountID": HUB, "originRegion": EUROPE, "originAvailabilityZone": f"{EUROPE}a"}
    ids = product.seed(1, sourceCloud=cloud, tags={"app": "shop"})
    start(product, product.plan({"name": "web", "groups": [product.group(ids)]}), "recoveries")
    product.emulator.client(HUB, EUROPE).initialize_service()
    product.emulator.client(HUB, WEST).reverse_replication(recoveryInstanceID=instances(product)[ids[0]])
    home = product.plan({"name": "web", "groups": [product.group(tags={"app": "shop"}, region=EUROPE)]})
    starts = product.calls()["StartRecovery"]
    record = start(product, home, mode, replaceExisting=True)
    assert record["status"] == "NOT_READY", record
    assert "FAILBACK" in record["reason"]
    assert product.calls()["StartRecovery"] == starts


def test_the_cache_is_not_asked_which_instances_are_live(product: Product) -> None:
    ids = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    start(product, plan, "recoveries")
    for sync in product.engine.executions("sync-cache"):
        sync.wait()
    for row in product.items("RecoveryInstances"):  # as if no sync had seen the launch
        product.delete("RecoveryInstances", {"sourceServerId": row["sourceServerId"]})
    assert start(product, plan, "drills")["status"] == "NOT_READY"


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_run_that_says_so_replaces_a_live_recovery_with_a_warning_and_records_who_said_it(
    product: Product, mode: str
) -> None:
    ids = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    start(product, plan, "recoveries")
    before = instances(product)
    ready = start(product, plan, "readiness", replaceExisting=True)
    assert (ready["status"], ready["sourceServers"][0]["readiness"]) == ("READY", "WARN"), ready
    record = start(product, plan, mode, replaceExisting=True)
    assert (record["status"], record["replaceExisting"]) == ("COMPLETED", True), record
    assert before[ids[0]] in record["sourceServers"][0]["warnings"][0]
    assert instances(product) != before
    (requested, *_) = product.request("GET", f"/executions/{record['executionId']}/events").body["events"]
    assert "user/ana, who agreed to replace live recovery instances" in requested["text"]


def test_a_live_instance_within_the_tolerance_is_left_alone_and_the_others_launch(product: Product) -> None:
    ids = product.seed(2)
    alone = product.plan({"name": "one", "groups": [product.group(ids[:1])]})
    both = product.plan({"name": "web", "groups": [product.group(ids)], "maxFailedPercent": 50})
    start(product, alone, "recoveries")
    before = instances(product)
    record = start(product, both, "drills")
    assert record["status"] == "PARTIAL", record
    assert (server(record, ids[0])["status"], server(record, ids[1])["status"]) == ("EXCLUDED", "LAUNCHED")
    assert instances(product)[ids[0]] == before[ids[0]]


def test_an_instance_that_was_launched_outside_drs_waves_is_live_too(product: Product) -> None:
    ids = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    drs = product.emulator.client(HUB, WEST)
    drs.start_recovery(sourceServers=[{"sourceServerID": ids[0]}], isDrill=False)
    while any(job["status"] != "COMPLETED" for job in product.jobs()):
        pass
    record = start(product, plan, "drills")
    assert record["status"] == "NOT_READY"
    assert "launched outside drs-waves" in record["reason"]


def test_a_drill_after_a_drill_replaces_its_instance_with_a_warning(product: Product) -> None:
    ids = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    start(product, plan, "drills")
    before = instances(product)
    record = start(product, plan, "drills")
    assert record["status"] == "COMPLETED"
    assert f"{before[ids[0]]} of a drill" in record["sourceServers"][0]["warnings"][0]


def test_a_continuation_of_a_recovery_does_not_replace_what_another_run_recovered_since(product: Product) -> None:
    good, bad = product.seed(1, prefix="good"), product.seed(1, prefix="bad", failsAt="LAUNCH")
    plan = product.plan({"name": "web", "groups": [product.group([*good, *bad])]}, launchAttempts=1)
    first = start(product, plan, "recoveries")
    mended = {"accountId": HUB, "region": WEST, "server": {"failsAt": ""}}
    product.emulator.control.change_server(bad[0], mended)
    start(product, product.plan({"name": "bad", "groups": [product.group(bad)]}), "recoveries")
    before = instances(product)
    path = f"/executions/{first['executionId']}/continue"
    refused = product.finish(product.request("POST", path).body["executionId"])
    assert refused["status"] == "NOT_READY", refused
    assert (before[bad[0]] in refused["reason"], instances(product)) == (True, before)
    agreed = product.finish(product.request("POST", path, {"replaceExisting": True}).body["executionId"])
    assert (agreed["status"], agreed["replaceExisting"]) == ("COMPLETED", True), agreed
    assert instances(product)[good[0]] == before[good[0]]


@pytest.mark.parametrize("mode", ["drills", "readiness"])
def test_a_server_that_launches_into_an_instance_is_refused_unless_the_run_says_so(product: Product, mode: str) -> None:
    ids = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    into = {"launchIntoEC2InstanceID": "i-0fedcba9876543210"}
    product.emulator.client(HUB, WEST).update_launch_configuration(
        sourceServerID=ids[0], launchIntoInstanceProperties=into
    )
    refused = start(product, plan, mode)
    assert refused["status"] == "NOT_READY", refused
    assert "i-0fedcba9876543210" in refused["reason"]
    assert "replaceExisting" in refused["reason"]
    agreed = start(product, plan, mode, replaceExisting=True)
    assert agreed["status"] in ("READY", "COMPLETED"), agreed
    assert "i-0fedcba9876543210" in agreed["sourceServers"][0]["warnings"][0]


def test_looking_for_live_instances_costs_one_call_for_each_200_servers() -> None:
    with Product(speed=60, CALLS_PER_SECOND="500") as product:
        plan = product.plan({"name": "web", "groups": [product.group(product.seed(201))]})
        record = product.finish(product.start(plan, "readiness"), timeout=180)
        assert record["status"] == "READY", record
        assert product.calls()["DescribeRecoveryInstances"] == 2


def test_one_idempotency_key_does_not_stand_for_a_start_with_and_without_consent(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    path, key = f"/recovery-plans/{plan}/drills", {"Idempotency-Key": "one"}
    assert product.request("POST", path, {}, key).status == 202
    assert product.request("POST", path, {"replaceExisting": True}, key).status == 409


@pytest.mark.parametrize("value", ["true", 1, ""])
def test_consent_is_true_or_false_and_nothing_like_it(product: Product, value: Any) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", {"replaceExisting": value})
    assert (reply.status, reply.body["problems"][0]["field"]) == (400, "replaceExisting")


# --- servers that vanish ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("operation", ["DescribeRecoverySnapshots", "GetLaunchConfiguration"])
def test_a_server_that_vanishes_while_it_is_inspected_is_left_out_alone(
    product: Product, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    ids = sorted(product.seed(4))
    plan = product.plan({"name": "web", "groups": [product.group(ids)], "maxFailedPercent": 50})
    original = operations.BUILT[operation]

    def gone(call: Any) -> Any:
        if call.input["sourceServerID"] == ids[1]:
            call.target.servers.pop(ids[1], None)
        return original(call)

    monkeypatch.setitem(operations.BUILT, operation, gone)
    record = start(product, plan, "readiness")
    assert record["status"] == "READY", record
    assert server(record, ids[1])["reason"].split("; ")[0] in (GONE, "DRS does not know it in this target")
    assert {server(record, each)["readiness"] for each in ids if each != ids[1]} == {"READY"}


# --- targets that do not answer -----------------------------------------------------------------------------------
def two_regions(product: Product, prefix: str = "srv", *, optional: bool = False, **wave: Any) -> str:
    """A plan of two waves side by side, one in each of two accounts and Regions."""
    west = product.group(product.seed(2, prefix=prefix))
    east = product.group(product.seed(2, prefix=prefix, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    return product.plan(
        {"name": "west", "groups": [west], "dependsOn": []},
        {"name": "east", "groups": [{"groupId": east, "optional": optional}], "dependsOn": [], **wave},
    )


def wait_for_target(product: Product) -> Execution:
    """Wait until a part of a wave waits for its target, and return its execution of recover-target."""
    for _ in range(600):
        for execution in product.engine.executions("recover-target"):
            if "WaitForTarget" in execution.states_entered():
                return execution
        time.sleep(0.1)
    raise TimeoutError("no part of a wave waits for its target")


def seconds(record: dict[str, Any], wave: str) -> float:
    """Simulated seconds from the request of the run to the end of the wave."""
    ended = next(each["endedAt"] for each in record["waves"] if each["name"] == wave)
    return clock.parse_iso(ended) - clock.parse_iso(record["requestedAt"])


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
@pytest.mark.real_durations
@pytest.mark.speed(200)
def test_a_region_that_is_down_for_an_hour_holds_up_no_other_and_is_recovered_when_it_is_back(
    product: Product, mode: str
) -> None:
    ideal = seconds(start(product, two_regions(product, "before"), mode), "west")
    plan = two_regions(product)
    product.fault("REGION_DOWN", region=EUROPE, durationSeconds=3_600)
    record = product.finish(product.start(plan, mode), timeout=120)
    assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 4), record
    assert seconds(record, "west") < 1.2 * ideal + 2 * 200  # two seconds of a busy machine
    assert seconds(record, "east") > 3_600


@pytest.mark.parametrize("by_tags", [False, True])
def test_a_wave_says_for_which_target_it_waits_that_was_not_inspected(product: Product, by_tags: bool) -> None:
    west = product.group(product.seed(1))
    ids = product.seed(2, account=OTHER, region=EUROPE, tags={"tier": "east"})
    selection: dict[str, Any] = {"tags": {"tier": "east"}} if by_tags else {"server_ids": ids}
    east = product.group(account=OTHER, region=EUROPE, **selection)
    later = {"name": "later", "groups": [east]}
    plan = product.plan({"name": "both", "groups": [west, east]}, later)
    product.fault("REGION_DOWN", region=EUROPE)
    run = product.start(plan, "recoveries")
    record = wait_until(product, run, lambda record: record["waitingFor"] and record["servers"]["launched"])
    (waiting,) = record["waitingFor"]
    assert (waiting["wave"], waiting["for"], waiting["answers"]) == ("both", "DRS", [])
    assert waiting["since"] >= record["waves"][0]["startedAt"][:19]
    assert waiting["text"].startswith(f"{OTHER}/{EUROPE}")
    assert waiting["text"].count(f"{OTHER}/{EUROPE}") == 1
    assert ("its servers are known when it answers" if by_tags else "2 servers of the wave there") in waiting["text"]
    product.emulator.world.faults.remove(None)
    assert product.finish(run, timeout=120)["waitingFor"] == []


def test_an_optional_region_that_stays_down_is_left_out_after_a_while(product: Product) -> None:
    plan = two_regions(product, optional=True)
    product.fault("REGION_DOWN", region=EUROPE)
    record = start(product, plan, "recoveries")
    assert record["status"] == "PARTIAL", record
    assert (record["servers"]["launched"], record["servers"]["excluded"]) == (2, 2)
    assert {each["status"]: each["reason"] for each in record["sourceServers"]}["EXCLUDED"].startswith(
        f"{OTHER}/{EUROPE} did not answer for 0."
    )
    assert 20 * 60 < seconds(record, "east") < 3 * 3_600  # seconds of a busy machine count as ten minutes each


def test_a_region_within_the_tolerance_of_its_wave_is_left_out_after_a_while(product: Product) -> None:
    west = product.group(product.seed(3))
    east = product.group(product.seed(1, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    plan = product.plan({"name": "both", "groups": [west, east], "maxFailedPercent": 25})
    product.fault("REGION_DOWN", region=EUROPE)
    record = start(product, plan, "recoveries")
    assert record["status"] == "PARTIAL", record
    assert (record["servers"]["launched"], record["servers"]["excluded"]) == (3, 1)
    assert seconds(record, "both") < 3 * 3_600


@pytest.mark.parametrize("by_tags", [False, True])
def test_a_region_that_a_wave_needs_is_given_up_after_a_day_and_its_wave_has_failed(by_tags: bool) -> None:
    with Product(speed=6_000) as product:
        west = product.group(product.seed(1))
        ids = product.seed(2, account=OTHER, region=EUROPE, tags={"tier": "east"})
        selection: dict[str, Any] = {"tags": {"tier": "east"}} if by_tags else {"server_ids": ids}
        east = product.group(account=OTHER, region=EUROPE, **selection)
        following = {"name": "next", "groups": [product.group(product.seed(1, prefix="next"))]}
        plan = product.plan({"name": "both", "groups": [west, east]}, following)
        product.fault("REGION_DOWN", region=EUROPE)
        record = start(product, plan, "recoveries")
        both, after = record["waves"]
        assert (both["status"], after["status"]) == ("FAILED", "SKIPPED"), record
        assert f"{OTHER}/{EUROPE} did not answer for 24." in both["reason"]
        assert both["servers"]["launched"] == 1
        assert both["servers"]["excluded"] == (0 if by_tags else 2)
        assert seconds(record, "both") > 24 * 3_600


def test_an_optional_group_by_tags_in_a_region_that_never_answers_is_told_in_the_verdict(product: Product) -> None:
    west = product.group(product.seed(1))
    east = product.group(account=OTHER, region=EUROPE, tags={"tier": "east"})
    plan = product.plan(
        {"name": "west", "groups": [west]},
        {"name": "east", "groups": [{"groupId": east, "optional": True}], "dependsOn": []},
    )
    product.fault("REGION_DOWN", region=EUROPE)
    record = start(product, plan, "recoveries")
    assert [wave["status"] for wave in record["waves"]] == ["COMPLETED", "PARTIAL"], record
    assert f"{OTHER}/{EUROPE} did not answer" in record["waves"][1]["reason"]


def test_a_cancel_ends_the_wait_for_a_region_within_minutes(product: Product) -> None:
    plan = two_regions(product)
    product.fault("REGION_DOWN", region=EUROPE)
    run = product.start(plan, "recoveries")
    wait_for_target(product)
    assert any(f"wave east waits for {OTHER}/{EUROPE}" in note for note in product.record(run)["notes"])
    assert product.record(run)["servers"]["total"] == 4
    assert product.request("POST", f"/executions/{run}/cancel").status == 200
    cancelled = next(each["at"] for each in product.record(run)["decisions"] if each["decision"] == "cancel")
    record = product.finish(run)
    assert record["status"] == "CANCELLED", record
    assert {wave["name"]: wave["status"] for wave in record["waves"]}["east"] == "SKIPPED"
    ended = next(wave["endedAt"] for wave in record["waves"] if wave["name"] == "east")
    assert clock.parse_iso(ended) - clock.parse_iso(cancelled) < 3_600


@pytest.mark.parametrize("optional", [False, True])
def test_a_readiness_run_tells_which_region_does_not_answer_and_does_not_wait(product: Product, optional: bool) -> None:
    plan = two_regions(product, optional=optional)
    product.fault("REGION_DOWN", region=EUROPE)
    record = start(product, plan, "readiness")
    assert record["status"] == ("READY" if optional else "NOT_READY"), record
    assert any(f"{OTHER}/{EUROPE} was not inspected" in note for note in record["notes"])
    assert optional or f"{OTHER}/{EUROPE} was not inspected" in record["reason"]
    assert Counter(each["readiness"] for each in record["sourceServers"]) == {"READY": 2, "BLOCKED": 2}
    assert not product.engine.executions("recover-target")


def test_a_required_group_that_is_found_empty_late_fails_its_wave_with_that_reason(product: Product) -> None:
    west = product.group(product.seed(1))
    filled = product.group(product.seed(1, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    empty = product.group(account=OTHER, region=EUROPE, tags={"tier": "nowhere"}, name="nobody")
    plan = product.plan({"name": "all", "groups": [west, filled, empty], "maxFailedPercent": 50})
    product.fault("REGION_DOWN", region=EUROPE, durationSeconds=2 * 3_600)
    record = start(product, plan, "recoveries")
    assert record["waves"][0]["status"] == "FAILED", record
    assert "protection group nobody: tags tier=nowhere" in record["waves"][0]["reason"]
    assert record["servers"]["launched"] == 2


def test_a_server_in_two_waves_of_a_region_that_answers_late_is_launched_once(product: Product) -> None:
    ids = product.seed(2)
    both, one = product.group(ids), product.group(ids[:1])
    plan = product.plan(
        {"name": "first", "groups": [one], "dependsOn": []},
        {"name": "second", "groups": [both], "dependsOn": [], "maxFailedPercent": 50},
    )
    product.fault("REGION_DOWN", region=WEST, durationSeconds=2 * 3_600)
    record = start(product, plan, "recoveries")
    assert {wave["name"]: wave["status"] for wave in record["waves"]} == {"first": "COMPLETED", "second": "PARTIAL"}
    assert sorted(each["sourceServerID"] for job in product.jobs() for each in job["participatingServers"]) == sorted(
        ids
    )


@pytest.mark.parametrize("optional", [False, True])
def test_an_error_that_nobody_foresaw_in_one_region_leaves_out_its_servers_alone(
    product: Product, monkeypatch: pytest.MonkeyPatch, optional: bool
) -> None:
    plan = two_regions(product, optional=optional)
    original = operations.BUILT["DescribeSourceServers"]

    def refuse(call: Any) -> Any:
        if call.target.key.region == EUROPE:
            raise errors.Invalid("no such filter")
        return original(call)

    monkeypatch.setitem(operations.BUILT, "DescribeSourceServers", refuse)
    record = start(product, plan, "drills")
    assert record["status"] == ("PARTIAL" if optional else "NOT_READY"), record
    lost = [each for each in record["sourceServers"] if each["region"] == EUROPE]
    assert {each["status"] for each in lost} == {"EXCLUDED"}
    assert "no such filter" in lost[0]["reason"]


# The rows that it writes by itself. Threads write the batches and servers, between the two.
# Threads write the rows of batches, between the second and the third.
ROWS_OF_A_LATE_INSPECTION = ("the members of its wave", "its servers", "its counts")


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, len(ROWS_OF_A_LATE_INSPECTION) + 1))
def test_a_late_inspection_killed_after_any_of_its_rows_launches_each_server_once(
    product: Product, number: int
) -> None:
    ids = product.seed(2)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    product.fault("REGION_DOWN", region=WEST, durationSeconds=2 * 3_600)
    with killed_after_change("InspectTarget", number, ("PutItem",)) as made:
        record = start(product, plan, "recoveries")
    assert made == ["PutItem"] * number
    assert "InspectTarget" in product.engine.executions("recover-target")[0].states_entered()
    assert (record["status"], record["servers"]["total"], record["servers"]["launched"]) == ("COMPLETED", 2, 2), record
    assert sorted(instances(product)) == sorted(ids)
    assert product.calls()["StartRecovery"] == 1


@pytest.mark.proof
def test_judge_readiness_killed_while_it_writes_uninspected_targets_loses_and_repeats_nothing(product: Product) -> None:
    plan = two_regions(product, optional=True)
    product.fault("REGION_DOWN", region=EUROPE)
    with killed_after_change("JudgeReadiness", 1, ("PutItem",)) as made:
        record = start(product, plan, "recoveries")
    assert made == ["PutItem"]
    assert record["status"] == "PARTIAL", record
    assert (record["servers"]["total"], record["servers"]["excluded"]) == (4, 2)


def test_servers_of_a_target_whose_part_of_the_wave_broke_while_it_waited_are_excluded(product: Product) -> None:
    plan = two_regions(product)
    product.fault("REGION_DOWN", region=EUROPE)
    run = product.start(plan, "recoveries")
    wait_for_target(product).stop("Stopped")
    record = product.finish(run)
    assert {wave["name"]: wave["status"] for wave in record["waves"]}["east"] == "FAILED", record
    assert (record["servers"]["launched"], record["servers"]["excluded"]) == (2, 2)
    assert any("was never inspected" in (each["reason"] or "") for each in record["sourceServers"])


# --- groups that select too little --------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["drills", "recoveries", "readiness"])
def test_a_required_group_that_selects_nothing_refuses_the_run_though_its_wave_has_servers(
    product: Product, mode: str
) -> None:
    filled = product.group(product.seed(2))
    product.seed(2, prefix="web", tags={"tier": "web"})
    empty = product.group(tags={"Tier": "web"}, name="web servers")
    record = start(product, product.plan({"name": "both", "groups": [filled, empty]}), mode)
    assert record["status"] == "NOT_READY", record
    assert "wave both: protection group web servers: tags Tier=web in" in record["reason"]
    assert "StartRecovery" not in product.calls()


def test_an_optional_group_that_selects_nothing_is_only_noted(product: Product) -> None:
    empty = {"groupId": product.group(tags={"tier": "nowhere"}, name="nobody"), "optional": True}
    record = start(product, product.plan({"name": "web", "groups": [product.group(product.seed(1)), empty]}), "drills")
    assert record["status"] == "COMPLETED"
    assert "protection group nobody selects no servers" in record["notes"]


def test_a_wave_that_uses_only_servers_that_its_group_lacks_is_refused_whatever_it_tolerates(product: Product) -> None:
    product.seed(1, prefix="web", tags={"tier": "web"})
    other = product.seed(1, prefix="other")
    use = {"groupId": product.group(tags={"tier": "web"}), "sourceServerIds": other}
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(3)), use], "maxFailedPercent": 90})
    record = start(product, plan, "drills")
    assert record["status"] == "NOT_READY", record
    assert "only servers that it lacks" in record["reason"]


def test_a_group_whose_servers_the_continued_run_launched_may_be_empty_now(product: Product) -> None:
    good = product.seed(1, prefix="good", tags={"tier": "good"})
    bad = product.seed(1, prefix="bad", failsAt="LAUNCH")
    groups = [product.group(tags={"tier": "good"}), product.group(bad)]
    plan = product.plan({"name": "web", "groups": groups}, launchAttempts=1)
    first = start(product, plan, "recoveries")
    drs = product.emulator.client(HUB, WEST)
    (found,) = drs.describe_source_servers(filters={"sourceServerIDs": good})["items"]
    drs.untag_resource(resourceArn=found["arn"], tagKeys=["tier"])
    mended = {"accountId": HUB, "region": WEST, "server": {"failsAt": ""}}
    product.emulator.control.change_server(bad[0], mended)
    reply = product.request("POST", f"/executions/{first['executionId']}/continue")
    record = product.finish(reply.body["executionId"])
    assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 1), record


def test_servers_that_a_group_selected_in_the_last_launch_and_does_not_select_now_are_named(product: Product) -> None:
    ids = [product.seed(1, prefix=prefix, tags={"tier": "web"})[0] for prefix in ("one", "two", "three")]
    plan = product.plan({"name": "web", "groups": [product.group(tags={"tier": "web"}, name="web")]})
    last = start(product, plan, "drills")
    assert not any("selected" in note for note in start(product, plan, "readiness")["notes"])
    drs = product.emulator.client(HUB, WEST)
    (found,) = drs.describe_source_servers(filters={"sourceServerIDs": ids[:1]})["items"]
    drs.untag_resource(resourceArn=found["arn"], tagKeys=["tier"])
    for mode in ("readiness", "drills"):
        record = start(product, plan, mode)
        hostname = found["sourceProperties"]["identificationHints"]["hostname"]
        says = f"group web selected 3 servers in {last['executionId']}, now 2: {ids[0]} ({hostname}) is missing"
        assert says in record["notes"], record
