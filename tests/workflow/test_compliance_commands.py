"""`drs-waves compliance` as its readers see it, and what operators are told every hour and every week."""

import csv
import html
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.support.api_http_server import ApiHttpServer
from tests.support.drill_schedules import look, make_scheduled
from tests.support.drilled_plans import record, set_policy, start_with
from tests.support.fault_injection import killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.instance_cache import sync
from tests.support.product import ANA, WEST, Product
from tests.support.time_travel import pass_hours


@pytest.fixture
def api_server(product: Product, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiHttpServer]:
    for name in ("DRS_WAVES_API_URL", "DRS_WAVES_STACK", "DRS_WAVES_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    with ApiHttpServer(product) as opened:
        yield opened


def run(api_server: ApiHttpServer, *words: str, status: int = 0) -> Result:
    words = ("compliance", *words, "--api-url", api_server.url, "--region", WEST)
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == status, result.output
    return result


def make_plan(product: Product, name: str = "shop", **rules: Any) -> str:
    group = product.group(product.seed(2, prefix=name[:3]), name="databases")
    plan = product.plan({"name": "db", "groups": [group]}, name=name, before=[{"name": "w", "wait": {"minutes": 1}}])
    set_policy(product, plan, **rules)
    return plan


def test_the_table_shows_the_worst_first_says_why_and_ends_with_1_if_a_plan_is_overdue(
    product: Product, api_server: ApiHttpServer
) -> None:
    record(product, product.drill(make_plan(product, "fine"))["executionId"])
    late = make_plan(product, "late", every_days=2)
    run_id = start_with(product, late, actions="skip")["executionId"]
    record(product, run_id)
    run(api_server, "fine")
    pass_hours(product, 30 * 24)
    lines = run(api_server, status=1).stdout.splitlines()
    assert lines[0].split() == ["plan", "standing", "deadline", "(UTC)", "last", "that", "counts", "servers"]
    assert lines[1].startswith("late")
    assert "overdue" in lines[1]
    assert f"The last drill, {run_id}, does not count. The actions of its plan were left out." in " ".join(lines)
    run(api_server, "late", status=1)


def test_servers_groups_and_servers_without_a_plan_are_listed(product: Product, api_server: ApiHttpServer) -> None:
    plan = make_plan(product)
    product.seed(1, prefix="free")
    sync(product)
    shown = run(api_server).output
    assert "1 server replicates and is in no plan: drs-waves compliance --unplanned" in shown
    servers = run(api_server, "shop", "--servers").stdout
    assert len(re.findall("sho-00[12] +never drilled", servers)) == 2
    assert re.search(r"databases +shop +\d{12} +us-west-2 +never drilled +0/2 +yes", run(api_server, "--groups").stdout)
    assert "free-001" in run(api_server, "--unplanned").stdout
    (listed,) = json.loads(run(api_server, "--json").stdout)["plans"]
    assert (listed["planId"], listed["status"]) == (plan, "NEVER_DRILLED")


def test_an_overdue_plan_says_why_and_what_to_do(product: Product, api_server: ApiHttpServer, tmp_path: Path) -> None:
    plan = make_scheduled(product, name="shop")
    body = {"comment": "frozen until Monday"}
    assert product.request("POST", f"/recovery-plans/{plan}/drill-schedule/pause", body).status == 200
    pass_hours(product, 30)
    look(product)
    reason = f"was missed: the schedule was paused by {ANA}: frozen until Monday."
    commands = (f"To go on: drs-waves schedule resume {plan}", f"To drill it: drs-waves run {plan}")
    files = "--csv", str(tmp_path / "plans.csv"), "--html", str(tmp_path / "page.html")
    run(api_server, *files, status=1)
    (row,) = csv.DictReader((tmp_path / "plans.csv").read_text().splitlines())
    assert (row["lastAppointment.status"], row["pause.by"]) == ("MISSED", ANA)
    for shown in (run(api_server, status=1).output, row["notes"], (tmp_path / "page.html").read_text()):
        text = " ".join(shown.split())
        assert reason in text
        assert all(command in text for command in commands)


def test_a_plan_that_is_changed_after_its_drill_is_due_soon_and_stale(
    product: Product, api_server: ApiHttpServer
) -> None:
    plan = make_plan(product)
    product.finish(execution_id := product.start(plan))
    record(product, execution_id)
    (row,) = [row for row in product.items("RecoveryPlans") if row["planId"] == plan]
    product.put("RecoveryPlans", {**row, "launchAttempts": 1, "version": 2})
    assert re.search(r"shop +due soon, stale ", run(api_server).stdout)


def test_what_contradicts_itself_is_refused(product: Product, api_server: ApiHttpServer) -> None:
    make_plan(product)
    for words, says in (
        (("--servers", "--groups"), "give one of --servers, --groups and --unplanned"),
        (("shop", "--unplanned"), "leave out PLAN"),
        (("--json", "--output", "csv"), "not both"),
    ):
        assert says in run(api_server, *words, status=2).output
    assert "There is no plan 'nothing'" in run(api_server, "nothing", status=3).output


def test_a_csv_file_has_no_formulas_and_a_row_for_each_plan(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    make_plan(product, "=HYPERLINK(1)")
    run(api_server, "--csv", str(tmp_path / "plans.csv"))
    (row,) = csv.DictReader((tmp_path / "plans.csv").read_text().splitlines())
    assert row["planName"] == "'=HYPERLINK(1)"
    assert (row["status"], row["servers.total"], row["paused"]) == ("NEVER_DRILLED", "2", "false")
    assert "servers" not in row
    assert not any(value.startswith(("{", "[")) for value in row.values())


def test_the_page_loads_nothing_has_no_script_and_escapes_names(
    product: Product, api_server: ApiHttpServer, tmp_path: Path
) -> None:
    make_plan(product, "<script>alert(1)</script>")
    product.seed(1, prefix="free")
    sync(product)
    run(api_server, "--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert """content="default-src 'none'; style-src 'unsafe-inline'""" in page
    assert not re.search(r"(?:src|href)=|url\(|@import", page)
    assert "free-001" in page
    assert "never drilled" in page


# --- every hour and every week --------------------------------------------------------------------------------------
def judge(product: Product) -> dict[str, int]:
    answer: dict[str, int] = product.engine.invoke("JudgeCompliance", {"retries": 0})
    return answer


@pytest.fixture
def told() -> Iterator[tuple[Product, Inbox]]:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        yield product, Inbox(product)


def test_a_week_has_one_message_however_often_compliance_is_judged(told: tuple[Product, Inbox]) -> None:
    product, inbox = told
    assert judge(product) == {"plans": 0, "overdue": 0}
    assert inbox.of_kind("COMPLIANCE") == [], "nothing to say while no plan has a policy"
    plan = make_plan(product, every_days=2)
    for _ in range(3):
        assert judge(product) == {"plans": 1, "overdue": 0}
    (first,) = inbox.of_kind("COMPLIANCE")
    assert f"shop ({plan}): until " in first
    pass_hours(product, 7 * 24)
    for _ in range(3):
        assert judge(product) == {"plans": 1, "overdue": 1}
    first, second = inbox.of_kind("COMPLIANCE")
    assert f"Overdue: shop ({plan}): since " in second
    assert "A plan is overdue for a drill" in second


def test_a_week_without_news_has_a_message_of_one_line(told: tuple[Product, Inbox]) -> None:
    product, inbox = told
    plan = make_plan(product)
    record(product, product.drill(plan)["executionId"])
    judge(product)
    (message,) = inbox.of_kind("COMPLIANCE")
    assert "Result: the only plan with a drill policy is compliant" in message
    assert "Overdue" not in message


def test_a_message_that_could_not_be_sent_is_sent_by_the_next_look() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        make_plan(product)
        assert "NotFound" in json.dumps(judge(product)), "there is no topic yet"
        inbox = Inbox(product)
        judge(product)
        judge(product)
        assert len(inbox.of_kind("COMPLIANCE")) == 1


def test_each_plan_with_a_policy_has_metrics_and_the_stack_has_counts(
    product: Product, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = make_plan(product)
    product.plan({"name": "db", "groups": [product.group(product.seed(1, prefix="none"))]}, name="no policy")
    record(product, product.drill(plan)["executionId"])
    product.seed(1, prefix="free")
    sync(product)
    pass_hours(product, 48)
    capfd.readouterr()
    judge(product)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"DRS/Drills"' in line]
    (counts,) = [line for line in lines if "OverduePlans" in line]
    assert (counts["OverduePlans"], counts["UnplannedServers"]) == (0, 1)
    (of_plan,) = [line for line in lines if "Plan" in line]
    assert of_plan["Plan"] == plan
    assert 1.9 < of_plan["DaysSinceDrillThatCounts"] < 2.2
    assert 86 < of_plan["DaysUntilDrillDue"] < 89


def test_a_look_that_is_killed_before_the_message_of_the_week_is_followed_by_one_that_sends_it(
    told: tuple[Product, Inbox],
) -> None:
    product, inbox = told
    make_plan(product)
    with killed_after_change("JudgeCompliance", 1) as made, suppress(Exception):
        judge(product)
    assert made
    judge(product)
    assert inbox.of_kind("COMPLIANCE") == [], "the one before may be about to send it"
    for _ in range(3):
        pass_hours(product, 1)
        judge(product)
    assert len(inbox.of_kind("COMPLIANCE")) == 1
