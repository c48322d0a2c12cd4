"""What pages of the console show follows from answers of the API: changes, filters, answers, and forms of starts."""

import asyncio
import socket
from typing import Any

import pytest
from botocore.credentials import Credentials
from starlette.exceptions import HTTPException

from cli import repeat
from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused, Reply
from cli.repeat import AnswerLost
from console.pages.launch_form import LaunchForm
from console.reading.changes import Changed, list_changes
from console.reading.decisions.choices import list_answers
from console.reading.overview import find_last_drills
from console.reading.run_list import Filters
from console.reading.waits import list_awaited
from console.sending import send
from console.snapshots import Snapshots

RUN = "drill-20261122-081530-4f1c09"


# --- what has changed ---------------------------------------------------------------------------------------------
def plan(**more: Any) -> dict[str, Any]:
    waves = [{"name": "web", "groups": [{"groupId": "pg-1"}], "maxFailedPercent": 0}]
    return {"planId": "rp-1", "name": "shop", "description": "", "version": 1, "waves": waves, **more}


def group(group_id: str = "pg-1", **more: Any) -> dict[str, Any]:
    return {"groupId": group_id, "name": f"group {group_id[-1]}", "version": 1, "usedBy": [], **more}


def test_what_is_beside_a_plan_is_no_change_of_it() -> None:
    before = {"plan": plan(), "groups": [group()]}
    now = plan(version=9, updatedBy="ana", updatedAt="2026-11-22T08:15:30Z", activeExecutionId=RUN, lastReadiness={})
    assert list_changes(before, now, [group(version=3, usedBy=["rp-1"])]) == []


def test_a_change_of_a_wave_names_the_wave_and_both_values() -> None:
    waves = [{**plan()["waves"][0], "maxFailedPercent": 25, "pauseBefore": True}]
    changes = list_changes({"plan": plan(), "groups": [group()]}, plan(waves=waves), [group()])
    assert changes == [
        Changed("the plan", "wave web: failed servers tolerated, in %", "0", "25"),
        Changed("the plan", "wave web: pause before it", "nothing", "yes"),
    ]


def test_a_change_of_the_groups_of_a_wave_names_them() -> None:
    waves = [{**plan()["waves"][0], "groups": [{"groupId": "pg-2", "optional": True}]}]
    before = {"plan": plan(), "groups": [group()]}
    changes = list_changes(before, plan(waves=waves), [group("pg-2")])
    assert Changed("group group 1", "use", "used", "not used") in changes
    assert Changed("group group 2", "use", "not used", "used") in changes
    assert any(each.field == "wave web: group group 2: use" and "pg-2" in each.after for each in changes)


def test_a_long_value_is_cut_and_a_text_of_several_lines_is_one_line() -> None:
    changes = list_changes({"plan": plan(), "groups": []}, plan(description="a\nb" * 500), [])
    assert "\n" not in changes[0].after
    assert len(changes[0].after) < 250


# --- lists --------------------------------------------------------------------------------------------------------
def run(**more: Any) -> dict[str, Any]:
    return {"executionId": RUN, "planId": "rp-1", "mode": "DRILL", "status": "COMPLETED", "endedAt": "then", **more}


def test_the_last_drill_of_a_plan_is_the_newest_that_has_ended() -> None:
    runs = [
        run(executionId="d3", endedAt=None, status="POLLING"),
        run(executionId="r2", mode="READINESS"),
        run(executionId="d2"),
        run(executionId="d1"),
        run(executionId="x1", planId="rp-2", mode="RECOVERY"),
    ]
    assert find_last_drills(runs) == {"rp-1": "d2"}


@pytest.mark.parametrize(
    ("filters", "is_listed"),
    [
        (Filters(), True),
        (Filters("rp-1", "drill", "COMPLETED"), True),
        (Filters("rp-2"), False),
        (Filters(mode="recovery"), False),
        (Filters(state="FAILED"), False),
        (Filters(state="open"), False),
    ],
)
def test_a_run_is_listed_if_every_filter_has_it(filters: Filters, is_listed: bool) -> None:
    assert filters.includes(run()) is is_listed


@pytest.mark.parametrize("status", ["PENDING", "POLLING", "PAUSED"])
def test_a_run_that_has_not_ended_is_open_whatever_its_status(status: str) -> None:
    assert Filters(state="open").includes(run(status=status))
    assert not Filters(state="COMPLETED").includes(run(status=status))


# --- answers ------------------------------------------------------------------------------------------------------
def wait(*answers: str, **more: Any) -> dict[str, Any]:
    return {"wave": "web", "for": "DECISION", "since": None, "answers": [f"POST {each}" for each in answers], **more}


def test_a_wave_that_is_named_like_a_path_stays_in_the_query_of_its_dialog() -> None:
    name = "a/../../x?y=&z"
    (answer,) = list_answers(wait(f"/executions/{RUN}/waves/{name}/retry", wave=name))
    assert answer.console_path(RUN) == f"/runs/{RUN}/decide/retry?wave=a%2F..%2F..%2Fx%3Fy%3D%26z"


def test_an_answer_about_an_action_names_the_action() -> None:
    given = wait(f"/executions/{RUN}/actions/sign-off/confirm", action="sign-off", **{"for": "ACTION"})
    (answer,) = list_answers(given)
    assert (answer.words, answer.console_path(RUN)) == (
        "Confirm sign-off",
        f"/runs/{RUN}/decide/confirm?action=sign-off",
    )


def test_an_answer_about_the_whole_run_names_nothing_in_its_query() -> None:
    (answer,) = list_answers(wait(f"/executions/{RUN}/resume", wave=None))
    assert (answer.words, answer.console_path(RUN)) == ("Resume the run", f"/runs/{RUN}/decide/resume")


def test_an_answer_of_a_later_version_has_no_button() -> None:
    assert list(list_answers(wait(f"/executions/{RUN}/waves/web/teleport"))) == []


def test_what_aws_is_waited_for_is_no_wait_for_people() -> None:
    assert list_awaited(run(waitingFor=[wait(**{"for": "DRS"})])) == []


def test_a_wait_of_a_list_is_described_without_its_record() -> None:
    (awaited,) = list_awaited(run(waitingFor=[wait(f"/executions/{RUN}/waves/web/retry", notBy=["ana"])]))
    assert awaited.text == "Decision of web"
    assert awaited.by_another


# --- forms of starts ----------------------------------------------------------------------------------------------
def test_a_form_without_options_sends_no_body() -> None:
    typed = LaunchForm.from_form({"pointInTime": " ", "actions": "run", "launchProfiles": "apply", "words": "shop"})
    assert not typed.has_options
    assert [typed.to_body(mode) for mode in ("readiness", "drill", "recovery")] == [None, None, None]


def test_a_form_sends_only_the_options_that_its_kind_of_run_has() -> None:
    typed = LaunchForm("2026-11-22T08:15:30Z", "skip", "skip", True, True, "replace shop")
    shared = {"launchProfiles": "skip", "reserveCapacity": True, "replaceExisting": True}
    assert typed.to_body("drill") == {"pointInTime": "2026-11-22T08:15:30Z", "actions": "skip", **shared}
    assert typed.to_body("recovery") == {"pointInTime": "2026-11-22T08:15:30Z", **shared}
    assert typed.to_body("readiness") == {"pointInTime": "2026-11-22T08:15:30Z"}


@pytest.mark.parametrize("fields", [{"actions": ""}, {"actions": "Run"}, {"launchProfiles": "none"}])
def test_a_choice_that_the_form_does_not_have_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(HTTPException):
        LaunchForm.from_form(fields)


# --- what they stand on -------------------------------------------------------------------------------------------
class _Failing(ApiClient):
    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "us-west-2", Credentials("AKIDEXAMPLE", "not-a-secret"))
        self.tries = 0

    def request_once(self, *_: Any, **__: Any) -> Reply:
        self.tries += 1
        return Reply(429, {"code": "TooManyRequests"})


def test_no_try_begins_after_the_time_that_a_caller_gives() -> None:
    api, pauses = _Failing(), list[float]()
    with pytest.raises((ApiRefused, ApiUnreachable)):
        repeat.post(api, "/x", None, "key", sleep=pauses.append, max_seconds=0.0)
    assert (api.tries, pauses) == (1, [])


def test_an_answer_that_does_not_come_is_not_awaited_for_longer_than_people_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("console.sending.MAX_SECONDS", 0.2)
    monkeypatch.setattr("console.sending.MAX_SECONDS_OF_TRIES", 0.0)

    async def send_to_silence() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:  # it takes connections and never answers
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            api = ApiClient(url, "us-west-2", Credentials("AKIDEXAMPLE", "not-a-secret"))
            await send(api, "/x", None, "key")

    with pytest.raises(AnswerLost, match="has not answered within"):
        asyncio.run(send_to_silence())


def test_a_glance_at_a_snapshot_reads_nothing() -> None:
    snapshots = Snapshots(max_kept=2)
    assert snapshots.peek("a") is None
    snapshots.get("a", lambda: 1, 60)
    seen = snapshots.peek("a")
    assert seen is not None
    assert seen.value == 1


def test_the_oldest_snapshots_beyond_the_limit_are_forgotten() -> None:
    snapshots = Snapshots(max_kept=2)
    for key in "abc":
        snapshots.get(key, lambda: 1, 60)
    assert [snapshots.peek(key) is not None for key in "abc"] == [False, True, True]
