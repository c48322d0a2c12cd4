"""Checks of quotas: vCPUs of running instances by family, and the storage of volumes. And the size of the launches."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import PlannedLaunch, TargetFacts
from recovery.domain.findings.gathering import Found
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.findings.settings_checks import choose_type
from recovery.domain.findings.vcpu_quotas import GP3_STORAGE, VcpuQuota, quota_of
from recovery.domain.wave_steps.modes import RunMode
from recovery.wording import plural

TIB = 1024**4


def check_vcpus(launches: Sequence[PlannedLaunch], facts: TargetFacts) -> Iterator[Found]:
    """Quotas that are too small for all these launches at once, which are of one kind of run, beside what runs now.

    Instances that launches replace do not count. What reservations have left counts as used (EC2 user guide), and
    launches that fit into it use none of their own. Nothing is said of families of which a number is not known.
    """
    if facts.quotas is None or facts.instances is None:
        return
    wanted, servers = Counter[VcpuQuota](), defaultdict[VcpuQuota, list[str]](list)
    for launch in launches:
        name = choose_type(launch)
        if name and (vcpus := _count(name, facts)):
            wanted[quota_of(name)] += vcpus
            servers[quota_of(name)].append(launch.server_id)
    used, reserved = _count_used(launches, facts), _count_reserved(launches, facts)
    for quota, vcpus in wanted.items():
        limit = facts.quotas.get(quota.code)
        if limit is None or used[quota] + reserved[quota] + vcpus <= limit:
            continue
        held = f", {plural(reserved[quota], 'vCPU')} reserved" if reserved[quota] > 0 else ""
        names = tuple(sorted(servers[quota]))
        evidence = (
            f"{plural(len(names), 'server')} of the plan need {plural(vcpus, 'vCPU')} of {quota.name}; "
            f"{used[quota]} are in use{held}, and quota {quota.code} is {limit:.0f}"
        )
        yield Found(Code.VCPU_QUOTA, evidence, names, (launches[0].mode,))


def _count(name: str, facts: TargetFacts) -> int:
    kind = (facts.kinds or {}).get(name)
    return kind.vcpus if kind else 0


def _count_used(launches: Iterable[PlannedLaunch], facts: TargetFacts) -> Counter[VcpuQuota]:
    replaced = frozenset[str]().union(*(launch.replaces for launch in launches))
    used = Counter[VcpuQuota]()
    for instance in facts.instances or ():
        if instance.counts and instance.instance_id not in replaced:
            used[quota_of(instance.instance_type)] += _count(instance.instance_type, facts)
    return used


def _count_reserved(launches: Iterable[PlannedLaunch], facts: TargetFacts) -> Counter[VcpuQuota]:
    """vCPUs that reservations have left beyond those that the launches take from them."""
    fitting = Counter[tuple[str, str]]()
    for launch in launches:
        name = choose_type(launch)
        zones = {subnet.zone for subnet in facts.subnets_of(launch.place)} if launch.place else set()
        if name and len(zones) == 1:
            fitting[name, zones.pop()] += 1
    reserved = Counter[VcpuQuota]()
    for each in facts.reservations or ():
        taken = min(each.left, fitting[each.instance_type, each.zone]) if each.is_open else 0
        fitting[each.instance_type, each.zone] -= taken
        reserved[quota_of(each.instance_type)] += (each.left - taken) * _count(each.instance_type, facts)
    return reserved


def check_storage(launches: Sequence[PlannedLaunch], facts: TargetFacts) -> Iterator[Found]:
    """Whether the disks of these launches alone are larger than the quota; what is in use is not counted."""
    limit = (facts.storage_quotas or {}).get(GP3_STORAGE)
    total = sum(launch.machine.disk_bytes for launch in launches)
    if limit is None or total <= limit * TIB:
        return
    evidence = (
        f"the disks of {plural(len(launches), 'server')} have {total / TIB:.1f} TiB, without what is in use; the quota "
        f"of gp3 volumes, {GP3_STORAGE}, is {limit:g} TiB"
    )
    yield Found(Code.STORAGE_QUOTA, evidence, tuple(sorted(each.server_id for each in launches)), (launches[0].mode,))


def measure(launches: Iterable[PlannedLaunch], facts: TargetFacts) -> list[LaunchSize]:
    """How large the launches are, by kind of run, type and operating system."""
    servers, sizes = Counter[tuple[RunMode, str, bool]](), Counter[tuple[RunMode, str, bool]]()
    for launch in launches:
        key = (launch.mode, choose_type(launch) or "", launch.machine.is_windows)
        servers[key] += 1
        sizes[key] += launch.machine.disk_bytes
    return [
        LaunchSize(mode, name or None, is_windows, _count(name, facts) or None, count, sizes[mode, name, is_windows])
        for (mode, name, is_windows), count in sorted(servers.items())
    ]
