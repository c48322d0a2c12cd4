"""Compares the emulator, through boto3, with a model of it that consists of a few dicts.

The model knows when each job ends, because durations do not vary here, and no check falls on such a time.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from emulator_support.client import EmulatorClient

LAUNCH, TERMINATE = 1140.5, 180.5  # seconds a job lasts
QUOTAS = {"jobsInProgress": 3, "serversPerJob": 4, "serversInJobs": 8}
FLEET = 12
PICK = st.lists(st.integers(0, FLEET - 1), min_size=1, max_size=5, unique=True)


@dataclass
class ModelJob:
    servers: list[str]
    ends_at: float
    launches: bool
    failing: set[str]


class AgainstAModel(RuleBasedStateMachine):
    emulator: EmulatorClient

    @initialize()
    def begin(self) -> None:
        self.emulator.control("POST", "reset")
        self.emulator.change(
            spread=0,
            quotas=QUOTAS,
            durations={
                "drill": {"pending": 780, "started": LAUNCH - 780},
                "terminate": {"pending": 60, "started": TERMINATE - 60},
            },
            rateLimits={"default": {"perSecond": 1000, "burst": 100_000}},
        )
        self.servers = self.emulator.seed(FLEET)
        self.now = 0.0
        self.jobs: dict[str, ModelJob] = {}
        self.settled: set[str] = set()
        self.instances: set[str] = set()  # servers with an instance
        self.broken: set[str] = set()

    # The model

    def live(self) -> list[ModelJob]:
        return [job for name, job in self.jobs.items() if name not in self.settled]

    def busy(self) -> set[str]:
        return {server for job in self.live() for server in job.servers}

    def refusal(self, servers: list[str]) -> str | None:
        if len(servers) > QUOTAS["serversPerJob"]:
            return "ServiceQuotaExceededException"
        if set(servers) & self.busy():
            return "ConflictException"
        too_many = len(self.busy()) + len(servers) > QUOTAS["serversInJobs"]
        if len(self.live()) >= QUOTAS["jobsInProgress"] or too_many:
            return "ServiceQuotaExceededException"
        return None

    # Rules

    @rule(picked=PICK, answer_is_lost=st.booleans())
    def start(self, picked: list[int], answer_is_lost: bool) -> None:
        servers = [self.servers[index] for index in picked]
        refusal = self.refusal(servers)
        if answer_is_lost:
            fault = {"kind": "CUT_AFTER", "operation": "StartRecovery", "count": 1}
            self.emulator.control("POST", "faults", fault)
        if refusal:
            with pytest.raises(ClientError, match=refusal):
                self.emulator.start(servers)
            return
        if answer_is_lost:
            with pytest.raises(ConnectionClosedError):
                self.emulator.start(servers)
            job_id = self.emulator.drs.describe_jobs(maxResults=1)["items"][0]["jobID"]
        else:
            job_id = self.emulator.start(servers)
        assert job_id not in self.jobs
        failing = set(servers) & self.broken
        self.broken -= failing
        self.jobs[job_id] = ModelJob(servers, self.now + LAUNCH, True, failing)

    @rule(picked=PICK)
    def terminate(self, picked: list[int]) -> None:
        described = {i["sourceServerID"]: i for i in self.emulator.drs.describe_recovery_instances()["items"]}
        servers = [self.servers[index] for index in picked if self.servers[index] in described]
        if not servers:
            return
        ids = [described[server]["recoveryInstanceID"] for server in servers]
        if refusal := self.refusal(servers):
            with pytest.raises(ClientError, match=refusal):
                self.emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=ids)
            return
        job_id = self.emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]["jobID"]
        self.jobs[job_id] = ModelJob(servers, self.now + TERMINATE, False, set())

    @rule(index=st.integers(0, FLEET - 1))
    def break_server(self, index: int) -> None:
        server = self.servers[index]
        self.broken.add(server)
        fault = {"kind": "CONVERSION_FAILS", "sourceServerId": server, "count": 1}
        self.emulator.control("POST", "faults", fault)

    @rule(minutes=st.sampled_from([1, 2, 5, 14, 20, 60]))
    def wait(self, minutes: int) -> None:
        self.emulator.advance(minutes * 60)
        self.now += minutes * 60
        for job_id, job in self.jobs.items():
            if job_id not in self.settled and job.ends_at <= self.now:
                self.settled.add(job_id)
                self.instances -= set(job.servers)  # a launch replaces an earlier instance, even one that fails
                if job.launches:
                    self.instances |= set(job.servers) - job.failing

    # Invariants

    @invariant()
    def jobs_are_as_the_model_says(self) -> None:
        jobs: list[Any] = list(self.emulator.drs.describe_jobs()["items"])
        assert [job["jobID"] for job in jobs] == list(self.jobs)[::-1]
        for job in jobs:
            known = self.jobs[job["jobID"]]
            over = job["jobID"] in self.settled
            assert (job["status"] == "COMPLETED") == over, "every job ends, and when it should"
            launched = "LAUNCHED" if known.launches else "TERMINATED"
            for server in job["participatingServers"]:
                if over:
                    failed = server["sourceServerID"] in known.failing
                    assert server["launchStatus"] == ("FAILED" if failed else launched)
        live = [
            s["sourceServerID"] for job in jobs if job["status"] != "COMPLETED" for s in job["participatingServers"]
        ]
        assert len(live) == len(set(live)) <= QUOTAS["serversInJobs"]
        assert sum(job["status"] != "COMPLETED" for job in jobs) <= QUOTAS["jobsInProgress"]

    @invariant()
    def instances_are_as_the_model_says(self) -> None:
        found = [i["sourceServerID"] for i in self.emulator.drs.describe_recovery_instances()["items"]]
        assert len(found) == len(set(found)), "a server has one instance"
        idle = set(self.servers) - self.busy()
        assert set(found) & idle == self.instances & idle

    @rule(size=st.integers(1, 5))
    def pages_joined_are_the_whole(self, size: int) -> None:
        for name in ("describe_jobs", "describe_source_servers", "describe_recovery_instances"):
            paginator: Any = self.emulator.drs.get_paginator(name)  # type: ignore[call-overload]
            pages = [page["items"] for page in paginator.paginate(PaginationConfig={"PageSize": size})]
            assert [item for page in pages for item in page] == getattr(self.emulator.drs, name)()["items"]
            assert all(len(page) == size for page in pages[:-1])


@pytest.mark.proof
def test_the_emulator_behaves_like_a_model_of_it(emulator: EmulatorClient) -> None:
    AgainstAModel.emulator = emulator
    run_state_machine_as_test(
        AgainstAModel,
        settings=settings(
            max_examples=100, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
