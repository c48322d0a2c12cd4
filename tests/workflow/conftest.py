"""The product on moto, made anew for each test."""

from collections.abc import Iterator

import pytest

from tests.workflow.product import Product


@pytest.fixture
def product() -> Iterator[Product]:
    """600 times speed: a drill of twenty minutes takes two seconds."""
    with Product(speed=600) as running:
        yield running
