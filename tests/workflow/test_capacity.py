"""Waiting for DRS's quotas while jobs of others use them."""

import pytest

from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_plan
from tests.support.product import HUB, SHORT_DURATIONS, WEST, Product


@pytest.mark.parametrize(("hours_pending", "patience"), [(0.3, 7_200), (3, 600)])
def test_jobs_of_others_that_fill_the_quota_are_waited_for_whatever_their_age(
    hours_pending: float, patience: int
) -> None:
    durations = {**SHORT_DURATIONS, "recovery": {"pending": hours_pending * 3_600, "started": 900}}
    with Product(durations=durations, QUOTA_HELD_AFTER_SECONDS=str(patience), OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox, drs = Inbox(product), product.emulator.client(HUB, WEST)
        for server in product.seed(20, prefix="theirs"):
            drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=False)
        record = product.drill(make_plan(product))
        assert record["status"] == "COMPLETED", record["sourceServers"]
        kind = [message["MessageAttributes"]["kind"]["Value"] for message in inbox.messages()]
        held = [message for message, one in zip(inbox.messages(), kind, strict=True) if one == "QUOTA_HELD"]
        began = {job["jobID"]: job["creationDateTime"] for job in product.jobs() if job["type"] == "LAUNCH"}
    assert bool(held) == (hours_pending * 3_600 > patience)
    for message in held:
        assert "20 jobs, 20 servers" in message["Message"]
        assert 1 <= sum(job in message["Message"] for job in began) <= 5
    assert len(held) <= (hours_pending * 3_600 + 900) / patience


def test_five_jobs_of_a_hundred_servers_of_others_are_waited_for() -> None:
    durations = {**SHORT_DURATIONS, "recovery": {"pending": 900, "started": 900}}
    with Product(speed=120, durations=durations, QUOTA_HELD_AFTER_SECONDS="600") as product:
        drs, ids = product.emulator.client(HUB, WEST), product.seed(500, prefix="theirs")
        for at in range(0, 500, 100):
            drs.start_recovery(sourceServers=[{"sourceServerID": each} for each in ids[at : at + 100]], isDrill=False)
        record = product.drill(make_plan(product))
    assert record["status"] == "COMPLETED", record["sourceServers"]


def test_a_batch_that_never_fits_into_the_quota_fails_with_the_figures() -> None:
    with Product(SERVERS_IN_JOBS="2") as product:
        record = product.drill(make_plan(product))
    assert record["status"] == "FAILED"
    assert "JobTooLarge" in record["sourceServers"][0]["reason"]
    assert "3 servers never fit into the quota of 2" in record["sourceServers"][0]["reason"]
