"""Where instances landed, compared with what launch profiles have asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

AS_ASKED, DIFFERS, UNKNOWN = "AS_ASKED", "DIFFERS", "UNKNOWN"
_NOTHING_KNOWN: Mapping[str, Any] = {"subnetId": None, "vpcId": None, "securityGroups": [], "privateIp": None}


def describe_landing(
    server: Mapping[str, Any],
    instance: Mapping[str, Any] | None,
    vpc_of: Mapping[str, str],
    *,
    has_own_groups: bool,
) -> dict[str, Any] | None:
    """Where the instance of a server is, and in what that differs from the launch settings that its profile has made.

    None for a server without a profile or an instance. `instance` is as the cache has it, None if it does not.
    `vpc_of` has the VPCs of subnets, as far as networks were read. `has_own_groups` is whether the profile names the
    security groups: else those of the settings are those of all interfaces together, and the first may have fewer.
    """
    settings = server["launchSettings"]
    if settings is None or settings["state"] == "REFUSED" or not server["recoveryInstanceId"]:
        return None
    if instance is None or instance.get("subnetId") is None:
        return {**_NOTHING_KNOWN, "state": UNKNOWN, "differences": [], "reason": "the cache does not have its instance"}
    found = {
        "subnetId": instance["subnetId"],
        "vpcId": instance["vpcId"],
        "securityGroups": list(instance["securityGroupIds"]),
        "privateIp": instance["privateIp"],
    }
    if not settings["subnetIds"]:
        reason = "its launch settings do not say where it is launched"
        return {**found, "state": UNKNOWN, "differences": [], "reason": reason}
    differences = list(_compare(found, settings, vpc_of, has_own_groups=has_own_groups))
    return {**found, "state": DIFFERS if differences else AS_ASKED, "differences": differences, "reason": None}


def _compare(
    found: Mapping[str, Any], settings: Mapping[str, Any], vpc_of: Mapping[str, str], *, has_own_groups: bool
) -> Iterator[str]:
    subnet = settings["subnetIds"][0]
    if found["subnetId"] != subnet:
        yield f"subnet {found['subnetId']}, not {subnet}"
    vpc = vpc_of.get(subnet)
    if vpc and found["vpcId"] != vpc:
        yield f"VPC {found['vpcId']}, not {vpc}"
    has, asked = set(found["securityGroups"]), set(settings["securityGroups"])
    if asked and (has != asked if has_own_groups else not has or has - asked):
        yield f"security groups {_join(has)}, not {_join(asked)}"
    address = settings["privateIp"]
    if address and found["privateIp"] != address:
        yield f"private address {found['privateIp'] or 'none'}, not {address}"


def _join(names: Iterable[str]) -> str:
    return " ".join(sorted(names)) or "none"


def count_landings(servers: Iterable[Mapping[str, Any]]) -> dict[str, int] | None:
    """How many servers with a profile landed as asked, elsewhere, or where nobody knows; None without such servers."""
    states = Counter(server["landing"]["state"] for server in servers if server["landing"])
    if not states:
        return None
    return {"launched": states.total(), **{name: states[state] for name, state in _COUNTED.items()}}


_COUNTED = {"asAsked": AS_ASKED, "differs": DIFFERS, "unknown": UNKNOWN}
