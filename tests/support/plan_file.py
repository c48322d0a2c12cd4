"""A small plan file, and what is found wrong with one."""

import re
from pathlib import Path

import pytest

from cli.plans.check import read_plan_file
from cli.plans.document import PlanFileError

FILE = """\
targetAccounts:
  - accountId: '111122223333'
    roleArn: arn:aws:iam::111122223333:role/drs-waves-target
    regions: [us-west-2]
protectionGroups:
  - name: payroll-db
    accountId: '111122223333'
    region: us-west-2
    sourceServers: [db-01]
  - name: payroll-app
    accountId: '111122223333'
    region: us-west-2
    tags: {app: payroll}
recoveryPlan:
  name: Payroll
  waves:
    - name: database
      groups: [payroll-db]
    - name: app
      groups: [payroll-app]
sandbox:
  sourceServers:
    - accountId: '111122223333'
      region: us-west-2
      hostname: db-{n:02}
      count: 2
      os: Ubuntu 24.04
      cpus: 4
      ramGiB: 16
      disksGiB: [100]
      tags: {app: payroll}
"""
# What pydantic and PyYAML say, and names of our classes.
LIBRARY = re.compile(
    "input|valid (string|dict|list|int|bool|number)|instance of|Value error|permitted|String should|Field required|"
    "Request|Wave[A-Z]|File[A-Z]|Sandbox[A-Z]|block mapping|token|while (scanning|parsing)|delimiter|scalar",
)


def mistakes(tmp_path: Path, text: str, name: str = "plan.yaml") -> list[str]:
    """The lines of a file with this text, without its path: plain words, and at least one."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PlanFileError) as wrong:
        read_plan_file(path)
    lines = [line.removeprefix(f"{path}:") for line in wrong.value.lines()]
    assert not [line for line in lines if LIBRARY.search(line)]
    return lines
