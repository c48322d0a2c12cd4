"""A run from its start through the API to its verdict, on the real machines and handlers."""

from collections import Counter

import pytest

from tests.support.product import EUROPE, HUB, OTHER, WEST, Product


def test_waves_run_in_plan_order_in_two_accounts(product: Product) -> None:
    database = product.group(product.seed(3, prefix="db"))
    application = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    plan = product.plan({"name": "database", "groups": [database]}, {"name": "app", "groups": [application]})

    record = product.drill(plan)

    assert record["status"] == "COMPLETED", record
    assert record["servers"] == {"total": 5, "launched": 5, "failed": 0, "excluded": 0, "launching": 0}
    first, second = record["waves"]
    assert first["endedAt"] <= second["startedAt"]
    assert len(product.jobs(HUB, WEST)) == len(product.jobs(OTHER, EUROPE)) == 1
    assert all(server["recoveryInstanceId"] for server in record["sourceServers"])
    assert product.items("RecoveryPlans")[0].get("activeExecutionId") is None


def test_jobs_carry_tags_that_say_who_started_them_and_why(product: Product) -> None:
    record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(1))]}))
    (job,) = product.jobs()
    assert job["initiatedBy"] == "START_DRILL"
    assert job["tags"] == {
        "ManagedBy": "drs-waves",
        "drs-waves:execution": record["executionId"],
        "drs-waves:wave": "web",
        "drs-waves:batch": f"{record['executionId']}/web/{HUB}/{WEST}/0001",
        "drs-waves:attempt": "1",
        "drs-waves:mode": "DRILL",
    }


def test_a_recovery_is_started_as_one(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    execution_id = product.start(plan, "recoveries")
    assert product.finish(execution_id)["mode"] == "RECOVERY"
    assert product.jobs()[0]["initiatedBy"] == "START_RECOVERY"


def test_waves_without_dependencies_run_side_by_side_and_a_diamond_joins(product: Product) -> None:
    groups = {name: product.group(product.seed(1, prefix=name)) for name in ("db", "app", "jobs", "web")}
    record = product.drill(
        product.plan(
            {"name": "web", "groups": [groups["web"]], "dependsOn": ["app", "jobs"]},
            {"name": "db", "groups": [groups["db"]], "dependsOn": []},
            {"name": "app", "groups": [groups["app"]], "dependsOn": ["db"]},
            {"name": "jobs", "groups": [groups["jobs"]], "dependsOn": ["db"]},
        )
    )
    assert record["status"] == "COMPLETED", record
    waves = {wave["name"]: wave for wave in record["waves"]}
    assert list(waves) == ["db", "app", "jobs", "web"]
    assert waves["db"]["endedAt"] <= min(waves["app"]["startedAt"], waves["jobs"]["startedAt"])
    assert waves["app"]["startedAt"] < waves["jobs"]["endedAt"]
    assert waves["jobs"]["startedAt"] < waves["app"]["endedAt"]
    assert waves["web"]["startedAt"] >= max(waves["app"]["endedAt"], waves["jobs"]["endedAt"])


def test_a_wave_that_fails_skips_those_behind_it_and_frees_the_plan(product: Product) -> None:
    bad = product.group(product.seed(1, prefix="bad", failsAt="LAUNCH"))
    good = product.group(product.seed(1, prefix="good"))
    plan = product.plan(
        {"name": "first", "groups": [bad]},
        {"name": "second", "groups": [good]},
        {"name": "third", "groups": [product.group(product.seed(1, prefix="more"))]},
        {"name": "aside", "groups": [product.group(product.seed(1, prefix="aside"))], "dependsOn": []},
    )
    record = product.drill(plan)
    assert {wave["name"]: wave["status"] for wave in record["waves"]} == {
        "first": "FAILED",
        "second": "SKIPPED",
        "third": "SKIPPED",
        "aside": "COMPLETED",
    }
    assert record["status"] == "PARTIAL"
    assert "first" in next(wave for wave in record["waves"] if wave["name"] == "second")["reason"]
    failed = next(server for server in record["sourceServers"] if server["hostname"] == "bad-001")
    assert failed["status"] == "FAILED"
    assert "FAILED" in failed["reason"]
    assert product.request("POST", f"/recovery-plans/{plan}/drills").status == 202


def test_failed_servers_are_tried_again_alone_and_then_held_against_the_tolerance(product: Product) -> None:
    servers = [*product.seed(9, prefix="fine"), *product.seed(1, prefix="bad", failsAt="CONVERSION")]
    record = product.drill(product.plan({"name": "web", "groups": [product.group(servers)], "maxFailedPercent": 10}))
    assert record["status"] == "PARTIAL", record
    assert record["servers"] | {"launched": 9, "failed": 1} == record["servers"]
    second, first = product.jobs()
    assert len(first["participatingServers"]) == 10
    assert [server["sourceServerID"] for server in second["participatingServers"]] == [servers[9]]
    assert second["tags"]["drs-waves:attempt"] == "2"


def test_a_group_by_tags_recovers_the_servers_that_carry_them_now(product: Product) -> None:
    product.seed(2, prefix="web", tags={"tier": "web"})
    product.seed(2, prefix="db", tags={"tier": "db"})
    plan = product.plan({"name": "web", "groups": [product.group(tags={"tier": "web"})]})
    product.seed(1, prefix="late", tags={"tier": "web"})
    record = product.drill(plan)
    assert sorted(server["hostname"] for server in record["sourceServers"]) == ["late-001", "web-001", "web-002"]


def test_a_wave_may_take_only_some_servers_of_a_group(product: Product) -> None:
    servers = product.seed(3)
    use = {"groupId": product.group(servers), "sourceServerIds": servers[:1]}
    rest = {"groupId": use["groupId"], "sourceServerIds": servers[1:]}
    record = product.drill(product.plan({"name": "canary", "groups": [use]}, {"name": "rest", "groups": [rest]}))
    assert record["status"] == "COMPLETED"
    assert Counter(server["wave"] for server in record["sourceServers"]) == {"canary": 1, "rest": 2}


def test_a_selection_that_matches_nothing_is_refused_before_anything_is_launched(product: Product) -> None:
    product.seed(1)
    empty = product.group(tags={"tier": "nowhere"})
    record = product.drill(
        product.plan(
            {"name": "all", "groups": [product.group(product.seed(1, prefix="x"))]}, {"name": "none", "groups": [empty]}
        )
    )
    assert record["status"] == "NOT_READY"
    assert "wave none selects no servers" in record["reason"]
    assert "tier=nowhere" in record["reason"]
    assert {wave["status"] for wave in record["waves"]} == {"SKIPPED"}
    assert "StartRecovery" not in product.calls()
    assert product.machine(record["executionId"]).error == "NotReady"


def test_a_server_drs_does_not_know_is_told_and_refuses_the_run(product: Product) -> None:
    known = product.seed(1)
    record = product.drill(product.plan({"name": "web", "groups": [product.group([*known, "s-" + "0" * 17])]}))
    assert record["status"] == "NOT_READY"
    stranger = next(server for server in record["sourceServers"] if server["status"] == "EXCLUDED")
    assert "does not know" in stranger["reason"]


def test_an_unknown_server_within_the_tolerance_is_left_out(product: Product) -> None:
    known = product.seed(9)
    group = product.group([*known, "s-" + "0" * 17])
    record = product.drill(product.plan({"name": "web", "groups": [group], "maxFailedPercent": 10}))
    assert record["status"] == "PARTIAL"
    assert record["servers"] == {"total": 10, "launched": 9, "failed": 0, "excluded": 1, "launching": 0}


def test_a_server_in_two_waves_is_recovered_in_the_first_only(product: Product) -> None:
    servers = product.seed(2)
    both, one = product.group(servers), product.group(servers[:1])
    record = product.drill(
        product.plan({"name": "first", "groups": [one]}, {"name": "second", "groups": [both], "maxFailedPercent": 50})
    )
    assert record["status"] == "PARTIAL"
    twice = next(server for server in record["sourceServers"] if server["status"] == "EXCLUDED")
    assert (twice["wave"], twice["reason"]) == ("second", "it is in wave first already")


def test_a_region_where_drs_was_never_set_up_refuses_the_run_with_that_reason(product: Product) -> None:
    group = product.group(["s-" + "1" * 17], region="eu-west-1")
    record = product.drill(product.plan({"name": "web", "groups": [group]}))
    assert record["status"] == "NOT_READY"
    assert "TargetNotInitialized" in record["reason"]


def test_an_account_that_is_not_registered_refuses_the_run_with_that_reason(product: Product) -> None:
    group = product.group(["s-" + "1" * 17], account="999900001111")
    record = product.drill(product.plan({"name": "web", "groups": [group]}))
    assert record["status"] == "NOT_READY"
    assert "999900001111 is not registered" in record["reason"]


@pytest.mark.proof
def test_a_large_wave_is_drained_through_the_quotas() -> None:
    # Slower than elsewhere: at 600 times speed the seconds of this machine count as many minutes of a lease.
    with Product(speed=120) as product:
        product.seed(510, tags={"tier": "web"})
        plan = product.plan({"name": "web", "groups": [product.group(tags={"tier": "web"})]})
        record = product.drill(plan, timeout=100)
        assert record["status"] == "COMPLETED", record
        assert record["servers"]["launched"] == 510
        assert len(product.jobs()) == 6
        assert product.emulator.control.calls(detail=False)["peak"]["overall"]["servers"] <= 500
        assert not any(row.get("leases") for row in product.items("Limits"))
        assert product.calls()["StartRecovery"] == 6


def test_a_start_that_is_cut_off_before_its_answer_launches_nothing_twice(product: Product) -> None:
    product.engine.runtime.lose_answer("StartRecovery")
    record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(3))]}))
    assert record["status"] == "COMPLETED", record
    assert len(product.jobs()) == 1


@pytest.mark.parametrize(
    "task", ["LoadPlan", "InspectTarget", "JudgeReadiness", "StartWave", "SettleBatch", "SettleWave"]
)
def test_a_task_whose_answer_is_lost_is_repeated_without_harm(product: Product, task: str) -> None:
    product.engine.runtime.lose_answer(task, "Sandbox.Timedout")
    record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(2))]}))
    assert record["status"] == "COMPLETED", record
    assert record["servers"]["launched"] == 2
    assert len(product.jobs()) == 1


def test_a_task_that_breaks_for_good_closes_the_record(product: Product) -> None:
    product.engine.runtime.fail("JudgeReadiness", "KeyError", times=99)
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    record = product.drill(plan)
    assert record["status"] == "FAILED"
    assert "KeyError" in record["reason"]
    assert product.request("POST", f"/recovery-plans/{plan}/drills").status == 202


@pytest.mark.real_durations
def test_a_server_in_another_job_is_waited_for_and_not_lost(product: Product) -> None:
    servers = product.seed(2)
    drs = product.emulator.client(HUB, WEST)
    drs.start_recovery(sourceServers=[{"sourceServerID": servers[0]}], isDrill=True)
    record = product.drill(product.plan({"name": "web", "groups": [product.group(servers)]}))
    assert record["status"] == "COMPLETED", record
    assert record["servers"]["launched"] == 2


def test_no_function_runs_for_long(product: Product) -> None:
    product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(120))]}))
    assert product.engine.runtime.longest().seconds < 10
