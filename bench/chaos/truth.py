"""What DRS has after a round: every job with its log, and every recovery instance, of all targets."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from sandbox.stack import Sandbox

EXECUTION_TAG = "drs-waves:execution"


@dataclass(frozen=True, slots=True)
class Truth:
    """Launch jobs by source server, oldest first, and recovery instances by source server.

    `replaced` names, as (server, job), the launches whose job first deleted an instance of the server.
    """

    launches: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    replaced: set[tuple[str, str]] = field(default_factory=set)
    unfinished: list[dict[str, Any]] = field(default_factory=list)

    def launched_by(self, execution_id: str) -> dict[str, list[str]]:
        """By server, the jobs of the run that launched it."""
        found: dict[str, list[str]] = defaultdict(list)
        for server_id, jobs in self.launches.items():
            for job in jobs:
                if job["execution"] == execution_id and job["status"] == "LAUNCHED":
                    found[server_id].append(job["jobId"])
        return found


def read_truth(sandbox: Sandbox, targets: tuple[tuple[str, str], ...]) -> Truth:
    """Read the jobs and the instances of these targets, which no fault may strike meanwhile."""
    truth = Truth()
    for account, region in targets:
        drs = sandbox.client("drs", account=account, region=region)
        for page in drs.get_paginator("describe_recovery_instances").paginate(filters={}):
            for instance in page["items"]:
                if instance.get("sourceServerID"):
                    truth.instances[instance["sourceServerID"]] = instance
        jobs = [job for page in drs.get_paginator("describe_jobs").paginate(filters={}) for job in page["items"]]
        for job in sorted(jobs, key=lambda each: str(each["creationDateTime"])):
            _add_job(truth, drs, job)
    return truth


def _add_job(truth: Truth, drs: Any, job: dict[str, Any]) -> None:
    if job["type"] != "LAUNCH":
        return
    if job["status"] != "COMPLETED":
        truth.unfinished.append(job)
    for server in job["participatingServers"]:
        launch = {
            "jobId": job["jobID"],
            "execution": job.get("tags", {}).get(EXECUTION_TAG),
            "createdAt": str(job["creationDateTime"]),
            "endedAt": str(job.get("endDateTime")),
            "isRecovery": job["initiatedBy"] == "START_RECOVERY",
            "status": server.get("launchStatus"),
        }
        truth.launches[server["sourceServerID"]].append(launch)
    for page in drs.get_paginator("describe_job_log_items").paginate(jobID=job["jobID"]):
        for item in page["items"]:
            if item["event"] == "CLEANUP_START":
                truth.replaced.add((item["eventData"]["sourceServerID"], job["jobID"]))
