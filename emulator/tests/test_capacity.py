"""Instance types and their offerings, quotas of vCPUs, capacity reservations and instance profiles."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

PLACE = {"accountId": ACCOUNT, "region": REGION}
STANDARD = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}


@pytest.mark.parametrize(
    ("name", "vcpus", "gib", "architecture", "hypervisor"),
    [
        ("t3.small", 2, 2, "x86_64", "nitro"),
        ("m5.2xlarge", 8, 32, "x86_64", "nitro"),
        ("r5.24xlarge", 96, 768, "x86_64", "nitro"),
        ("c6g.4xlarge", 16, 32, "arm64", "nitro"),
        ("c5.9xlarge", 36, 72, "x86_64", "nitro"),
        ("m4.large", 2, 8, "x86_64", "xen"),
    ],
)
def test_an_instance_type_says_what_it_is(
    emulator: EmulatorClient, name: str, vcpus: int, gib: int, architecture: str, hypervisor: str
) -> None:
    (found,) = emulator.ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"]
    assert (found["VCpuInfo"]["DefaultVCpus"], found["MemoryInfo"]["SizeInMiB"]) == (vcpus, gib * 1024)
    assert found["ProcessorInfo"]["SupportedArchitectures"] == [architecture]
    assert found["Hypervisor"] == hypervisor


def test_types_are_listed_in_pages_and_filtered(emulator: EmulatorClient) -> None:
    arm = [{"Name": "processor-info.supported-architecture", "Values": ["arm64"]}]
    pages = emulator.ec2.get_paginator("describe_instance_types").paginate(
        Filters=arm, PaginationConfig={"PageSize": 10}
    )
    names = [each["InstanceType"] for page in pages for each in page["InstanceTypes"]]
    assert "m6g.large" in names
    assert "m5.large" not in names
    emulator.control("PUT", "instance-type-offerings", PLACE | {"instanceType": "m5.large", "zones": []})
    with pytest.raises(ClientError, match="InvalidInstanceType"):
        emulator.ec2.describe_instance_types(InstanceTypes=["m5.large"])


def test_a_type_is_offered_in_all_zones_or_in_some(emulator: EmulatorClient) -> None:
    asked = [{"Name": "instance-type", "Values": ["m5.large", "c7i.large"]}]

    def zones() -> dict[str, set[str]]:
        found = emulator.ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=asked)
        zones: dict[str, set[str]] = {}
        for each in found["InstanceTypeOfferings"]:
            zones.setdefault(each["InstanceType"], set()).add(each["Location"])
        return zones

    everywhere = {f"{REGION}{zone}" for zone in "abc"}
    assert zones() == {"m5.large": everywhere, "c7i.large": everywhere}
    offering = {"instanceType": "c7i.large", "zones": [f"{REGION}a"]}
    emulator.control("PUT", "instance-type-offerings", PLACE | offering)
    assert zones() == {"m5.large": everywhere, "c7i.large": {f"{REGION}a"}}
    here = emulator.ec2.describe_instance_type_offerings(Filters=asked)["InstanceTypeOfferings"]
    assert {(each["InstanceType"], each["Location"]) for each in here} == {("m5.large", REGION), ("c7i.large", REGION)}
    emulator.control("PUT", "instance-type-offerings", PLACE | offering | {"zones": None})
    assert zones() == {"m5.large": everywhere, "c7i.large": everywhere}


def test_quotas_are_read_one_by_one_and_in_pages(emulator: EmulatorClient) -> None:
    before = emulator.quotas.get_service_quota(**STANDARD)["Quota"]
    assert before["QuotaName"] == "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
    emulator.control("PUT", "service-quotas", PLACE | {"quotaCode": "L-1216C47A", "value": 64})
    assert emulator.quotas.get_service_quota(**STANDARD)["Quota"]["Value"] == 64
    assert emulator.quotas.get_aws_default_service_quota(**STANDARD)["Quota"]["Value"] == before["Value"]
    pages = emulator.quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="ec2", PaginationConfig={"PageSize": 3}
    )
    values = {each["QuotaCode"]: each["Value"] for page in pages for each in page["Quotas"]}
    assert values["L-1216C47A"] == 64
    assert len(values) > 3
    emulator.change(quotas={"jobsInProgress": 7})
    drs = emulator.quotas.get_service_quota(ServiceCode="drs", QuotaCode="L-D88FAC3A")["Quota"]
    assert (drs["Value"], drs["Adjustable"]) == (7, False)
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        emulator.quotas.get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        emulator.quotas.list_service_quotas(ServiceCode="moon")


def test_faults_of_service_quotas_and_iam_have_their_errors(emulator: EmulatorClient) -> None:
    profile = {"InstanceProfileName": "web"}
    for operation in ("GetServiceQuota", "GetInstanceProfile"):
        emulator.control("POST", "faults", {"kind": "THROTTLING", "operation": operation, "count": 1})
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        emulator.quotas.get_service_quota(**STANDARD)
    with pytest.raises(ClientError, match="Throttling"):
        emulator.iam.get_instance_profile(**profile)
    for operation in ("GetServiceQuota", "GetInstanceProfile"):
        emulator.control("POST", "faults", {"kind": "ACCESS_DENIED", "operation": operation})
    with pytest.raises(ClientError, match=r"AccessDeniedException.*servicequotas:GetServiceQuota"):
        emulator.quotas.get_service_quota(**STANDARD)
    with pytest.raises(ClientError, match=r"AccessDenied.*iam:GetInstanceProfile"):
        emulator.iam.get_instance_profile(**profile)


def test_an_instance_profile_exists_in_its_account_only(emulator: EmulatorClient) -> None:
    assert emulator.control("POST", "instance-profiles", {"accountId": ACCOUNT, "name": "web"})[0] == 201
    found = emulator.iam.get_instance_profile(InstanceProfileName="web")["InstanceProfile"]
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/web"
    assert [role["RoleName"] for role in found["Roles"]] == ["web"]
    emulator.control("DELETE", "instance-profiles/web")
    with pytest.raises(emulator.iam.exceptions.NoSuchEntityException):
        emulator.iam.get_instance_profile(InstanceProfileName="web")


def reserve(emulator: EmulatorClient, count: int = 2, **more: Any) -> dict[str, Any]:
    sent = {"InstanceType": "m5.large", "InstancePlatform": "Linux/UNIX", "AvailabilityZone": f"{REGION}a"}
    made = emulator.ec2.create_capacity_reservation(**sent | {"InstanceCount": count} | more)
    return dict(made["CapacityReservation"])


def described(emulator: EmulatorClient, reservation: dict[str, Any]) -> tuple[str, int]:
    ids = [reservation["CapacityReservationId"]]
    (found,) = emulator.ec2.describe_capacity_reservations(CapacityReservationIds=ids)["CapacityReservations"]
    return found["State"], found["AvailableInstanceCount"]


def test_a_reservation_is_used_by_launches_and_ends_when_it_is_cancelled(emulator: EmulatorClient) -> None:
    tags = [{"ResourceType": "capacity-reservation", "Tags": [{"Key": "run", "Value": "7"}]}]
    made = reserve(emulator, ClientToken="once", EndDate="2090-01-01T00:00:00Z", TagSpecifications=tags)
    assert (made["TotalInstanceCount"], made["AvailableInstanceCount"], made["EndDateType"]) == (2, 2, "limited")
    again = reserve(emulator, ClientToken="once", EndDate="2090-01-01T00:00:00Z", TagSpecifications=tags)
    assert again["CapacityReservationId"] == made["CapacityReservationId"]
    emulator.start(emulator.seed(1))
    emulator.advance(DRILL)
    assert described(emulator, made) == ("active", 1)
    assert emulator.ec2.cancel_capacity_reservation(CapacityReservationId=made["CapacityReservationId"])["Return"]
    assert described(emulator, made) == ("cancelled", 0)
    by_tag = [{"Name": "tag:run", "Values": ["7"]}, {"Name": "state", "Values": ["active"]}]
    assert emulator.ec2.describe_capacity_reservations(Filters=by_tag)["CapacityReservations"] == []


def test_a_reservation_counts_against_the_quota_and_launches_inside_it_do_not(emulator: EmulatorClient) -> None:
    emulator.control("PUT", "service-quotas", PLACE | {"quotaCode": "L-1216C47A", "value": 4})
    reserve(emulator)
    with pytest.raises(ClientError, match=r"InstanceLimitExceeded.*limit of 4"):
        reserve(emulator, 1)
    servers = emulator.seed(3)
    job = emulator.start(servers)
    emulator.advance(DRILL)
    statuses = sorted(each["launchStatus"] for each in emulator.job(job)["participatingServers"])
    assert statuses == ["FAILED", "LAUNCHED", "LAUNCHED"]


def test_a_reservation_with_an_end_expires_by_itself(emulator: EmulatorClient) -> None:
    now = datetime.fromisoformat(emulator.control("GET", "health")[1]["clock"]["simulatedNow"])
    made = reserve(emulator, EndDate=now + timedelta(hours=2), EndDateType="limited")
    emulator.advance(3600)
    assert described(emulator, made) == ("active", 2)
    emulator.advance(3601)
    assert described(emulator, made) == ("expired", 0)
    emulator.ec2.cancel_capacity_reservation(CapacityReservationId=made["CapacityReservationId"])
    assert described(emulator, made) == ("expired", 0)


def test_what_cannot_be_reserved_is_refused(emulator: EmulatorClient) -> None:
    offering = {"instanceType": "m5.large", "zones": [f"{REGION}b"]}
    emulator.control("PUT", "instance-type-offerings", PLACE | offering)
    with pytest.raises(ClientError, match="Unsupported"):
        reserve(emulator)
    with pytest.raises(ClientError, match=r"InvalidCapacityReservationId\.NotFound"):
        emulator.ec2.cancel_capacity_reservation(CapacityReservationId="cr-00000000000000000")
    with pytest.raises(ClientError, match="DryRunOperation"):
        reserve(emulator, DryRun=True)
