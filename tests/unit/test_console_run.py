"""What the page of a run shows beside its record."""

import pytest

from console.reading.run import MAX_JOBS_DRAWN, describe_odd_server, draw_timeline, find_console_link
from report.course import describe_course
from report.document import Facts, build_document
from report.drawings import timeline
from report.run_record import is_counting
from tests.support.report_facts import action, batch, decision, job, record, server, verification, wave

ARN = "arn:{}:states:{}:111122223333:execution:drs-waves-recover-plan:drill-1"


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "us-west-2", "us-west-2.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_link_to_step_functions_is_that_of_the_partition(partition: str, region: str, host: str) -> None:
    arn = ARN.format(partition, region)
    assert find_console_link(arn) == f"https://{host}/states/home?region={region}#/v2/executions/details/{arn}"


@pytest.mark.parametrize(
    "arn", [None, "", ARN.format("aws-iso", "us-iso-east-1"), "javascript:alert(1)", ARN + '"><b>']
)
def test_there_is_no_link_for_an_execution_that_no_known_console_has(arn: str | None) -> None:
    assert find_console_link(arn) is None


def test_the_timeline_of_a_record_is_that_of_its_report() -> None:
    jobs = batch("db", job(1, 3, 12, 1, 1), job(2, 14, 20, 1))
    run = record(
        wave("db", "COMPLETED", 2, 21),
        batches=[jobs],
        decisions=[decision("retry", 13, "db")],
        waits=[{"wave": "db", "for": "DECISION", "since": jobs["startedAt"], "until": jobs["endedAt"], "by": "ana"}],
        actions=[action("freeze", "SUCCEEDED")],
    )
    drawn = draw_timeline(run)
    assert drawn is not None
    report = build_document(Facts(run, [server("a"), server("b")], actions=run["actions"]))
    assert drawn.chart == timeline.draw(report)
    assert drawn.jobs_left_out == 0
    course = describe_course(run)
    assert {name: report[name] for name in ("jobs", "waits", "outages", "waves", "actions", "asOf")} == {
        name: course[name] for name in ("jobs", "waits", "outages", "waves", "actions", "asOf")
    }


def test_too_many_jobs_are_counted_and_not_drawn() -> None:
    many = [batch("db", job(1, 3, 12, 2)) for _ in range(MAX_JOBS_DRAWN + 1)]
    drawn = draw_timeline(record(wave("db", "COMPLETED", 2, 21), batches=many))
    assert drawn is not None
    assert drawn.jobs_left_out == MAX_JOBS_DRAWN + 1
    assert len(drawn.chart.bars) == 1


def test_a_run_that_has_not_begun_has_no_timeline() -> None:
    assert draw_timeline(record(wave("db", "WAITING", None, None))) is None


def test_a_launched_server_that_did_not_pass_its_checks_says_so() -> None:
    found = describe_odd_server(server("a", verification=verification("UNVERIFIED", "boot", reason="it did not boot")))
    assert (found.status, "it did not boot" in found.reason) == ("UNVERIFIED", True)
    failed = describe_odd_server(server("b", status="FAILED", cause="CAPACITY", advice="Use another type."))
    assert (failed.status, failed.reason) == ("FAILED", "no reason is on record")
    assert (failed.cause, failed.advice) == ("CAPACITY", "Use another type.")


def test_a_run_counts_its_servers_until_something_of_it_has_begun() -> None:
    early = {"status": "PENDING", "state": "STARTING", "endedAt": None}
    waiting, begun = wave("db", "WAITING", None, None), wave("db", "IN_PROGRESS", 1, None)
    assert is_counting(record(waiting, **early, actions=[]))
    assert not is_counting(record(begun, **early, actions=[]))
    assert not is_counting(record(waiting, **early, actions=[action("freeze", "RUNNING")]))
    assert not is_counting(record(waiting, **{**early, "state": "WAITING_FOR_PEOPLE"}, actions=[]))
    assert not is_counting(record(waiting, status="NOT_READY", state="NOT_READY", actions=[]))
