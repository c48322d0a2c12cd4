"""Recovery plans."""

from dataclasses import replace

from api.http.parameters import IF_MATCH, PAGE, page_parameters, read_version, require_version
from api.http.request import name_caller, require_id
from api.http.response import new_id
from api.router import Router
from api.schemas.requests.plans import PlanRequest, PlanUpdate
from api.schemas.responses.base import build_from_row
from api.schemas.responses.plans import DrillInstances, RecoveryPlan, RecoveryPlanRead, RecoveryPlans, build_plan
from recovery import clock
from recovery.cache import recovery_instances
from recovery.catalog import plans
from recovery.catalog.groups import find_groups
from recovery.catalog.history import Author
from recovery.domain.plan import ProtectionGroup
from recovery.domain.plan import RecoveryPlan as StoredPlan
from recovery.domain.wave_steps import needs
from recovery.drills.compliance import read_owed
from recovery.errors import InvalidRequest, PlanInUse, PlanNotFound, VersionConflict
from recovery.target_services import prerequisites
from recovery.wording import name_first

router = Router("Recovery plans")

# A plan is stored without the answer of a target that is slow or down.
MAX_SECONDS_OF_LOOKING = 8.0


def _require_id(plan_id: str) -> str:
    return require_id(plan_id, PlanNotFound, "recovery plan")


@router.operation("POST", "/recovery-plans", status=201, location="/recovery-plans/{planId}")
def create_plan(body: PlanRequest) -> RecoveryPlan:
    """Creates a recovery plan.

    Answers 400 if its waves are inconsistent, or if it names groups or servers that do not exist.
    """
    plan = _sign(body.to_plan(new_id("rp")))
    _check(body, plan)
    return build_plan(plans.create_plan(plan))


def _sign(plan: StoredPlan) -> StoredPlan:
    """The plan with who changes it, and when."""
    return replace(plan, updated_by=name_caller(router.current_event), updated_at=clock.iso())


def _check(request: PlanRequest, plan: StoredPlan) -> None:
    """Raise InvalidRequest for what the plan refers to and what does not exist."""
    groups = find_groups(plan.group_ids)
    _check_groups(request, groups)
    _check_steps(request, plan, groups)


def _check_groups(request: PlanRequest, groups: dict[str, ProtectionGroup]) -> None:
    problems = []
    for wave_number, wave in enumerate(request.waves):
        for use_number, use in enumerate(wave.groups):
            field = f"waves[{wave_number}].groups[{use_number}]"
            group = groups.get(use.group_id)
            if group is None:
                message = f"there is no protection group {use.group_id}"
                problems.append({"field": f"{field}.groupId", "message": message})
            elif group.server_ids:
                strangers = sorted(set(use.source_server_ids or ()) - set(group.server_ids))
                if strangers:
                    message = f"not in protection group {group.name}: {name_first(strangers, 5)}"
                    problems.append({"field": f"{field}.sourceServerIds", "message": message})
    if problems:
        raise InvalidRequest("The plan refers to resources that do not exist.", problems)


def _check_steps(request: PlanRequest, plan: StoredPlan, groups: dict[str, ProtectionGroup]) -> None:
    """Raise InvalidRequest for checks and actions that need what is not in their target, or name none.

    What a target's role does not permit yet, or what AWS does not answer now, is no mistake of the plan: readiness and
    `verify` of the account tell it.
    """
    numbers = {wave.name: number for number, wave in enumerate(request.waves)}
    problems: dict[str, str] = {}
    for problem in prerequisites.find_problems(needs.list_needs(plan, groups), MAX_SECONDS_OF_LOOKING):
        step = problem.step
        field = f"waves[{numbers[step.wave]}].{step.place}" if step.wave else step.place
        if problem.is_mistake:
            problems.setdefault(field, problem.message)
    if problems:
        listed = [{"field": field, "message": message} for field, message in problems.items()]
        raise InvalidRequest("The plan refers to what its targets do not have.", listed)


@router.operation("GET", "/recovery-plans", parameters=PAGE)
def list_plans() -> RecoveryPlans:
    """Lists the recovery plans, page by page."""
    page = plans.list_plans(*page_parameters(router.current_event))
    return {
        "recoveryPlans": [build_from_row(RecoveryPlan, row) for row in page.items],
        "nextToken": page.next_token,
    }


@router.operation("GET", "/recovery-plans/{planId}", errors=(PlanNotFound,))
def read_plan(plan_id: str) -> RecoveryPlanRead:
    """Returns a recovery plan, with its running execution and the instances that its drills have left running."""
    plan = plans.get_plan(_require_id(plan_id))
    left = recovery_instances.summarize_drill_instances(plan.plan_id)
    return {**build_plan(plan), "drillInstances": build_from_row(DrillInstances, left)}


@router.operation("PUT", "/recovery-plans/{planId}", parameters=(IF_MATCH,), errors=(PlanNotFound, VersionConflict))
def update_plan(plan_id: str, body: PlanUpdate) -> RecoveryPlan:
    """Replaces a recovery plan and returns it. A run that has started keeps the plan it started with.

    Answers 409 if the plan has changed since it was read.
    """
    plan_id = _require_id(plan_id)
    given = require_version(router.current_event, body.version)
    plan = _sign(body.to_plan(plan_id))
    _check(body, plan)
    owed = read_owed(plan_id) if plan.drill_policy else None
    return build_plan(plans.update_plan(plan, given, owed))


@router.operation(
    "DELETE", "/recovery-plans/{planId}", parameters=(IF_MATCH,), errors=(PlanInUse, PlanNotFound, VersionConflict)
)
def delete_plan(plan_id: str) -> None:
    """Deletes a recovery plan; the records of its runs stay. Answers 409, naming the run, while the plan runs."""
    author = Author(name_caller(router.current_event), clock.iso())
    plans.delete_plan(_require_id(plan_id), author, read_version(router.current_event))
