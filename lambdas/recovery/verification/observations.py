"""What DRS, EC2, agents and load balancers say of the servers of a look."""

from collections import defaultdict
from collections.abc import Sequence

from recovery.domain.drs_shapes.jobs import Launch
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.wave_steps.checks import CheckKind
from recovery.domain.wave_steps.ladder import Found, LaunchActions, Observation
from recovery.drs import client as drs
from recovery.errors import DrsRefused
from recovery.target_services import instance_status, managed_instances, target_health
from recovery.target_services.instance_status import InstanceStatus
from recovery.verification.look import Look

NO_INSTANCE = "DRS does not show the instance yet"
NO_ACTIONS = "DRS has no launch actions for the server"

# A look makes at most one call in each service for 50 servers.
CONFIGURATIONS_PER_LOOK = 2

_GONE_STATES = ("shutting-down", "terminated")


def find_instances(look: Look) -> None:
    """Ask DRS for the instances that it had not shown when the launch ended, unless a sync has found them since.

    Only an instance of the server's own job counts: an earlier one may still be shown.
    """
    for server_id, server in look.servers.items():
        if server.instance_id is None and (known := look.launched[server_id].instance_id):
            look.change(server_id, instance_id=known)
    wanted = [each for each, server in look.servers.items() if not server.is_settled and server.instance_id is None]

    def ask() -> None:
        found = {
            each.server_id: each for each in drs.find_recovery_instances(look.target, wanted) if _is_of(look, each)
        }
        for server_id in wanted:
            if server_id in found:
                look.change(server_id, instance_id=found[server_id].ec2_instance_id)
            else:
                look.note(server_id, Observation(Found.NOT_YET, NO_INSTANCE))

    look.ask("drs", wanted, ask)


def _is_of(look: Look, instance: LaunchedInstance) -> bool:
    launched = look.launched.get(instance.server_id)
    return launched is not None and launched.job_id is not None and instance.job_id == launched.job_id


def check_states(look: Look) -> None:
    """Ask EC2 for the state and the status checks of every instance; the other checks need one that runs.

    A server that has launch actions to pass only is left out: DRS alone is asked about them.
    """
    asked = {
        server.instance_id: server_id
        for server_id, server in look.servers.items()
        if server.instance_id
        and not server.is_settled
        and any(check.kind is not CheckKind.POST_LAUNCH_ACTIONS for check in look.launched[server_id].ladder)
    }

    def ask() -> None:
        due = look.list_due("", CheckKind.BOOT)
        for instance_id, status in instance_status.describe(look.target, asked).items():
            _note_state(look, asked[instance_id], status, is_due=asked[instance_id] in due)

    look.ask("ec2", asked.values(), ask)


def _note_state(look: Look, server_id: str, status: InstanceStatus | None, *, is_due: bool) -> None:
    if status is not None and status.state in _GONE_STATES:
        gone = f"its instance {status.instance_id} is {status.state}"
        look.note(server_id, Observation(Found.HOPELESS, gone))
    elif status is None or status.state != "running":
        state = f"EC2 calls the instance {status.state}" if status else "EC2 does not show the instance yet"
        look.note(server_id, Observation(Found.NOT_YET, state))
        look.hold(server_id)
    elif is_due and status.has_passed:
        look.note(server_id, Observation(Found.PASSED))
    elif is_due:
        look.note(server_id, Observation(Found.NOT_YET, ", ".join(f"{name} {found}" for name, found in status.checks)))


def check_launch_actions(look: Look) -> None:
    """Ask DRS what became of its launch actions on the servers.

    DRS lists none as long as it has not begun any. Only the launch configuration says whether some are to come; DRS
    answers for one server a call, so that a look asks for a few of them.
    """
    due = list(look.list_due("drs", CheckKind.POST_LAUNCH_ACTIONS))
    unknown = [each for each in due if look.servers[each].actions is LaunchActions.UNKNOWN]
    for server_id in unknown[:CONFIGURATIONS_PER_LOOK]:
        look.ask("drs", [server_id], lambda server_id=server_id: _ask_configuration(look, server_id))  # type: ignore[misc]
    known = [each for each in due if each not in unknown]
    look.ask("drs", known, lambda: _ask_jobs(look, known))


def _ask_configuration(look: Look, server_id: str) -> None:
    try:
        runs_actions = drs.get_launch_configuration(look.target, server_id).runs_actions
    except DrsRefused:  # it has no configuration
        runs_actions = False
    if runs_actions:
        look.change(server_id, actions=LaunchActions.EXPECTED, output="DRS has not begun its launch actions")
    else:
        look.note(server_id, Observation(Found.PASSED, note=NO_ACTIONS))


def _ask_jobs(look: Look, server_ids: Sequence[str]) -> None:
    job_ids = {job_id for each in server_ids if (job_id := look.launched[each].job_id)}
    jobs = drs.get_jobs(look.target, sorted(job_ids))
    for server_id in server_ids:
        job = jobs.get(look.launched[server_id].job_id or "")
        launches = {launch.server_id: launch for launch in job.launches} if job else {}
        launch = launches.get(server_id)
        look.note(server_id, _judge_actions(launch))
        if launch and not launch.actions and look.servers[server_id].actions is None:
            look.change(server_id, actions=LaunchActions.UNKNOWN, next_at=look.now)


def _judge_actions(launch: Launch | None) -> Observation:
    if launch is None:
        return Observation(Found.NOT_YET, "DRS does not show the job that launched the server")
    if launch.failed_action:
        return Observation(Found.HOPELESS, launch.failed_action)
    running = [each.name for each in launch.actions if each.status != "SUCCEEDED"]
    if running or not launch.actions:
        return Observation(Found.NOT_YET, f"launch actions have not ended: {', '.join(running) or 'none has begun'}")
    return Observation(Found.PASSED)


def check_agents(look: Look) -> None:
    """Ask Systems Manager for the agents, and for the platforms of servers that are about to get a command."""
    due = look.list_due("ssm", CheckKind.AGENT)
    kinds = (CheckKind.TCP, CheckKind.HTTP, CheckKind.COMMAND)
    unknown = {each for each in look.list_due("ssm", *kinds) if look.servers[each].platform is None}
    asked = {str(look.servers[each].instance_id): each for each in (*due, *unknown)}

    def ask() -> None:
        for instance_id, agent in managed_instances.describe(look.target, asked).items():
            server_id = asked[instance_id]
            if agent is None or not agent.is_online:
                why = f"its agent is {agent.ping}" if agent else "its agent has not registered"
                look.note(server_id, Observation(Found.NOT_YET, f"{why} in Systems Manager"))
                continue
            look.change(server_id, platform=agent.platform or None)
            if server_id in due:
                look.note(server_id, Observation(Found.PASSED))

    look.ask("ssm", asked.values(), ask)


def check_target_groups(look: Look) -> None:
    """Ask load balancers for the health of the servers, once for each target group."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for server_id, check in look.list_due("elbv2", CheckKind.TARGET_GROUP).items():
        by_group[check.settings["arn"]].append(server_id)
    for arn, server_ids in by_group.items():
        look.ask("elbv2", server_ids, lambda arn=arn, server_ids=server_ids: _ask_health(look, arn, server_ids))  # type: ignore[misc]


def _ask_health(look: Look, arn: str, server_ids: list[str]) -> None:
    by_instance = {str(look.servers[each].instance_id): each for each in server_ids}
    for instance_id, health in target_health.describe(look.target, arn, by_instance).items():
        if health.is_healthy:
            look.note(by_instance[instance_id], Observation(Found.PASSED))
        else:
            why = ": ".join(text for text in (health.state, health.reason, health.description) if text)
            look.note(by_instance[instance_id], Observation(Found.FAILED, why))
