"""Properties of every tag that a DRS job gets."""

import ast
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from api.schemas.requests.plans import WAVE_PATTERN
from recovery import job_tags
from recovery.domain.batch import BatchRef
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.execution import Mode
from recovery.domain.target import Target
from recovery.runs.start import _new_execution_id

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
# IAM's pattern of tag values, [\p{L}\p{Z}\p{N}_.:/=+\-@]*, without the spaces that are no space.
COMMON = re.compile(r"[\w .:/=+@-]*")

waves = st.from_regex(re.compile(WAVE_PATTERN.rstrip("$"), re.ASCII), fullmatch=True)
runs = st.sampled_from([Mode.DRILL, Mode.RECOVERY]).map(_new_execution_id)
targets = st.builds(
    Target, st.from_regex(r"[0-9]{12}", fullmatch=True), st.sampled_from(["us-isof-south-1", "eu-west-1"])
)


def assert_taken(tags: dict[str, str]) -> None:
    assert len(tags) <= 50
    for key, value in tags.items():
        assert COMMON.fullmatch(key)
        assert not key.lower().startswith("aws:")
        assert COMMON.fullmatch(value), value
        assert len(value) <= 256


@given(runs, waves, targets, st.integers(1, 9_999), st.integers(1, 99), st.sampled_from(Mode))
@settings(max_examples=200)
def test_a_launching_job_is_found_by_tags_that_all_of_aws_takes(
    run: str, wave: str, target: Target, number: int, attempt: int, mode: Mode
) -> None:
    ref = BatchRef(run, wave, target, number)
    tags = job_tags.build_launch_tags(run, wave, ref.key, attempt, mode.value)
    assert_taken(tags)
    job = Job.from_drs({"jobID": "drsjob-1", "tags": tags})
    assert job.started_by == (ref.key, str(attempt)), "a key that was changed would find no lease"
    assert job_tags.read_execution(job.tags) == run


@given(runs, targets, st.integers(1, 999), st.integers(1, 9_999))
@settings(max_examples=200)
def test_a_terminating_job_is_found_by_tags_that_all_of_aws_takes(
    run: str, target: Target, cleanup: int, number: int
) -> None:
    ref = ChunkRef(run, cleanup, target, number)
    tags = job_tags.build_termination_tags(run, cleanup, ref.key, 1)
    assert_taken(tags)
    assert job_tags.read_attempt(tags) == (ref.key, "1")
    assert job_tags.read_execution(tags) == run


@given(st.text(max_size=400))
@settings(max_examples=300)
def test_any_text_becomes_a_value_that_all_of_aws_takes(text: str) -> None:
    value = job_tags.tag_value(text)
    assert COMMON.fullmatch(value)
    assert len(value) <= 256
    assert job_tags.tag_value(value) == value


def test_a_value_within_the_common_set_stays_as_it_is() -> None:
    assert job_tags.tag_value("shop/web_1: a+b=c, d@e") == "shop/web_1: a+b=c_ d@e"
    assert job_tags.tag_value("Büro 7") == "Büro 7"
    assert job_tags.tag_value("drill#1") == "drill_1"


def test_a_job_of_others_is_nobodys() -> None:
    assert job_tags.read_execution({"drs-waves:execution": "drill-1"}) is None
    assert job_tags.read_attempt({"team": "shop"}) == (None, None)


def test_the_names_of_tags_are_written_in_one_module() -> None:
    names = {job_tags.EXECUTION, job_tags.WAVE, job_tags.CLEANUP, job_tags.BATCH, job_tags.ATTEMPT, job_tags.MODE}
    for path in LAMBDAS.rglob("*.py"):
        constants = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert path.name == "job_tags.py" or not names & {each for each in constants if isinstance(each, str)}, path


# --- terminations -------------------------------------------------------------------------------------------------
CHUNK = ("drill-1/cleanup-1/111122223333/us-west-2/0001", "1")


def termination(
    servers: list[str], tagged: tuple[str, str] | None = None, by: str = "TERMINATE_RECOVERY_INSTANCES"
) -> Job:
    tags = {job_tags.BATCH: tagged[0], job_tags.ATTEMPT: tagged[1]} if tagged else {}
    parts = [{"sourceServerID": each} for each in servers]
    return Job.from_drs({"jobID": "drsjob-1", "initiatedBy": by, "tags": tags, "participatingServers": parts})


def test_a_termination_is_found_by_its_tags_even_if_it_names_no_server() -> None:
    assert termination([], CHUNK).terminates(CHUNK, ["s-1", "s-2"])
    assert not termination(["s-1", "s-2"], ("drill-1/cleanup-2", "1")).terminates(CHUNK, ["s-1", "s-2"])
    assert not termination([], CHUNK, by="START_DRILL").terminates(CHUNK, ["s-1"])


def test_a_termination_that_is_not_tagged_yet_is_found_by_exactly_its_servers() -> None:
    assert termination(["s-2", "s-1"]).terminates(CHUNK, ["s-1", "s-2"])
    assert not termination(["s-1"]).terminates(CHUNK, ["s-1", "s-2"])
    assert not termination(["s-1", "s-2", "s-3"]).terminates(CHUNK, ["s-1", "s-2"])
