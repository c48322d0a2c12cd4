"""What drs-waves advises people to do is possible."""

import re
from pathlib import Path

import pytest

from recovery import errors
from recovery.errors import DrsWavesError
from recovery.observability.retries_exhausted import PERSISTENT_ERROR_ADVICE
from tests.support.templates import CFN, resources

ROOT = CFN.parent
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DrsWavesError)]
ADVICE = [
    *((kind.__name__, kind.advice) for kind in KINDS),
    *((kind.__name__, advice) for kind, advice in PERSISTENT_ERROR_ADVICE.items()),
    *(
        (name, alarm["AlarmDescription"])
        for name, alarm in resources("AWS::CloudWatch::Alarm", "monitoring.yaml").items()
    ),
]
PAGES = sorted((ROOT / "docs").glob("*.md"))
# The quotas of jobs of DRS, which Service Quotas lists as not adjustable.
RAISING = re.compile(
    r"(ask|request|raise|increase|higher|larger)\b[^.|]*\bquotas?\b|\bquotas?\b[^.|]*\b(raised|increased)", re.I
)
OTHER_SERVICES = re.compile(r"IAM|EC2|Lambda|vCPU|not adjustable|cannot|does not raise", re.I)


@pytest.mark.parametrize(("name", "advice"), ADVICE, ids=[name for name, _ in ADVICE])
def test_no_advice_asks_for_a_quota_that_cannot_be_raised(name: str, advice: str) -> None:
    assert not RAISING.search(advice), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_asks_for_a_quota_of_drs_that_cannot_be_raised(page: Path) -> None:
    for line in page.read_text().splitlines():
        if RAISING.search(line):
            assert OTHER_SERVICES.search(line), line


def test_such_advice_would_be_found() -> None:
    assert RAISING.search("Nothing to do. Ask for a higher DRS quota if it happens often.")
    assert RAISING.search("Have the quota of jobs raised.")
    assert not RAISING.search("See which jobs hold the quota, and start again later.")
