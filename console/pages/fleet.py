"""The page of accounts and Regions, and the dialog that syncs the cache of recovery instances."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.listings.drills import describe_prices
from console.deployment import Deployment
from console.forms import read_form, require_writable
from console.pages.parts import answer_done
from console.pages.run_list import MAX_AGE_OF_PLANS, list_plans
from console.reading import fleet
from console.refusals import ShownError
from console.render import Live, render
from console.sending import NotDone, submit
from console.topics import max_age, read_topic

TOPIC = "fleet"
# How old launch settings may be, in real seconds.
MAX_AGE_OF_SETTINGS = 60.0


def show_fleet(request: Request) -> Response:
    """Each account and Region with its capacity, its circuit and its sync, and the drills that still run."""
    deployment: Deployment = request.app.state.deployment
    snapshot = read_topic(deployment, TOPIC)
    value = snapshot.value
    drills = value["drills"] or ()
    names = dict(deployment.snapshot("plans", list_plans, MAX_AGE_OF_PLANS).value) if drills else {}
    rows = fleet.list_drills(drills, names)
    every = max_age(deployment, TOPIC)
    return render(
        request,
        "fleet.html.j2",
        "Fleet",
        Live(TOPIC, snapshot, every),
        every=every,
        targets=fleet.list_targets(value),
        accounts_without_regions=[each for each in value["accounts"] if not each["regions"]],
        circuit_words=fleet.describe_circuit,
        sync=value["sync"],
        drills=rows,
        drills_known=value["drills"] is not None,
        unread=(value["prices"] or {}).get("unread", ()),
        by_hour=sum(row.by_hour for row in rows),
        so_far=sum(row.so_far for row in rows),
        instances=sum(row.instances for row in rows),
        until=(value["prices"] or {}).get("at"),
        prices=describe_prices(drills, value["prices"]) if drills else "",
        problems=value["problems"],
    )


def show_settings(request: Request) -> Response:
    """The launch settings that runs have changed and not put back: a part of the page, for it takes longer."""
    deployment: Deployment = request.app.state.deployment
    found = deployment.snapshot("changed-settings", fleet.read_changed_settings, MAX_AGE_OF_SETTINGS)
    return render(request, "fleet_settings.html.j2", "", trouble=found.trouble, **found.value)


def show_sync(request: Request) -> Response:
    """The dialog that starts a sync."""
    require_writable(request.app.state.deployment)
    return _show_sync(request, repeat.make_key())


async def sync(request: Request) -> Response:
    """Start a sync."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    lost = "It may have been started. While a sync is on, no second one starts."
    try:
        await submit(deployment.api, "/drs/recovery-instance-sync", None, fields.get("key", ""), lost)
    except NotDone as failed:
        return _show_sync(request, failed.key, failed.shown)
    deployment.snapshots.forget(TOPIC)
    return answer_done("A sync is on. This page shows its result when it ends.")


def _show_sync(request: Request, key: str, error: ShownError | None = None) -> Response:
    return render(request, "fleet_sync.html.j2", "", status=error.status if error else 200, key=key, error=error)


ROUTES = [
    Route("/fleet", show_fleet),
    Route("/fleet/settings", show_settings),
    Route("/fleet/sync", show_sync),
    Route("/fleet/sync", sync, methods=["POST"]),
]
