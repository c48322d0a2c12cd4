"""The HTTP servers of the tests, too, refuse web pages of other sites and foreign host names."""

import http.client
from typing import Any, cast

import pytest

from tests.support.api_http_server import ApiHttpServer
from tests.support.lossy_proxy import Loss, LossyProxy
from tests.support.product import Product


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "foreign", [{"Origin": "https://attacker.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "attacker.example"}]
)
def test_a_foreign_request_reaches_neither_the_api_nor_the_proxy(method: str, foreign: dict[str, str]) -> None:
    no_product = cast(Product, None)  # a request that reached it would fail
    with ApiHttpServer(no_product) as api, LossyProxy(api.url, "", [Loss.CUT_BEFORE], method) as proxy:
        for url in (api.url, proxy.url):
            assert send(url, method, foreign) == 403
        assert api.seen == []
        assert proxy.losses == [Loss.CUT_BEFORE]


def send(url: str, method: str, headers: dict[str, Any]) -> int:
    host = url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, "/v1/executions", None if method == "GET" else "{}", headers)
    status = connection.getresponse().status
    connection.close()
    return status
