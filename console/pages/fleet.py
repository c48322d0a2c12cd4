"""The page of accounts and Regions, and the dialog that syncs the cache of recovery instances."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.listings.drills import describe_prices
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost
from console.deployment import Deployment
from console.forms import read_form
from console.pages.decisions import choose_key
from console.reading import fleet
from console.refusals import ShownError, describe_error
from console.render import Live, render
from console.sending import send
from console.topics import max_age, read_topic

TOPIC = "fleet"
# How old launch settings and names of plans may be, in real seconds.
MAX_AGE_OF_SETTINGS = 60.0


def show_fleet(request: Request) -> Response:
    """Each account and Region with its capacity, its circuit and its sync, and the drills that still run."""
    deployment: Deployment = request.app.state.deployment
    snapshot = read_topic(deployment, TOPIC)
    value = snapshot.value
    drills = value["drills"] or ()
    names = deployment.snapshot("plan-names", fleet.list_plan_names, MAX_AGE_OF_SETTINGS).value if drills else {}
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
    if request.app.state.deployment.read_only:
        raise HTTPException(403, "This console was started with --read-only: it changes nothing.")
    return _show_sync(request, repeat.make_key())


async def sync(request: Request) -> Response:
    """Start a sync."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    key = fields.get("key", "")
    try:
        await send(deployment.api, "/drs/recovery-instance-sync", None, key)
    except AnswerLost as error:
        lines = (*str(error).splitlines(), "It may have been started. While a sync is on, no second one starts.")
        return _show_sync(request, key, ShownError("No answer came", lines, 504))
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return _show_sync(request, choose_key(key, error), describe_error(error))
    deployment.snapshots.forget(TOPIC)
    notice = {"notice": {"text": "A sync is on. The page shows its result when it has ended."}}
    return Response(status_code=204, headers={"HX-Trigger": json.dumps(notice)})


def _show_sync(request: Request, key: str, error: ShownError | None = None) -> Response:
    return render(request, "fleet_sync.html.j2", "", status=error.status if error else 200, key=key, error=error)


ROUTES = [
    Route("/fleet", show_fleet),
    Route("/fleet/settings", show_settings),
    Route("/fleet/sync", show_sync),
    Route("/fleet/sync", sync, methods=["POST"]),
]
