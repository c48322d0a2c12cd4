"""Clock, settings, caught errors and page tokens."""

import json
import re
import time
import tomllib
from pathlib import Path

import pytest

from cli.listings.schedules import show_both
from recovery import VERSION, clock
from recovery.aws import pagination
from recovery.domain import caught_errors
from recovery.domain.caught_errors import CaughtError, describe_call
from recovery.errors import DrsRefused, InvalidRequest
from recovery.settings import Settings
from recovery.wording import all_of, describe_deadline, describe_span, first_of, name_first, plural

TABLES = {
    f"{name}_TABLE": name
    for name in (
        "EXECUTIONS",
        "RUN_REQUESTS",
        "INSPECTIONS",
        "RECOVERY_PLANS",
        "PROTECTION_GROUPS",
        "TARGET_ACCOUNTS",
        "LIMITS",
        "RECOVERY_INSTANCES",
        "TARGET_CHANGES",
        "DRILLS",
        "CATALOG_HISTORY",
    )
}


def test_on_aws_the_clock_is_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRS_WAVES_CLOCK", raising=False)
    assert abs(clock.now() - time.time()) < 1


def test_a_simulated_clock_runs_faster_from_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRS_WAVES_CLOCK", f"60@{time.time() - 10}")
    assert 590 < clock.now() - time.time() < 620


def test_one_thing_is_written_as_one() -> None:
    assert [plural(count, "server") for count in (0, 1, 2)] == ["0 servers", "1 server", "2 servers"]
    assert plural(1, "batch", "batches") == "1 batch"
    assert all_of(1, "wave", "was completed", "were completed") == "the only wave was completed"
    assert all_of(3, "wave", "was completed", "were completed") == "all 3 waves were completed"


def test_a_list_says_how_many_it_leaves_out() -> None:
    assert [first_of(["a", "b", "c"], most) for most in (1, 2, 3)] == [
        ["a", "and 2 more"],
        ["a", "b", "and 1 more"],
        ["a", "b", "c"],
    ]
    assert first_of([], 2) == []
    assert [name_first(["a", "b", "c"], most) for most in (2, 3)] == ["a, b and 1 more", "a, b, c"]


def test_one_module_writes_how_many_a_list_leaves_out() -> None:
    root = Path(__file__).resolve().parents[2]
    modules = [path for folder in ("lambdas", "cli") for path in (root / folder).rglob("*.py")]
    written = re.compile(r"\band \{[^}]*\} more\b")
    assert [path.name for path in modules if written.search(path.read_text())] == ["wording.py"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute"),
        (59.6, "1 min"),
        (3_600, "1 h"),
        (7_140, "1 h 59 min"),
        (86_399, "1 d"),
        (187_800, "2 d 4 h"),
        (-720, "12 min"),
    ],
)
def test_a_span_of_time_is_said_in_words(seconds: float, said: str) -> None:
    assert describe_span(seconds) == said


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("2026-11-22T08:36:46.000Z", "in 1 h 59 min, 08:36 UTC"),
        ("2026-11-22T06:32:30.000Z", "5 min ago, 06:32 UTC"),
        ("2026-11-23T00:37:30.000Z", "in 18 h, 2026-11-23 00:37 UTC"),
        ("2026-11-22T06:37:30.000Z", "in less than a minute, 06:37 UTC"),
    ],
)
def test_a_deadline_says_how_long_and_when(until: str, said: str) -> None:
    assert describe_deadline(clock.parse_iso(until), clock.parse_iso("2026-11-22T06:37:30.000Z")) == said


def test_a_moment_reads_back_as_it_was_written() -> None:
    assert clock.iso(0.5) == "1970-01-01T00:00:00.500Z"
    assert clock.parse_iso("2026-11-22T08:15:30.123Z") == pytest.approx(1795335330.123)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(KeyError, match="EXECUTIONS_TABLE"):
        Settings.from_env({})


@pytest.mark.parametrize("text", ["0", "-1", "ten", "1.5", ""])
def test_a_setting_that_is_no_count_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="CALLS_PER_SECOND"):
        Settings.from_env({**TABLES, "CALLS_PER_SECOND": text})


def test_settings_have_the_quotas_of_drs_as_defaults() -> None:
    settings = Settings.from_env(TABLES)
    assert (settings.concurrent_jobs, settings.servers_per_job, settings.servers_in_jobs) == (20, 100, 500)


def test_the_message_is_read_out_of_a_lambda_error() -> None:
    cause = json.dumps({"errorMessage": 'no "such" job', "errorType": "DrsRefused", "stackTrace": ["x" * 9_000]})
    assert str(CaughtError.from_state({"Error": "DrsRefused", "Cause": cause})) == 'DrsRefused: no "such" job'


def test_a_cause_that_was_cut_off_still_gives_its_message() -> None:
    cause = json.dumps({"errorMessage": "gone", "stackTrace": ["x" * 9_000]})[:500]
    assert str(CaughtError.from_state({"Error": "DrsRefused", "Cause": cause})) == "DrsRefused: gone"


def test_a_message_that_was_cut_off_still_names_its_operation() -> None:
    said = describe_call("StartRecovery", "111122223333/us-west-2") + ': "no" \u00e9 ' + "x" * 9_000
    cause = json.dumps({"errorMessage": said, "errorType": "DrsRefused"})
    for length in range(80, 120):
        caught = CaughtError.from_state({"Error": "DrsRefused", "Cause": cause[:length]})
        assert caught is not None
        assert caught.is_a(DrsRefused)
        assert caught.operation == "StartRecovery"
        assert said.startswith(caught.message)


def test_an_operation_is_read_only_from_the_beginning_of_a_message() -> None:
    message = f"{describe_call('DescribeJobs', '111122223333/us-west-2')}: StartRecovery in 111122223333/us-west-2"
    assert CaughtError.from_error(DrsRefused(message)).operation == "DescribeJobs"
    assert CaughtError.from_error(DrsRefused("wave web: StartRecovery in 111122223333/us-west-2")).operation is None


def test_an_error_without_a_cause_is_told_too() -> None:
    assert str(CaughtError.from_state({"Error": "States.Timeout"})) == "States.Timeout: "
    assert CaughtError.from_state(None) is None
    assert caught_errors.describe_all([{"Error": "A"}, {"Error": "A"}, {}]) == ["A: "]


def test_a_page_token_reads_back_and_a_made_up_one_is_refused() -> None:
    key = {"planId": {"S": "rp-1"}}
    token = pagination.encode_token(key)
    assert token is not None
    assert pagination.decode_token(token) == key
    assert pagination.encode_token(None) is None
    for bad in ("nonsense", "e30=", "e30=!", token[:-4], token + "=", "WzFd", "ü"):
        with pytest.raises(InvalidRequest):
            pagination.decode_token(bad)


def test_the_version_that_health_tells_is_the_project_s() -> None:
    root = Path(__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    source = (root / project["tool"]["hatch"]["version"]["path"]).read_text()
    assert re.findall(r'^(?:__version__|VERSION)\b.* = "(.+)"$', source, re.M) == [VERSION]


def test_a_time_in_utc_is_said_once_and_one_of_another_zone_with_that_of_utc() -> None:
    assert show_both("2026-11-22T02:00:00.000Z", "UTC") == "2026-11-22 02:00 UTC"
    assert show_both("2026-11-22T02:00:00.000Z", "Europe/Berlin") == "2026-11-22 03:00 CET, 2026-11-22 02:00 UTC"
