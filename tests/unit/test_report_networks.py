"""What a report makes of looks at networks, and of where instances landed."""

from typing import Any

import pytest

from report.networks.isolation import merge_looks
from report.networks.landing import describe_landing

PLACE = {"accountId": "111122223333", "region": "us-west-2", "subnetId": "subnet-a", "securityGroups": ["sg-a"]}


def look(at: str, isolated: str, because: str = "because", **more: Any) -> dict[str, Any]:
    answer = {"isolated": isolated, "internetOnly": False, "because": [because], "vpcId": "vpc-a"}
    return {**PLACE, **answer, "lookedAt": f"2026-11-22T{at}:00.000Z", **more}


def test_the_worst_answer_of_a_place_counts_and_comes_first() -> None:
    later = [look("10:20", "UNKNOWN"), look("10:31", "NO", "route"), look("10:40", "YES"), look("10:50", "YES", "else")]
    (place,) = merge_looks([look("10:02", "YES")], later)
    assert (place["isolated"], place["because"]) == ("NO", ["route"])
    answers = [(each["isolated"], each["from"][11:16], each["until"][11:16]) for each in place["answers"]]
    assert answers == [
        ("NO", "10:31", "10:31"),
        ("UNKNOWN", "10:20", "10:20"),
        ("YES", "10:02", "10:02"),
        ("YES", "10:40", "10:50"),
    ]
    assert (place["firstLookAt"][11:16], place["lastLookAt"][11:16], place["looks"]) == ("10:02", "10:50", 5)


def test_a_way_to_other_networks_is_worse_than_one_to_the_internet() -> None:
    internet = look("10:02", "NO", "internet", internetOnly=True)
    (place,) = merge_looks([internet], [look("10:03", "NO", "peering")])
    assert (place["internetOnly"], place["because"]) == (False, ["peering"])


def test_places_with_other_groups_are_other_places() -> None:
    found = merge_looks([look("10:02", "YES"), look("10:02", "NO", securityGroups=["sg-b"])], [])
    assert [(each["securityGroups"], each["isolated"]) for each in found] == [(["sg-a"], "YES"), (["sg-b"], "NO")]


def landing(has_own_groups: bool = True, settings: Any = (), **instance: Any) -> dict[str, Any]:
    asked = {"state": "PUT_BACK", "subnetIds": ["subnet-a"], "securityGroups": ["sg-a", "sg-b"], "privateIp": None}
    found = {"subnetId": "subnet-a", "vpcId": "vpc-a", "securityGroupIds": ["sg-b", "sg-a"], "privateIp": "10.0.0.5"}
    server = {"launchSettings": {**asked, **dict(settings)}, "recoveryInstanceId": "i-1"}
    described = describe_landing(server, {**found, **instance}, {"subnet-a": "vpc-a"}, has_own_groups=has_own_groups)
    assert described is not None
    return described


def test_an_instance_in_the_subnet_and_groups_of_its_profile_landed_as_asked() -> None:
    assert (landing()["state"], landing()["differences"]) == ("AS_ASKED", [])


@pytest.mark.parametrize(
    ("settings", "instance", "differs"),
    [
        ({}, {"subnetId": "subnet-b"}, "subnet subnet-b, not subnet-a"),
        ({}, {"vpcId": "vpc-b"}, "VPC vpc-b, not vpc-a"),
        ({}, {"securityGroupIds": ["sg-a"]}, "security groups sg-a, not sg-a sg-b"),
        ({"privateIp": "10.0.0.9"}, {}, "private address 10.0.0.5, not 10.0.0.9"),
    ],
)
def test_what_differs_from_the_profile_is_named(
    settings: dict[str, Any], instance: dict[str, Any], differs: str
) -> None:
    assert landing(settings=settings, **instance)["differences"] == [differs]
    assert landing(settings=settings, **instance)["state"] == "DIFFERS"


def test_groups_of_other_interfaces_need_not_be_those_of_the_first() -> None:
    assert landing(has_own_groups=False, securityGroupIds=["sg-a"])["state"] == "AS_ASKED"
    assert landing(has_own_groups=False, securityGroupIds=["sg-c", "sg-a"])["state"] == "DIFFERS"


def test_what_the_settings_or_the_cache_do_not_say_is_unknown() -> None:
    assert landing(settings={"subnetIds": []})["state"] == "UNKNOWN"
    assert landing(subnetId=None)["reason"] == "the cache does not have its instance"
