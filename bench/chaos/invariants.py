"""What must hold after a round, whatever faults it had. Each function returns a sentence for each breach."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bench.chaos.scenario import Chain
from bench.chaos.truth import Truth

FINAL_STATUSES = ("LAUNCHED", "FAILED", "EXCLUDED", "SKIPPED")
TALLIED = {"launched": "LAUNCHED", "failed": "FAILED", "excluded": "EXCLUDED"}


def no_live_recovery_is_replaced(truth: Truth) -> Iterator[str]:
    """No launch deletes an instance that a recovery launched, and each of these still exists."""
    for server_id, launches in truth.launches.items():
        recovered = None
        for launch in launches:
            if recovered and (server_id, launch["jobId"]) in truth.replaced:
                yield f"{server_id}: {launch['jobId']} of {launch['execution']} replaced what {recovered} recovered"
            if launch["isRecovery"] and launch["status"] == "LAUNCHED":
                recovered = launch["jobId"]
        instance = truth.instances.get(server_id, {})
        if recovered and (instance.get("isDrill", True) or instance.get("jobID") != recovered):
            left = {name: instance.get(name) for name in ("recoveryInstanceID", "jobID", "isDrill", "ec2InstanceState")}
            yield f"{server_id}: what {recovered} recovered is not there; DRS has {left} after {launches}"


def record_equals_truth(record: Mapping[str, Any], servers: Sequence[Mapping[str, Any]], truth: Truth) -> Iterator[str]:
    """A server is LAUNCHED if, and only if, one job of the run launched it."""
    execution_id = record["executionId"]
    launched_by = truth.launched_by(execution_id)
    for job in truth.unfinished:
        if job.get("tags", {}).get("drs-waves:execution") == execution_id:
            yield f"{execution_id}: {job['jobID']} is {job['status']} though the run has ended"
    for server in servers:
        name = f"{execution_id}: {server['sourceServerId']}"
        jobs = launched_by.get(server["sourceServerId"], [])
        if len(jobs) > 1:
            yield f"{name} was launched by {jobs}"
        if server["status"] == "LAUNCHED" and server["jobId"] not in jobs:
            yield f"{name} is LAUNCHED by {server['jobId']}, in DRS by {jobs}"
        if server["status"] != "LAUNCHED" and jobs:
            yield f"{name} is {server['status']}, in DRS launched by {jobs}"
        if server["status"] not in FINAL_STATUSES:
            yield f"{name} is {server['status']} at the end"


def every_failure_has_a_cause(record: Mapping[str, Any], servers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each FAILED server has a reason and a cause, each EXCLUDED one a reason."""
    for server in servers:
        needed = {"FAILED": ("reason", "cause"), "EXCLUDED": ("reason",)}.get(server["status"], ())
        for name in needed:
            if not server.get(name):
                yield f"{record['executionId']}: {server['sourceServerId']} is {server['status']} without a {name}"


def counts_equal_rows(record: Mapping[str, Any], servers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The counts of the run and of each wave are those of the servers' rows."""
    parts = [("the run", record["servers"], servers)]
    for wave in record["waves"]:
        parts.append(
            (f"wave {wave['name']}", wave["servers"], [each for each in servers if each["wave"] == wave["name"]])
        )
    for name, counts, rows in parts:
        found = Counter(row["status"] for row in rows)
        expected = {count: found[status] for count, status in TALLIED.items()} | {"total": len(rows)}
        shown = {count: (counts or {}).get(count, 0) for count in expected}
        if shown != expected:
            yield f"{record['executionId']}: {name} counts {shown}, its servers {dict(found)} of {len(rows)}"


def nothing_is_left(chain: Chain, truth: Truth) -> Iterator[str]:
    """After its clean-up, no instance that the chain's drills launched exists."""
    executions = {record["executionId"] for record in chain.records}
    if chain.cleanup is None:
        return
    if chain.cleanup["status"] != "COMPLETED":
        yield f"{sorted(executions)}: the clean-up is {chain.cleanup['status']}: {chain.cleanup.get('reason')}"
    own_jobs = {
        launch["jobId"]
        for launches in truth.launches.values()
        for launch in launches
        if launch["execution"] in executions
    }
    for server_id, instance in truth.instances.items():
        gone = instance.get("ec2InstanceState") in ("TERMINATED", "NOT_FOUND", "SHUTTING-DOWN")
        if instance.get("jobID") in own_jobs and not gone:
            yield f"{server_id}: {instance['recoveryInstanceID']} of {sorted(executions)} is left after the clean-up"
