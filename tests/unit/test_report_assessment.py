"""What a report says of a drill beside its record: whether it counts, verdicts and findings of people, and changes."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from report.assessment.describe import read_assessment
from report.collect import make_texts
from report.document import Facts, build_document
from report.files import write_csv
from report.reader import NotRead
from tests.support.report_facts import NASTY, assessment, at, finding, opinion, page, record, server, wave
from tests.support.report_schema import list_violations

BEFORE = {
    "executionId": "drill-20261101-080000-000001",
    "requestedAt": at(-30_000),
    "status": "COMPLETED",
    "planHash": "a" * 64,
}


def facts(given: Any, **more: Any) -> Facts:
    return Facts(record(wave("db", "COMPLETED", 2, 20), **more), [server("a"), server("b")], assessment=given)


def text_of(given: Any, **more: Any) -> str:
    """The section of the page."""
    text = page(facts(given, **more)).text
    return text.split(" Assessment ")[1].split(" Waves ")[0]


def said(verdict: str, *earlier: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**opinion(verdict, "orders went through", **more), "version": 1, "earlier": list(earlier)}


def test_the_section_says_whether_the_drill_counts_and_if_not_why() -> None:
    assert "✓ yes" in text_of(assessment())
    text = text_of(assessment(counts=False, whyNot=["1 of 2 servers was not launched.", "ben rejected it."]))
    assert "✗ no 1 of 2 servers was not launched. ben rejected it." in text.replace("no1", "no 1").replace(".b", ". b")
    assert "not recorded" in text_of(assessment(counts=None))


def test_a_recovery_does_not_count_and_a_readiness_check_has_no_assessment() -> None:
    text = text_of(assessment(counts=None), mode="RECOVERY")
    assert "Counts as a drill" not in text
    assert "Verdict of a person" in text
    assert "Assessment" not in page(facts(None, mode="READINESS")).text


def test_a_report_of_an_api_that_knows_no_assessment_says_so() -> None:
    assert build_document(facts(None))["assessment"] is None
    assert "Not known: the API did not return it." in text_of(None)
    assert list_violations(build_document(facts(None))) == []


def test_a_verdict_is_shown_with_its_author_and_those_before_it() -> None:
    text = text_of(assessment(verdict=said("ACCEPTED", opinion("REJECTED", "orders failed"))))
    assert "✓ accepted by arn:aws:iam::111122223333:user/ben" in text
    assert "orders went through" in text
    assert "✗ rejected" in text.split("before:")[1]
    assert "orders failed" in text
    assert "may be who started the run" not in text


def test_a_rejection_stands_before_the_result_in_the_headline_and_in_red() -> None:
    given = assessment(verdict=said("REJECTED", by="ben") | {"comment": "orders failed"})
    shown = make_texts(facts(given)).html
    headline = shown.split('aria-label="Result"')[1].split("</section>")[0]
    assert headline.index("REJECTED") < headline.index("COMPLETED")
    assert "orders failed" in headline
    assert '<section class="verdict failed"' in shown
    assert "COMPLETED, rejected" in shown.split("</title>")[0]
    accepted = make_texts(facts(assessment(verdict=said("ACCEPTED")))).html
    assert '<section class="verdict succeeded"' in accepted


def test_a_verdict_of_who_started_the_run_is_marked_unless_the_schedule_did() -> None:
    ana = "arn:aws:iam::111122223333:user/ana"
    given = assessment(verdict=said("ACCEPTED", by=ana))
    assert "! may be who started the run" in text_of(given)
    assert "may be who started the run" not in text_of(given, requestedBy="schedule")


def test_findings_are_shown_with_owner_due_date_and_what_became_of_them() -> None:
    closed = {"status": "CLOSED", "closedBy": "carl", "closedAt": at(70), "closingComment": "an action does it"}
    late = finding("late", overdue=True, description="by hand")
    text = text_of(
        assessment(findings=[finding("own"), late], carried=[finding("old", executionId="drill-0", **closed)])
    )
    assert "2 drill findings about this run, 1 carried from earlier runs; 2 open, ✗ 1 overdue" in text
    own, carried = text.split("Drill findings carried from earlier runs")
    assert "network team" in own
    assert "2026-12-31" in own
    assert "by hand" in own
    assert "drill-0" not in own
    assert "about drill-0closed by carl" in carried
    assert "an action does it" in carried
    assert "✓ closed" in carried


def test_the_hash_of_the_plan_is_held_against_that_of_the_drill_before_and_changes_are_in_words() -> None:
    same = text_of(assessment(previous=BEFORE, changes=[]))
    assert "the same as in the drill before" in same
    assert "Nothing: the plan and its groups are the same." in same
    change = {"subject": "plan", "field": "waves[db].maxFailedPercent", "before": "0", "after": "50"}
    other = text_of(assessment(previous={**BEFORE, "planHash": "b" * 64}, changes=[change]))
    assert "another one than in the drill before" in other
    assert "wave db: failed servers tolerated, in %" in other
    assert "Not known" in text_of(assessment(previous=BEFORE))
    assert "none is known" in text_of(assessment())


def test_the_assessment_is_in_the_json_by_the_schema_and_not_in_the_table_of_servers() -> None:
    full = assessment(verdict=said("ACCEPTED", opinion("REJECTED", "x")), previous=BEFORE, findings=[finding("a")])
    document = build_document(facts(full))
    assert list_violations(document) == []
    assert document["assessment"]["findings"][0]["owner"] == "network team"
    assert write_csv(document) == write_csv(build_document(facts(None)))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_no_text_of_people_becomes_part_of_the_page(text: str) -> None:
    hostile = f"{text}{NASTY}\u202e"
    words = {"title": hostile, "description": hostile, "owner": hostile, "closedAt": at(1), "closedBy": hostile}
    made = make_texts(
        facts(
            assessment(
                counts=False,
                whyNot=[hostile],
                verdict=said("REJECTED", by=hostile),
                previous=BEFORE,
                changes=[{"subject": hostile, "field": hostile, "before": hostile, "after": hostile}],
                carried=[finding("x", **words, closingComment=hostile, status="CLOSED")],
            )
        )
    )
    assert "<script>alert" not in made.html
    assert "\u202e" not in made.html
    assert made.html == make_texts(facts_again(made)).html


def facts_again(made: Any) -> Facts:
    """Facts whose assessment is that of the document: what a reader of report.json has makes the same page."""
    again = made.document["assessment"]
    verdict = {**again["verdict"], "version": 1}
    return facts({**again, "executionId": "x", "verdict": verdict})


class _Api:
    is_emulated = False

    def get(self, path: str, **query: str) -> Any:
        raise NotRead(path)

    def list_items(self, path: str, name: str, **filters: str) -> Any:
        raise NotRead(path)


def test_an_api_that_is_too_old_or_does_not_answer_has_no_assessment() -> None:
    assert read_assessment(_Api(), record()) is None
    assert read_assessment(_Api(), record(mode="READINESS")) is None
