"""Print the page of a report as PDF, with a browser of this machine and without a network."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSER_VARIABLE = "DRS_WAVES_BROWSER"
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
# Where installers of macOS and Windows put them, which is on no PATH.
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
TIMEOUT_SECONDS = 180


class NotPrinted(Exception):
    """There is no browser, or it has printed nothing. The message says what to do."""


def find_browser() -> str:
    """The path of a browser that can print. Raise NotPrinted."""
    if chosen := os.environ.get(BROWSER_VARIABLE):
        if found := shutil.which(chosen):
            return found
        raise NotPrinted(f"{BROWSER_VARIABLE} is {chosen!r}, and there is no such program.")
    for name in (*BROWSERS, *PLACES):
        if found := shutil.which(name):
            return found
    raise NotPrinted(
        "A PDF is printed by Chromium, Chrome or Edge, and none is here: install one, set "
        f"{BROWSER_VARIABLE} to its path, or print report.html with the browser that you have."
    )


def print_pdf(page: Path, pdf: Path) -> Path:
    """Print the page of a report, and return the path of the PDF. Raise NotPrinted.

    The browser starts with an empty profile, and resolves no name: the page loads nothing anyway.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="drs-waves-pdf-") as profile:
        draft = Path(profile) / pdf.name
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-extensions",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={draft}",
            page.resolve().as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # Chromium refuses to sandbox as root
            command.insert(1, "--no-sandbox")
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotPrinted(f"{browser} could not print {page.name}: {error}") from error
        if run.returncode or not draft.is_file() or not draft.stat().st_size:
            last = run.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise NotPrinted(f"{browser} could not print {page.name}: {last[0][:300]}")
        shutil.copyfile(draft, pdf)
    return pdf
