"""The dialogs that start readiness checks, drills and recoveries of a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.listings.cells import show_age
from cli.profiles.words import describe_groups
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost
from cli.run_client import start_body, start_path
from cli.run_preview import LaunchChoice, find_overlaps, find_replaced, preview_plan
from console.deployment import ID, Deployment
from console.forms import read_form
from console.pages.decisions import choose_key, describe_loss, require_writable
from console.pages.ids import require_id
from console.pages.parts import show_error_in_place
from console.reading.plan import read_groups
from console.refusals import ShownError, describe_error
from console.render import render
from console.sending import send
from console.snapshots import make_version
from recovery.free_text import flatten

MODES = ("readiness", "drill", "recovery")
ACTIONS, PROFILES = ("run", "skip", "verifyOnly"), ("apply", "skip")
# How old a preview may be: the dialog is opened anew after a refusal. In real seconds.
MAX_AGE_OF_PREVIEW = 15.0
_NOTHING = "Nothing was started."
_LOST_BEFORE = "That is of this press. The one before, whose answer was lost, may have started a run."
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form of a start says. `words` are those that a recovery or a replacement asks for."""

    point_in_time: str = ""
    actions: str = "run"
    profiles: str = "apply"
    reserve_capacity: bool = False
    replace_existing: bool = False
    words: str = ""

    @classmethod
    def from_form(cls, fields: Mapping[str, str]) -> "Typed":
        """Raise HTTPException for a choice that the form does not have."""
        typed = cls(
            fields.get("pointInTime", "").strip(),
            fields.get("actions", "run"),
            fields.get("launchProfiles", "apply"),
            fields.get("reserveCapacity") == "yes",
            fields.get("replaceExisting") == "yes",
            fields.get("words", ""),
        )
        if typed.actions not in ACTIONS or typed.profiles not in PROFILES:
            raise HTTPException(400, f"The form has a choice that there is not. {_NOTHING}")
        return typed

    @property
    def has_options(self) -> bool:
        """Whether it says more than a start without options."""
        return Typed(words=self.words) != self

    def to_body(self, mode: str) -> dict[str, Any] | None:
        """The body of the request: what is as by default is left out."""
        if mode == "readiness":
            return start_body(self.point_in_time or None)
        return start_body(
            self.point_in_time or None,
            self.replace_existing,
            self.actions if mode == "drill" and self.actions != "run" else None,
            self.profiles if self.profiles != "apply" else None,
            self.reserve_capacity,
        )

    def find_mistake(self, mode: str, plan_name: str) -> str | None:
        """What is wrong with the words that were typed; None if they are those that were asked for."""
        if self.replace_existing and mode != "readiness":
            wanted = f"replace {plan_name}"
            return None if _is_typed(self.words, wanted) else f"To replace existing instances, type exactly: {wanted}"
        if mode == "recovery" and not _is_typed(self.words, plan_name):
            return f"To start the recovery, type the plan's name exactly: {plan_name}"
        return None


def _is_typed(words: str, wanted: str) -> bool:
    """Whether these words are the wanted ones, which people see as one line."""
    return words in (wanted, flatten(wanted))


def show_start(request: Request) -> Response:
    """The dialog of a start, without its preview, which takes longer."""
    deployment: Deployment = request.app.state.deployment
    plan_id, mode = _read_path(request)
    require_writable(deployment)
    plan = deployment.api.get(f"/recovery-plans/{plan_id}")
    return _show(request, plan, mode, Typed(), repeat.make_key(), _mark_groups(deployment.api, plan))


def show_preview(request: Request) -> Response:
    """What the start would launch and replace, as a part of its dialog."""
    deployment: Deployment = request.app.state.deployment
    plan_id, mode = _read_path(request)
    if mode == "readiness":
        raise HTTPException(404, "A readiness check launches nothing.")
    try:
        plan = deployment.api.get(f"/recovery-plans/{plan_id}")
        groups = read_groups(deployment.api, plan)
        key = f"preview/{plan_id}/{plan['version']}/{_digest(groups)}/{mode}"
        preview = deployment.snapshot(key, lambda api: _preview(api, plan, mode), MAX_AGE_OF_PREVIEW).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:  # the form is of use without a preview
        return show_error_in_place(request, error)
    skipped = [("if skipped", lines)] if (lines := describe_groups(groups, mode, skips=True)) else []
    facts = [("environment", [deployment.environment]), *preview["facts"], *skipped]
    return render(request, "start_preview.html.j2", "", mode=mode, preview={**preview, "facts": facts})


def _preview(api: ApiClient, plan: Mapping[str, Any], mode: str) -> dict[str, Any]:
    found = preview_plan(api, plan, LaunchChoice(mode))
    replaced = find_replaced(api, found.servers)
    facts = [*found.facts(), *((name, [line]) for name, line in find_overlaps(api, found.servers, plan["name"]))]
    if replaced.unknown:
        facts.append(("unknown", [replaced.unknown]))
    readiness: dict[str, Any] = {"status": None}
    try:
        readiness = api.get(f"/recovery-plans/{plan['planId']}/readiness")
    except (ApiRefused, ApiUnreachable) as error:
        facts.append(("unknown", [f"its readiness: {str(error).splitlines()[0]}"]))
    age = show_age(readiness["ageSeconds"]) if readiness["status"] else ""
    return {"facts": facts, "replaced": asdict(replaced), "readiness": readiness, "age": age}


def _mark_groups(api: ApiClient, plan: Mapping[str, Any]) -> str:
    """A text that changes when a group of the plan does, and with it the servers that a start launches.

    `UNKNOWN` if the groups cannot be read, which is no reason not to recover.
    """
    try:
        return _digest(read_groups(api, plan))
    except (ApiRefused, ApiUnreachable):
        return UNKNOWN


def _digest(groups: Sequence[Mapping[str, Any]]) -> str:
    return make_version([[group["groupId"], group["version"]] for group in groups])


async def start(request: Request) -> Response:
    """Start the run, and go to its page."""
    fields = await read_form(request)
    plan_id, mode = _read_path(request)
    deployment: Deployment = request.app.state.deployment
    typed, key = Typed.from_form(fields), fields.get("key", "")
    plan = await run_in_threadpool(deployment.api.get, f"/recovery-plans/{plan_id}")
    groups = await run_in_threadpool(_mark_groups, deployment.api, plan)
    is_lost = fields.get("lost") == "yes"  # an earlier press, which may have started a run
    if refusal := _find_refusal(plan, groups, mode, typed, fields):
        if is_lost:
            refusal = replace(refusal, lines=(*refusal.lines, _LOST_BEFORE))
        return _show(request, plan, mode, typed, key, groups, refusal, is_lost=is_lost)
    try:
        run = await send(deployment.api, start_path(plan_id, mode), typed.to_body(mode), key)
    except AnswerLost as error:
        lost = describe_loss(error, "It may have been started. The same button sends it again, and starts it once.")
        return _show(request, plan, mode, typed, key, groups, lost, is_lost=True)
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        shown = describe_error(error)
        running = (
            error.reply.body.get("executionId")
            if isinstance(error, ApiRefused) and isinstance(error.reply.body, dict)
            else None
        )
        if is_lost and not isinstance(error, ApiRefused):
            shown = replace(shown, lines=(*shown.lines, _LOST_BEFORE))
        else:
            is_lost = False
        key = choose_key(key, error)
        return _show(request, plan, mode, typed, key, groups, shown, running=running, is_lost=is_lost)
    finally:
        for topic in ("overview", f"plan/{plan_id}"):
            deployment.snapshots.forget(topic)
    return Response(headers={"HX-Redirect": f"/runs/{run['executionId']}"})


def _find_refusal(
    plan: Mapping[str, Any], groups: str, mode: str, typed: Typed, fields: Mapping[str, str]
) -> ShownError | None:
    """What the console itself refuses before it asks the API."""
    changed = "The plan" if fields.get("version") != str(plan["version"]) else ""
    if not changed and fields.get("groups") != groups and UNKNOWN not in (groups, fields.get("groups")):
        changed = "A group of the plan"
    if changed:
        title = f"{changed} has been changed since this dialog was opened"
        return ShownError(title, (f"{_NOTHING} Look at what it launches now.",), 409)
    if mistake := typed.find_mistake(mode, plan["name"]):
        return ShownError("That is not what was asked for", (f"{mistake}. {_NOTHING}",), 422)
    return None


def _show(
    request: Request,
    plan: Mapping[str, Any],
    mode: str,
    typed: Typed,
    key: str,
    groups: str,
    error: ShownError | None = None,
    *,
    running: str | None = None,
    is_lost: bool = False,
) -> Response:
    return render(
        request,
        "start.html.j2",
        "",
        status=error.status if error else 200,
        plan=plan,
        mode=mode,
        typed=typed,
        key=key,
        groups=groups,
        error=error,
        running=running if running and ID.fullmatch(running) else None,
        is_lost=is_lost,
    )


def _read_path(request: Request) -> tuple[str, str]:
    """The id of the plan and the mode. Raise HTTPException for others."""
    mode = request.path_params["mode"]
    if mode not in MODES:
        raise HTTPException(404, f"There is no start of {mode!r}.")
    return require_id(request, "plan_id"), mode


ROUTES = [
    Route("/plans/{plan_id}/start/{mode}", show_start),
    Route("/plans/{plan_id}/start/{mode}", start, methods=["POST"]),
    Route("/plans/{plan_id}/start/{mode}/preview", show_preview),
]
