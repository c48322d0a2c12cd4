"""Which servers of a run have a launch profile, and which one."""

from collections.abc import Iterable

from recovery.domain.batch import BatchRef
from recovery.domain.execution import Run
from recovery.domain.launch_profiles.profiles import LaunchProfile, ProfileOption, find_first
from recovery.domain.plan import Wave
from recovery.domain.target import Target
from recovery.store import inspections, run_requests


def find_profiles(ref: BatchRef, server_ids: Iterable[str]) -> dict[str, LaunchProfile]:
    """The profiles of these servers of the batch, as the groups had them when the run was started; none for the others.

    Of several groups that select a server, the first one in the order of the wave that has a profile for it counts.
    """
    mode, groups = ref.mode.of_steps, run_requests.get_groups(ref.execution_id)
    if mode is None or not any(group.profiles.has_any(mode) for group in groups.values()):
        return {}
    members = inspections.get_members(ref.execution_id, ref.wave, ref.target)
    found = {}
    for server_id in server_ids:
        selected_by = members[server_id].groups if server_id in members else ()
        if profile := find_first((groups[each].profiles for each in selected_by if each in groups), server_id, mode):
            found[server_id] = profile
    return found


def list_targets(run: Run, wave: Wave) -> frozenset[Target]:
    """The targets in which a server of the wave may have a profile that the run applies."""
    mode = run.mode.of_steps
    if mode is None or run.profiles is ProfileOption.SKIP:
        return frozenset()
    groups = run_requests.get_groups(run.execution_id)
    used = (groups[use.group_id] for use in wave.groups if use.group_id in groups)
    return frozenset(group.target for group in used if group.profiles.has_any(mode))
