"""The functions of scripts/stack.sh that can be tested without a stack."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from samcli.cli.types import CfnParameterOverridesType

ROOT = Path(__file__).resolve().parents[2]
SOURCED = "set -euo pipefail; me=deploy env=test region=eu-west-1 profile=() stack=drs-waves-test; . scripts/stack.sh; "


def bash(commands: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", SOURCED + commands], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def answers(*replies: str) -> str:
    """A function `aws` that gives these answers one after the other, and repeats the last one.

    `!` stands for a failure. The arguments are ignored; the tests of the deployment use the sandbox.
    """
    given = " ".join(shlex.quote(reply) for reply in replies)
    return (
        f"mkdir -p $TMP; replies=({given}); sleep() {{ :; }}; "
        "aws() { local n; n=$(cat $TMP/n 2>/dev/null || echo 0); echo $((n + 1)) >$TMP/n; "
        "((n < ${#replies[@]})) || n=$((${#replies[@]} - 1)); "
        "[[ ${replies[n]} != '!' ]] || { echo 'Could not connect' >&2; return 255; }; echo \"${replies[n]}\"; }; "
    )


def test_sam_reads_every_parameter_as_given() -> None:
    given = {"SyncRate": "rate(10 minutes)", "ReplicaRegion": "", "KmsKeyArn": "arn:aws:kms:eu-west-1:1:key/a-b"}
    given |= {"TargetRoleName": "it's=A+b,c.@_-", "CallsPerSecond": "5"}
    said = bash("quote_for_sam " + shlex.join(f"{name}={value}" for name, value in given.items()))
    assert said.returncode == 0, said
    assert CfnParameterOverridesType().convert(tuple(said.stdout.splitlines()), None, None) == given


@pytest.mark.parametrize("wrong", ['A="b"', "A=b\\", "A=b\nC=d", "=b", "A-B=c"])
def test_a_parameter_that_sam_would_misread_is_refused(wrong: str) -> None:
    said = bash("quote_for_sam " + shlex.quote(wrong))
    assert (said.returncode, said.stdout) == (2, ""), said
    assert "not a parameter" in said.stderr


@pytest.mark.parametrize(
    ("replies", "value"),
    [(("python3.13",), "python3.13"), (("None", "python3.12"), "python3.12"), (("None",), "python3.11")],
)
def test_a_parameter_comes_from_the_change_set_the_stack_or_the_default(
    replies: tuple[str, ...], value: str, tmp_path: Path
) -> None:
    said = bash(f"TMP={tmp_path}; {answers(*replies)} value_after PythonRuntime arn")
    assert said.stdout.strip() == value, said


def test_every_parameter_that_deploy_checks_has_a_default(tmp_path: Path) -> None:
    asked = re.findall(r"\$\(value_after (\w+) \S+( [^)]+)?\)", (ROOT / "scripts" / "deploy.sh").read_text())
    assert len(asked) == 4
    for name, place in asked:
        assert bash(
            f"TMP={tmp_path}; {answers('None')} value_after {name} arn {place.replace('$tables_stack', 'tables')}"
        ).stdout.strip(), name


def test_waiting_for_a_stack_survives_failed_reads(tmp_path: Path) -> None:
    replies = (*["!"] * 4, "UPDATE_IN_PROGRESS", *["!"] * 4, "UPDATE_COMPLETE")
    said = bash(f"TMP={tmp_path}; {answers(*replies)} await_stack $stack CREATE_COMPLETE UPDATE_COMPLETE")
    assert said.returncode == 0, said


def test_five_failed_reads_in_a_row_end_the_wait_without_a_result(tmp_path: Path) -> None:
    said = bash(
        f"TMP={tmp_path}; {answers('UPDATE_IN_PROGRESS', '!')} "
        "await_stack $stack CREATE_COMPLETE UPDATE_COMPLETE; echo on"
    )
    assert (said.returncode, said.stdout) == (1, ""), said
    assert "cannot read the status of drs-waves-test" in said.stderr


def test_an_unexpected_status_of_a_stack_is_named(tmp_path: Path) -> None:
    said = bash(f"TMP={tmp_path}; {answers('ROLLBACK_COMPLETE')} await_stack $stack NONE CREATE_COMPLETE || echo $now")
    assert said.stdout.strip() == "ROLLBACK_COMPLETE", said
    assert "drs-waves-test is ROLLBACK_COMPLETE" in said.stderr


@pytest.mark.parametrize("script", ["stack.sh", "audit.sh", "secrets.sh"])
def test_a_bash_that_is_too_old_is_refused(script: str) -> None:
    (check,) = re.findall(r"^\(\(BASH_VERSINFO.*", (ROOT / "scripts" / script).read_text(), re.MULTILINE)
    old = check.replace("BASH_VERSINFO[0]", "3").replace("BASH_VERSINFO[1]", "2")
    said = bash(old)
    assert said.returncode == 1
    assert "needs bash 4.4 or newer" in said.stderr
    assert bash(check).returncode == 0


@pytest.mark.parametrize("given", [(), ("ENV=test",), ("REGION=eu-west-1",)], ids=" ".join)
@pytest.mark.parametrize("goal", ["deploy", "teardown"])
def test_make_names_what_is_missing_before_it_builds_anything(goal: str, given: tuple[str, ...]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("ENV", "REGION")}
    said = subprocess.run(
        ["make", "--dry-run", goal, *given],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (said.returncode, said.stdout) == (2, "")
    assert f"make {goal} ENV=prod REGION=eu-west-1" in said.stderr
