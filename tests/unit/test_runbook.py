"""The runbook begins with the worst case, speaks in commands, and has an entry for all that can send a reader to it."""

import re

import pytest

from recovery.observability.alarm_messages import ALARMS
from tests.harness.asl import load, placeholders, states
from tests.support import sample_messages
from tests.support.shell_blocks import ROOT

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
HEADINGS = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)


def test_it_begins_with_the_loss_of_the_source_region_after_at_most_five_lines() -> None:
    preamble, first = RUNBOOK.split("\n## ")[:2]
    assert len([line for line in preamble.splitlines()[1:] if line]) <= 5
    assert first.startswith("The source Region is lost\n")
    assert HEADINGS[-1] == "When something of ours is lost", "restoring tables comes last"


def test_it_has_commands_where_the_api_has_paths() -> None:
    assert re.findall(r"\b(?:GET|POST|PUT|DELETE|PATCH) /[a-z]", RUNBOOK) == []


def test_every_alarm_has_its_row() -> None:
    table = RUNBOOK.split("\n## Which alarm, which section\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([a-z, -]+) \| \[(.+)\]\(#.+\) \|$", table, re.MULTILINE)
    sections = {alarm: section for alarms, section in rows for alarm in alarms.split(", ") if alarm != "alarm"}
    assert sections == {alarm: text.section for alarm, text in ALARMS.items()}


@pytest.mark.parametrize("machine", ["recover_plan", "recover_target", "verify_target", "run_actions"])
def test_every_state_in_which_a_run_waits_has_its_row(machine: str) -> None:
    file = ROOT / "build" / "statemachines" / f"{machine}.asl.json"
    loaded = load(file, {name: name for name in placeholders(file)})
    waiting = {state.name for state in states(loaded) if re.match("Wait|Await", state.name) and state.kind != "Choice"}
    assert waiting
    for name in waiting:
        assert re.search(rf"^\|.*\| {name} \|", RUNBOOK, re.MULTILINE), name


def test_every_section_that_a_message_names_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_NAME", "drs-waves-prod")
    texts = [message["Message"] for message in sample_messages.send_all().values()]
    named = {section for text in texts for section in re.findall(r'^Runbook: docs/runbook.md, "(.+)"$', text, re.M)}
    assert len(named) > 8
    assert named <= set(HEADINGS)
