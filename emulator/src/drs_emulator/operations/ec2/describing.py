"""What the describing operations of EC2 share: ids, filters and pages.

A filter is the path of a member in small letters and hyphens: `route.gateway-id` is GatewayId of each of the Routes.
So filters follow from the model; `ALIASES` has those that do not.
"""

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.pagination import ForeignToken, take_page
from drs_emulator.operations.registry import Call
from drs_emulator.protocol.service_model import Shape, service_model

Values = dict[str, Any]
MAX_PAGE = 1000
MAX_PAGES = {"LaunchTemplates": 200, "LaunchTemplateVersions": 200}  # the others have 1,000, or the model's maximum
ALIASES: dict[str, dict[str, str]] = {
    "Vpc": {"cidr": "CidrBlock", "isDefault": "IsDefault"},
    "Subnet": {"cidr": "CidrBlock", "cidrBlock": "CidrBlock", "availabilityZone": "AvailabilityZone"},
    "VpcPeeringConnection": {"status-code": "Status.Code", "status-message": "Status.Message"},
    "NetworkAcl": {"default": "IsDefault"},
    "Address": {"domain": "Domain"},
    "NetworkInterface": {
        "group-id": "Groups.GroupId",
        "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
    },
    "Instance": {
        "instance-state-name": "State.Name",
        "availability-zone": "Placement.AvailabilityZone",
        "instance.group-id": "SecurityGroups.GroupId",
        "instance.group-name": "SecurityGroups.GroupName",
        "network-interface.subnet-id": "NetworkInterfaces.SubnetId",
        "network-interface.addresses.private-ip-address": "NetworkInterfaces.PrivateIpAddress",
    },
    "InstanceTypeInfo": {
        "processor-info.supported-architecture": "ProcessorInfo.SupportedArchitectures",
        "vcpu-info.default-vcpus": "VCpuInfo.DefaultVCpus",
        "memory-info.size-in-mib": "MemoryInfo.SizeInMiB",
        "supported-usage-class": "SupportedUsageClasses",
    },
    "LaunchTemplate": {"create-time": "CreateTime", "launch-template-name": "LaunchTemplateName"},
    "LaunchTemplateVersion": {
        "is-default-version": "DefaultVersion",
        "instance-type": "LaunchTemplateData.InstanceType",
        "image-id": "LaunchTemplateData.ImageId",
        "iam-instance-profile": "LaunchTemplateData.IamInstanceProfile.Name",
    },
}


def describe(
    call: Call, shape_name: str, found: Iterable[Values], sort_key: Callable[[Values], str], answer: str
) -> Values:
    """Return a page of the records that match the filters of the call, as the member `answer`. Raise Refused."""
    matching = filter_records(shape_name, found, call.input.get("Filters") or call.input.get("Filter") or [])
    return paginate(call, sorted(matching, key=sort_key), sort_key, answer)


def paginate(call: Call, records: list[Values], sort_key: Callable[[Values], str], answer: str) -> Values:
    """Return a page of records that are in ascending order of `sort_key`. Raise Refused."""
    size, largest = call.input.get("MaxResults"), MAX_PAGES.get(answer, MAX_PAGE)
    if size is not None and not 1 <= size <= largest:
        raise Refused("InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid.")
    try:
        items, token = take_page(call, records, sort_key, size or largest, call.input.get("NextToken"))
    except ForeignToken as error:
        raise Refused("InvalidNextToken", "The token is invalid") from error
    return {answer: items} | ({"NextToken": token} if token else {})


def filter_records(shape_name: str, records: Iterable[Values], filters: list[Values]) -> Iterator[Values]:
    """Yield the records that match all filters. A value may have the wildcards * and ?. Raise Refused."""
    readers = [(_reader(shape_name, str(each.get("Name"))), each.get("Values") or []) for each in filters]
    for record in records:
        if all(_matches(read(record), values) for read, values in readers):
            yield record


def _matches(found: list[Any], values: list[str]) -> bool:
    texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in found]
    return any(fnmatchcase(text, value) for text in texts for value in values)


def _reader(shape_name: str, name: str) -> Callable[[Values], list[Any]]:
    """Return what reads the values of a filter from a record."""
    if name.startswith("tag:"):
        key = name[4:]
        return lambda record: [tag["Value"] for tag in record.get("Tags", []) if tag["Key"] == key]
    if name == "tag-key":
        return lambda record: [tag["Key"] for tag in record.get("Tags", [])]
    shape = service_model("ec2").shape(shape_name)
    alias = ALIASES.get(shape_name, {}).get(name)
    path = alias.split(".") if alias else _find_path(shape, name.split("."))
    if path is None:
        raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda record: list(_read(record, path))


def _find_path(shape: Shape, words: list[str]) -> list[str] | None:
    """Return the members that the words of a filter name, or None."""
    path = []
    for word in words:
        while shape.kind == "list" and shape.element:
            shape = shape.element
        wanted = word.replace("-", "").lower()
        member = next(
            (each for each in shape.members if each.lower() in (wanted, f"{wanted}s", f"{wanted[:-1]}ies")), None
        )
        if member is None:
            return None
        path.append(member)
        shape = shape.members[member].shape
    return path


def _read(value: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _read(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _read(value[path[0]], path[1:])


def refuse_unknown(asked: Iterable[str], known: Iterable[str], code: str, what: str) -> None:
    """Raise Refused if one of the asked ids is not known: it fails the whole call."""
    if unknown := sorted(set(asked) - set(known)):
        raise Refused(code, f"The {what} ID '{unknown[0]}' does not exist")
