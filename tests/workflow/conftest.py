"""The product on moto, created anew for each test."""

from collections.abc import Iterator

import pytest

from tests.support.product import REAL_DURATIONS, SHORT_DURATIONS, Product


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "speed(n): run the product at this speed; slower for tests with many servers")
    real = "real_durations: let DRS jobs take as long as on AWS, for a test that acts while one runs"
    config.addinivalue_line("markers", real)
    config.addinivalue_line("markers", "evidence: let the end of each run start keep-evidence")


@pytest.fixture
def product(request: pytest.FixtureRequest) -> Iterator[Product]:
    """Run at 600 times real time: a drill of four minutes takes 0.4 s.

    A hundred servers take moto a second of work, which is ten simulated minutes. A test with many servers is marked
    with a lower speed, so that leases do not expire while moto works.
    """
    speed = request.node.get_closest_marker("speed")
    durations = REAL_DURATIONS if request.node.get_closest_marker("real_durations") else SHORT_DURATIONS
    keeps_evidence = request.node.get_closest_marker("evidence") is not None
    with Product(speed.args[0] if speed else 600, durations, keeps_evidence=keeps_evidence) as running:
        yield running
