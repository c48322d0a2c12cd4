"""The counts that the API returns equal the servers that it lists, after every step of a batch's life."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.schemas.responses.executions import build_execution
from api.schemas.responses.servers import build_server
from recovery.aws import dynamodb
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.execution import ExecutionStatus, Mode, Run, ServerStatus
from recovery.domain.inspection import InspectedServer
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.server_result import Attempt, ServerResult
from recovery.domain.target import Target
from recovery.store import batches, execution_record
from recovery.store.batch_servers import pack_servers
from tests.support.moto_tables import empty, product_tables
from tests.support.server_counts import assert_counts_match_servers, count

pytestmark = pytest.mark.proof

RUN = Run("drill-1", "rp-1", "shop", Mode.DRILL, ExecutionStatus.POLLING, "2026-01-01T00:00:00.000Z", "ana")
REF = BatchRef("drill-1", "web", Target("111122223333", "us-west-2"), 1)
SERVERS = ("s-1", "s-2", "s-3", "s-4")
COUNTS = dict.fromkeys(("warned", "optional", "blockedOptional", "alreadyLaunched"), 0)
AT = "2026-01-01T00:00:01.000Z"


@pytest.fixture(scope="module", autouse=True)
def on_moto() -> Iterator[None]:
    with product_tables():
        yield


def begin() -> None:
    empty("executions")
    place = {"executionId": "drill-1", "wave": "web", **REF.target.to_state()}
    wave = {**place, "item": "WAVE#web", "order": 0, "status": "IN_PROGRESS", "dependsOn": []}
    target = {**place, "item": f"TARGET#web#{REF.target.key}", "servers": 5, "batches": 1, "blocked": 1, **COUNTS}
    batch = Batch(REF, SERVERS, len(SERVERS), optional=frozenset({"s-2"})).to_item()
    ready, blocked = (ServerVerdict(verdict) for verdict in (Readiness.READY, Readiness.BLOCKED))
    found = pack_servers({server: InspectedServer(ready) for server in SERVERS})
    excluded = {**place, "item": f"EXCLUDED#web#{REF.target.key}"}
    excluded["servers"] = pack_servers({"s-5": InspectedServer(blocked)})
    for row in (RUN.to_item(), wave, target, {**batch, "servers": found}, excluded):
        dynamodb.put("executions", row)


def assert_counts_match() -> None:
    record = execution_record.read_record("drill-1")
    walked = execution_record.walk_servers("drill-1", None, None, None, None)
    servers = [build_server(each, record.waves[0]) for each in walked]
    run = build_execution(record, "an ARN", execution_record.read_chain(record))
    assert_counts_match_servers(run, servers)
    tally = batches.tally_servers("drill-1").to_item()
    assert tally == {outcome: count(servers)[outcome] for outcome in tally}


def attempt(outcomes: list[bool], end: str) -> None:
    """One attempt of the batch: its job launches a server for each True, and the batch then ends as told."""
    batch = batches.get_batch(REF)
    batches.record_intent(batch)
    assert_counts_match()
    if end == "halted before its job":
        batches.skip_batch(batches.get_batch(REF), "cancelled")
        return
    batches.record_job(batches.get_batch(REF), "drsjob-1", AT)
    assert_counts_match()
    batch = batches.get_batch(REF)
    launched = [server for server, is_launched in zip(batch.server_ids, outcomes, strict=False) if is_launched]
    failed = [server for server in batch.server_ids if server not in launched]
    batches.record_progress(REF, "drsjob-1", launched[:1], failed[1:])
    assert_counts_match()
    if end == "left running":
        batches.skip_batch(batches.get_batch(REF), "its job is no longer followed")
        return
    status = {True: ServerStatus.LAUNCHED, False: ServerStatus.FAILED}
    results = [ServerResult(each, status[each in launched], "drsjob-1") for each in batch.server_ids]
    batch, ended = batches.get_batch(REF), Attempt(results, "drsjob-1", AT)
    if end == "tried again" and failed:
        batches.retry_batch(batch, ended, failed)
    elif end == "some tried again" and failed[1:]:
        batches.retry_batch(batch, ended, failed[1:])
    else:
        batches.close_batch(batch, ended, "done")


ENDS = ["tried again", "tried again", "some tried again", "closed", "halted before its job", "left running"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.lists(st.booleans(), min_size=4, max_size=4), st.sampled_from(ENDS)), max_size=5))
def test_counts_are_those_of_the_servers_after_every_step(attempts: list[tuple[list[bool], str]]) -> None:
    begin()
    assert_counts_match()
    for outcomes, end in attempts:
        batch = batches.get_batch(REF)
        if batch.status is BatchStatus.SETTLED:
            if not batch.server_ids:
                return
            batches.start_round(batch, batch.round + 1)
            assert_counts_match()
        attempt(outcomes, end)
        assert_counts_match()
