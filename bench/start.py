"""Measures how long each function takes to import its handler, which Lambda does before the first request.

    python -m bench.start [--times 5]

Writes build/bench/start.json: the least milliseconds of so many fresh interpreters, on the wall and of CPU, and how
many modules were imported. An interpreter finds what a function finds: the product's code, what requirements/lambda.txt
puts into the layer, and boto3 with what it needs, which Lambda's runtime brings. What else is installed here, such as
awscrt, would be imported by botocore and counted. Exits with 1 when a handler is over its budget.
"""

import argparse
import functools
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import drill

ROOT = Path(__file__).resolve().parent.parent
BUDGETS = {"tasks": 300, "api": 600}
"""Milliseconds that a handler of each package may take, on a machine that does nothing else."""

IMPORTS_THE_API = "tasks.write_evidence"
"""The task that asks the handlers of the API in its own process. It has the budget of the API."""

_MEASURE = """
import json, sys, time
sys.path[:0] = sys.argv[2:]
wall, cpu = time.perf_counter(), time.process_time()
__import__("botocore.session")
botocore = time.process_time() - cpu
__import__(sys.argv[1])
taken = [time.perf_counter() - wall, time.process_time() - cpu, botocore]
print(json.dumps([*(seconds * 1000 for seconds in taken), sorted(sys.modules)]))
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One import in a fresh interpreter: milliseconds on the wall, of CPU, those of CPU that botocore took, which all
    functions need and which can be a measure of the machine, and what was imported.
    """

    wall: float
    cpu: float
    botocore: float
    modules: frozenset[str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="interpreters for each handler")
    times = parser.parse_args().times
    with tempfile.TemporaryDirectory() as folder:
        path = [ROOT / "lambdas", site_packages(Path(folder))]
        found = {name: [start(name, path) for _ in range(times)] for name in handlers()}
    figures = {
        name: {
            "wallMilliseconds": round(min(each.wall for each in starts)),
            "cpuMilliseconds": round(min(each.cpu for each in starts)),
            "ofThemBotocore": round(min(each.botocore for each in starts)),
            "modules": len(starts[0].modules),
        }
        for name, starts in found.items()
    }
    over = [name for name in handlers() if figures[name]["wallMilliseconds"] > budget(name)]
    told = {"budgetMilliseconds": BUDGETS, "over": over, "loadAverage": round(os.getloadavg()[0], 1)}
    drill.write_figures({**told, "handlers": figures}, ROOT / "build" / "bench" / "start.json")
    print(json.dumps({**told, "handlers": figures}, indent=2))
    return 1 if over else 0


def handlers() -> list[str]:
    """The module of every function of the template."""
    return sorted(re.findall(r"^ +Handler: (\S+)\.handler$", (ROOT / "cfn" / "template.yaml").read_text(), re.M))


def budget(module: str) -> int:
    """The budget in milliseconds."""
    return BUDGETS["api" if module == IMPORTS_THE_API else module.partition(".")[0]]


def start(module: str, path: Iterable[Path]) -> Start:
    """Import the module in an interpreter that finds nothing but this path and the standard library."""
    command = [sys.executable, "-I", "-S", "-c", _MEASURE, module, *map(str, path)]
    *taken, modules = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Start(*taken, frozenset(modules))


def site_packages(folder: Path) -> Path:
    """Fill the folder with links to the packages that a function has, and return it."""
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "lambda.txt").read_text(), re.M)
    for name in {"boto3", *_needs("boto3"), *pinned}:
        for entry in _entries(name):
            (folder / entry.name).symlink_to(entry)
    return folder


def _entries(distribution: str) -> Iterator[Path]:
    """The packages and modules of a distribution."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:  # locked for another platform or Python
        return
    tops = {file.parts[0] for file in files} - {"..", "__pycache__"}
    for name in tops:
        if not name.endswith(".dist-info"):
            yield Path(str(importlib.metadata.distribution(distribution).locate_file(name)))


@functools.cache
def _needs(distribution: str) -> frozenset[str]:
    """What the distribution requires, and what that requires; extras are left out."""
    required = importlib.metadata.requires(distribution) or []
    names = {re.split(r"[^A-Za-z0-9._-]", one)[0] for one in required if "extra ==" not in one}
    return frozenset(names).union(*map(_needs, names))


if __name__ == "__main__":
    sys.exit(main())
