"""What checks and actions of a plan need in their targets: looked for when the plan is written, and by readiness."""

from typing import Any

import pytest

from tests.support.product import EUROPE, HUB, WEST, Product

FREEZE = "Shop-FreezeWrites"


@pytest.fixture
def shop(product: Product) -> Product:
    """A target with an automation document and a command document of the shop."""
    control = product.emulator.control
    place = {"accountId": HUB, "region": WEST}
    steps = [{"name": "freeze", "seconds": 5}]
    parameters = ["Mode", {"name": "Hosts", "type": "StringList", "default": "all"}]
    control.add_document({**place, "name": FREEZE, "type": "Automation", "steps": steps, "parameters": parameters})
    control.add_document({**place, "name": "Shop-Smoke", "type": "Command", "parameters": []})
    return product


def write(product: Product, wave: dict[str, Any], prefix: str = "srv", **plan: Any) -> Any:
    """Send a plan with one wave of one group; return the answer."""
    group = product.group(product.seed(1, prefix=prefix))
    database = {"name": "database", "groups": [{"groupId": group}], **wave}
    return product.request("POST", "/recovery-plans", {"name": "shop", "waves": [database], **plan})


def freeze(document: str = FREEZE, **parameters: Any) -> dict[str, Any]:
    return {"name": "freeze", "ssmAutomation": {"document": document, "parameters": parameters}}


def problems(reply: Any) -> dict[str, str]:
    assert reply.status == 400, reply
    return {problem["field"]: problem["message"] for problem in reply.body["problems"]}


def test_a_plan_is_stored_if_its_targets_have_what_it_needs(shop: Product) -> None:
    steps = {
        "checks": ["boot", {"command": {"document": "Shop-Smoke"}}, {"tcp": {"port": 5432}}],
        "before": [freeze(Mode="{mode}")],
    }
    assert write(shop, steps).status == 201


def test_a_document_that_is_not_there_is_refused_with_its_field(shop: Product) -> None:
    found = problems(
        write(shop, {"checks": ["boot", {"command": {"document": "Shop-Smokee"}}]}, before=[freeze("Shop-F")])
    )
    assert found == {
        "before[0]": f"needs the automation document Shop-F, which is not in {HUB}/{WEST}",
        "waves[0].checks[1]": f"needs the command document Shop-Smokee, which is not in {HUB}/{WEST}",
    }


def test_a_document_of_the_other_type_is_refused(shop: Product) -> None:
    found = problems(write(shop, {"before": [freeze("Shop-Smoke")]}))
    assert "has the type Command, not Automation" in found["waves[0].before[0]"]


def test_parameters_that_a_document_does_not_have_or_needs_are_named(shop: Product) -> None:
    unknown = problems(write(shop, {"before": [freeze(Mode="drill", Hots="db")]}))
    assert unknown["waves[0].before[0]"] == f"{FREEZE} in {HUB}/{WEST} has no parameter Hots; it has Hosts, Mode"
    missing = problems(write(shop, {"before": [freeze()]}, prefix="other"))
    assert missing["waves[0].before[0]"] == f"{FREEZE} in {HUB}/{WEST} needs a value for Mode"


def test_a_function_that_is_not_there_is_refused(shop: Product) -> None:
    found = problems(write(shop, {"after": [{"name": "dns", "lambda": {"function": "shop-dns"}}]}))
    assert found == {"waves[0].after[0]": f"needs the function shop-dns, which is not in {HUB}/{WEST}"}


def test_an_action_of_a_wave_in_two_regions_has_to_say_where_it_acts(shop: Product) -> None:
    groups = [shop.group(shop.seed(1)), shop.group(shop.seed(1, region=EUROPE), region=EUROPE)]
    wave = {"name": "app", "groups": [{"groupId": each} for each in groups], "before": [freeze(Mode="x")]}
    found = problems(shop.request("POST", "/recovery-plans", {"name": "shop", "waves": [wave]}))
    assert "give accountId and region" in found["waves[0].before[0]"]
    wave["before"] = [{**freeze(Mode="x"), "accountId": HUB, "region": WEST}]
    assert shop.request("POST", "/recovery-plans", {"name": "shop", "waves": [wave]}).status == 201


def test_a_target_group_elsewhere_is_refused(shop: Product) -> None:
    # pragma: allowlist nextline secret
    arn = f"arn:aws:elasticloadbalancing:{EUROPE}:{HUB}:targetgroup/shop/0123456789abcdef"
    found = problems(write(shop, {"checks": [{"targetGroup": arn}]}))
    assert found == {"waves[0].checks[0]": f"is not in the account and Region of its servers: {HUB}/{WEST}"}


def test_what_the_role_does_not_permit_is_told_by_verify_and_by_readiness(shop: Product) -> None:
    reply = write(shop, {"before": [freeze(Mode="x")], "checks": ["boot"]})
    assert shop.request("POST", f"/target-accounts/{HUB}/verify").body["refusedSteps"] == []
    shop.emulator.control.add_fault({"kind": "ACCESS_DENIED", "service": "ssm", "operation": "DescribeDocument"})
    (refused,) = shop.request("POST", f"/target-accounts/{HUB}/verify").body["refusedSteps"]
    assert (refused["step"], refused["status"]) == (f"action freeze (automation {FREEZE})", "DENIED")
    assert "AutomationDocuments" in refused["advice"]
    # It is not there yet, but the plan is right: it can be stored.
    assert write(shop, {"before": [freeze(Mode="x")]}, prefix="other").status == 201
    record = shop.finish(shop.start(reply.body["planId"], "readiness"))
    assert record["status"] == "NOT_READY"
    assert f"wave database, action freeze (automation {FREEZE})" in record["reason"]
    assert "AutomationDocuments" in record["reason"]


def test_a_target_that_does_not_answer_holds_up_no_plan(shop: Product) -> None:
    shop.emulator.control.add_fault({"kind": "SERVER_ERROR", "service": "ssm", "operation": "DescribeDocument"})
    assert write(shop, {"before": [freeze(Mode="x")]}).status == 201
