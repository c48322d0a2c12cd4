"""Complete runs, plans and waves for the shell, by asking the API.

The shell waits meanwhile, and would show anything printed amid the command line. So the API has two seconds, and
whatever goes wrong offers nothing and prints nothing.
"""

import contextlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import typer

from cli.connection import CONNECTION_OPTIONS, choose_connection
from recovery.free_text import flatten

if TYPE_CHECKING:
    from cli.api_client import ApiClient

MAX_SECONDS = 2.0
# Runs that are offered: the newest. Plans: one page.
MAX_RUNS, MAX_PLANS = "50", "200"

Offer = tuple[str, str]
"""A word that the shell offers, and what some shells show beside it."""


def complete_run(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The ids of the newest runs, and `latest`."""
    offers = _ask(ctx, _list_runs)
    return _matching([("latest", "the newest drill or recovery"), *offers], incomplete) if offers else []


def complete_plan(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The names of the plans."""
    return _matching(_ask(ctx, _list_plans), incomplete)


def complete_wave(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The waves of the run that the command line names."""
    execution = ctx.params.get("execution")
    return _matching(_ask(ctx, lambda api: _list_waves(api, execution)), incomplete) if execution else []


def complete_action(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The actions of the run that the command line names, those that wait for people first."""
    execution = ctx.params.get("execution")
    return _matching(_ask(ctx, lambda api: _list_actions(api, execution)), incomplete) if execution else []


def complete_changed_server(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """The servers whose launch settings a run has changed."""
    return _matching(_ask(ctx, _list_changed_servers), incomplete)


def complete_place(ctx: typer.Context, incomplete: str) -> list[Offer]:
    """Each account and Region that accounts and groups name."""
    return _matching(_ask(ctx, _list_places), incomplete)


def _list_changed_servers(api: "ApiClient") -> Iterator[Offer]:
    from cli.profiles.reading import list_changed_settings, list_places

    for row in list_changed_settings(api, list_places(api)):
        yield row["sourceServerId"], f"{row['status']} by {row['executionId']}"


def _list_places(api: "ApiClient") -> Iterator[Offer]:
    from cli.profiles.reading import list_places

    for account_id, region in list_places(api):
        yield f"{account_id}/{region}", ""


def _list_actions(api: "ApiClient", execution: str) -> Iterator[Offer]:
    from cli.lookup.runs import find_run

    found = find_run(api, execution, plan_by_prefix=True)
    actions = api.get(f"/executions/{found.execution_id}")["actions"]
    for action in sorted(actions, key=lambda each: each["waitingFor"] is None):
        yield action["name"], action["status"]


def _list_runs(api: "ApiClient") -> Iterator[Offer]:
    for run in api.get("/executions", limit=MAX_RUNS)["executions"]:
        yield run["executionId"], flatten(f"{run['status']} {run['planName']}")


def _list_plans(api: "ApiClient") -> Iterator[Offer]:
    for plan in api.get("/recovery-plans", limit=MAX_PLANS)["recoveryPlans"]:
        yield flatten(plan["name"]), plan["planId"]


def _list_waves(api: "ApiClient", execution: str) -> Iterator[Offer]:
    from cli.lookup.runs import find_run

    found = find_run(api, execution, plan_by_prefix=True)
    for wave in api.get(f"/executions/{found.execution_id}")["waves"]:
        yield wave["name"], wave["status"]


def _matching(offers: Iterable[Offer], incomplete: str) -> list[Offer]:
    return [offer for offer in offers if offer[0].startswith(incomplete)]


def _ask(ctx: typer.Context, read: "Callable[[ApiClient], Iterable[Offer]]") -> list[Offer]:
    """What the API answers within `MAX_SECONDS`; nothing if that fails."""
    offers: list[Offer] = []

    def ask() -> None:
        with contextlib.suppress(BaseException):  # of whatever kind: the shell must not show it
            given = {name: ctx.params.get(name) for name in CONNECTION_OPTIONS}
            api = choose_connection(**{**given, "sandbox": bool(given["sandbox"])}).open_api()  # type: ignore[arg-type]
            offers.extend(read(api))

    thread = threading.Thread(target=ask, daemon=True)
    with contextlib.redirect_stderr(io.StringIO()):
        thread.start()
        thread.join(MAX_SECONDS)
    return [] if thread.is_alive() else offers
