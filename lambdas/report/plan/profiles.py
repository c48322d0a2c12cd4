"""Launch profiles in words, for previews and reports."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery.free_text import flatten
from recovery.wording import first_of, plural

# Servers with exceptions that a line names.
MAX_SERVERS = 5

# What became of the launch settings of a server that was launched by a profile.
SETTINGS_WORDS = {
    "UNCHANGED": "were as wanted before",
    "CHANGED": "not put back yet",
    "PUT_BACK": "put back",
    "LEFT": "left, because a person has changed them",
    "REFUSED": "not launched, because the profile could not be applied",
}

_ADDRESSES = {"keep": "the address of the source", "release": "an address that EC2 chooses"}
_ISOLATION = {
    "required": "only if its networks are isolated",
    "internetAllowed": "only if its networks are isolated but for the internet",
    "reported": "its isolation is reported",
}


def summarize_settings(servers: Iterable[Mapping[str, Any]]) -> str | None:
    """`launch settings of 12 servers: 10 put back, 2 left, because ...`; None for a run without launch profiles."""
    counts = Counter(each["state"] for each in servers)
    if not counts:
        return None
    parts = [f"{counts[state]} {words}" for state, words in SETTINGS_WORDS.items() if counts[state]]
    return f"launch settings of {plural(counts.total(), 'server')}: {'; '.join(parts)}"


def describe_profile(profile: Mapping[str, Any]) -> str:
    """`into subnet-0d1 (us-west-2a); groups sg-0d1; an address that EC2 chooses`."""
    return flatten("; ".join(_parts(profile)))


def _parts(profile: Mapping[str, Any]) -> Iterator[str]:
    if subnets := profile.get("subnets"):
        yield "into " + ", ".join(f"{subnet} ({zone})" for zone, subnet in subnets.items())
    if groups := profile.get("securityGroups"):
        yield f"security groups {', '.join(groups)}"
    if address := profile.get("privateIp"):
        yield _ADDRESSES.get(address, f"the address {address}")
    if ranges := profile.get("privateIpMap"):
        yield "addresses " + ", ".join(f"{source} become {mapped}" for source, mapped in ranges.items())
    yield from _parts_of_instance(profile)
    if isolation := profile.get("isolation"):
        yield _ISOLATION.get(isolation, f"isolation {isolation}")


def _parts_of_instance(profile: Mapping[str, Any]) -> Iterator[str]:
    if types := profile.get("instanceTypes"):
        yield f"type {', or else '.join(types)}"
    if (sizing := profile.get("rightSizing")) is not None:
        yield "a type that DRS chooses" if sizing else "the type of the launch template"
    if name := profile.get("instanceProfile"):
        yield f"instance profile {name}"
    if tags := profile.get("tags"):
        yield f"tags {' '.join(f'{key}={value}' for key, value in tags.items())}"
    if disposition := profile.get("disposition"):
        yield f"left {disposition.lower()}"
    if mode := profile.get("recoveryMode"):
        yield f"recovery mode {mode}"


def describe_groups(groups: Iterable[Mapping[str, Any]], mode: str, *, skips: bool = False) -> list[str]:
    """A line for each group that has a launch profile for such a run, `drill` or `recovery`.

    With `skips` the run leaves them out, and the lines say what that means.
    """
    listed = list(groups)
    lines = [line for each in listed if (line := _describe_group(each, mode))]
    if not (skips and lines):
        return lines
    skipped = "skipped: servers are launched as their own launch settings say"
    isolates = mode == "drill" and any(_requires_isolation(each) for each in listed)
    return [skipped, "a drill is refused then, because a profile requires isolation"] if isolates else [skipped]


def _describe_group(group: Mapping[str, Any], mode: str) -> str | None:
    profiles = group.get("launchProfiles") or {}
    of_group = profiles.get(mode)
    exceptions = [server for server, each in (profiles.get("servers") or {}).items() if each.get(mode)]
    if not of_group and not exceptions:
        return None
    text = describe_profile(of_group) if of_group else "as their launch settings say"
    others = f"; {plural(len(exceptions), 'server')} otherwise: {', '.join(first_of(exceptions, MAX_SERVERS))}"
    return flatten(f"{group['name']}: {text}") + (others if exceptions else "")


def _requires_isolation(group: Mapping[str, Any]) -> bool:
    drill = (group.get("launchProfiles") or {}).get("drill") or {}
    return drill.get("isolation") in ("required", "internetAllowed")
