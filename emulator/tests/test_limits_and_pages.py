"""Rate limits and pagination."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

ONE_EMULATOR = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_calls_beyond_the_burst_are_throttled_until_time_passes(emulator: EmulatorClient) -> None:
    emulator.seed()
    emulator.change(rateLimits={"DescribeJobs": {"perSecond": 0.5, "burst": 3}})
    for _ in range(3):
        emulator.drs.describe_jobs()
    with pytest.raises(emulator.drs.exceptions.ThrottlingException) as throttled:
        emulator.drs.describe_jobs()
    answer = throttled.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "2"
    emulator.drs.describe_source_servers()
    emulator.advance(2)
    emulator.drs.describe_jobs()


def test_each_account_and_region_has_its_own_limit(emulator: EmulatorClient) -> None:
    emulator.change(rateLimits={"default": {"perSecond": 1, "burst": 1}})
    for account, region in ((ACCOUNT, REGION), (ACCOUNT, "us-east-1"), ("4" * 12, REGION)):
        emulator.client(account, region).initialize_service()
    with pytest.raises(emulator.drs.exceptions.ThrottlingException):
        emulator.drs.initialize_service()


@pytest.fixture
def fleet(emulator: EmulatorClient) -> tuple[list[str], list[str]]:
    """Run some jobs to their end, and return the source servers and the jobs, oldest first."""
    servers = emulator.seed(23)
    jobs = [emulator.start([server]) for server in servers[:7]]
    emulator.advance(DRILL)
    return servers, jobs


@ONE_EMULATOR
@given(size=st.integers(1, 30))
def test_the_pages_together_have_every_entry_once(
    emulator: EmulatorClient, fleet: tuple[list[str], list[str]], size: int
) -> None:
    servers, jobs = fleet
    pages = emulator.drs.get_paginator("describe_source_servers").paginate(PaginationConfig={"PageSize": size})
    found = [[item["sourceServerID"] for item in page["items"]] for page in pages]
    assert [server for page in found for server in page] == sorted(servers)
    assert all(len(page) == size for page in found[:-1])
    listed = emulator.drs.get_paginator("describe_jobs").paginate(PaginationConfig={"PageSize": size})
    assert [item["jobID"] for page in listed for item in page["items"]] == jobs[::-1]
    log = emulator.drs.get_paginator("describe_job_log_items").paginate(
        jobID=jobs[0], PaginationConfig={"PageSize": size}
    )
    assert [item["event"] for page in log for item in page["items"]] == emulator.events(jobs[0])
    instances = emulator.drs.get_paginator("describe_recovery_instances").paginate(PaginationConfig={"PageSize": size})
    assert {item["jobID"] for page in instances for item in page["items"]} == set(jobs)
    points = emulator.drs.get_paginator("describe_recovery_snapshots")
    for order in ("ASC", "DESC"):
        whole = emulator.drs.describe_recovery_snapshots(sourceServerID=servers[0], order=order)["items"]
        paged = points.paginate(sourceServerID=servers[0], order=order, PaginationConfig={"PageSize": size})
        assert [item for page in paged for item in page["items"]] == whole


def test_a_job_that_starts_between_two_pages_does_not_shift_them(emulator: EmulatorClient) -> None:
    servers = emulator.seed(6)
    jobs = [emulator.start([server]) for server in servers[:5]]
    first = emulator.drs.describe_jobs(maxResults=2)
    emulator.start(servers[5:])
    rest = emulator.drs.describe_jobs(nextToken=first["nextToken"])
    assert [job["jobID"] for job in first["items"] + rest["items"]] == jobs[::-1]


def test_a_page_is_not_larger_than_the_model_allows(emulator: EmulatorClient) -> None:
    emulator.seed(12)
    emulator.change(pageSize={"default": 5, "maximum": 10})
    assert len(emulator.drs.describe_source_servers()["items"]) == 5
    assert len(emulator.drs.describe_source_servers(maxResults=500)["items"]) == 10


def test_the_token_of_another_call_is_rejected(emulator: EmulatorClient) -> None:
    servers = emulator.seed(3)
    token = emulator.drs.describe_source_servers(maxResults=1)["nextToken"]
    invalid = emulator.drs.exceptions.ValidationException
    with pytest.raises(invalid):
        emulator.drs.describe_source_servers(nextToken=token, filters={"sourceServerIDs": servers[:1]})
    with pytest.raises(invalid):
        emulator.drs.describe_jobs(nextToken=token)
    with pytest.raises(invalid):
        emulator.drs.describe_source_servers(nextToken="%%%")
