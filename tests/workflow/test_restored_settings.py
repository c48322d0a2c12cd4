"""What a run has changed of launch settings is put back, whatever becomes of the run."""

import pytest

from tests.support.changed_settings import (
    change_settings,
    read_settings,
    restore,
    rows_left,
    template_of,
    versions_of,
    wait_for_restores,
)
from tests.support.product import Product
from tests.support.runs import decide, launching_run


def one_wave(product: Product, servers: int = 2) -> tuple[list[str], str]:
    """Servers, and the id of a plan that launches them in one wave."""
    ids = product.seed(servers)
    return ids, product.plan({"name": "web", "groups": [product.group(ids)]})


def sync(product: Product) -> None:
    """Run the scheduled sync of the cache, as every five minutes."""
    product.engine.run(product.engine.machine_arn("sync-cache"), {})


@pytest.mark.speed(120)
def test_after_a_drill_the_settings_are_those_before_byte_for_byte(product: Product) -> None:
    servers, plan = one_wave(product)
    before = {server_id: read_settings(product, server_id) for server_id in servers}
    with launching_run(product, plan) as run:
        for server_id in servers:
            change_settings(product, server_id, run)
        assert {server_id: read_settings(product, server_id) for server_id in servers} != before
    product.finish(run)
    assert "SUCCEEDED" in wait_for_restores(product)
    assert {server_id: read_settings(product, server_id) for server_id in servers} == before
    assert rows_left(product) == []
    for server_id in servers:
        assert len(versions_of(product, template_of(product, server_id))) == 1, "the run's version is deleted"
