"""Launch profiles in plan files: host names in place of ids, mistakes with their lines, and warnings."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.plans.check import read_plan_file
from cli.plans.profiles import find_profile_warnings
from cli.plans.resources import group_body, wanted_group
from tests.support.plan_file import FILE, mistakes

SUBNET, GROUP = "subnet-0123456789abcdef0", "sg-0123456789abcdef0"
SERVERS = "    sourceServers: [db-01]\n"
GOOD = f"""\
    launchProfiles:
      drill:
        subnets: {{us-west-2a: {SUBNET}}}
        securityGroups: [{GROUP}]
        privateIp: release
        isolation: required
      recovery:
        privateIp: keep
        instanceTypes: [m5.large, m5.xlarge]
      servers:
        db-01:
          recovery: {{privateIp: 10.20.4.11}}
"""


def with_profiles(text: str) -> str:
    """The file whose first group has these launch profiles, from line 10 on."""
    return FILE.replace(SERVERS, SERVERS + text)


def one_profile(**profiles: Any) -> str:
    return "    launchProfiles: " + yaml.safe_dump(profiles, default_flow_style=True, width=10_000).strip() + "\n"


def test_launch_profiles_are_part_of_a_group_and_their_servers_have_host_names(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(with_profiles(GOOD))
    group = read_plan_file(path).data["protectionGroups"][0]
    body = group_body(group, lambda *of: f"s-{of[2]:0>17}".replace("-0", "0"))
    (server_id,) = body["sourceServerIds"]
    assert list(body["launchProfiles"]["servers"]) == [server_id]
    comparable = wanted_group(group, lambda *of: "s-0123456789abcdef0")
    assert comparable["launchProfiles"]["drill"]["isolation"] == "required"
    assert comparable["launchProfiles"]["servers"] == {"s-0123456789abcdef0": {"recovery": {"privateIp": "10.20.4.11"}}}


@pytest.mark.parametrize(
    ("profiles", "line"),
    [
        (
            one_profile(drill={"subnets": {"eu-west-1a": SUBNET}}),
            "10: protectionGroups[0].launchProfiles.drill.subnets.eu-west-1a: eu-west-1a is not a zone of us-west-2, "
            "the Region of the group",
        ),
        (
            GOOD.replace("        db-01:", "        db-1:"),
            "20: protectionGroups[0].launchProfiles.servers.db-1: the group has no server 'db-1'; did you mean "
            "'db-01'?",
        ),
        (
            GOOD.replace("isolation: required", "isolation: strict"),
            "15: protectionGroups[0].launchProfiles.drill.isolation: must be required, internetAllowed or reported",
        ),
        (
            GOOD.replace("privateIp: release", "privateIp: drop"),
            "14: protectionGroups[0].launchProfiles.drill.privateIp: must be keep, release or an IPv4 address, such as "
            "release",
        ),
        (
            GOOD.replace("      recovery:\n", "      recovery:\n        isolation: required\n"),
            "17: protectionGroups[0].launchProfiles.recovery.isolation: unknown field",
        ),
        (
            GOOD.replace("privateIp: keep", "privateIp: 10.1.2.3"),
            "16: protectionGroups[0].launchProfiles.recovery: privateIp 10.1.2.3 is the address of one server: write "
            "it under servers, or give keep or release for the group",
        ),
        (
            GOOD.replace("securityGroups", "securitygroups"),
            "13: protectionGroups[0].launchProfiles.drill.securitygroups: unknown field; did you mean securityGroups?",
        ),
    ],
)
def test_a_mistake_in_a_launch_profile_has_its_line(tmp_path: Path, profiles: str, line: str) -> None:
    found = mistakes(tmp_path, with_profiles(profiles))
    assert [each for each in found if each.startswith(line)], found
    assert len(found) == 1


def test_a_group_beside_isolated_ones_is_warned_about() -> None:
    data = yaml.safe_load(with_profiles(GOOD))
    (found,) = find_profile_warnings(data)
    place, text = found
    assert place == ("protectionGroups", 1)
    assert text.startswith("a drill launches these servers as their own launch settings say, beside those of")


def test_isolation_without_subnets_is_warned_about() -> None:
    data = yaml.safe_load(with_profiles(one_profile(drill={"isolation": "required"})))
    places = [place for place, _ in find_profile_warnings(data)]
    assert ("protectionGroups", 0, "launchProfiles", "drill", "isolation") in places


def test_good_profiles_of_every_group_have_no_warning() -> None:
    data = yaml.safe_load(with_profiles(GOOD))
    data["protectionGroups"][1]["launchProfiles"] = {"drill": data["protectionGroups"][0]["launchProfiles"]["drill"]}
    assert list(find_profile_warnings(data)) == []
