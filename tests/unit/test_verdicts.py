"""The verdicts of `recovery.domain.verdicts`, each with its reason."""

from collections.abc import Sequence
from dataclasses import replace

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.domain import polling, verdicts
from recovery.domain.execution import ExecutionStatus, Mode, Run, RunSnapshot, WaveState, WaveStatus
from recovery.domain.plan import OnFailure, RunAfter, Wave
from recovery.domain.readiness import (
    Probe,
    Readiness,
    ServerFacts,
    WaveReadiness,
    collect_refusals,
    judge_refusal,
    judge_server,
)
from recovery.domain.tally import Tally
from recovery.domain.verdicts import WaveGate, WaveVerdict
from recovery.domain.wave_steps.approvals import Approval, OnTimeout

WEB = Wave("web", (), depends_on=("app", "cache"))
ALONE = Wave("db", ())
LENIENT = Wave("web", (), max_failed_percent=10)


RUN = Run("drill-1", "rp-1", "shop", Mode.DRILL, ExecutionStatus.POLLING, "2026-01-01T00:00:00.000Z", "ana")
CANCELLED = replace(RUN, cancelled_by="ben")


def states(**of: WaveStatus) -> dict[str, WaveState]:
    return {name: WaveState(name, status) for name, status in of.items()}


def judged(
    wave: Wave, tally: Tally, state: WaveState | None = None, run: Run = RUN, problems: Sequence[str] = ()
) -> WaveVerdict:
    """The verdict of a wave that has begun and depends on none."""
    state = state or WaveState(wave.name, WaveStatus.IN_PROGRESS)
    return verdicts.judge_wave(wave, RunSnapshot(run, {wave.name: state}), tally, problems)


@pytest.mark.parametrize(
    ("tally", "is_named"),
    [
        (Tally(total=8, launched=8), False),
        (Tally(total=8), False),  # an action before the wave failed, so that nothing was launched
        (Tally(total=8, launched=7, failed=1), True),
        (Tally(total=8, launched=8, checked=8, verified=7, unverified=1), True),
        (Tally(total=8, launched=7, failed=1, optional=1), False),
    ],
)
def test_a_wave_that_only_an_action_failed_does_not_name_its_tolerance(tally: Tally, is_named: bool) -> None:
    snapshot = RunSnapshot(RUN, {"db": WaveState("db", WaveStatus.IN_PROGRESS)})
    verdict = verdicts.judge_wave(ALONE, snapshot, tally, shortfalls=["action smoke after wave db is FAILED"])
    assert verdict.status is WaveStatus.FAILED
    assert "action smoke after wave db is FAILED" in verdict.reason
    assert ("only 0 % may fail" in verdict.reason) is is_named


def fleet(wave: Wave = ALONE, total: int = 10, blocked: int = 0) -> WaveReadiness:
    return WaveReadiness(wave, total, blocked, "s-1: unknown", "tags app=db in 1/us-east-1")


def test_a_wave_waits_while_one_it_depends_on_is_going_on() -> None:
    statuses = {"app": WaveStatus.COMPLETED, "cache": WaveStatus.IN_PROGRESS}
    assert verdicts.may_wave_start(WEB, statuses) is None


def test_a_wave_starts_when_all_it_depends_on_have_succeeded() -> None:
    assert verdicts.may_wave_start(WEB, {"app": WaveStatus.COMPLETED, "cache": WaveStatus.PARTIAL}) is True


@pytest.mark.parametrize("ended", [WaveStatus.FAILED, WaveStatus.SKIPPED])
def test_a_wave_is_skipped_as_soon_as_one_it_depends_on_has_not_succeeded(ended: WaveStatus) -> None:
    statuses = {"app": ended, "cache": WaveStatus.IN_PROGRESS}
    assert verdicts.may_wave_start(WEB, statuses) is False
    verdict = verdicts.judge_wave(WEB, RunSnapshot(RUN, states(web=WaveStatus.WAITING, **statuses)), Tally(total=3))
    assert verdict.status is WaveStatus.SKIPPED
    assert "app" in verdict.reason


def test_a_wave_with_every_server_launched_is_completed() -> None:
    assert judged(ALONE, Tally(total=3, launched=3)).status is WaveStatus.COMPLETED


def test_a_failed_server_fails_a_wave_without_tolerance() -> None:
    verdict = judged(ALONE, Tally(total=3, launched=2, failed=1), problems=["DrsRefused: no"])
    assert verdict.status is WaveStatus.FAILED
    assert "2 of 3" in verdict.reason
    assert "DrsRefused: no" in verdict.reason


def test_failed_and_excluded_servers_within_the_tolerance_make_a_wave_partial() -> None:
    verdict = judged(LENIENT, Tally(total=20, launched=18, failed=1, excluded=1))
    assert verdict.status is WaveStatus.PARTIAL


def test_a_server_without_a_result_counts_as_failed() -> None:
    assert judged(LENIENT, Tally(total=20, launched=17)).status is WaveStatus.FAILED


def test_a_wave_in_which_nothing_was_launched_has_failed_whatever_its_tolerance() -> None:
    wave = Wave("web", (), max_failed_percent=100)
    assert judged(wave, Tally(total=4, failed=4)).status is WaveStatus.FAILED


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([WaveStatus.COMPLETED, WaveStatus.COMPLETED], ExecutionStatus.COMPLETED),
        ([WaveStatus.COMPLETED, WaveStatus.PARTIAL], ExecutionStatus.PARTIAL),
        ([WaveStatus.COMPLETED, WaveStatus.FAILED], ExecutionStatus.PARTIAL),
        ([WaveStatus.FAILED, WaveStatus.SKIPPED], ExecutionStatus.FAILED),
        ([], ExecutionStatus.FAILED),
    ],
)
def test_a_run_is_what_its_waves_came_to(statuses: list[WaveStatus], expected: ExecutionStatus) -> None:
    assert verdicts.judge_execution({str(n): status for n, status in enumerate(statuses)}).status is expected


def test_a_run_that_broke_has_failed_and_says_why() -> None:
    verdict = verdicts.judge_execution({"db": WaveStatus.COMPLETED}, "States.Timeout: two days")
    assert verdict.status is ExecutionStatus.FAILED
    assert "two days" in verdict.reason


def test_a_wave_without_servers_is_refused_and_says_what_it_selects() -> None:
    assert collect_refusals([fleet(total=0)]) == ["wave db selects no servers (tags app=db in 1/us-east-1)"]


def test_blocked_servers_beyond_the_tolerance_refuse_the_run() -> None:
    (reason,) = collect_refusals([fleet(total=10, blocked=1), fleet(LENIENT, total=10, blocked=1)])
    assert "wave db: 1 of 10" in reason
    assert "s-1: unknown" in reason


def test_a_wave_whose_servers_are_all_blocked_is_refused_whatever_its_tolerance() -> None:
    assert collect_refusals([fleet(Wave("web", (), max_failed_percent=100), total=2, blocked=2)])


def test_many_refusals_are_told_in_short() -> None:
    verdict = judge_refusal([f"reason {number}" for number in range(25)])
    assert verdict.status is ExecutionStatus.NOT_READY
    assert verdict.reason.endswith("and 15 more")


def test_polls_get_closer_as_the_end_of_a_job_comes_near() -> None:
    waits = [polling.seconds_to_next_poll(age, 1_200) for age in (0, 1_000, 1_100, 1_150, 1_170, 1_200)]
    assert waits == [120, 100, 75, 38, 22, 20]


def test_polls_spread_out_again_after_the_expected_end() -> None:
    assert [polling.seconds_to_next_poll(age, 1_200) for age in (1_230, 1_300, 1_400, 2_000)] == [20, 50, 100, 200]


def test_a_long_expectation_does_not_keep_a_young_job_from_being_polled() -> None:
    assert [polling.seconds_to_next_poll(age, 3_600) for age in (0, 120, 540, 900)] == [120, 60, 60, 90]


def test_a_job_far_past_its_time_is_polled_rarely() -> None:
    assert [polling.seconds_to_next_poll(hours * 3_600, 1_200) for hours in (1, 2, 24)] == [360, 600, 600]


def test_a_batch_tries_again_each_minute_at_first_and_later_as_often_as_the_outage_is_long() -> None:
    assert [polling.seconds_to_next_try(failures) for failures in (1, 7, 8, 20, 31, 32, 1_000)] == [
        *(60, 60, 67, 262, 900, 900, 900)
    ]


@pytest.mark.parametrize(
    ("minutes", "text"), [(0, "2 minutes"), (15, "3 minutes"), (60, "8 minutes"), (600, "15 minutes")]
)
def test_a_batch_that_waits_says_when_it_tries_again_at_the_latest(minutes: int, text: str) -> None:
    assert polling.describe_next_try(minutes * 60) == f"next try within {text}"


# --- what holds a wave --------------------------------------------------------------------------------------------
GATED = Wave("web", (), approval=Approval(30, OnTimeout.REJECT))


def held(wave: Wave, state: WaveState | None = None, run: Run = RUN, **others: WaveStatus) -> WaveGate:
    return verdicts.judge_gate(wave, RunSnapshot(run, states(**others) | {wave.name: state or WaveState(wave.name)}))


def test_a_wave_waits_for_others_then_for_a_pause_then_for_an_approval() -> None:
    wave = replace(GATED, depends_on=("db",), pause_before=True)
    assert held(wave, db=WaveStatus.IN_PROGRESS) is WaveGate.PREDECESSORS
    assert held(wave, db=WaveStatus.COMPLETED) is WaveGate.RESUME
    resumed = WaveState("web", resumed=True)
    assert held(wave, resumed, db=WaveStatus.COMPLETED) is WaveGate.APPROVAL
    assert held(wave, replace(resumed, approved=True), db=WaveStatus.COMPLETED) is WaveGate.START


def test_a_paused_run_holds_each_wave_that_has_not_begun() -> None:
    paused = replace(RUN, status=ExecutionStatus.PAUSED)
    assert held(ALONE, run=paused) is WaveGate.RESUME
    assert held(ALONE, WaveState("db", WaveStatus.IN_PROGRESS), run=paused) is WaveGate.START


@pytest.mark.parametrize(
    "run", [CANCELLED, replace(RUN, stop_reason="wave x failed"), replace(RUN, aborted_reason="aborted")]
)
@pytest.mark.parametrize("status", [status for status in WaveStatus if not status.is_final])
def test_nothing_starts_or_waits_any_more_in_a_run_that_is_called_off(run: Run, status: WaveStatus) -> None:
    assert held(GATED, WaveState("web", status), run=run) is WaveGate.SETTLE


def test_a_rejected_wave_is_skipped_and_says_so() -> None:
    rejected = WaveState("web", approved=False)
    assert held(GATED, rejected) is WaveGate.SETTLE
    verdict = judged(GATED, Tally(total=3), rejected)
    assert (verdict.status, verdict.reason) == (WaveStatus.SKIPPED, "its approval was refused")


def test_a_wave_that_runs_after_completion_minds_no_failure() -> None:
    wave = Wave("web", (), depends_on=("db",), run_after=RunAfter.COMPLETION)
    assert held(wave, db=WaveStatus.FAILED) is WaveGate.START
    assert held(wave, db=WaveStatus.IN_PROGRESS) is WaveGate.PREDECESSORS


@pytest.mark.parametrize(("on_timeout", "counts_as"), [(OnTimeout.APPROVE, True), (OnTimeout.REJECT, False)])
def test_silence_counts_as_the_plan_says_and_not_before_its_time(on_timeout: OnTimeout, counts_as: bool) -> None:
    wave = Wave("web", (), approval=Approval(1, on_timeout))
    waits = WaveState("web", WaveStatus.AWAITING_APPROVAL, approval_until=100)
    assert verdicts.judge_approval_timeout(wave, waits, 99) is None
    assert verdicts.judge_approval_timeout(wave, waits, 100) is counts_as
    assert verdicts.judge_approval_timeout(wave, WaveState("web"), 1_000) is None


# --- what people say to a failure ---------------------------------------------------------------------------------
ASKS = Wave("web", (), on_failure=OnFailure.ASK)
HALF = Tally(total=4, launched=2, failed=2)


def test_a_failed_wave_that_asks_waits_for_a_word_and_takes_it() -> None:
    assert judged(ASKS, HALF).status is WaveStatus.AWAITING_DECISION
    asked = WaveState("web", WaveStatus.AWAITING_DECISION)
    accepted = judged(ASKS, HALF, replace(asked, failure_decision="accept"))
    assert (accepted.status, "accepted" in accepted.reason) == (WaveStatus.PARTIAL, True)
    aborted = replace(asked, failure_decision="abort")
    assert judged(ASKS, HALF, aborted).status is WaveStatus.FAILED
    assert verdicts.stops_the_run(ASKS, replace(aborted, status=judged(ASKS, HALF, aborted).status))


def test_a_failed_wave_stops_the_run_only_if_the_plan_says_so() -> None:
    for on_failure, stops in ((OnFailure.STOP, True), (OnFailure.CONTINUE, False)):
        wave = Wave("web", (), on_failure=on_failure)
        state = WaveState("web", WaveStatus.IN_PROGRESS)
        assert verdicts.stops_the_run(wave, replace(state, status=judged(wave, HALF).status)) is stops
        assert not verdicts.stops_the_run(wave, replace(state, status=judged(wave, Tally(2, 2)).status))


def test_a_cancelled_wave_asks_nobody_and_says_what_was_done() -> None:
    assert judged(ASKS, HALF, run=CANCELLED).status is WaveStatus.FAILED
    assert judged(ASKS, Tally(total=4), run=CANCELLED).status is WaveStatus.SKIPPED
    assert judged(ASKS, Tally(4, 4), run=CANCELLED).status is WaveStatus.COMPLETED


def test_a_cancelled_run_is_cancelled_whatever_its_waves_came_to() -> None:
    verdict = verdicts.judge_execution({"db": WaveStatus.COMPLETED}, None, "ben")
    assert verdict.status is ExecutionStatus.CANCELLED
    assert "ben" in verdict.reason


def test_optional_servers_never_fail_a_wave() -> None:
    verdict = judged(ALONE, Tally(total=4, launched=2, failed=1, excluded=1, optional=2))
    assert (verdict.status, "optional" in verdict.reason) == (WaveStatus.PARTIAL, True)
    assert (
        judged(ALONE, Tally(total=4, launched=2, failed=2, optional=2, optional_launched=1)).status is WaveStatus.FAILED
    )


# --- what is known only after the end -----------------------------------------------------------------------------
def counted(status: WaveStatus, tally: Tally) -> WaveState:
    return WaveState("web", status, reason="as it was", servers=tally.to_item())


def again(wave: Wave, state: WaveState, tally: Tally, run: Run = RUN) -> WaveVerdict | None:
    return verdicts.judge_wave_again(wave, RunSnapshot(run, {"web": state}), tally)


def test_a_verdict_that_fits_its_servers_is_not_judged_again() -> None:
    assert again(LENIENT, counted(WaveStatus.FAILED, HALF), HALF) is None
    assert again(LENIENT, WaveState("web", WaveStatus.FAILED), HALF) is None


def test_a_wave_improves_when_its_servers_turn_out_to_be_launched() -> None:
    failed = counted(WaveStatus.FAILED, Tally(total=10))
    for launched, status in ((10, WaveStatus.COMPLETED), (9, WaveStatus.PARTIAL), (5, WaveStatus.FAILED)):
        verdict = again(LENIENT, failed, Tally(10, launched, 10 - launched))
        assert verdict
        assert (verdict.status, f"{launched} of 10 servers were launched" in verdict.reason) == (status, True)


TALLIES = st.tuples(*[st.integers(0, 6)] * 4).map(lambda each: Tally(sum(each), each[0], each[1], each[2]))
RANKS = [WaveStatus.SKIPPED, WaveStatus.FAILED, WaveStatus.PARTIAL, WaveStatus.COMPLETED]


@given(
    before=TALLIES,
    late=st.integers(0, 6),
    percent=st.integers(0, 100),
    on_failure=st.sampled_from(OnFailure),
    run=st.sampled_from([RUN, CANCELLED, replace(RUN, aborted_reason="aborted")]),
    decision=st.sampled_from([None, "accept", "abort"]),
)
def test_a_verdict_that_is_judged_again_is_final_and_never_worse(
    before: Tally, late: int, percent: int, on_failure: OnFailure, run: Run, decision: str | None
) -> None:
    """Results that come late only turn servers without a result into launched or failed ones."""
    wave = Wave("web", (), max_failed_percent=percent, on_failure=on_failure)
    begun = WaveState("web", WaveStatus.IN_PROGRESS, failure_decision=decision)
    first = verdicts.judge_wave(wave, RunSnapshot(run, {"web": begun}), before)
    if not first.status.is_final:
        return
    launched = min(late, before.without_result)
    after = replace(
        before, launched=before.launched + launched, failed=before.failed + before.without_result - launched
    )
    state = replace(begun, status=first.status, reason=first.reason, servers=before.to_item())
    verdict = verdicts.judge_wave_again(wave, RunSnapshot(run, {"web": state}), after)
    if verdict is None:
        assert after == before
        return
    assert RANKS.index(verdict.status) >= RANKS.index(first.status)
    assert (verdict.status is WaveStatus.COMPLETED) == (after.missing == 0)
    assert after.describe("were launched") in verdict.reason


def unfinished(state: WaveState, tally: Tally, run: Run = RUN, wave: Wave = LENIENT) -> WaveStatus:
    return verdicts.judge_unfinished_wave(wave, RunSnapshot(run, {"web": state}), tally, "aborted").status


def test_a_wave_that_was_to_be_tried_again_when_the_run_ended_is_not_skipped() -> None:
    retried = WaveState("web", WaveStatus.WAITING, round=1)
    assert unfinished(retried, HALF) is WaveStatus.FAILED
    assert unfinished(retried, HALF, CANCELLED) is WaveStatus.FAILED
    assert unfinished(WaveState("web", WaveStatus.WAITING), Tally(total=4)) is WaveStatus.SKIPPED


def test_a_wave_that_was_going_on_when_the_run_ended_is_judged_by_its_servers() -> None:
    begun = WaveState("web", WaveStatus.IN_PROGRESS)
    assert unfinished(begun, Tally(10, 10)) is WaveStatus.COMPLETED
    assert unfinished(begun, Tally(10, 9, 1)) is WaveStatus.PARTIAL
    assert unfinished(begun, Tally(10, 8, 2)) is WaveStatus.FAILED


def test_a_skipped_wave_names_the_waves_that_turned_out_to_have_succeeded() -> None:
    skipped = WaveState("web", WaveStatus.SKIPPED, reason="it depends on app, which did not succeed")
    late = WaveState("app", WaveStatus.COMPLETED, is_corrected=True)
    cache = WaveState("cache", WaveStatus.COMPLETED)

    def explain(run: Run = RUN, state: WaveState = skipped, app: WaveState = late) -> str | None:
        return verdicts.explain_skip(WEB, RunSnapshot(run, {"app": app, "cache": cache, "web": state}))

    reason = explain()
    assert reason
    assert reason.startswith("it depends on app")
    assert "app is COMPLETED" in reason
    assert "cache" not in reason
    assert explain(state=replace(skipped, reason=reason)) is None
    assert explain(run=CANCELLED) is None
    assert explain(state=replace(skipped, status=WaveStatus.FAILED)) is None
    assert explain(app=replace(late, status=WaveStatus.FAILED)) is None


def test_a_wave_without_servers_asks_for_no_approval_and_no_pause_of_its_own() -> None:
    snapshot = RunSnapshot(RUN, {"web": WaveState("web")})
    wave = replace(GATED, pause_before=True)
    assert verdicts.judge_gate(wave, snapshot, is_empty=True) is WaveGate.START
    paused = RunSnapshot(replace(RUN, status=ExecutionStatus.PAUSED), snapshot.wave_states)
    assert verdicts.judge_gate(wave, paused, is_empty=True) is WaveGate.RESUME


def test_a_run_says_why_waves_were_skipped() -> None:
    rejected = WaveState("db", WaveStatus.SKIPPED, approved=False, rejection="timed out: nobody answered by noon")
    snapshot = RunSnapshot(RUN, {"db": rejected, "web": WaveState("web", WaveStatus.SKIPPED)})
    causes = verdicts.explain_rejections(snapshot)
    verdict = verdicts.judge_execution(snapshot.wave_statuses, causes=causes)
    assert verdict.reason == "SKIPPED: db, web; approval of wave db timed out: nobody answered by noon"


# --- readiness ----------------------------------------------------------------------------------------------------
def test_every_replication_state_of_the_model_is_decided_on() -> None:
    model = botocore.session.get_session().get_service_model("drs").shape_for("DataReplicationState")
    for state in model.enum:
        verdict = judge_server(ServerFacts(state), None, 0)
        assert not any("does not know" in reason for reason in verdict.reasons), state
        assert (verdict.readiness is Readiness.READY) == (not verdict.reasons)
    assert judge_server(ServerFacts("NEW_ONE"), None, 0).readiness is Readiness.WARN


@pytest.mark.parametrize(
    ("facts", "readiness", "says"),
    [
        (ServerFacts("CONTINUOUS", lag_seconds=59 * 60), Readiness.READY, ""),
        (ServerFacts("CONTINUOUS", lag_seconds=61 * 60), Readiness.WARN, "61 min behind"),
        (ServerFacts("CONTINUOUS", probe=Probe(True, True, "pit-1", 0)), Readiness.WARN, "snapshot is 3 h old"),
        (ServerFacts("CONTINUOUS", probe=Probe(True, False)), Readiness.BLOCKED, "no snapshot"),
        (
            ServerFacts("CONTINUOUS", probe=Probe(False, True, "pit-1", 10_000)),
            Readiness.BLOCKED,
            "launch configuration",
        ),
        (ServerFacts("DISCONNECTED"), Readiness.WARN, "last snapshot"),
        (ServerFacts("INITIAL_SYNC"), Readiness.BLOCKED, "nothing to launch it from"),
        (ServerFacts("CONTINUOUS", fails_back=True, may_replace=True), Readiness.BLOCKED, "FAILBACK"),
        (ServerFacts("CONTINUOUS", in_job="drsjob-1"), Readiness.WARN, "drsjob-1"),
        (ServerFacts("CONTINUOUS", in_run="drill-2"), Readiness.WARN, "drill-2"),
        (ServerFacts("CONTINUOUS", drill_instance="i-1 of a drill"), Readiness.WARN, "i-1 of a drill"),
        (ServerFacts("CONTINUOUS", live_instance="i-2 (of recovery-1)"), Readiness.BLOCKED, "replaceExisting"),
        (ServerFacts("CONTINUOUS", live_instance="i-2 (of recovery-1)"), Readiness.BLOCKED, "i-2 (of recovery-1)"),
        (ServerFacts("CONTINUOUS", live_instance="i-2", may_replace=True), Readiness.WARN, "i-2 is live"),
        (ServerFacts("CONTINUOUS", probe=Probe(launches_into="i-3")), Readiness.BLOCKED, "launches into instance i-3"),
        (ServerFacts("CONTINUOUS", probe=Probe(launches_into="i-3")), Readiness.BLOCKED, "replaceExisting"),
        (ServerFacts("CONTINUOUS", probe=Probe(launches_into="i-3"), may_replace=True), Readiness.WARN, "i-3"),
        (ServerFacts("CONTINUOUS", probe=Probe(problem="DRS no longer knows it")), Readiness.BLOCKED, "no longer"),
    ],
)
def test_a_server_is_judged_with_every_reason(facts: ServerFacts, readiness: Readiness, says: str) -> None:
    verdict = judge_server(facts, 60, now=3 * 3_600)
    assert verdict.readiness is readiness
    assert any(says in reason for reason in verdict.reasons) or not says


def test_a_blocked_server_keeps_its_warnings_too_after_what_blocks_it() -> None:
    verdict = judge_server(ServerFacts("DISCONNECTED", in_job="drsjob-1", live_instance="i-1 (of recovery-1)"), None, 0)
    assert len(verdict.reasons) == 3
    assert "i-1" in verdict.reasons[0]


def test_blocked_servers_that_are_optional_refuse_nothing() -> None:
    assert not collect_refusals([replace(fleet(total=10, blocked=10), blocked_optional=10)])
    assert collect_refusals([replace(fleet(total=10, blocked=2), blocked_optional=1)])


def test_a_wave_whose_servers_were_all_launched_before_is_not_refused() -> None:
    assert not collect_refusals([replace(fleet(total=0), already_launched=5)])
