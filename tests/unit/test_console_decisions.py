"""What people can decide about a run, and what the console says that it will do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.reading.decisions import choices
from console.reading.decisions.choices import Choice, can_be_made, find_choice, list_answers, needs_comment
from console.reading.decisions.effects import describe_effects
from console.reading.decisions.notices import describe_done
from console.reading.waits import list_waits
from tests.support.report_facts import action, at, batch, job, record, wave

RUN = "drill-20261122-080000-abcdef"
COUNTS = {"total": 12, "launched": 7, "failed": 3, "excluded": 1, "launching": 0, "unverified": 2, "verified": 5}


def asking(**more: Any) -> dict[str, Any]:
    answers = [f"POST /executions/{RUN}/waves/web/{each}" for each in ("verify", "retry", "accept", "abort")]
    waits = [{"wave": "web", "for": "DECISION", "since": at(20), "until": None, "onTimeout": None, "answers": answers}]
    waves = [
        wave("web", "AWAITING_DECISION", 2, None, servers=COUNTS),
        wave("mail", "WAITING", None, None, dependsOn=["web"]),
        wave("files", "WAITING", None, None, dependsOn=["mail"]),
    ]
    given = {"status": "POLLING", "state": "WAITING_FOR_PEOPLE", "endedAt": None, "waitingFor": waits, "actions": []}
    return record(*waves, **{**given, **more})


def test_the_answers_of_a_wait_are_its_buttons_in_the_order_of_the_api() -> None:
    run = asking()
    found = list(list_answers(run["waitingFor"][0]))
    assert [(each.words, each.kind) for each in found] == [
        ("Verify web", "main"),
        ("Retry what failed in wave web", "main"),
        ("Accept wave web as it is", ""),
        ("Give up wave web and stop the run", "danger"),
    ]
    assert [each.console_path(RUN) for each in found][:1] == [f"/runs/{RUN}/decide/verify?wave=web"]
    assert [f"POST {each.api_path(RUN)}" for each in found] == run["waitingFor"][0]["answers"]


def test_an_answer_with_a_word_that_the_console_does_not_know_has_no_button() -> None:
    run = asking()
    run["waitingFor"][0]["answers"].append(f"POST /executions/{RUN}/waves/web/explode")
    assert "explode" not in {each.decision for each in list_answers(run["waitingFor"][0])}


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_only_closed_words_about_what_the_run_has_become_a_path(
    decision: str, wave_name: str | None, action_name: str | None
) -> None:
    names = [wave("web", "WAITING", None, None), wave("../../x/cancel", "WAITING", None, None)]
    run = record(*names, actions=[action("sign-off", "WAITING")])
    for name in (wave_name, "web", "../../x/cancel", "web/../.."):
        found = find_choice(run, decision, name, action_name)
        assert found is None or found.api_path(RUN).count("..") == 0
        if found:
            known = choices.OF_WAVE if name is not None else choices.OF_ACTION if action_name else choices.OF_RUN
            assert found.decision in known
    assert find_choice(run, "approve", "../../x/cancel", None) is None
    assert find_choice(run, "approve", "web", None) == Choice("approve", "web")
    assert find_choice(run, "confirm", None, "sign-off") == Choice("confirm", None, "sign-off")
    assert find_choice(run, "approve", "web", "sign-off") is None


@pytest.mark.parametrize(
    ("state", "status", "open_now"),
    [
        ("RUNNING", "POLLING", {"pause", "cancel"}),
        ("PAUSED", "PAUSED", {"cancel"}),
        ("CANCELLING", "POLLING", set()),
        ("COMPLETED", "COMPLETED", set()),
    ],
)
def test_the_decisions_about_a_run_are_there_only_while_they_can_be_made(
    state: str, status: str, open_now: set[str]
) -> None:
    run = record(wave("web", "IN_PROGRESS", 2, None), state=state, status=status)
    assert {each for each in choices.OF_RUN if can_be_made(run, Choice(each))} == open_now
    assert {each.decision for each in choices.list_run_choices(run)} == open_now


def test_a_comment_is_needed_where_the_api_needs_one() -> None:
    run = asking(commentsRequired=True)
    needed = [each for each in choices.OF_WAVE if needs_comment(run, Choice(each, "web"))]
    assert needed == ["accept", "abort"]
    needed = [each for each in choices.OF_ACTION if needs_comment(run, Choice(each, None, "sign-off"))]
    assert needed == ["confirm", "skip", "abort"]
    assert not needs_comment(run, Choice("cancel"))
    run = asking(commentsRequired=False)
    assert not needs_comment(run, Choice("accept", "web"))
    assert needs_comment(run, Choice("confirm", None, "sign-off"))


@pytest.mark.parametrize(
    ("decision", "sentences"),
    [
        ("verify", ["Checks the 2 unverified servers again, and launches nothing."]),
        ("retry", ["Launches the 3 failed servers again, then checks the 2 unverified servers again."]),
        ("accept", ["The wave is PARTIAL, and the waves after it start.", "After it: mail."]),
        ("abort", ["No further wave starts; what has been launched keeps running."]),
    ],
)
def test_the_effect_of_an_answer_to_a_failed_wave_has_its_numbers(decision: str, sentences: list[str]) -> None:
    assert describe_effects(asking(), Choice(decision, "web"))[: len(sentences)] == sentences


def test_the_effect_of_an_abort_names_the_waves_that_do_not_start() -> None:
    assert "2 waves not started yet: mail, files." in describe_effects(asking(), Choice("abort", "web"))


def test_the_effect_of_an_approval_says_how_many_servers_start_where_and_what_runs_before() -> None:
    counts = {"total": 3, "launched": 0, "failed": 0, "excluded": 1, "launching": 0}
    run = record(wave("web", "AWAITING_APPROVAL", None, None, servers=counts), mode="RECOVERY", status="POLLING")
    servers = [{"accountId": "111122223333", "region": "us-west-2"}, {"accountId": "1", "region": "eu-west-1"}]
    before = [{"name": "freeze", "ssmAutomation": {"document": "Shop-Freeze"}}]
    plan = {"waves": [{"name": "web", "groups": [], "before": before, "checks": [{"boot": {}}]}]}
    assert describe_effects(run, Choice("approve", "web"), plan, servers) == [
        "Wave web starts and launches 2 production servers in 1/eu-west-1 (1), 111122223333/us-west-2 (1).",
        "First it runs 1 action: freeze before web: automation Shop-Freeze.",
        "Then it checks them: boot.",
        "A DRS job usually takes 9 to 30 min. DRS cannot stop a job that runs.",
    ]


def test_a_plan_with_a_check_of_a_later_version_does_not_hide_what_an_approval_launches() -> None:
    plan = {"waves": [{"name": "web", "groups": [], "checks": [{"telepathy": {}}]}]}
    run = record(wave("web", "AWAITING_APPROVAL", None, None))
    assert describe_effects(run, Choice("approve", "web"), plan)[0] == "Wave web starts and launches 2 servers."


def test_the_effect_of_a_rejection_follows_the_plan_to_what_is_skipped() -> None:
    waves = [
        wave("web", "AWAITING_APPROVAL", None, None),
        wave("mail", "WAITING", None, None, dependsOn=["web"]),
        wave("files", "WAITING", None, None, dependsOn=["mail"]),
        wave("report", "WAITING", None, None, dependsOn=["web"]),
    ]
    plan = {"waves": [{"name": "report", "groups": [], "runAfter": "completion"}]}
    found = describe_effects(record(*waves), Choice("reject", "web"), plan)
    assert "Skipped with it, because they need it: mail, files." in found


def test_the_effect_of_a_cancel_counts_the_jobs_that_go_on() -> None:
    launching = batch("web", status="LAUNCHING", jobId="drsjob-1", startedAt=at(3), servers=5, attempt=1)
    run = record(wave("web", "IN_PROGRESS", 2, None), batches=[launching], status="POLLING", state="RUNNING")
    found = describe_effects(run, Choice("cancel"))
    assert "1 DRS job runs on with 5 servers, because DRS cannot stop jobs" in found[0]
    assert any("stay and cost until the drill is cleaned up" in each for each in found)


@pytest.mark.parametrize(
    ("of", "place", "says"),
    [
        ("web", "before", "Wave web fails"),
        (None, "before", "The run starts no wave."),
        (None, "after", "The run becomes PARTIAL."),
    ],
)
def test_the_effect_of_giving_up_an_action_says_what_becomes_of_its_wave_or_run(
    of: str | None, place: str, says: str
) -> None:
    run = record(wave("web", "IN_PROGRESS", 2, None), actions=[action("freeze", "FAILED", wave=of, place=place)])
    assert says in " ".join(describe_effects(run, Choice("abort", None, "freeze")))


def test_giving_up_an_action_and_a_wave_have_buttons_that_say_which_of_them_stops_the_run() -> None:
    assert Choice("abort", "web").words == "Give up wave web and stop the run"
    assert Choice("abort", None, "freeze").words == "Let action freeze fail"
    assert describe_done(Choice("abort", None, "freeze")) == "Let freeze fail: the action counts as failed."


@pytest.mark.parametrize("decisions", [choices.OF_WAVE, choices.OF_ACTION, choices.OF_RUN])
def test_each_decision_has_a_notice_of_what_was_done(decisions: tuple[str, ...]) -> None:
    about = {choices.OF_WAVE: {"wave": "web"}, choices.OF_ACTION: {"action": "web"}}.get(decisions, {})
    assert all(describe_done(Choice(each, **about)).isascii() for each in decisions)


@pytest.mark.parametrize(
    ("on_failure", "says"),
    [
        ("continue", "the waves that depend on it are skipped, and the others go on."),
        ("stop", "the run starts no further wave."),
        ("ask", "the run then asks whether to retry what failed"),
    ],
)
def test_what_follows_an_action_that_fails_is_what_the_plan_of_the_run_says_of_its_wave(
    on_failure: str, says: str
) -> None:
    run = record(wave("web", "IN_PROGRESS", 2, None), actions=[action("freeze", "FAILED", wave="web")])
    plan = {"waves": [{"name": "web", "groups": [], "onFailure": on_failure, "before": [{"name": "freeze"}]}]}
    for decision in ("abort", "reject"):
        assert f"Wave web fails: {says}" in " ".join(describe_effects(run, Choice(decision, None, "freeze"), plan))


@pytest.mark.parametrize(
    ("wait", "says"),
    [
        ({"until": at(60), "onTimeout": "reject"}, "the wave is rejected"),
        ({"until": at(60), "onTimeout": "approve"}, "the wave is approved"),
        ({"until": at(60), "onTimeout": None}, "its plan decides"),
        ({"until": None}, "it waits on"),
        ({"until": at(60), "for": "ACTION"}, "the action counts as failed"),
        ({"answers": []}, "nothing has to be decided"),
    ],
)
def test_what_follows_without_an_answer_is_said(wait: dict[str, Any], says: str) -> None:
    answers = [f"POST /executions/{RUN}/waves/web/approve"]
    whole = {"wave": "web", "for": "APPROVAL", "since": at(1), "answers": answers, **wait}
    run = record(wave("web", "AWAITING_APPROVAL", None, None), waitingFor=[whole])
    [row] = list_waits(run, {"web": ["because"]})
    assert says in row.otherwise
    assert row.why == ()


def test_a_run_is_continued_when_something_is_left_and_no_other_run_does_it() -> None:
    rest = {"total": 3, "launched": 2, "failed": 1, "excluded": 0, "launching": 0}
    assert choices.can_be_continued(record(status="PARTIAL", servers=rest))
    assert not choices.can_be_continued(record(status="PARTIAL", servers=rest, continuedBy="drill-x"))
    assert not choices.can_be_continued(record(status="COMPLETED"))
    assert not choices.can_be_continued(record(status="POLLING", servers=rest))
    assert choices.can_be_cleaned_up(record(), {"status": "PARTIAL"})
    assert not choices.can_be_cleaned_up(record(), {"status": "RUNNING"})
    assert not choices.can_be_cleaned_up(record(), None)


def test_a_job_of_the_run_says_how_long_jobs_take_there() -> None:
    run = asking(batches=[batch("web", job(1, 2, 10, 2), usualSeconds=900)])
    assert "A DRS job here usually takes 15 min." in " ".join(describe_effects(run, Choice("retry", "web")))


def test_a_pause_says_what_goes_on_and_when_nothing_is_left_to_hold() -> None:
    held = "Nothing is left that a pause would hold back"
    counts = {"total": 20, "launched": 0, "failed": 0, "excluded": 0, "launching": 20}
    web = wave("web", "IN_PROGRESS", 2, None, servers=counts)
    last = record(web, status="POLLING", state="RUNNING", endedAt=None, servers=counts)
    told = " ".join(describe_effects(last, Choice("pause"), {}, {}))
    assert "Jobs and checks that have begun go on." in told
    assert held in told
    for more in ([wave("mail", "WAITING", None, None)], []):
        queued = {**counts, "launching": 20 if more else 10}
        early = record(web, *more, status="POLLING", state="RUNNING", endedAt=None, servers=queued)
        assert held not in " ".join(describe_effects(early, Choice("pause"), {}, {}))


def test_a_paused_run_does_not_say_that_it_stands_still() -> None:
    answers = [f"POST /executions/{RUN}/resume"]
    waits = [{"wave": None, "for": "RESUME", "since": at(3), "until": None, "onTimeout": None, "answers": answers}]
    [wait] = list_waits(asking(state="PAUSED", waitingFor=waits, waves=[]), {})
    assert "Jobs and checks that have begun go on. No further wave or batch starts" in wait.otherwise
