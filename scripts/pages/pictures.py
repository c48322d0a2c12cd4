#!/usr/bin/env python3
"""Makes docs/pictures/console-*.png, the pictures of the console, from the sandbox that runs.

    make sandbox             # in another terminal
    make console-pictures

It gives the plan of examples/three-tier.yaml, whose servers the sandbox has, a drill policy, and drills it. Then it
applies examples/approval.yaml, drills it until the web servers wait for their approval, takes the pictures, and cancels
the drill. It needs Chromium: scripts/install_browser.sh installs it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES, PLAN_FILE, PLAN = ROOT / "docs" / "pictures", ROOT / "examples" / "approval.yaml", "shop-with-approval"
DRILLED_FILE, DRILLED = ROOT / "examples" / "three-tier.yaml", "three-tier"
POLICY = "  drillPolicy: {everyDays: 90, timezone: Europe/Berlin}\n"
COMMAND = str(Path(sys.executable).with_name("drs-waves"))
SIZE = {"width": 1240, "height": 830}
MAX_BYTES = 150_000
# A drill of the example waits for its approval after some minutes of the sandbox's time.
MAX_WAIT_SECONDS = 300


def call(*words: str) -> Any:
    """What a command prints as JSON."""
    done = subprocess.run([COMMAND, *words, "--sandbox"], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done.stdout


@contextmanager
def console() -> Iterator[str]:
    """The address of a console, on any free port."""
    command = [COMMAND, "console", "--sandbox", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = process.stdout or sys.exit("The console prints nothing.")
    try:
        yield str(json.loads("".join(output.readline() for _ in range(3)))["address"])
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for_approval(run: str) -> None:
    """Until the record says that a wave waits. Raise SystemExit after a while."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not any(wait["for"] == "APPROVAL" for wait in call("get", f"/executions/{run}")["waitingFor"]):
        if time.monotonic() > deadline:
            sys.exit(f"{run} does not wait for an approval. What does it do? drs-waves status {run} --sandbox")
        time.sleep(1)


def take(page: Page, address: str, name: str) -> None:
    """A picture of the upper part of the page, once it is live."""
    page.goto(address)
    page.locator("#freshness", has_text="Live").wait_for()
    page.wait_for_timeout(1500)  # parts that the page loads by themselves
    target = PICTURES / f"console-{name}.png"
    page.screenshot(path=target)
    shrink(target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


def shrink(picture: Path) -> None:
    """Fewer colours make a page of text a third as large. Raise SystemExit if it is still too large."""
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "--skip-if-larger", "128", picture], check=False)
    if picture.stat().st_size > MAX_BYTES:
        sys.exit(f"{picture} has {picture.stat().st_size:,} bytes, more than {MAX_BYTES:,}. Install pngquant.")


def main() -> None:
    """Make the four pictures."""
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("There is no Chromium. scripts/install_browser.sh installs it.")
    with tempfile.TemporaryDirectory() as folder:
        drilled = Path(folder, "drilled.yaml")
        drilled.write_text(DRILLED_FILE.read_text().replace("\n  waves:\n", f"\n{POLICY}  waves:\n", 1))
        for file in (drilled, PLAN_FILE):
            words = [COMMAND, "plan", "apply", str(file), "--yes", "--sandbox"]
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([COMMAND, "run", DRILLED, "--sandbox"], check=True, stdout=subprocess.DEVNULL)
    (plan,) = [each for each in call("get", "/recovery-plans")["recoveryPlans"] if each["name"] == PLAN]
    run = str(call("run", PLAN, "--no-wait", "--json")["executionId"])
    try:
        wait_for_approval(run)
        with console() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
            page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()  # type: ignore[arg-type]
            base = address.split("/enter", 1)[0]
            page.goto(address)
            take(page, f"{base}/", "overview")
            take(page, f"{base}/runs/{run}", "run")
            take(page, f"{base}/plans/{plan['planId']}", "plan")
            take(page, f"{base}/compliance", "compliance")
            browser.close()
    finally:
        subprocess.run([COMMAND, "cancel", run, "--sandbox"], check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
