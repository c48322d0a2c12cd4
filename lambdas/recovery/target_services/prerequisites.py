"""Whether what the checks and actions of a plan need is in its targets, so that a mistake is known before a run."""

from collections.abc import Iterable
from dataclasses import dataclass

from recovery.domain.reachability import Reachability, ReachabilityStatus
from recovery.domain.target import Target
from recovery.domain.wave_steps.needs import Need, NeedKind, Step, StepNeeds
from recovery.drs import fan_out
from recovery.errors import DrsWavesError, TargetAccessDenied
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import lookups, run_command, state_machines
from recovery.target_services.lookups import DocumentKind

# Systems Manager sets this parameter itself, or knows a default for it.
_OF_SERVICE = frozenset({"AutomationAssumeRole"})


@dataclass(frozen=True, slots=True)
class StepProblem:
    """Why a step would not work: a mistake in its plan, or a thing that it needs and that cannot be used.

    `is_certain` is False where AWS did not answer, so that nothing is known.
    """

    step: Step
    target: Target | None
    status: ReachabilityStatus
    message: str
    advice: str | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the step would surely fail as things are."""
        return self.status in (ReachabilityStatus.DENIED, ReachabilityStatus.REFUSED)

    @property
    def is_mistake(self) -> bool:
        """Whether the plan is wrong; what is merely not permitted yet is no mistake of the plan."""
        return self.status is ReachabilityStatus.REFUSED

    def describe(self) -> str:
        """The problem in one sentence: `wave app, check http :8080/: ...`."""
        where = f"wave {self.step.wave}, " if self.step.wave else ""
        advice = f"; {self.advice}" if self.advice else ""
        return f"{where}{self.step.title}: {self.message}{advice}".removesuffix(".")


def find_problems(steps: Iterable[StepNeeds], seconds: float = fan_out.TIMEOUT_SECONDS) -> list[StepProblem]:
    """Look for everything that the steps need, each thing once and all at the same time; return what is wrong.

    It takes `seconds` at most; what has not answered by then is a problem that is not certain.
    """
    steps = list(steps)
    outcomes = fan_out.ask_all(dict.fromkeys(need for each in steps for need in each.needs), look_for, seconds)
    found = []
    for each in steps:
        if each.mistake:
            found.append(StepProblem(each.step, None, ReachabilityStatus.REFUSED, each.mistake))
        for need in each.needs:
            outcome = outcomes[need]
            if isinstance(outcome, DrsWavesError):
                found.append(_describe(each.step, need, outcome))
    return found


def _describe(step: Step, need: Need, error: DrsWavesError) -> StepProblem:
    reached = Reachability.of(error)
    if isinstance(error, NotInTarget):
        message = f"needs the {need.kind} {need.name}, which is not in {need.target.key}"
        return StepProblem(step, need.target, ReachabilityStatus.REFUSED, message, error.advice)
    return StepProblem(step, need.target, reached.status, error.message, error.advice or reached.advice)


def look_for(need: Need) -> None:
    """Look for one thing. Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient."""
    match need.kind:
        case NeedKind.LOOKS:
            lookups.try_checks(need.target)
        case NeedKind.SCRIPTS:
            _look_for_scripts(need.target)
        case NeedKind.COMMAND:
            _look_for_document(need, DocumentKind.COMMAND)
        case NeedKind.AUTOMATION:
            _look_for_document(need, DocumentKind.AUTOMATION)
        case NeedKind.FUNCTION:
            lookups.find_function(need.target, need.name)
        case NeedKind.STATE_MACHINE:
            lookups.find_state_machine(need.target, state_machines.machine_arn(need.target, need.name))
        case NeedKind.EVENT_BUS:
            lookups.find_event_bus(need.target, need.name)
        case NeedKind.TARGET_GROUP:
            lookups.find_target_group(need.target, need.name)


def _look_for_scripts(target: Target) -> None:
    """Look for a document that runs scripts: a fleet of one platform needs only one of them."""
    refused: TargetAccessDenied | None = None
    for name in (run_command.SHELL_DOCUMENT, run_command.POWERSHELL_DOCUMENT):
        try:
            lookups.find_document(target, name, None, DocumentKind.COMMAND)
            return
        except TargetAccessDenied as error:
            refused = refused or error
    if refused:
        raise refused


def _look_for_document(need: Need, kind: DocumentKind) -> None:
    document = lookups.find_document(need.target, need.name, need.version, kind)
    known = {parameter.name for parameter in document.parameters}
    where = f"{need.name} in {need.target.key}"
    if unknown := [name for name in need.parameters if name not in known]:
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise TargetRefused(f"{where} has no parameter {', '.join(unknown)}; {has}", code="UnknownParameter")
    required = {each.name for each in document.parameters if each.is_required} - _OF_SERVICE
    if missing := sorted(required - set(need.parameters)):
        raise TargetRefused(f"{where} needs a value for {', '.join(missing)}", code="MissingParameter")
