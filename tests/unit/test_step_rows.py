"""The rows of checks and actions fit into DynamoDB's 400 KB, whatever commands on the servers print."""

import json
import random
from dataclasses import replace

import pytest

from recovery.actions import running
from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.domain.wave_steps import ladder
from recovery.domain.wave_steps.action_record import (
    MAX_OUTPUT,
    ActionPart,
    ActionRecord,
    PartStatus,
    cut_output,
    join_outputs,
)
from recovery.domain.wave_steps.actions import ActionKind, ActionPlace
from recovery.domain.wave_steps.checks import Check, CheckKind
from recovery.store.steps.checks import MAX_TURNS, CheckedBatch
from recovery.verification import lifecycle
from recovery.verification.ladders import LaunchedServer

ROW, RUN = 400 * 1_024, "drill-20261128-071248-59af63"
HERE = Target("111122223333", "us-west-2")
SEED = random.Random(7)


def text(count: int, low: int, high: int) -> str:
    return "".join(chr(SEED.randint(low, high)) for _ in range(count))


@pytest.mark.parametrize(("low", "high"), [(33, 126), (0x4E00, 0x9FFF), (0x10000, 0x10FFFF)])
def test_a_row_of_checks_has_room_for_a_hundred_servers_with_any_output(low: int, high: int) -> None:
    servers = {
        f"s-{number:017x}": ladder.ServerChecks(
            status=ladder.Verification.UNVERIFIED,
            passed=tuple(f"http :{port}/{'p' * 500}" for port in range(19)),
            check="http :8080/health",
            output=text(ladder.MAX_OUTPUT, low, high),
            reason=text(ladder.MAX_REASON, low, high),
        )
        for number in range(100)
    }
    row = CheckedBatch(BatchRef(RUN, "web", HERE, 1), 0, 0, 1, servers)
    for turn in range(1, 25):
        failing = {
            each: replace(server, check=f"http :{at}/{'p' * 500}") for at, (each, server) in enumerate(servers.items())
        }
        row = replace(row, servers=failing, turn=turn).after(row)
    item = row.to_item()
    assert len(item["turns"]) == MAX_TURNS - 1
    assert len(item["servers"]) + len(json.dumps(item["turns"])) < ROW - 10_000


def test_a_row_of_checks_keeps_its_first_turn_and_the_last_ones() -> None:
    failed = ladder.ServerChecks(status=ladder.Verification.UNVERIFIED, check="boot")
    passed = ladder.ServerChecks(status=ladder.Verification.VERIFIED)
    row = CheckedBatch(BatchRef(RUN, "web", HERE, 1), 0, 0, 1, {"s-1": failed, "s-2": passed}, ended_at="2026")
    for turn in range(1, 31):
        row = replace(row, turn=turn, earlier=()).after(row)
    assert [each.turn for each in row.earlier] == [0, *range(12, 30)]
    assert CheckedBatch.from_item({**row.to_item(), "executionId": RUN}).earlier == row.earlier
    first, last = row.earlier[0], row.earlier[-1]
    assert (first.checked, first.verified, first.unverified, first.failed) == (2, 1, 1, {"boot": 1})
    assert (last.checked, last.verified, last.unverified) == (1, 0, 1)  # the other one had passed before


def test_a_turn_that_checks_nothing_is_no_part_of_the_history() -> None:
    row = CheckedBatch(
        BatchRef(RUN, "web", HERE, 1), 0, 0, 1, {"s-1": ladder.ServerChecks(ladder.Verification.VERIFIED)}
    )
    for turn in range(1, 4):
        row = replace(row, turn=turn, earlier=()).after(row)
    assert [each.turn for each in row.earlier] == [0]


@pytest.mark.parametrize(("low", "high"), [(33, 126), (0x4E00, 0x9FFF), (0x10000, 0x10FFFF)])
def test_a_row_of_a_command_on_four_thousand_instances_has_room_for_any_output(low: int, high: int) -> None:
    ids = tuple(f"i-{SEED.getrandbits(68):017x}" for _ in range(4_000))
    parts = tuple(
        ActionPart(
            target=HERE,
            key=f"{RUN}/web/after/1/1/{at}",
            status=PartStatus.FAILED,
            id="0" * 36,
            instance_ids=ids[at : at + 50],
            output=text(2_100, low, high),
            note=text(600, low, high),
        )
        for at in range(0, 4_000, 50)
    )
    record = ActionRecord(RUN, "web", ActionPlace.AFTER, 1, "warm", ActionKind.SSM_COMMAND, "a command", parts=parts)
    item = record.to_item()
    assert len(item["packed"]) + len(json.dumps(item["parts"], ensure_ascii=False).encode()) < ROW - 10_000


def test_an_instance_that_another_job_launched_is_checked_from_the_beginning() -> None:
    rungs = (Check(CheckKind.BOOT),)
    before, again = (LaunchedServer("s-1", rungs, job, instance) for job, instance in (("j-1", "i-1"), ("j-2", "i-2")))
    passed = lifecycle._begin_server(before, None).after(ladder.Observation(ladder.Found.PASSED), rungs, 0, 30)
    row = CheckedBatch(BatchRef(RUN, "web", HERE, 1), 0, 0, 1, {"s-1": passed})
    assert lifecycle._begin_server(before, row).status is ladder.Verification.VERIFIED
    begun = lifecycle._begin_server(again, row)
    assert (begun.status, begun.instance_id, begun.passed) == (ladder.Verification.VERIFYING, "i-2", ())


def test_outputs_share_the_room_of_the_record_and_the_last_line_counts_the_others() -> None:
    assert join_outputs(["i-1: up", "i-2: up"], 4, "instance") == "i-1: up\ni-2: up"
    assert join_outputs(["i-1: up", "i-2: up"], 1, "instance") == "i-1: up\n... and 1 more instance"
    joined = join_outputs([f"i-{number}: {'x' * 5_000}" for number in range(9)], 4, "instance")
    *shown, last = joined.splitlines()
    assert ([line[:4] for line in shown], last) == (["i-0:", "i-1:", "i-2:", "i-3:"], "... and 5 more instances")
    assert len(joined) <= MAX_OUTPUT
    assert cut_output(joined, 100).splitlines()[-1] == last
    assert cut_output("x" * 200, 100) == "x" * 100


def test_instances_that_several_parts_leave_out_are_counted_together() -> None:
    texts = [join_outputs([f"i-{part}{number}: up" for number in range(6)], 4, "instance") for part in range(6)]
    parts = tuple(
        ActionPart(HERE, f"{RUN}/web/after/1/1", PartStatus.SUCCEEDED, intent_at=0, began_at=0, output=text)
        for text in texts
    )
    record = ActionRecord(RUN, "web", ActionPlace.AFTER, 1, "warm", ActionKind.SSM_COMMAND, "warm", parts=parts)
    ended = running.judge(record)
    assert ended is not None
    *shown, instances, of_parts = ended.output.splitlines()
    assert len(shown) == 16
    assert (instances, of_parts) == ("... and 8 more instances", "... and 2 more parts")
