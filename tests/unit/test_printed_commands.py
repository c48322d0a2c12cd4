"""Each command that a person can read is one that the command line takes, in the sandbox and on AWS."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recovery.commands import format_command
from recovery.domain.tally import Tally
from recovery.observability import wave_facts
from recovery.observability.alarm_messages import ALARMS
from tests.support import sample_messages
from tests.support.printed_commands import (
    NotACommand,
    Printed,
    in_both_forms,
    in_code,
    in_documents,
    in_help,
    list_names,
    make_targets,
    parse,
)
from tests.support.shell_blocks import DOCUMENTS, ROOT

WRITTEN = [*in_documents(), *in_help(), *in_code()]


def name(printed: Printed) -> str:
    return f"{printed.place} {printed.text[:60]}"


def assert_runs(printed: Printed) -> None:
    """As it is printed, and in the other form."""
    try:
        if printed.is_mention and not parse(printed.words, is_mention=True):
            return
        for words in in_both_forms(printed.words):
            parse(words)
    except NotACommand as error:
        pytest.fail(f"{printed.place}: {printed.text}\n{error}", pytrace=False)


@pytest.mark.parametrize("printed", WRITTEN, ids=name)
def test_a_command_that_is_written_down_is_taken_by_the_command_line(printed: Printed) -> None:
    assert_runs(printed)


def test_commands_are_found_in_every_kind_of_place() -> None:
    places = {printed.place.split(":")[0] for printed in WRITTEN}
    assert {"README.md", "quickstart.md", "runbook.md", "cli/follow.py", "cli/trial/guide.py"} <= places
    assert {"help of drs-waves run", "help of drs-waves plan diff"} <= places
    assert len(WRITTEN) > 90


@pytest.mark.parametrize(
    "text",
    [
        "drs-waves recover three-tier",
        "drs-waves approve EXECUTION",
        "drs-waves approve EXECUTION WAVE web",
        "drs-waves status EXECUTION --verbose",
        "drs-waves run PLAN --mode rehearsal",
        "drs-waves run PLAN --point-in-time yesterday",
        "drs-waves list --limit many",
        "drs-waves status EXECUTION --sandbox --stack drs-waves",
        "drs-waves plan",
    ],
)
def test_a_command_that_would_be_refused_is_found(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n```text\n{text} | less\n```\n")
    (printed,) = in_documents([page])
    assert printed.place == "page.md:4"
    with pytest.raises(NotACommand):
        parse(printed.words)


# --- messages to operators ----------------------------------------------------------------------------------------
@pytest.fixture(params=["aws", "sandbox"])
def messages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """One message of each kind, as SNS delivers it."""
    monkeypatch.setenv("ENVIRONMENT_NAME", "prod")
    monkeypatch.setenv("STACK_NAME", "drs-waves-prod")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    monkeypatch.setenv("COMMAND_OPTIONS", "--sandbox" if request.param == "sandbox" else "")
    return sample_messages.send_all()


def test_commands_in_messages_are_taken_and_name_the_deployment(messages: dict[str, dict[str, Any]]) -> None:
    named = re.compile(rf"drs-waves (?:{'|'.join(list_names())})\b")
    for sender, message in messages.items():
        commands = sample_messages.commands_in(message["Message"])
        assert len(commands) == len(named.findall(message["Message"])), f"{sender}: one does not name the deployment"
        for command in commands:
            assert_runs(Printed(sender, command))
            assert re.search(r" --sandbox$| --stack drs-waves-prod --region us-west-2$", command), command
    assert all(sample_messages.commands_in(messages[f"send_alarm {alarm}"]["Message"]) for alarm in ALARMS)


def test_each_message_begins_with_what_an_operator_needs_first(messages: dict[str, dict[str, Any]]) -> None:
    for sender, message in messages.items():
        lines = message["Message"].splitlines()
        first = ["Stack: drs-waves-prod", "Environment: prod", "Account: 123456789012", "Region: us-west-2"]
        assert lines[:4] == first, sender
        attributes = message["MessageAttributes"]
        assert lines[4] == f"Message: {attributes['kind']['Value']}", sender
        if "executionId" in attributes:
            assert lines[5] in ("Kind: DRILL", "Kind: RECOVERY", "Kind: READINESS"), sender
            assert f"Execution: {attributes['executionId']['Value']}" in lines[6:8], sender
            assert re.search("DRILL|RECOVERY|READINESS", message["Subject"]), sender
        if "planId" in attributes:
            assert lines[6] == "Plan: payroll", sender


def test_every_subject_is_one_that_sns_takes(messages: dict[str, dict[str, Any]]) -> None:
    for sender, message in messages.items():
        assert re.fullmatch("[ -~]{1,100}", message["Subject"]), sender


def test_an_answer_to_a_failed_wave_says_what_it_does_and_how_long_it_takes(
    messages: dict[str, dict[str, Any]],
) -> None:
    text = messages["send_wave_settled awaiting a decision"]["Message"]
    assert "Failed, CAPACITY: db-01. InsufficientInstanceCapacity" in text
    answers = dict(re.findall(r"^(Retry|Accept|Abort): drs-waves \w+ \S+ db .*\n  (.+)", text, re.MULTILINE))
    assert "1 failed server again, in up to 2 attempts of 9 to 30 min each: up to 60 min in all" in answers["Retry"]
    assert "cannot be cancelled" in answers["Retry"]
    assert answers["Accept"].endswith("start next: app, web.")
    assert answers["Abort"].startswith("No further wave starts")


def test_a_wave_with_unverified_servers_offers_to_verify_them_with_what_the_check_answered(
    messages: dict[str, dict[str, Any]],
) -> None:
    text = messages["send_wave_settled with unverified servers"]["Message"]
    assert "Unverified, http :8080/health: db-02. it was not passed within 30 min. HTTP 503 Service Unavailable" in text
    answers = dict(re.findall(r"^(Verify|Retry): drs-waves \w+ \S+ db .*\n  (.+)", text, re.MULTILINE))
    assert answers["Verify"].startswith("Checks the 1 unverified server again, for up to 30 min, and launches nothing.")
    assert answers["Retry"].startswith("Launches nothing, because no server failed to launch.")
    assert "Verify" not in messages["send_wave_settled awaiting a decision"]["Message"]


def test_a_wave_that_only_an_action_failed_launches_nothing_by_a_retry() -> None:
    wave, tally = sample_messages.WAVES[0], Tally(total=2, launched=2)
    retry = wave_facts.format_answers(sample_messages.EXECUTION, wave, tally, has_failed_actions=True)["Retry"]
    assert retry
    assert retry[1] == "Launches nothing, because no server failed to launch. Runs the failed actions again."


def test_a_retry_does_not_speak_of_actions_if_none_failed(messages: dict[str, dict[str, Any]]) -> None:
    for sender in ("send_wave_settled awaiting a decision", "send_wave_settled with unverified servers"):
        assert "action" not in messages[sender]["Message"].split("Retry:")[1].split("Accept:")[0]


def test_a_run_that_an_action_failed_names_the_command_that_runs_it_again(
    messages: dict[str, dict[str, Any]],
) -> None:
    failed = messages["send_run_finished after a failed action"]["Message"]
    assert f"Run what failed again: drs-waves continue {sample_messages.RUN.execution_id}" in failed
    assert "Recover the rest" not in failed
    settled = messages["send_wave_settled after a failed action"]["Message"]
    assert f"See all actions: drs-waves actions {sample_messages.RUN.execution_id}" in settled
    assert "An action waits, failed or hangs" in settled


def test_an_action_that_waits_says_what_to_do_and_what_each_answer_does(messages: dict[str, dict[str, Any]]) -> None:
    task = messages["send_action_waits for a person"]
    assert task["Subject"].endswith("sign-off waits to be confirmed")
    assert "What to do: Place an order and look for it in the back office." in task["Message"]
    assert re.search(r"^Until: in 2 h, .* UTC; without an answer it has failed then$", task["Message"], re.MULTILINE)
    failed = messages["send_action_waits for a decision"]["Message"]
    answers = dict(
        re.findall(r"^(Retry|Skip|Abort): drs-waves answer \S+ freeze-writes .*\n  (.+)", failed, re.MULTILINE)
    )
    assert answers["Abort"] == "It stays failed: the run stops before its first wave."
    assert set(answers) == {"Retry", "Skip", "Abort"}


def test_an_answer_that_needs_a_reason_says_so(messages: dict[str, dict[str, Any]]) -> None:
    run = replace(sample_messages.RUN, comments_required=True)
    execution, wave = replace(sample_messages.EXECUTION, run=run), sample_messages.WAVES[0]
    answers = wave_facts.format_answers(execution, wave, sample_messages.TALLY)
    asking = [name for name, lines in answers.items() if "The plan requires a reason" in str(lines)]
    assert asking == ["Accept", "Abort"]


def test_the_deadline_of_an_approval_is_in_words(messages: dict[str, dict[str, Any]]) -> None:
    text = messages["send_approval_wanted"]["Message"]
    assert re.search(r"^Until: in 2 h, .*\d\d:\d\d UTC; without an answer the wave is rejected then$", text, re.M)
    assert "The wave is skipped. So are those that need it: web. The others go on." in text


def test_no_message_is_json(messages: dict[str, dict[str, Any]]) -> None:
    for message in messages.values():
        with pytest.raises(json.JSONDecodeError):
            json.loads(message["Message"])


def test_every_function_that_sends_a_message_has_an_example() -> None:
    assert sample_messages.senders() == {sender.split()[0] for sender in sample_messages.SENDERS}


def test_a_command_is_quoted_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMAND_OPTIONS", "--sandbox")
    assert format_command("get", "/executions?limit=1&x=a b") == "drs-waves get '/executions?limit=1&x=a b' --sandbox"


# --- make ---------------------------------------------------------------------------------------------------------
def files_of_texts() -> Iterator[Path]:
    yield from DOCUMENTS
    yield ROOT / "CONTRIBUTING.md"
    for folder in ("cli", "lambdas", "sandbox", "scripts"):
        yield from sorted(file for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".sh"))


def test_every_target_of_make_that_is_written_down_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    found = list(make_targets(list(files_of_texts())))
    assert len(found) > 30
    assert [f"{each.place}: make {each.text}" for each in found if each.text not in targets] == []
