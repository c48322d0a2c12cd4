"""deploy.sh and teardown.sh if a run starts while they work, and after a failed first deployment.

Scripts named `aws` and `sam` answer them: the sandbox cannot start a run between two of their reads.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGE_SET = "arn:aws:cloudformation:eu-west-1:111122223333:changeSet/c/1"
AWS = """#!/bin/bash
echo "$1 $2" >>asked
case "$1 $2" in
  "cloudformation describe-stacks") cat status ;;
  "cloudformation list-stack-resources") echo "RecoverPlanMachine AWS::StepFunctions::StateMachine arn:machine" ;;
  "stepfunctions list-executions") [[ $(grep -c list-executions asked) -lt $(cat begins) ]] || echo "drill-1 now" ;;
  "cloudformation describe-change-set") case $* in
    *PythonRuntime*) echo python3.11 ;;
    *Architecture*) echo x86_64 ;;
    *) cat changes ;;
  esac ;;
  "cloudformation execute-change-set") echo UPDATE_COMPLETE >status ;;
  "cloudformation delete-stack") printf 'NONE' >status ;;
esac
"""
MODIFIES = "Modify False AWS::Lambda::Function PollJobFunction\n"
REMOVES = "Remove None AWS::Lambda::Function PollJobFunction\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("scripts", "cfn", "statemachines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in (".venv/bin", "lambdas/tasks/__pycache__", "build/layer/python/pydantic_core"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "build/layer/python/pydantic_core/_core.cpython-311-x86_64-linux-gnu.so").touch()
    sam = f"#!/bin/bash\ntest ! -e lambdas/tasks/__pycache__ || exit 1\necho {CHANGE_SET}\n"
    python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
    for name, text in (("aws", AWS), ("sam", sam), ("sleep", "#!/bin/sh\n"), ("python", python)):
        (tmp_path / ".venv" / "bin" / name).write_text(text)
        (tmp_path / ".venv" / "bin" / name).chmod(0o755)
    (tmp_path / "status").write_text("CREATE_COMPLETE\n")
    return tmp_path


def run(checkout: Path, script: str, *words: str, begins: int, changes: str = MODIFIES) -> tuple[int, str, list[str]]:
    """The script's exit status, output and calls. A run is on from read number `begins` of the runs."""
    (checkout / "begins").write_text(str(begins))
    (checkout / "changes").write_text(changes)
    done = subprocess.run(
        [str(checkout / "scripts" / script), "--env", "test", "--region", "eu-west-1", "--yes", *words],
        env={**os.environ, "PATH": f"{checkout / '.venv' / 'bin'}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, (checkout / "asked").read_text().splitlines()


EXECUTES = "cloudformation execute-change-set"


def test_a_deployment_when_idle_checks_for_runs_again_before_it_starts(checkout: Path) -> None:
    status, said, asked = run(checkout, "deploy.sh", "--checked", "--when-idle", begins=2)
    assert (status, EXECUTES in asked) == (3, False), said
    assert "a run has started; nothing was changed" in said
    assert asked[-1] == "cloudformation delete-change-set"


def test_a_function_is_not_deleted_under_a_run_that_started_during_the_review(checkout: Path) -> None:
    status, said, asked = run(checkout, "deploy.sh", "--checked", begins=2, changes=REMOVES)
    assert (status, EXECUTES in asked) == (3, False), said
    assert "a run that is on may still call" in said


@pytest.mark.parametrize(("words", "begins", "changes"), [((), 2, MODIFIES), (("--when-idle",), 99, REMOVES)])
def test_a_deployment_that_deletes_nothing_from_a_run_goes_ahead(
    checkout: Path, words: tuple[str, ...], begins: int, changes: str
) -> None:
    status, said, asked = run(checkout, "deploy.sh", "--checked", *words, begins=begins, changes=changes)
    assert (status, EXECUTES in asked) == (0, True), said


@pytest.mark.parametrize("failed", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_nothing_is_deployed_over_a_failed_first_deployment_and_the_message_says_what_to_do(
    checkout: Path, failed: str
) -> None:
    (checkout / "status").write_text(f"{failed}\n")
    status, said, asked = run(checkout, "deploy.sh", "--checked", begins=99)
    assert (status, set(asked)) == (3, {"cloudformation describe-stacks"}), said
    assert "make teardown ENV=test REGION=eu-west-1" in said


def test_a_stack_is_not_deleted_under_a_run_that_started_meanwhile(checkout: Path) -> None:
    status, said, asked = run(checkout, "teardown.sh", begins=2)
    assert (status, "cloudformation delete-stack" in asked) == (3, False), said
    assert "drill-1" in said


def test_a_stack_is_deleted_when_no_run_is_on(checkout: Path) -> None:
    status, said, asked = run(checkout, "teardown.sh", begins=99)
    assert (status, asked.count("cloudformation delete-stack")) == (0, 1), said
    assert asked.index("cloudformation delete-stack") == max(
        index + 1 for index, each in enumerate(asked) if each == "stepfunctions list-executions"
    )
