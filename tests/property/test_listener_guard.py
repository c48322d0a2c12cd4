"""What a listener on this machine refuses, whatever else a request says."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loopback import guard

PORT, SECRET = 4566, "s3cr3t" * 5
HOSTS = guard.list_hosts(PORT)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)
HARMLESS = st.lists(
    st.tuples(st.sampled_from(["Accept", "Content-Type", "Authorization", "User-Agent", "Referer"]), TEXTS), max_size=5
)
OUR_HOSTS = st.sampled_from(sorted(HOSTS))
OUR_SITES = st.sampled_from([[], [("Sec-Fetch-Site", "none")], [("sec-fetch-site", "same-origin")]])


def in_any_case(name: str) -> st.SearchStrategy[str]:
    return st.lists(st.booleans(), min_size=len(name), max_size=len(name)).map(
        lambda upper: "".join(c.upper() if up else c.lower() for c, up in zip(name, upper, strict=True))
    )


@st.composite
def requests_of_ours(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """A request that a program of ours sends, its headers in any order and case."""
    host = draw(OUR_HOSTS)
    token = draw(st.sampled_from([SECRET, guard.issue_token(SECRET)]))
    origin = draw(st.sampled_from([[], [("Origin", f"http://{host}")]]))
    own = [(draw(in_any_case("Host")), host), (draw(in_any_case(guard.SECRET_HEADER)), token)]
    headers = draw(st.permutations([*own, *draw(HARMLESS), *origin, *draw(OUR_SITES)]))
    return draw(METHODS), headers


def refused(method: str, headers: list[tuple[str, str]]) -> str | None:
    return guard.find_refusal(method, headers, HOSTS, SECRET)


def without(headers: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    return [line for line in headers if line[0].lower() != name.lower()]


@settings(max_examples=300)
@given(requests_of_ours())
def test_a_program_with_the_secret_is_answered(request: tuple[str, list[tuple[str, str]]]) -> None:
    assert refused(*request) is None


@settings(max_examples=300)
@given(requests_of_ours(), TEXTS)
def test_a_page_of_another_origin_is_refused(request: tuple[str, list[tuple[str, str]]], origin: str) -> None:
    method, headers = request
    assume(origin.strip().lower() not in {f"http://{host}" for host in HOSTS})
    assert "web pages" in str(refused(method, [*headers, ("Origin", origin)]))


@settings(max_examples=300)
@given(requests_of_ours(), st.sampled_from(["cross-site", "same-site", "CROSS-SITE", ""]) | TEXTS)
def test_a_page_of_another_site_is_refused(request: tuple[str, list[tuple[str, str]]], site: str) -> None:
    method, headers = request
    assume(site.strip().lower() not in guard.SITES_OF_OUR_OWN)
    assert "web pages" in str(refused(method, [*headers, ("Sec-Fetch-Site", site)]))


NAMES = st.sampled_from(["attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example", "10.0.0.1"])
FOREIGN_HOSTS = st.builds("{}:{}".format, NAMES, st.sampled_from([PORT, 80, PORT + 1])) | NAMES | TEXTS
OTHER_PORTS = st.builds("{}:{}".format, st.sampled_from(["127.0.0.1", "localhost"]), st.integers(1, 65535))


@settings(max_examples=300)
@given(requests_of_ours(), st.lists(FOREIGN_HOSTS | OTHER_PORTS, max_size=3))
def test_only_one_host_header_with_an_address_of_ours_is_answered(
    request: tuple[str, list[tuple[str, str]]], hosts: list[str]
) -> None:
    method, headers = request
    assume(len(hosts) != 1 or hosts[0].strip().lower() not in HOSTS)
    reason = str(refused(method, [*without(headers, "Host"), *(("Host", host) for host in hosts)]))
    assert all(host in reason for host in HOSTS)


@settings(max_examples=300)
@given(requests_of_ours(), st.lists(TEXTS, max_size=2))
def test_without_the_secret_a_request_is_refused_and_told_where_it_is(
    request: tuple[str, list[tuple[str, str]]], tokens: list[str]
) -> None:
    method, headers = request
    assume(tokens != [SECRET])
    stranger = [*without(headers, guard.SECRET_HEADER), *((guard.SECRET_HEADER, token) for token in tokens)]
    assert ".env" in str(refused(method, stranger))
    assert guard.find_refusal(method, stranger, HOSTS) is None  # a listener without a secret answers it


@given(requests_of_ours(), in_any_case("OPTIONS"))
def test_no_preflight_is_answered(request: tuple[str, list[tuple[str, str]]], method: str) -> None:
    assert "OPTIONS" in str(refused(method, request[1]))


@given(st.integers(0, 95), st.characters(codec="ascii", categories=["L", "N"]), st.text(min_size=1))
def test_a_token_is_trusted_by_its_own_listener_and_only_whole(place: int, other: str, secret: str) -> None:
    token = guard.issue_token(SECRET)
    assert guard.is_trusted(token, SECRET)
    assert secret == SECRET or not guard.is_trusted(token, secret)
    changed = token[:place] + other + token[place + 1 :]
    assert changed == token or not guard.is_trusted(changed, SECRET)
    assert not guard.is_trusted(token[:place], SECRET)
    assert SECRET not in token


def test_secrets_differ_and_are_long() -> None:
    made = {guard.make_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {40}


def test_a_listener_on_the_port_of_http_is_named_without_it_too() -> None:
    assert guard.list_hosts(80) >= {"localhost", "127.0.0.1", "localhost:80"}
    assert guard.list_hosts(4567, "::1") >= {"[::1]:4567", "localhost:4567"}
