"""The look: begins the drills whose appointment has come, and decides what becomes of those that cannot begin.

It comes every five minutes, may come twice at once, late, or be killed between any two writes. What it has decided is
in the row of the schedule, which it changes only from the version that it has read. What it starts has an id that
follows from the plan and the appointment. So one appointment has one drill at most, also after tables were restored.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from recovery import clock
from recovery.catalog import plans
from recovery.domain.drills.appointments import walk_appointments
from recovery.domain.drills.policy import DrillPolicy
from recovery.domain.drills.schedules import (
    Appointment,
    AppointmentStatus,
    Pause,
    Schedule,
    build_check_id,
    build_drill_id,
)
from recovery.domain.execution import ExecutionStatus, Run
from recovery.domain.plan import RecoveryPlan
from recovery.drills import starting
from recovery.errors import DrsWavesError, InvalidRequest, PlanAlreadyRunning
from recovery.observability import drill_messages
from recovery.observability.drill_messages import Untold
from recovery.store.drills import schedules

logger = Logger(child=True)

# Drills and readiness runs that one look begins. Their servers wait for each other's quotas of DRS in their runs.
MAX_STARTS = 25
# Appointments that passed while nothing looked: what is older leaves no row. A transaction has at most 100 parts.
MAX_PASSED = 90
# Readiness runs for one appointment, of which all but the last have broken.
MAX_CHECKS = 5


@dataclass
class Look:
    """What one look has begun, and what operators are to be told of."""

    drills: int = 0
    checks: int = 0
    untold: list[Untold] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether the rest has to wait for the next look, in five minutes."""
        return self.drills + self.checks >= MAX_STARTS


def look() -> Look:
    """Look at each plan with a drill policy. An error with one plan keeps no other from its drill."""
    made = Look()
    scheduled = {plan.plan_id: plan for plan in plans.list_scheduled()}
    read = schedules.read_schedules(list(scheduled))
    # Those that have waited longest come first.
    for plan_id, (schedule, counted) in sorted(read.items(), key=lambda each: each[1][0].last):
        after = _look_safely(made, scheduled[plan_id], schedule, counted)
        if after.untold:
            made.untold.append(Untold(scheduled[plan_id], after))
    _tell(made.untold)
    return made


def _look_safely(made: Look, plan: RecoveryPlan, schedule: Schedule, counted: str | None) -> Schedule:
    """The schedule after the look, or as it was before it if the look could not finish."""
    one = _LookAtPlan(made, plan, schedule)
    try:
        one.run(counted)
    except (DrsWavesError, ClientError) as error:
        logger.warning("plan not looked at", extra={"planId": plan.plan_id, "reason": str(error)})
    except Exception:  # a plan that cannot be read must not keep the schedule from the others
        logger.exception("plan not looked at", extra={"planId": plan.plan_id})
    return one.schedule


def _tell(untold: Sequence[Untold]) -> None:
    """Send operators one message about all that was missed, and one about all that was skipped; then note it."""
    if not untold:
        return
    decided = [
        (each.plan, appointment)
        for each in untold
        for appointment in schedules.get_appointments(each.plan.plan_id, each.schedule.untold)
    ]
    drill_messages.send_missed([each for each in decided if each[1].status is AppointmentStatus.MISSED])
    drill_messages.send_skipped([each for each in decided if each[1].status is AppointmentStatus.SKIPPED])
    for each in untold:  # killed before this, the next look sends the message again
        schedules.replace_schedule(each.schedule, replace(each.schedule, untold=()))


class _Superseded(Exception):
    """Another look, or a person, has changed the schedule since it was read."""


class _LookAtPlan:
    """A look at one plan. `schedule` is its row as this look has read or written it."""

    def __init__(self, made: Look, plan: RecoveryPlan, schedule: Schedule) -> None:
        self._made, self._plan, self.schedule = made, plan, schedule
        self._policy = plan.drill_policy or DrillPolicy(automatic=False)
        self._now = clock.now()

    def run(self, counted: str | None) -> None:
        """Decide the appointments that have passed, and go on with the one that is due, if any."""
        try:
            self._run(counted)
        except _Superseded:
            logger.info("schedule changed meanwhile", extra={"planId": self._plan.plan_id})

    def _run(self, counted: str | None) -> None:
        due = self._list_due(counted)
        self._drop_void(due)
        if not due:
            return
        if not self._policy.automatic:
            self._write(replace(self.schedule, last=clock.iso(due[-1]), current=None))
            return
        *passed, newest = due
        if passed:
            self._decide([self._judge_passed(at, newest) for at in passed])
        self._look_at(newest)

    def _list_due(self, counted: str | None) -> list[float]:
        """The appointments that have come and are not decided, oldest first."""
        last = self.schedule.last
        base = max(filter(None, (last, counted)), default=None)
        after = clock.parse_iso(last) if last else 0.0
        walked = walk_appointments(self._policy, after, clock.parse_iso(base) if base else None)
        return list(deque(takewhile(lambda at: at <= self._now, walked), maxlen=MAX_PASSED))

    def _drop_void(self, due: Sequence[float]) -> None:
        """Forget an appointment of rules that have changed, or that a drill that counts has moved, if none began."""
        current = self.schedule.current
        if current is None or clock.parse_iso(current.at) in due:
            return
        run = starting.find_run(build_drill_id(self._plan.plan_id, clock.parse_iso(current.at)))
        if run:
            self._decide([self._settle(run, current, "the policy of the plan has changed")])
        else:
            self._write(replace(self.schedule, current=None))

    def _judge_passed(self, at: float, newest: float) -> Appointment:
        """What became of an appointment that a newer one follows."""
        appointment = self._find(at)
        if at + self._policy.window_seconds > self._now:
            why = f"the next appointment came at {clock.iso(newest)}"
        else:
            why = _describe_passing(appointment)
        if pause := self.schedule.find_pause_of(at):
            why = _describe_pause(pause, self.schedule)
        run = starting.find_run(build_drill_id(self._plan.plan_id, at))
        return self._settle(run, appointment, why) if run else _end(appointment, AppointmentStatus.MISSED, why)

    def _look_at(self, at: float) -> None:
        """Go on with the appointment that is due now."""
        appointment = self._find(at)
        pause = self.schedule.find_pause_of(at)
        why = None
        if pause:
            why = _describe_pause(pause, self.schedule)
        elif at + self._policy.window_seconds <= self._now:
            why = _describe_passing(appointment)
        if run := starting.find_run(build_drill_id(self._plan.plan_id, at)):
            self._decide([self._settle(run, appointment, why)])
        elif why:
            self._decide([_end(appointment, AppointmentStatus.MISSED, why)])
        elif not self._made.is_full:
            self._go_on(at, appointment)

    def _go_on(self, at: float, appointment: Appointment) -> None:
        if holder := starting.free_plan(self._plan):
            self._wait(appointment, f"the plan runs as {holder}")
        elif not self._policy.skip_if_not_ready:
            self._start(at, appointment)
        else:
            self._check(at, appointment)

    def _check(self, at: float, appointment: Appointment) -> None:
        """Check readiness first: start the drill if the plan is ready, skip it if it is not."""
        for number in range(appointment.check, MAX_CHECKS + 1):
            check_id = build_check_id(self._plan.plan_id, at, number)
            checking = replace(
                appointment, status=AppointmentStatus.CHECKING, check_id=check_id, check=number, reason=""
            )
            run = starting.find_run(check_id)
            if run is None or not run.status.is_final:
                self._go_on_checking(checking, run)
                return
            if run.status is ExecutionStatus.READY and not starting.is_of_plan(run, self._plan):
                continue  # the plan was changed after it was found ready
            if run.status is ExecutionStatus.READY:
                self._start(at, checking)
                return
            if run.status is ExecutionStatus.NOT_READY:
                self._decide([_end(checking, AppointmentStatus.SKIPPED, f"the plan is NOT_READY: {run.reason}")])
                return
        self._wait(appointment, f"its readiness could not be checked: {run.reason or run.status.value}" if run else "")

    def _go_on_checking(self, checking: Appointment, run: Run | None) -> None:
        self._write(replace(self.schedule, current=replace(checking, reason="its readiness is being checked")))
        if run is None:
            if self._begin(
                checking, lambda: starting.start_check(self._plan, checking.check_id or "", self._unchanged())
            ):
                self._made.checks += 1
        elif not starting.has_begun(run):  # a look was killed between its two writes
            starting.start_machine(run)

    def _unchanged(self) -> dict[str, Any]:
        return schedules.require_version(self.schedule)

    def _begin(self, appointment: Appointment, start: Callable[[], Run]) -> Run | None:
        """Begin a run; None if the plan has to wait, which is noted."""
        try:
            return start()
        except PlanAlreadyRunning as error:
            why = starting.describe_busy(error)
            if why is None:
                raise _Superseded from error
            self._wait(appointment, why)
        except InvalidRequest as error:
            self._wait(appointment, error.message)
        return None

    def _start(self, at: float, appointment: Appointment) -> None:
        """Start the drill. Its id is noted first, so that whatever follows is known to belong to it."""
        execution_id = build_drill_id(self._plan.plan_id, at)
        begun = replace(appointment, status=AppointmentStatus.STARTING, execution_id=execution_id, reason="")
        self._write(replace(self.schedule, current=begun))
        run = self._begin(begun, lambda: starting.start_drill(self._plan, execution_id, self._unchanged()))
        if run is None:
            return
        self._decide([self._settle(run, begun, None)])
        self._made.drills += 1
        logger.info("drill started", extra={"planId": self._plan.plan_id, "executionId": execution_id})

    def _settle(self, run: Run, appointment: Appointment, withdrawn: str | None) -> Appointment:
        """What became of an appointment whose drill is on record. `withdrawn` is why it may not begin any more."""
        with_run = replace(appointment, execution_id=run.execution_id)
        if starting.has_begun(run):
            return _end(with_run, AppointmentStatus.STARTED)
        if not run.status.is_final and withdrawn is None:
            run = starting.start_machine(run)
            if not run.status.is_final:
                return _end(with_run, AppointmentStatus.STARTED)
        if not run.status.is_final and withdrawn and not starting.withdraw(run, withdrawn):
            raise _Superseded
        return _end(with_run, AppointmentStatus.MISSED, run.reason or withdrawn or "")

    def _wait(self, appointment: Appointment, why: str) -> None:
        waiting = replace(appointment, status=AppointmentStatus.WAITING, reason=why, execution_id=None)
        self._write(replace(self.schedule, current=waiting))

    def _find(self, at: float) -> Appointment:
        """The appointment as far as a look has come with it."""
        current, moment = self.schedule.current, clock.iso(at)
        if current and current.at == moment:
            return current
        return Appointment(moment, AppointmentStatus.WAITING, clock.iso(at + self._policy.window_seconds))

    def _write(self, schedule: Schedule) -> None:
        """Write the schedule if it differs. Raise _Superseded."""
        if schedule != self.schedule:
            self._take(schedules.replace_schedule(self.schedule, schedule))

    def _decide(self, decided: Sequence[Appointment]) -> None:
        """Write what became of these appointments, in order. Raise _Superseded."""
        to_tell = [each.at for each in decided if each.status is not AppointmentStatus.STARTED]
        last = max(self.schedule.last, decided[-1].at)
        is_over = self.schedule.current is not None and self.schedule.current.at <= last
        after = replace(
            self.schedule,
            last=last,
            current=None if is_over else self.schedule.current,
            untold=(*self.schedule.untold, *to_tell),
        )
        self._take(schedules.decide_appointments(self.schedule, after, decided))

    def _take(self, written: Schedule | None) -> None:
        if written is None:
            raise _Superseded
        self.schedule = written


def _end(appointment: Appointment, status: AppointmentStatus, reason: str = "") -> Appointment:
    return replace(appointment, status=status, reason=reason[:1_000], decided_at=clock.iso())


def _describe_passing(appointment: Appointment) -> str:
    """Why an appointment has passed its window: what it last waited for."""
    return appointment.reason or "nothing looked at the schedule within its window"


def _describe_pause(pause: Pause, schedule: Schedule) -> str:
    until = "" if schedule.paused else f" until {schedule.resumed_at[:16].replace('T', ' ')} UTC"
    comment = f": {pause.comment}" if pause.comment else ""
    return f"the schedule was paused by {pause.by}{until}{comment}"
