"""How the state machines are built and drawn from their sources."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import drawings, machines

NAMES = """
Errors:
  transient: [DrsThrottled, DrsUnavailable]
Retriers:
  patient:
    ErrorEquals: [ServerBusy, transient]
    MaxAttempts: 9
"""
MACHINE = """
StartAt: Ask
States:
  Ask:
    Type: Map
    ItemProcessor:
      StartAt: Poll
      States:
        Poll:
          Type: Task
          Retry: [patient]
          End: true
    Catch:
      - ErrorEquals: [CircuitOpen, transient]
        Next: Wait
"""


def expand(folder: Path, machine: str = MACHINE, names: str = NAMES) -> dict[str, Any]:
    (folder / "error_handling.yaml").write_text(names)
    (folder / "poll.asl.yaml").write_text(machine)
    return machines.expand_all(folder)["poll"]


def test_each_name_is_replaced_by_what_it_stands_for(tmp_path: Path) -> None:
    ask = expand(tmp_path)["States"]["Ask"]
    assert ask["Catch"] == [{"ErrorEquals": ["CircuitOpen", "DrsThrottled", "DrsUnavailable"], "Next": "Wait"}]
    assert ask["ItemProcessor"]["States"]["Poll"]["Retry"] == [
        {"ErrorEquals": ["ServerBusy", "DrsThrottled", "DrsUnavailable"], "MaxAttempts": 9}
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[patient]", "[hasty]", r"^poll\.asl\.yaml: Poll: error_handling\.yaml has no 'hasty' under Retriers$"),
        ("[patient]", "[{MaxAttempts: 2}]", r"poll\.asl\.yaml: Poll: .* has no \{'MaxAttempts': 2\} under Retriers"),
        ("[CircuitOpen, transient]", "[lasting]", r"poll\.asl\.yaml: Ask: .* has no 'lasting' under Errors"),
        ("          Retry: [patient]\n", "", r"^error_handling\.yaml: no machine uses Retriers\.patient$"),
        ("Poll:\n", "On:\n", r"poll\.asl\.yaml: Ask: the key True is not a string to YAML; quote it"),
    ],
)
def test_a_wrong_name_is_refused_with_its_file_and_state(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in MACHINE
    with pytest.raises(machines.MachineError, match=message):
        expand(tmp_path, MACHINE.replace(old, new))


def test_a_list_of_errors_that_no_machine_uses_is_refused(tmp_path: Path) -> None:
    names = NAMES.replace("Errors:", "Errors:\n  lasting: [DrsRefused]")
    with pytest.raises(machines.MachineError, match=r"no machine uses Errors\.lasting$"):
        expand(tmp_path, names=names)


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(yaml.YAMLError, match="'StartAt' twice"):
        expand(tmp_path, MACHINE.replace("StartAt: Ask", "StartAt: Ask\nStartAt: Poll"))


DRAWN = """
QueryLanguage: JSONata
StartAt: Ask
States:
  Ask:
    Type: Task
    Catch:
      - ErrorEquals: [ServerBusy, transient]
        Next: Rest
      - ErrorEquals: [States.ALL]
        Next: Failed
    Next: Ready?
  Ready?:
    Type: Choice
    Choices:
      - Condition: '{% $states.input.answer = "YES" and $rests > 2 %}'
        Next: Ask
      - Condition: '{% $states.input.answer in ["NO", "NEVER"] %}'
        Next: Each
    Default: Failed
  Each:
    Type: Map
    ItemProcessor:
      StartAt: Work
      States:
        Work:
          Type: Task
          Catch:
            - ErrorEquals: [States.ALL]
              Next: Undone
          End: true
        Undone:
          Type: Pass
          End: true
    Catch:
      - ErrorEquals: [States.ALL]
        Next: Failed
    End: true
  Rest:
    Type: Wait
    Next: Ask
  Failed:
    Type: Fail
"""


def test_a_drawing_has_every_state_and_what_leads_from_one_to_the_next() -> None:
    assert drawings.draw(machines.read_yaml(DRAWN)).splitlines() == [
        "stateDiagram-v2",
        '    state "Ready?" as ReadyChoice',
        "    [*] --> Ask",
        "    Ask --> ReadyChoice",
        "    Ask --> Rest : ServerBusy, transient",
        "    ReadyChoice --> Ask : answer = YES and rests > 2",
        "    ReadyChoice --> Each : answer in [NO, NEVER]",
        "    ReadyChoice --> Failed : otherwise",
        "    state Each {",
        "        [*] --> Work",
        "        Work --> [*]",
        "        Work --> Undone : any other error",
        "        Undone --> [*]",
        "    }",
        "    Each --> [*]",
        "    Rest --> Ask",
        "    Failed --> [*]",
    ]


def test_a_state_that_handles_the_errors_of_several_stands_below_the_drawing() -> None:
    handlers = drawings.list_shared_handlers(machines.read_yaml(DRAWN))
    assert handlers == "- Any other error of `Ask`, `Each` leads to `Failed`."


def test_the_drawings_in_the_documents_are_those_of_the_machines() -> None:
    """If it fails, run `make drawings`."""
    assert (machines.ROOT / "docs" / "machines.md").read_text() == drawings.build_document()
