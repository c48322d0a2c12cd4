"""The product on moto, made anew for each test."""

from collections.abc import Iterator

import pytest

from tests.support.product import Product


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "speed(n): run the product at this speed; slower for tests with many servers")


@pytest.fixture
def product(request: pytest.FixtureRequest) -> Iterator[Product]:
    """600 times speed: a drill of twenty minutes takes two seconds.

    A hundred servers are a second of work for moto, ten simulated minutes. A test with many is marked with a lower
    speed, lest leases run out while it works.
    """
    marker = request.node.get_closest_marker("speed")
    with Product(speed=marker.args[0] if marker else 600) as running:
        yield running
