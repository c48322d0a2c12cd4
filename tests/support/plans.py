"""Builds waves and plans with new source servers."""

from typing import Any

from tests.support.product import Product


def make_wave(product: Product, name: str = "web", count: int = 1, **more: Any) -> dict[str, Any]:
    """A wave with `count` new servers."""
    return {"name": name, "groups": [product.group(product.seed(count, prefix=name))], **more}


def make_failing_wave(product: Product, name: str, **more: Any) -> dict[str, Any]:
    """A wave with one server that cannot be launched and one that can."""
    servers = product.seed(1, prefix="bad", failsAt="LAUNCH") + product.seed(1, prefix="good")
    return {"name": name, "groups": [product.group(servers)], **more}


def make_plan(product: Product, count: int = 3, **more: Any) -> str:
    """The id of a plan of one wave with `count` servers; `more` describes the servers."""
    return product.plan({"name": "web", "groups": [product.group(product.seed(count, **more))]})
