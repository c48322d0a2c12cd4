"""Measures the speed and the memory of the DRS emulator: `python -m bench.emulator` writes build/bench/emulator.json.

The emulator is a process that is bound to one core. The client is this process, on the other cores if there are any.
It uses boto3, and times calls per second by plain HTTP on one connection as well. Exits with 1 if a limit is missed.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from loopback.guard import SECRET_HEADER, make_secret

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "build/bench/emulator.json"
ACCOUNT, REGION = "111122223333", "eu-west-1"
SECRET = make_secret()
SERVERS, PAGE = 4000, 1000
DESCRIBES = 1000
TRIES = 3  # the best counts, because other work on the machine disturbs the rest
JOBS, JOBS_BEFORE = 10_000, 2_000
LIMITS = {"describe4000Seconds": 2.0, "describeJobsPerSecond": 300.0, "memoryGrowthPercent": 10.0}


@contextmanager
def emulator() -> Iterator[tuple[int, str]]:
    """Start an emulator on a core of its own with a stopped clock, and yield its process id and URL."""
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    env_file = RESULT.with_name("emulator.env")
    command = [sys.executable, "-m", "drs_emulator", "--port", "0", "--speed", "0", "--env-file", str(env_file)]
    environment = {**os.environ, "DRS_EMULATOR_SECRET": SECRET}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(process.pid, cores[:1])
        os.sched_setaffinity(0, cores[1:] or cores)
        assert process.stdout
        url = process.stdout.readline().split()[3].rstrip(",")
        control(url, "PUT", "settings", {"rateLimits": {"default": {"perSecond": 1e9, "burst": 1e9}}})
        yield process.pid, url
        os.sched_setaffinity(0, cores)
    finally:
        process.terminate()
        process.wait(timeout=10)


def control(url: str, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_emulator/{path}", data, {SECRET_HEADER: SECRET}, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)


def seed(url: str, number: int) -> list[str]:
    servers = [{"hostname": f"host-{index:04}", "tags": {"tier": "web"}} for index in range(number)]
    body = {"accountId": ACCOUNT, "region": REGION, "servers": servers}
    ids: list[str] = control(url, "POST", "source-servers", body)["sourceServerIDs"]
    return ids


def client(url: str) -> Any:
    keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test", "aws_session_token": SECRET}
    return boto3.client("drs", endpoint_url=url, region_name=REGION, **keys)  # type: ignore[call-overload]


def describe_all(url: str) -> dict[str, float]:
    """Measure the seconds to describe all source servers, in large pages and in default pages."""
    seed(url, SERVERS)
    paginator = client(url).get_paginator("describe_source_servers")
    seconds = {}
    for size in (PAGE, 100):
        seconds_taken = []
        for _ in range(TRIES):
            started = time.perf_counter()
            found = paginator.paginate(PaginationConfig={"PageSize": size}).build_full_result()["items"]
            seconds_taken.append(time.perf_counter() - started)
            assert len(found) == SERVERS
        seconds[f"describe4000SecondsInPagesOf{size}"] = round(min(seconds_taken), 3)
    return {"describe4000Seconds": seconds[f"describe4000SecondsInPagesOf{PAGE}"]} | seconds


def describe_jobs(url: str, pid: int) -> dict[str, float]:
    """Measure calls per second for a running job of ten servers, by HTTP and by boto3.

    `describeJobsPerSecondOfProcessor` is the number of calls per second of the emulator's processor time.
    """
    drs, servers = client(url), seed(url, 10)
    job = drs.start_recovery(sourceServers=[{"sourceServerID": one} for one in servers], isDrill=True)["job"]["jobID"]
    control(url, "POST", "advance", {"seconds": 300})
    request = {"filters": {"jobIDs": [job]}}
    plain = HTTPConnection(urlsplit(url).netloc)
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/drs/aws4_request, "}
    signed[SECRET_HEADER] = SECRET

    def by_http() -> None:
        plain.request("POST", "/DescribeJobs", json.dumps(request), signed)
        assert json.loads(plain.getresponse().read())["items"]

    used = processor_seconds(pid)
    figures = {
        "describeJobsPerSecond": rate(by_http),
        "describeJobsPerSecondByBoto3": rate(lambda: drs.describe_jobs(**request)),
    }
    plain.close()
    seconds = processor_seconds(pid) - used
    return figures | {"describeJobsPerSecondOfProcessor": round(2 * TRIES * DESCRIBES / seconds, 1)}


def rate(call: Callable[[], object]) -> float:
    """Measure consecutive calls per second."""
    seconds_taken = []
    for _ in range(TRIES):
        started = time.perf_counter()
        for _ in range(DESCRIBES):
            call()
        seconds_taken.append(time.perf_counter() - started)
    return round(DESCRIBES / min(seconds_taken), 1)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_jobs(url: str, pid: int) -> dict[str, float]:
    """Measure the resident memory after the first jobs, and its growth after 10,000 more, of one server each."""
    drs, servers = client(url), seed(url, 20)
    batches = [[{"sourceServerID": one}] for one in servers]

    def run(number: int) -> float:
        for _ in range(number // len(batches)):
            for batch in batches:
                drs.start_recovery(sourceServers=batch, isDrill=True)
            control(url, "POST", "advance", {"seconds": 3600})
        return resident(pid)

    before = run(JOBS_BEFORE)
    started = time.perf_counter()
    after = run(JOBS)
    return {
        "memoryMiBBefore": round(before, 1),
        "memoryMiBAfter10000Jobs": round(after, 1),
        "memoryGrowthPercent": round((after / before - 1) * 100, 1),
        "jobsPerSecond": round(JOBS / (time.perf_counter() - started), 1),
    }


def resident(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    figures: dict[str, float] = {}
    with emulator() as (pid, url):
        for measure in (
            describe_all,
            lambda url: describe_jobs(url, pid),
            lambda url: run_jobs(url, pid),
        ):
            figures |= measure(url)
            control(url, "POST", "reset", {})
    missed = [
        name
        for name, limit in LIMITS.items()
        if (figures[name] < limit if name.endswith("PerSecond") else figures[name] > limit)
    ]
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({"figures": figures, "limits": LIMITS, "missed": missed}, indent=2) + "\n")
    for name, value in figures.items():
        print(f"{name:36} {value:>10g}" + (f"   limit {LIMITS[name]:g}" if name in LIMITS else ""))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
