"""How the emulator plays what the service model leaves open: one knob each, and named profiles that set them all.

`docs/emulator.md` lists every knob with its variants, with the source of each: a capture of the real service,
the model, the AWS documentation, or none. This module imports nothing of the package.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any


class BadBehaviour(ValueError):
    """A knob or a profile is unknown, or its value is. The message names it."""


def _choice(default: str, *others: str) -> Any:
    return field(default=default, metadata={"variants": (default, *others)})


def _flag(default: bool) -> Any:
    return field(default=default, metadata={"variants": (True, False)})


def _seconds(default: float) -> Any:
    return field(default=default, metadata={"variants": ()})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The defaults are the profile `captured`. Seconds are simulated.

    Answers:
    - `launch_participants`: with (full) or without (sparse) the recovery instance id and other optional members.
    - `terminate_participants`: of an ended terminate job: none, only the instance's id (named), the id with its status
      (instance), or all members (full).
    - `optional_members`: whether empty `tags`, `participatingResources` and `launchActionsStatus` are given.
    - `source_servers`: without the members that the capture lacks (sparse), without the last launch too (bare).
    - `instance_state`, `unknown_fields`: `ec2InstanceState`, and a member that the model does not know.
    - `time_form`, `duration_form`: how times are written, and how ISO 8601 durations are.

    Job logs:
    - `failure_event`: the event of a failed launch; `none` leaves out every event of a failure.
    - `event_data`: what JOB_START and JOB_END have. `conversion_server`: the event that names the conversion server.

    Jobs:
    - `job_timing`: snapshots and conversion once the job is STARTED (captured), or snapshots while PENDING (slow).
    - `start_seconds`: how long StartRecovery and TerminateRecoveryInstances take to answer. `hidden_seconds`: how long
      DescribeJobs does not show the new job. `second_start`: a start on the servers of a job that is still hidden.
    - `instance_delay_seconds`: how long after its job a new recovery instance is not shown.
    - `launch_into`: whether a launch into an existing instance needs it stopped and tagged (guarded).
    - `launch_actions`: whether a job waits for its launch actions, or ends and they go on after it.

    Launched instances:
    - `status_delay_seconds`: how long after its launch DescribeInstanceStatus does not know an instance.
    - `command_delay_seconds`: how long a new command is not found. `agent_report_seconds`: how late the state of an
      agent is shown. `unknown_instances`: ids that an account does not have, in DescribeInstanceInformation.
    - `lost_agent`: how a command ends that cannot be delivered. `cancel_command`: whether a running command stops.
    - `template_delay_seconds`: how late a change of a launch template is seen, also by a launch. `deleted_template`: a
      launch without its template fails, or DRS makes a new one. `template_writes`: whether DRS writes the type and the
      private address of a launch configuration into the template. `address_outside`: a copied address without a subnet
      that has it.
    - `output_cut`: whether cut output ends with a mark. `automation_tokens`: whether client tokens are remembered.

    Requests:
    - `conflicts`: whether ConflictException names the resource. `tag_rules`: whether the limits of AWS apply to tags.
    """

    launch_participants: str = _choice("sparse", "full")
    terminate_participants: str = _choice("empty", "named", "instance", "full")
    optional_members: str = _choice("mixed", "absent", "present")
    source_servers: str = _choice("sparse", "bare", "full")
    instance_state: str = _choice("given", "missing")
    unknown_fields: bool = _flag(True)
    time_form: str = _choice("mixed", "offset", "zulu")
    duration_form: str = _choice("days", "time")
    failure_event: str = _choice("LAUNCH_END", "LAUNCH_FAILED", "none")
    event_data: str = _choice("empty", "absent")
    conversion_server: str = _choice("CONVERSION_END", "CONVERSION_START")
    job_timing: str = _choice("captured", "slow")
    start_seconds: float = _seconds(0)
    hidden_seconds: float = _seconds(0)
    second_start: str = _choice("refused", "accepted")
    instance_delay_seconds: float = _seconds(0)
    launch_into: str = _choice("overwrite", "guarded")
    launch_actions: str = _choice("waited", "after")
    status_delay_seconds: float = _seconds(0)
    command_delay_seconds: float = _seconds(0)
    agent_report_seconds: float = _seconds(0)
    unknown_instances: str = _choice("absent", "refused")
    lost_agent: str = _choice("DeliveryTimedOut", "Undeliverable")
    cancel_command: str = _choice("stops", "ignored")
    output_cut: str = _choice("marked", "plain")
    automation_tokens: str = _choice("kept", "forgotten")
    template_delay_seconds: float = _seconds(0)
    deleted_template: str = _choice("fails", "recreated")
    template_writes: str = _choice("none", "versions")
    address_outside: str = _choice("accepted", "refused")
    conflicts: str = _choice("named", "unnamed")
    tag_rules: str = _choice("strict", "any")

    def with_changes(self, change: dict[str, Any]) -> "Behaviour":
        """Return a copy with these knobs, by their names in Python. Raise BadBehaviour."""
        for name, value in change.items():
            check_knob(name, value)
        return replace(self, **change)


KNOBS = {knob.name: knob for knob in fields(Behaviour)}


def check_knob(name: str, value: Any) -> None:
    """Raise BadBehaviour unless the knob exists and has this variant."""
    knob = KNOBS.get(name)
    if knob is None:
        raise BadBehaviour(f"{name}: is unknown; the knobs are {', '.join(KNOBS)}")
    variants = knob.metadata["variants"]
    if variants:
        if not any(value is each or (isinstance(value, str) and value == each) for each in variants):
            raise BadBehaviour(f"{name}: must be one of {', '.join(map(str, variants))}")
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise BadBehaviour(f"{name}: must be a number, 0 or more")


@dataclass(frozen=True, slots=True)
class Profile:
    """A behaviour, and the simulated seconds (pending, started) of each kind of job."""

    behaviour: Behaviour
    drill: tuple[float, float]
    recovery: tuple[float, float]
    terminate: tuple[float, float]
    failback: tuple[float, float]

    def durations(self) -> dict[str, dict[str, float]]:
        """Return the durations in the form of the settings."""
        kinds = {name: pair for name, pair in asdict(self).items() if name != "behaviour"}
        return {name: {"pending": pair[0], "started": pair[1]} for name, pair in kinds.items()}


def _captured(behaviour: Behaviour) -> Profile:
    """Two drills ended after 8:53 and 8:59 minutes, with JOB_START 0.36 s after their creation."""
    return Profile(behaviour, (0.4, 533), (0.4, 533), (0.4, 130), (0.4, 1200))


def _slow(behaviour: Behaviour) -> Profile:
    """The times that other users report."""
    return Profile(behaviour, (13 * 60, 6 * 60), (15 * 60, 15 * 60), (1 * 60, 2 * 60), (5 * 60, 15 * 60))


CAPTURED = Behaviour()
GENEROUS = Behaviour(
    launch_participants="full",
    terminate_participants="full",
    optional_members="present",
    source_servers="full",
    unknown_fields=False,
    time_form="zulu",
    duration_form="time",
    failure_event="LAUNCH_FAILED",
    event_data="absent",
    conversion_server="CONVERSION_START",
    job_timing="slow",
    launch_into="guarded",
    deleted_template="recreated",
    tag_rules="any",
)
UNKIND = Behaviour(
    terminate_participants="named",
    optional_members="absent",
    source_servers="bare",
    instance_state="missing",
    failure_event="none",
    start_seconds=60,
    hidden_seconds=120,
    second_start="accepted",
    instance_delay_seconds=120,
    launch_actions="after",
    status_delay_seconds=150,
    command_delay_seconds=5,
    agent_report_seconds=60,
    unknown_instances="refused",
    lost_agent="Undeliverable",
    cancel_command="ignored",
    automation_tokens="forgotten",
    template_delay_seconds=30,
    template_writes="versions",
    address_outside="refused",
    conflicts="unnamed",
)
PROFILES = {
    "captured": _captured(CAPTURED),
    "slow": _slow(replace(CAPTURED, job_timing="slow")),
    "generous": _slow(GENEROUS),
    "unkind": _captured(UNKIND),
}


def find_profile(name: str) -> Profile:
    """Raise BadBehaviour."""
    if name not in PROFILES:
        raise BadBehaviour(f"profile: must be one of {', '.join(PROFILES)}")
    return PROFILES[name]
