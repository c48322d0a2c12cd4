"""Find a plan by its id or its name."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from api.schemas.requests.names import normalize_name
from cli.api_client import ApiClient
from recovery.free_text import flatten
from recovery.wording import first_of

# Plans that a message lists, and names that it suggests.
MAX_PLANS, MAX_SUGGESTIONS = 20, 3


class PlanUnknown(Exception):
    """No plan matches, or several do. The message lists them."""


def find_plan(api: ApiClient, id_or_name: str, *, by_prefix: bool = False) -> dict[str, Any]:
    """The plan with this id, or else with exactly this name. Raise PlanUnknown, ApiRefused.

    With `by_prefix`, also the only plan whose name begins with it. No start uses that: a prefix must not start the
    recovery of another plan.
    """
    plans = list(api.list_items("/recovery-plans", "recoveryPlans"))
    name = normalize_name(id_or_name)
    matches = [plan for plan in plans if plan["planId"] == id_or_name]
    matches = matches or [plan for plan in plans if plan["name"] == name]
    if len(matches) > 1:
        raise PlanUnknown(f"{len(matches)} plans are named {id_or_name!r}; name one by its id:{_list(matches)}")
    if not matches and by_prefix and name:
        matches = [plan for plan in plans if plan["name"].startswith(name)]
    if len(matches) > 1:
        raise PlanUnknown(f"{len(matches)} plans have names that begin with {id_or_name!r}:{_list(matches)}")
    if matches:
        return matches[0]
    raise PlanUnknown(f"There is no plan {id_or_name!r}.{_suggest(name, plans)}")


def _suggest(name: str, plans: Sequence[Mapping[str, Any]]) -> str:
    if not plans:
        return " There is none: `drs-waves plan apply FILE` makes one from a file."
    by_lower = {plan["name"].casefold(): plan["name"] for plan in plans}
    close = [lower for lower in by_lower if name and lower.startswith(name.casefold())]
    close += [each for each in difflib.get_close_matches(name.casefold(), by_lower) if each not in close]
    meant = ", ".join(flatten(by_lower[each]) for each in close[:MAX_SUGGESTIONS])
    return f"{f' Did you mean {meant}?' if meant else ''} There are:{_list(plans)}"


def _list(plans: Sequence[Mapping[str, Any]]) -> str:
    lines = first_of([f"{plan['planId']}  {flatten(plan['name'])}" for plan in plans], MAX_PLANS)
    return "".join(f"\n  {line}" for line in lines)
