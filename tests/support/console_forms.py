"""Forms in the dialogs of the console, as a browser sends them."""

import html
import json
import re

from tests.support.console_server import Page, ServedConsole


def hidden_fields(page: Page) -> dict[str, str]:
    """The hidden fields of the form, without the token, which `ServedConsole.post` adds."""
    found = re.findall(r'<input type="hidden" name="([a-z]+)" value="([^"]*)">', page.text)
    assert found, page
    return {name: html.unescape(value) for name, value in found if name != "token"}


def press(console: ServedConsole, path: str, **typed: str) -> Page:
    """Open the dialog at this path, type into its form, and press its button."""
    dialog = console.get(path, **{"HX-Request": "true"})
    assert dialog.status == 200, dialog
    return console.post(path, {**hidden_fields(dialog), **typed})


def notice_of(page: Page) -> str:
    """What the page says after a form was answered."""
    assert page.status == 200, page
    text: str = json.loads(page.headers["hx-trigger"])["notice"]["text"]
    return text


def buttons_of(page: Page) -> list[str]:
    """The words of the buttons that open dialogs."""
    return [html.unescape(words) for words in re.findall(r'aria-haspopup="dialog">([^<]*)</button>', page.text)]


def text_of(page: Page) -> str:
    """The text of a page or a dialog, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.text)).split())
