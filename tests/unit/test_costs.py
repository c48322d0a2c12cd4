"""What a drill costs, estimated from the table of prices."""

import pytest

from recovery.domain.costs import prices
from recovery.domain.costs.estimate import CostEstimate, estimate_drill
from recovery.domain.findings.launches import LaunchSize
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
