"""The clients of docs/api.md, as it shows them: curl, a short one in Python, and one that is generated.

Each calls the product's API over HTTP. A request whose signature is not right is refused.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.credentials import Credentials

from tests.support.api_http_server import ApiHttpServer
from tests.support.product import WEST, Product
from tests.support.shell_blocks import ROOT, Block, blocks

KEYS = Credentials("AKIDEXAMPLE", "not-a-secret", "not-a-token")
# Where `make proofs` installs the generator, whose libraries are not those of the command.
CHECKS = ROOT / ".venv-checks" / "bin"

SECTION = [block for block in blocks(ROOT / "docs" / "api.md") if block.language in ("", "python")]


def block_with(text: str) -> Block:
    """The only block of the page that has the text."""
    (found,) = [block for block in SECTION if text in block.text]
    return found


@pytest.fixture
def api(product: Product) -> Iterator[ApiHttpServer]:
    with ApiHttpServer(product, KEYS) as opened:
        yield opened


@pytest.fixture
def plan_id(product: Product) -> str:
    return product.plan({"name": "database", "groups": [product.group(product.seed(1))]})


def run(api: ApiHttpServer, *command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    keys = {
        "API_URL": api.url,
        "AWS_ACCESS_KEY_ID": KEYS.access_key,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
        "AWS_SESSION_TOKEN": str(KEYS.token),
        "AWS_DEFAULT_REGION": WEST,
    }
    return subprocess.run(
        command, capture_output=True, text=True, cwd=folder, env={**os.environ, **keys, **environment}, timeout=120
    )


def run_page(api: ApiHttpServer, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The short client of the page."""
    (folder / "call.py").write_text(block_with("sys.argv[3:]").text)
    return run(api, sys.executable, "call.py", *words, folder=folder)


def test_curl_signs_a_request_as_the_page_says(api: ApiHttpServer, plan_id: str, tmp_path: Path) -> None:
    command = block_with("curl --silent").text
    result = run(api, "bash", "-c", command, folder=tmp_path)
    assert [plan["planId"] for plan in json.loads(result.stdout)["recoveryPlans"]] == [plan_id], result
    result = run(api, "bash", "-c", command, folder=tmp_path, AWS_SECRET_ACCESS_KEY="another")
    assert json.loads(result.stdout)["code"] == "InvalidSignature"


def test_the_short_client_reads_writes_and_shows_an_error(api: ApiHttpServer, plan_id: str, tmp_path: Path) -> None:
    read = run_page(api, tmp_path, "GET", "/recovery-plans?limit=1")
    assert [plan["planId"] for plan in json.loads(read.stdout)["recoveryPlans"]] == [plan_id], read
    plan = json.loads(read.stdout)["recoveryPlans"][0]
    given = {name: plan[name] for name in ("waves", "version")} | {"name": "renamed"}
    written = run_page(api, tmp_path, "PUT", f"/recovery-plans/{plan_id}", json.dumps(given))
    assert json.loads(written.stdout)["name"] == "renamed", written
    missing = run_page(api, tmp_path, "GET", "/recovery-plans/rp-none")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("PlanNotFound: ")
    deleted = run_page(api, tmp_path, "DELETE", f"/recovery-plans/{plan_id}")
    assert (deleted.returncode, deleted.stdout) == (0, "null\n"), deleted


@pytest.mark.proof
def test_a_client_is_generated_without_a_warning_and_reads_a_plan_and_an_error(
    api: ApiHttpServer, plan_id: str, product: Product, tmp_path: Path
) -> None:
    assert (CHECKS / "openapi-python-client").exists(), "make proofs installs it"
    command = block_with("openapi-python-client generate").text.replace("build/client", str(tmp_path))
    made = run(api, "bash", "-c", command, folder=ROOT, PATH=f"{CHECKS}:{os.environ['PATH']}")
    assert made.returncode == 0, made
    assert not re.search("warning|error|unable|cannot", made.stdout + made.stderr, re.IGNORECASE), made.stdout

    (tmp_path / "read.py").write_text(block_with("httpx.Auth").text)
    python = str(CHECKS / "python")
    read = run(api, python, "read.py", plan_id, folder=tmp_path, PYTHONPATH=str(tmp_path))
    name = product.request("GET", f"/recovery-plans/{plan_id}").body["name"]
    assert read.stdout == f"{name} ['database']\n", read
    missing = run(api, python, "read.py", "rp-none", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("PlanNotFound: ")
