"""What a drill costs, estimated from the table of prices."""

import pytest

from recovery.clock import parse_iso
from recovery.domain.costs import prices
from recovery.domain.costs.estimate import CostEstimate, estimate_drill
from recovery.domain.costs.running import sum_drills
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.recovery_instance import RecoveryInstance
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode

GIB = 1024**3


def size(
    instance_type: str | None = "m5.large",
    servers: int = 1,
    gib: int = 0,
    *,
    mode: RunMode = RunMode.DRILL,
    windows: bool = False,
    vcpus: int | None = None,
) -> LaunchSize:
    return LaunchSize(mode, instance_type, windows, vcpus, servers, gib * GIB)


def estimate(*sizes: LaunchSize, region: str = prices.REGION, hours: float | None = 10) -> CostEstimate:
    found = estimate_drill({region: sizes}, hours, None)
    assert found
    return found


@pytest.mark.parametrize(
    ("instance_type", "price"),
    [
        ("m5.large", 0.096),
        ("c5.24xlarge", 4.08),
        ("r5.xlarge", 0.252),
        ("t3.micro", 0.0104),
        ("t3.2xlarge", 0.3328),
        ("m7g.medium", 0.0408),
        ("m5.metal", None),
        ("p5.48xlarge", None),
        ("t3.huge", None),
        ("nonsense", None),
    ],
)
def test_the_price_of_a_type_follows_from_its_family_and_its_size(instance_type: str, price: float | None) -> None:
    found = prices.find_price(instance_type)
    assert found == (None if price is None else pytest.approx(price))


def test_the_vcpus_that_ec2_says_go_before_the_name_of_the_size() -> None:
    assert prices.find_price("m5.metal", 96) == pytest.approx(4.608)


def test_a_drill_costs_its_instances_volumes_and_conversions() -> None:
    found = estimate(size(servers=4, gib=730), size("c5.xlarge", 2, 0))
    assert found.servers == 6
    assert found.instances == pytest.approx((4 * 0.096 + 2 * 0.17) * 10)
    assert found.volumes == pytest.approx(0.8)
    assert found.conversion == pytest.approx(0.14, abs=0.005)
    assert found.total == pytest.approx(found.instances + found.volumes + found.conversion)


def test_launches_of_recoveries_do_not_count() -> None:
    both = estimate(size(), size("r5.8xlarge", 50, 1_000, mode=RunMode.RECOVERY))
    assert both == estimate(size())
    assert estimate_drill({"us-east-1": [size(mode=RunMode.RECOVERY)]}, None, None) is None
    assert estimate_drill({}, None, None) is None


def test_the_estimate_says_how_long_instances_run_and_why() -> None:
    of = {prices.REGION: [size()]}
    found = [estimate_drill(of, 2, 48), estimate_drill(of, None, 48), estimate_drill(of, None, None)]
    assert [(each.hours, each.assumptions[0]) for each in found if each] == [
        (2, "instances run for 2 h, as asked"),
        (48, "instances run for 48 h: cleanUpAfterHours of the plan"),
        (8, "instances run for 8 h, because the plan has no cleanUpAfterHours"),
    ]


def test_the_estimate_says_what_it_does_not_know() -> None:
    sizes = (size("p5.48xlarge", 2), size(None, 3), size(windows=True, servers=7))
    text = "\n".join(estimate(*sizes, region="eu-central-1").assumptions)
    assert "5 servers counted as m5.large, for lack of a price: a type that is not known, p5.48xlarge" in text
    assert "licences of 7 Windows servers come on top" in text
    assert "those of eu-central-1 differ" in text
    plain = "\n".join(estimate(size()).assumptions)
    assert "Windows" not in plain
    assert "differ" not in plain
    assert "lack of a price" not in plain


def instance(number: int, **more: object) -> RecoveryInstance:
    values = {
        "server_id": f"s-{number}",
        "instance_id": f"i-{number}",
        "ec2_instance_id": f"i-{number}",
        "ec2_state": "RUNNING",
        "target": Target("111122223333", "us-west-2"),
        "is_drill": True,
        "instance_type": "m5.large",
        "launch_time": "2026-11-22T08:00:00Z",
        "execution_id": "drill-1",
        "plan_id": "rp-1",
    }
    return RecoveryInstance(**{**values, **more})  # type: ignore[arg-type]


AT_NINE = parse_iso("2026-11-22T09:00:00Z")


def test_what_drills_left_is_summed_by_run_the_oldest_first() -> None:
    later = "2026-11-22T08:30:00Z"
    first, second = sum_drills(
        [instance(1, execution_id="drill-2", launch_time=later), instance(2), instance(3, launch_time=later)], AT_NINE
    )
    assert (first.execution_id, first.instances, first.since) == ("drill-1", 2, "2026-11-22T08:00:00Z")
    assert (first.usd_per_hour, first.usd_so_far) == (0.192, 0.14)
    assert (second.execution_id, second.usd_per_hour, second.usd_so_far) == ("drill-2", 0.096, 0.05)


def test_instances_of_recoveries_and_those_that_are_gone_are_left_out() -> None:
    assert sum_drills([instance(1, is_drill=False), instance(2, ec2_state="TERMINATED")], AT_NINE) == []


def test_an_instance_without_a_price_is_said_to_be_counted_as_another_type() -> None:
    (drill,) = sum_drills([instance(1, instance_type="p4d.24xlarge"), instance(2, instance_type=None)], AT_NINE)
    assert (drill.unpriced, drill.usd_per_hour) == (2, 0.192)
    assert drill.by_type == {"p4d.24xlarge": 1, "unknown": 1}


def test_an_instance_launched_after_now_or_at_an_unknown_time_has_cost_nothing_yet() -> None:
    later = instance(1, launch_time="2026-11-22T10:00:00Z")
    (drill,) = sum_drills([later, instance(2, launch_time=None)], AT_NINE)
    assert (drill.usd_so_far, drill.since) == (0, "2026-11-22T10:00:00Z")
