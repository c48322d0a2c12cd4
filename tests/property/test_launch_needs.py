"""Properties of what readiness finds of addresses and quotas: more room never makes a launch worse."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.drs_shapes.source_machines import SourceMachine
from recovery.domain.findings.address_checks import check_addresses, check_room
from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import InstanceKind, PlannedLaunch, PresentInstance, PresentReservation, TargetFacts
from recovery.domain.findings.gathering import gather
from recovery.domain.findings.quota_checks import check_vcpus
from recovery.domain.launch_profiles.settings import LaunchPlace
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.wave_steps.modes import RunMode

SUBNETS = ("subnet-a", "subnet-b")
TYPES = {"m5.large": 2, "m5.xlarge": 4}
QUOTA = "L-1216C47A"
CONFIGURATION = LaunchConfiguration(None, template_id="lt-1", right_sizing="NONE")


def subnet_of(number: int, free: int) -> Subnet:
    return Subnet(SUBNETS[number], "vpc-1", f"zone-{number}", f"10.0.{number}.0/24", free)


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[PlannedLaunch], TargetFacts]:
    """Launches into two subnets, some of which replace instances that run there."""
    instances = [
        PresentInstance(f"i-{at}", draw(st.sampled_from(sorted(TYPES))), draw(st.sampled_from(SUBNETS)), "", True)
        for at in range(draw(st.integers(0, 4)))
    ]
    launches = []
    for at in range(draw(st.integers(1, 6))):
        address = draw(st.none() | st.sampled_from(["10.0.0.9", "10.0.1.9"]))
        place = LaunchPlace((draw(st.sampled_from(SUBNETS)),), (), (), draw(st.sampled_from(sorted(TYPES))), address)
        replaced = (
            frozenset({instances[at].instance_id}) if at < len(instances) and draw(st.booleans()) else frozenset()
        )
        launch = PlannedLaunch(f"s-{at}", RunMode.DRILL, SourceMachine(), CONFIGURATION, {}, place, replaced)
        launches.append(launch)
    kinds = {name: InstanceKind(name, vcpus, frozenset({"x86_64"}), True) for name, vcpus in TYPES.items()}
    left = draw(st.integers(0, 3))
    facts = TargetFacts(
        subnets={each.subnet_id: each for each in (subnet_of(at, draw(st.integers(0, 5))) for at in range(2))},
        kinds=kinds,
        instances=instances,
        interfaces={},
        reservations=[PresentReservation("m5.large", "zone-0", left, is_open=draw(st.booleans()))] if left else [],
        quotas={QUOTA: float(draw(st.integers(0, 40)))},
    )
    return launches, facts


@given(plans(), st.integers(0, 5))
def test_more_free_addresses_never_fill_a_subnet(plan: tuple[list[PlannedLaunch], TargetFacts], more: int) -> None:
    launches, facts = plan
    before = {each.evidence.partition(" ")[0] for each in check_room(launches, facts)}
    roomy = {
        name: replace(each, free_addresses=each.free_addresses + more) for name, each in (facts.subnets or {}).items()
    }
    after = {each.evidence.partition(" ")[0] for each in check_room(launches, replace(facts, subnets=roomy))}
    assert after <= before


@given(plans())
def test_a_server_less_never_needs_more_room_or_vcpus(plan: tuple[list[PlannedLaunch], TargetFacts]) -> None:
    """Unless it frees an instance, or takes what a reservation has left."""
    launches, facts = plan
    facts = replace(facts, reservations=[])
    if launches[-1].replaces:
        return
    for check in (check_room, check_vcpus):
        assert len(list(check(launches[:-1], facts))) <= len(list(check(launches, facts)))


@given(plans(), st.integers(0, 40))
def test_a_larger_quota_never_refuses_a_plan(plan: tuple[list[PlannedLaunch], TargetFacts], more: int) -> None:
    launches, facts = plan
    larger = replace(facts, quotas={QUOTA: (facts.quotas or {})[QUOTA] + more})
    if not list(check_vcpus(launches, facts)):
        assert not list(check_vcpus(launches, larger))


@given(plans())
def test_the_vcpu_quota_is_judged_by_what_would_run_at_once(plan: tuple[list[PlannedLaunch], TargetFacts]) -> None:
    launches, facts = plan
    facts = replace(facts, reservations=[])
    gone = {each for launch in launches for each in launch.replaces}
    stay = sum(TYPES[each.instance_type] for each in facts.instances or () if each.instance_id not in gone)
    new = sum(TYPES[launch.place.instance_type or ""] for launch in launches if launch.place)
    assert bool(list(check_vcpus(launches, facts))) == (stay + new > (facts.quotas or {})[QUOTA])


@given(plans(), st.randoms(use_true_random=False))
def test_the_order_of_servers_changes_no_finding(plan: tuple[list[PlannedLaunch], TargetFacts], random: object) -> None:
    launches, facts = plan
    mixed = list(launches)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    for check in (check_addresses, check_room, check_vcpus):
        assert gather(check(launches, facts)) == gather(check(mixed, facts))


@given(plans())
def test_an_address_is_wanted_twice_by_all_who_want_it(plan: tuple[list[PlannedLaunch], TargetFacts]) -> None:
    launches, facts = plan
    for each in check_addresses(launches, facts):
        if each.code is Code.ADDRESS_WANTED_TWICE:
            assert len(each.server_ids) > 1
