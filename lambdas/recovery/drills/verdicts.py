"""Verdicts of people on drills and recoveries that have ended.

A verdict may be changed; the earlier ones stay on record. Each makes the record of the drill and its evidence anew:
a drill that is rejected does not count. With `fourEyes`, none of those who started the run accepts it.
"""

from recovery import clock, identities
from recovery.domain.drills.verdicts import MAX_VERDICTS, DrillVerdict, Judgement, Opinion
from recovery.domain.execution import Mode, Run
from recovery.drill_errors import VerdictRefused
from recovery.drills.begin_evidence import begin_occasion
from recovery.errors import AwsUnavailable, InvalidRequest
from recovery.observability import verdict_messages
from recovery.runs.decisions import Operator
from recovery.store import executions
from recovery.store.drills import verdicts

# Others who give a verdict on the same run at the same moment.
MAX_ATTEMPTS = 5


def give_verdict(execution_id: str, judgement: Judgement, operator: Operator) -> DrillVerdict:
    """Record the verdict, begin the evidence of it, and tell operators of a rejection; return it.

    A repeated request, or the same words of the same person again, are no second verdict. Raise ExecutionNotFound,
    InvalidRequest for a rejection without its reason, VerdictRefused.
    """
    run = executions.get_requested_run(execution_id)
    if judgement is Judgement.REJECTED and not operator.comment:
        problem = {"field": "comment", "message": "is missing; a rejection needs its reason"}
        raise InvalidRequest("The verdict needs a comment.", [problem])
    _require_open_to_verdict(run, judgement, operator)
    opinion = Opinion(judgement, operator.comment, operator.name, clock.iso(), operator.request)
    for _ in range(MAX_ATTEMPTS):
        before = verdicts.get_verdict(run.plan_id, execution_id)
        if before and _is_repetition(before, opinion):
            _begin_evidence(before)  # the function that recorded it may have been killed before this
            return before
        if before and before.version >= MAX_VERDICTS:
            raise _refusal(run, f"it has had {MAX_VERDICTS} verdicts, and its record has no room for another")
        verdict = before.replace_by(opinion) if before else DrillVerdict(run.plan_id, execution_id, opinion)
        if verdicts.put_verdict(verdict):
            _begin_evidence(verdict)
            if judgement is Judgement.REJECTED and not (before and before.current.judgement is Judgement.REJECTED):
                verdict_messages.send_rejected(run, operator.name, operator.comment)
            return verdict
    raise AwsUnavailable("other requests are giving verdicts on this run; try again")


def _require_open_to_verdict(run: Run, judgement: Judgement, operator: Operator) -> None:
    if run.mode is Mode.READINESS:
        raise _refusal(run, "it is a readiness run, which launches nothing")
    if not run.status.is_final:
        raise _refusal(run, f"it is {run.status.value}, and a run takes a verdict when it has ended")
    if not run.four_eyes or judgement is not Judgement.ACCEPTED:
        return
    if requester := identities.find_same_person(operator.name, run.requesters):
        reason = f"with fourEyes, another person accepts it than who started it, and you may be {requester}"
        raise _refusal(run, reason)


def _is_repetition(before: DrillVerdict, opinion: Opinion) -> bool:
    is_recorded = opinion.request is not None and any(each.request == opinion.request for each in before.opinions)
    return is_recorded or before.current.says_the_same(opinion)


def _begin_evidence(verdict: DrillVerdict) -> None:
    begin_occasion(verdict.execution_id, f"verdict-{verdict.version}")


def _refusal(run: Run, reason: str) -> VerdictRefused:
    return VerdictRefused(f"no verdict on execution {run.execution_id}: {reason}", executionId=run.execution_id)
