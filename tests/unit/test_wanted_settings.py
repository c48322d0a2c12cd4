"""What launch profiles make of launch settings of many forms."""

from typing import Any

import pytest

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.launch_profiles.profiles import GroupProfiles, choose_profile
from recovery.domain.launch_profiles.settings import LaunchSettings
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.launch_profiles.wanted import ProfiledServer, ProfileRefused, WantedSettings, build_wanted
from recovery.domain.wave_steps.modes import RunMode

SERVER = "s-1111111111111111a"
SUBNETS = {
    name: Subnet(name, "vpc-0d111111", f"us-west-2{zone}", cidr)
    for name, zone, cidr in (("subnet-0d11111a", "a", "10.77.0.0/17"), ("subnet-0d11111b", "b", "10.77.128.0/17"))
}
PLACES = {subnet.zone: name for name, subnet in SUBNETS.items()}


def want(profile: dict[str, Any], data: dict[str, Any], launches_into: str | None = None) -> WantedSettings:
    found = GroupProfiles.from_item({"drill": profile}).find(SERVER, RunMode.DRILL)
    assert found is not None
    settings = LaunchSettings(LaunchConfiguration(launches_into, template_id="lt-1"), 1, data)
    return build_wanted(found, settings, ProfiledServer(SERVER, "10.1.0.5"), SUBNETS)


@pytest.mark.parametrize(
    "named",
    [
        {"PrivateIpAddress": "10.77.200.9"},
        {"PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": "10.77.200.9"}]},
    ],
)
def test_an_address_that_the_template_names_decides_the_subnet(named: dict[str, Any]) -> None:
    data = want({"subnets": PLACES}, {"NetworkInterfaces": [{"SubnetId": "subnet-0c", **named}]}).data
    assert data["NetworkInterfaces"] == [{"SubnetId": "subnet-0d11111b", **named}]


def test_an_address_that_the_template_names_and_no_subnet_has_is_refused_and_released_on_request() -> None:
    template = {"NetworkInterfaces": [{"SubnetId": "subnet-0c", "PrivateIpAddress": "10.1.0.5"}]}
    with pytest.raises(ProfileRefused, match=r"10\.1\.0\.5 is in no subnet of its launch profile"):
        want({"subnets": PLACES}, template)
    released = want({"subnets": PLACES, "privateIp": "release"}, template).data["NetworkInterfaces"]
    assert "PrivateIpAddress" not in released[0]


def test_addresses_and_prefixes_of_another_subnet_do_not_move_along() -> None:
    foreign = {
        "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}],
        "Ipv4Prefixes": [{"Ipv4Prefix": "10.1.0.16/28"}],
        "Ipv6Prefixes": [{"Ipv6Prefix": "2001:db8::/80"}],
        "PrivateIpAddresses": [{"Primary": False, "PrivateIpAddress": "10.1.0.6"}],
    }
    template = {
        "Placement": {"AvailabilityZone": "us-west-2c", "AvailabilityZoneId": "usw2-az3", "Tenancy": "default"},
        "NetworkInterfaces": [{"SubnetId": "subnet-0c", "Ipv6AddressCount": 1, **foreign}],
    }
    data = want({"subnets": {"us-west-2a": "subnet-0d11111a"}}, template).data
    assert data["NetworkInterfaces"] == [{"SubnetId": "subnet-0d11111a", "Ipv6AddressCount": 1}]
    assert data["Placement"] == {"AvailabilityZone": "us-west-2a", "Tenancy": "default"}
    stays = {"NetworkInterfaces": [{"SubnetId": "subnet-0d11111a", **foreign}]}
    assert want({"subnets": {"us-west-2a": "subnet-0d11111a"}}, stays).data == stays


@pytest.mark.parametrize("isolation", ["required", "internetAllowed"])
def test_a_launch_into_an_instance_is_not_isolated_by_a_profile(isolation: str) -> None:
    with pytest.raises(ProfileRefused, match="launches into instance i-0123"):
        want({"subnets": PLACES, "isolation": isolation}, {}, launches_into="i-0123")
    assert want({"subnets": PLACES, "isolation": "reported"}, {}, launches_into="i-0123").data


def test_the_strictest_isolation_of_all_groups_of_a_server_counts() -> None:
    def choose(*drills: dict[str, Any]) -> dict[str, Any] | None:
        profiles = [GroupProfiles.from_item({"drill": drill} if drill else {}) for drill in drills]
        chosen = choose_profile(profiles, SERVER, RunMode.DRILL)
        return chosen.to_item() if chosen else None

    tags = {"tags": {"from": "first"}}
    assert choose({}, {}) is None
    assert choose(tags, {"tags": {"from": "second"}}) == tags
    assert choose(tags, {}, {"isolation": "required"}) == {**tags, "isolation": "required"}
    both = ({**tags, "isolation": "reported"}, {"isolation": "internetAllowed"}, {"isolation": "required"})
    assert choose(*both[:2]) == {**tags, "isolation": "internetAllowed"}
    assert choose(*both) == {**tags, "isolation": "required"}
    assert choose(both[2], both[0]) == {"isolation": "required"}
