"""Patches of API Gateway."""

import urllib.error
import urllib.request

import pytest

from loopback.guard import SECRET_HEADER
from tests.support.ministack import SECRET, MiniStack


@pytest.mark.parametrize(("engine_name", "status"), [("patched", 200), ("unpatched", 403)])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_any_method_of_an_api_is_answered(
    engine_name: str, status: int, method: str, request: pytest.FixtureRequest
) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
    url = f"{engine.url}/restapis/{engine.outputs['Api']}/v1/_user_request_/plans/shop"
    answered, text = call(method, url)
    assert answered == status
    if status == 200:
        assert text == method


def test_an_api_refuses_in_the_words_of_its_document(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine, refused in (
        (patched, (404, "no way")),
        (unpatched, (403, '{"message":"Missing Authentication Token"}')),
    ):
        root = f"{engine.url}/restapis/{engine.outputs['Api']}/v1/_user_request_/"
        assert call("GET", root) == refused


def call(method: str, url: str) -> tuple[int, str]:
    try:
        request = urllib.request.Request(url, headers={SECRET_HEADER: SECRET}, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
