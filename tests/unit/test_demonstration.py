"""The acts of `make drill` and the plan that they belong to name the same servers, Regions and waves."""

from pathlib import Path

import yaml

from cli.plans.check import read_plan_file
from cli.text import describe_waits
from sandbox import demonstration

PLAN = Path(__file__).resolve().parents[2] / "examples" / "demonstration.yaml"


def test_the_acts_name_what_the_plan_of_the_demonstration_has() -> None:
    file = read_plan_file(PLAN).data
    rows = file["sandbox"]["sourceServers"]
    hosts = {
        (row["accountId"], row["region"], row["hostname"].format(n=number))
        for row in rows
        for number in range(1, row["count"] + 1)
    }
    for host in (demonstration.FAILING_HOST, demonstration.STALLED_HOST):
        assert (*demonstration.FAILING_TARGET, host) in hosts
    targets = {(group["accountId"], group["region"]): group["name"] for group in file["protectionGroups"]}
    assert {demonstration.AWAY, demonstration.FAILING_TARGET} == set(targets)
    waves = {wave["name"]: wave for wave in file["recoveryPlan"]["waves"]}
    assert {"database", demonstration.WAVE_OF_FAULTS} < set(waves)
    assert file["recoveryPlan"]["launchAttempts"] > 1
    assert file["recoveryPlan"]["fourEyes"]


def test_a_question_says_that_the_drill_answers_it_and_other_waits_stay_as_they_are() -> None:
    drs = {"for": "DRS", "wave": "web", "text": "eu-west-1 does not answer", "answers": []}
    approval = {"for": "APPROVAL", "wave": "web", "answers": ["POST /executions/drill-1/waves/web/approve"]}
    record = {"executionId": "drill-1", "requestedAt": "2026-01-01T00:00:00Z", "durationSeconds": 60}
    marked = demonstration.mark_questions({**record, "waitingFor": [drs, approval]})
    (of_drs, _), (asked, commands) = describe_waits(marked, " --sandbox")
    assert of_drs == "wave web waits for DRS: eu-west-1 does not answer"
    assert asked == "wave web waits for approval: make drill answers this"
    assert commands == ["drs-waves approve drill-1 web --sandbox"]


def test_what_is_measured_and_what_is_shown_are_different_plans() -> None:
    plain = yaml.safe_load(PLAN.with_name("three-tier.yaml").read_text())["recoveryPlan"]
    assert not any("approval" in wave for wave in plain["waves"])
