"""What inspection finds before a launch: live instances, targets that do not answer, groups that select nothing."""

from typing import Any

import pytest

from drs_emulator import operations
from recovery import clock
from recovery.runs.probe import GONE
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product


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
    assert before[min(ids)] in record["reason"]
    assert recovery["executionId"] in record["reason"]
    assert "replaceExisting" in record["reason"]
    assert all(before[each] in server(record, each)["reason"] for each in ids)
    assert instances(product) == before
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


def test_a_live_fleet_costs_one_call_for_each_200_servers(product: Product) -> None:
    ids = product.seed(201)
    plan = product.plan({"name": "web", "groups": [product.group(ids)]})
    before = product.calls().get("DescribeRecoveryInstances", 0)
    assert start(product, plan, "readiness")["status"] == "READY"
    assert product.calls()["DescribeRecoveryInstances"] - before == 2


@pytest.mark.parametrize("value", ["true", 1, None])
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


def seconds(record: dict[str, Any], wave: str) -> float:
    """Simulated seconds from the request of the run to the end of the wave."""
    ended = next(each["endedAt"] for each in record["waves"] if each["name"] == wave)
    return clock.parse_iso(ended) - clock.parse_iso(record["requestedAt"])


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
@pytest.mark.real_durations
def test_a_region_that_is_down_for_an_hour_holds_up_no_other_and_is_recovered_when_it_is_back(
    product: Product, mode: str
) -> None:
    ideal = seconds(start(product, two_regions(product, "before"), mode), "west")
    plan = two_regions(product)
    product.fault("REGION_DOWN", region=EUROPE, durationSeconds=3_600)
    record = start(product, plan, mode)
    assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 4), record
    assert seconds(record, "west") < max(1.2 * ideal, ideal + 300)
    assert seconds(record, "east") > 3_600


def test_an_optional_region_that_stays_down_is_left_out_after_a_while(product: Product) -> None:
    plan = two_regions(product, optional=True)
    product.fault("REGION_DOWN", region=EUROPE)
    record = start(product, plan, "recoveries")
    assert record["status"] == "PARTIAL", record
    assert (record["servers"]["launched"], record["servers"]["excluded"]) == (2, 2)
    assert {each["status"]: each["reason"] for each in record["sourceServers"]}["EXCLUDED"].startswith(
        f"{OTHER}/{EUROPE} did not answer for 0."
    )
    assert 20 * 60 < seconds(record, "east") < 40 * 60
