"""The steps that launch a server: clean-up of the earlier instance, conversion and launch."""

from drs_emulator.engine.ec2 import LaunchOutcome, LaunchRequest
from drs_emulator.engine.event_bus import LaunchResult
from drs_emulator.ids import digest
from drs_emulator.records.job import LaunchStatus
from drs_emulator.records.recovery_instance import RecoveryInstance
from drs_emulator.records.source_server import FailsAt
from drs_emulator.simulation.job_lifecycle import StepContext, job_step, record_ec2_result, set_launch_status
from drs_emulator.simulation.job_schedule import Step
from drs_emulator.simulation.launch_actions import schedule_actions
from drs_emulator.simulation.placing import Launch, place_launch
from drs_emulator.simulation.systems_manager.instances import boot_instance, end_instance
from drs_emulator.world.ec2.networks import release, rename
from drs_emulator.world.launch_errors import NO_CAPACITY, LaunchRefused


@job_step(Step.CLEAN_UP)
def _clean_up(context: StepContext) -> None:
    """Terminate the instance of an earlier drill or recovery, because a server has one recovery instance.

    An instance that is launched into again stays.
    """
    instance = context.target.instances.get(context.server.recovery_instance_id)
    if instance is None:
        return
    context.log_event("CLEANUP_START", targetInstanceID=instance.id)
    if instance.id == context.server.launch.into_instance:
        return
    instance.ec2_state = "SHUTTING-DOWN"

    def on_done(error: str) -> None:
        if error:
            with context.world.lock:
                now = context.world.clock.now()
                context.job.log_event(now, "CLEANUP_FAIL", sourceServerID=context.event.server_id, rawError=error)

    context.world.ec2.terminate(context.target.key, instance.id, on_done)


@job_step(Step.CLEANED_UP)
def _finish_clean_up(context: StepContext) -> None:
    removed = context.target.instances.pop(context.server.recovery_instance_id, None)
    context.server.recovery_instance_id = ""
    failed = any(
        item.event == "CLEANUP_FAIL" and item.data["sourceServerID"] == context.event.server_id
        for item in context.job.log
    )
    if removed and not failed:
        end_instance(context.target, removed.id, context.at)
        context.log_event("CLEANUP_END", targetInstanceID=removed.id)


@job_step(Step.CONVERT)
def _convert(context: StepContext) -> None:
    context.log_event("CONVERSION_START", **_conversion_server(context, "CONVERSION_START"))
    set_launch_status(context, LaunchStatus.IN_PROGRESS)


@job_step(Step.CONVERTED)
def _finish_conversion(context: StepContext) -> None:
    context.log_event("CONVERSION_END", **_conversion_server(context, "CONVERSION_END"))


def _conversion_server(context: StepContext, event: str) -> dict[str, str]:
    if context.behaviour.conversion_server != event:
        return {}
    return {"conversionServerID": f"i-{digest(context.job.id, context.event.server_id)[:17]}"}


@job_step(Step.FAIL)
def _fail(context: StepContext) -> None:
    if context.event.detail == "SERVER_SKIPPED":
        context.log_event(context.event.detail)
    elif context.event.detail:
        context.log_failure(context.event.detail)
    if context.job.initiated_by == "FAILBACK":
        context.target.instances[context.participant.recovery_instance_id].failback.state = "FAILBACK_ERROR"
    _fail_launch(context)


@job_step(Step.LAUNCH)
def _launch(context: StepContext) -> None:
    context.log_event("LAUNCH_START")
    set_launch_status(context, LaunchStatus.IN_PROGRESS)
    request_launch(context)


def request_launch(context: StepContext) -> None:
    """Call EC2. After a restart, call it again if its result was lost with the previous process."""
    participant, server = context.participant, context.server
    participant.ec2_requested = True
    if participant.fails_at is FailsAt.LAUNCH:
        _record_launch(context, LaunchOutcome(error=participant.launch_error or NO_CAPACITY))
        return
    placement = None
    if not server.launch.into_instance:
        try:
            placement = place_launch(
                Launch(context.world, context.target, server, _placement_name(context), context.world.clock.now())
            )
        except LaunchRefused as refused:
            _record_launch(context, LaunchOutcome(error=str(refused)))
            return
    tags = {
        "Name": server.launch.name,
        **(server.tags if server.launch.copies_tags else {}),
        **(placement.tags if placement else {}),
        "AWSElasticDisasterRecoverySourceServerID": server.id,
        "AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com",
    }

    def on_done(outcome: LaunchOutcome) -> None:
        with context.world.lock:
            _record_launch(context, outcome)

    stopped = not server.launch.starts
    context.world.ec2.launch(
        LaunchRequest(
            context.target.key,
            placement.instance_type if placement else server.instance_type,
            tags,
            on_done,
            placement.private_ip if placement else "",
            stopped,
            subnet_id=placement.subnet_id if placement else "",
            groups=tuple(placement.groups) if placement else (),
            profile=placement.profile if placement and placement.is_profile_chosen else "",
            into=server.launch.into_instance,
            guarded=context.behaviour.launch_into == "guarded",
        )
    )


def _placement_name(context: StepContext) -> str:
    """Return the name of a placement until EC2 has made its instance."""
    return f"{context.job.id}/{context.event.server_id}"


def _record_launch(context: StepContext, outcome: LaunchOutcome) -> None:
    participant = context.participant
    participant.recovery_instance_id = outcome.instance_id
    participant.private_ip = outcome.private_ip
    if outcome.error:
        release(context.target, _placement_name(context))
    else:
        rename(context.target, _placement_name(context), outcome.instance_id)
    record_ec2_result(context, participant, outcome.error, _finish_launch)


@job_step(Step.LAUNCHED)
def _finish_launch(context: StepContext) -> None:
    participant = context.participant
    if not participant.ec2_responded:
        participant.ec2_overdue = True
    elif participant.error:
        context.log_failure("LAUNCH_FAILED", participant.error)
        _fail_launch(context)
    else:
        server = context.server
        instance = RecoveryInstance(
            id=participant.recovery_instance_id,
            target=context.target.key,
            server_id=server.id,
            job_id=context.job.id,
            machine=server.machine,
            private_ip=participant.private_ip,
            is_drill=context.job.is_drill,
            point_in_time=participant.point_in_time,
            ec2_state="RUNNING" if server.launch.starts else "STOPPED",
            tags=dict(server.tags) if server.launch.copies_tags else {},
        )
        context.target.instances[instance.id] = instance
        server.recovery_instance_id = instance.id
        boot_instance(
            context.world,
            context.target,
            instance.id,
            server,
            instance.private_ip,
            runs=server.launch.starts,
            at=context.at,
        )
        set_launch_status(context, LaunchStatus.LAUNCHED)
        if context.behaviour.failure_event != "LAUNCH_FAILED":
            context.log_event("LAUNCH_END", targetInstanceID=instance.id)
        _publish_result(context, succeeded=True)
        schedule_actions(context)


def _fail_launch(context: StepContext) -> None:
    set_launch_status(context, LaunchStatus.FAILED)
    _publish_result(context, succeeded=False)


def _publish_result(context: StepContext, *, succeeded: bool) -> None:
    job = context.job
    if job.initiated_by != "FAILBACK":
        result = LaunchResult(context.target.key, context.server.arn, job.id, job.is_drill, succeeded, context.at)
        context.world.event_bus.publish(result)
