"""The plan as it was run, in words for the page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.drills.differences import name_field
from recovery.domain.drills.policy_words import summarize_policy
from recovery.domain.wave_steps.checks import DEFAULT_CHECKS_MINUTES
from recovery.domain.wave_steps.words import describe_actions, describe_checks
from recovery.identities import SCHEDULE
from recovery.wording import plural
from report.plan.steps import StepSettings, list_settings


@dataclass(frozen=True, slots=True)
class WaveRow:
    """A wave of the plan. `groups`, `after` and `approval` are empty texts if there is none."""

    name: str
    groups: str
    after: str
    approval: str
    on_failure: str
    tolerance: str
    target_minutes: int | None
    # Its checks and actions, each in words.
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanTable:
    """The settings of a plan, each with its name in words, and its waves."""

    settings: tuple[tuple[str, str], ...]
    waves: tuple[WaveRow, ...]
    # The plan's own actions, each in words.
    actions: tuple[str, ...] = ()
    # Its checks and actions, and those of its waves, each with its settings.
    step_settings: tuple[StepSettings, ...] = ()


def describe_plan_as_run(report: Mapping[str, Any]) -> PlanTable | None:
    """The plan of the report; None if it is not recorded."""
    if report["tested"] is None:
        return None
    plan = report["tested"]["plan"]
    names = {group["groupId"]: group["name"] for group in report["tested"]["groups"]}
    resolved = {wave["name"]: wave["dependsOn"] for wave in report["waves"]}
    is_scheduled = report["mode"] == "DRILL" and report["requestedBy"] == SCHEDULE
    return describe_plan_table(plan, names, resolved, is_scheduled=is_scheduled)


def describe_plan_table(
    plan: Mapping[str, Any],
    names: Mapping[str, str],
    resolved: Mapping[str, Sequence[str]],
    *,
    is_scheduled: bool = False,
) -> PlanTable:
    """The same of a plan with these names of groups, by id.

    `resolved` has the waves that each wave waited for in a run, by name; those of the plan count for other waves.
    `is_scheduled` is True for a drill of the schedule, whose plan has the hours of its own clean-up.
    """
    attempts, policy = plan.get("launchAttempts"), plan.get("drillPolicy")
    settings = (
        (name_field("launchAttempts"), "not recorded" if attempts is None else str(attempts)),
        (name_field("fourEyes"), "yes" if plan.get("fourEyes") else "no"),
        (name_field("commentsRequired"), "yes" if plan.get("commentsRequired") else "no"),
        ("drills are cleaned up", _describe_clean_up(plan, is_scheduled=is_scheduled)),
        (name_field("drillPolicy"), summarize_policy(policy) if policy else "none"),
    )
    waves = (_describe_wave(wave, resolved.get(wave["name"]), names) for wave in plan["waves"])
    return PlanTable(
        settings, tuple(waves), tuple(describe_actions(plan, "the plan")), tuple(list_settings(plan, names))
    )


def _describe_clean_up(plan: Mapping[str, Any], *, is_scheduled: bool) -> str:
    hours = plan.get("cleanUpAfterHours")
    if not hours:
        return "on demand only"
    of_policy = is_scheduled and (plan.get("drillPolicy") or {}).get("cleanUpAfterHours") == hours
    return f"{plural(hours, 'hour')} after their end{', as the drill policy says' if of_policy else ''}"


def _describe_wave(
    wave: Mapping[str, Any], depends_on: Sequence[str] | None, group_names: Mapping[str, str]
) -> WaveRow:
    """`depends_on` are the waves that it waited for in the run, also where the plan leaves them to the order."""
    after = ", ".join(depends_on if depends_on is not None else wave.get("dependsOn") or ())
    if after and wave.get("runAfter") == "completion":
        after += " (whatever their result)"
    return WaveRow(
        wave["name"],
        ", ".join(_describe_groups(wave["groups"], group_names)),
        after,
        _describe_approval(wave),
        wave.get("onFailure") or "not recorded",
        f"{wave.get('maxFailedPercent') or 0} %",
        wave.get("rtoTargetMinutes"),
        tuple(_describe_steps(wave)),
    )


def _describe_steps(wave: Mapping[str, Any]) -> Iterator[str]:
    if checks := describe_checks(wave):
        minutes = wave.get("checksTimeoutMinutes") or DEFAULT_CHECKS_MINUTES
        yield f"checks, within {minutes} min: {checks}"
    yield from describe_actions(wave, f"wave {wave['name']}")


def _describe_groups(uses: Sequence[Mapping[str, Any]], group_names: Mapping[str, str]) -> Iterator[str]:
    for use in uses:
        limits = [plural(len(use["sourceServerIds"]), "server") + " of it"] if use.get("sourceServerIds") else []
        limits += ["optional"] if use.get("optional") else []
        name = group_names.get(use["groupId"], use["groupId"])
        yield f"{name} ({', '.join(limits)})" if limits else name


def _describe_approval(wave: Mapping[str, Any]) -> str:
    parts = []
    approval = wave.get("approval")
    if approval and approval.get("required", True):
        parts.append(f"required within {approval['timeoutMinutes']} min, else {approval['onTimeout']}")
    if wave.get("pauseBefore"):
        parts.append("pause before it")
    return "; ".join(parts)
