"""Single keys lead from page to page, and stay out of the way of who types or has turned them off."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import Person
from tests.support.foreign_page import NEEDS_CHROMIUM

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]


def test_g_and_a_letter_lead_to_each_page_that_the_dialog_of_the_keys_names(person: Person) -> None:
    tab = person.open("/fleet")
    for letter, path in (("o", "/"), ("r", "/runs"), ("c", "/compliance"), ("p", "/reports"), ("f", "/fleet")):
        tab.keyboard.press("?")
        expect(tab.locator("#keys")).to_be_visible()
        expect(tab.locator(f"#keys [data-key={letter}]")).to_have_attribute("data-target", path)
        tab.keyboard.press("Escape")
        expect(tab.locator("#keys")).to_be_hidden()
        tab.keyboard.press("g")
        tab.keyboard.press(letter)
        expect(tab).to_have_url(f"{person.origin}{path}")
        tab.wait_for_load_state()  # the scripts of the next page


def test_keys_do_nothing_in_a_dialog_or_with_control(person: Person) -> None:
    tab = person.open("/fleet")
    tab.keyboard.press("?")
    tab.keyboard.press("g")
    tab.keyboard.press("o")
    expect(tab.locator("#keys")).to_be_visible()
    tab.keyboard.press("Escape")
    tab.keyboard.press("g")
    tab.keyboard.press("Control+o")
    tab.keyboard.press("o")
    expect(tab).to_have_url(f"{person.origin}/fleet")


def test_who_turns_the_keys_off_finds_them_off_on_the_next_page(person: Person) -> None:
    tab = person.open("/fleet")
    tab.locator("#keys-button").click()
    tab.get_by_label("Use these keys in this browser").uncheck()
    tab.locator("#keys-close").click()
    expect(tab.locator("#keys-button")).to_be_focused()
    tab.goto(f"{person.origin}/runs")
    tab.keyboard.press("?")
    tab.keyboard.press("g")
    tab.keyboard.press("o")
    expect(tab.locator("#keys")).to_be_hidden()
    expect(tab).to_have_url(re.compile("/runs$"))


def test_the_head_shows_the_simulated_time_go_on(person: Person) -> None:
    tab = person.open("/fleet")
    expect(tab.locator(".place")).to_contain_text("Sandbox")
    expect(tab.locator(".clock")).to_contain_text("simulated")
    shown = tab.locator("#clock").inner_text()
    expect(tab.locator("#clock")).not_to_have_text(shown)
