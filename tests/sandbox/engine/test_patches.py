"""The list of patches, and how to leave one out."""

import os
import sys
from pathlib import Path

from sandbox.engine import WITHOUT
from sandbox.engine.accelerators import ACCELERATORS
from sandbox.engine.defects import DEFECTS
from sandbox.processes import LeashedProcess
from tests.support.ministack import ROOT


def test_a_patch_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    environment = {**os.environ, WITHOUT: "gravity"}
    command = [sys.executable, "-m", "sandbox.engine"]
    with LeashedProcess("engine", command, log=tmp_path / "engine.log", env=environment, cwd=ROOT) as process:
        assert process.wait(60) == 1
        assert "there is no patch called gravity" in process.log_tail()


def test_every_patch_says_what_is_wrong_upstream_and_in_which_version() -> None:
    for patch in (*DEFECTS, *ACCELERATORS):
        assert "MiniStack" in (patch.__doc__ or ""), patch.name
    assert all((patch.seen_in or "").startswith("MiniStack ") for patch in DEFECTS)
    assert not any(patch.seen_in for patch in ACCELERATORS)
