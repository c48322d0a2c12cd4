"""Where servers are launched: what their templates and launch configurations say, and what EC2 refuses of it."""

from collections.abc import Callable
from typing import Any

import pytest

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

PLACE = {"accountId": ACCOUNT, "region": REGION}


def add(emulator: EmulatorClient, kind: str, **resource: Any) -> str:
    status, answer = emulator.control("POST", "ec2-resources", PLACE | {"kind": kind, "resource": resource})
    assert status == 201, answer
    return str(answer["id"])


def add_subnet(emulator: EmulatorClient, cidr: str = "10.77.0.0/24", zone: str = "b", **more: Any) -> str:
    vpc = add(emulator, "Vpc", VpcId="vpc-0d1111", CidrBlock="10.77.0.0/16")
    return add(emulator, "Subnet", VpcId=vpc, CidrBlock=cidr, AvailabilityZone=f"{REGION}{zone}", **more)


def template_of(emulator: EmulatorClient, server: str) -> str:
    return emulator.drs.get_launch_configuration(sourceServerID=server)["ec2LaunchTemplateID"]


def set_template(emulator: EmulatorClient, server: str, **data: Any) -> None:
    """Make a version of the server's template with these data, and make it the default."""
    template = template_of(emulator, server)
    made = emulator.ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="$Default", LaunchTemplateData=data
    )
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=number)


def interface(subnet: str, **more: Any) -> list[dict[str, Any]]:
    return [{"DeviceIndex": 0, "SubnetId": subnet, **more}]


def configure(emulator: EmulatorClient, server: str, **settings: Any) -> None:
    emulator.drs.update_launch_configuration(sourceServerID=server, **settings)


def launch(emulator: EmulatorClient, *servers: str) -> list[dict[str, Any]]:
    """Run a drill, and return the instances that EC2 describes, in the order of the servers."""
    job = emulator.start(list(servers))
    emulator.advance(DRILL)
    items = emulator.drs.describe_recovery_instances()["items"]
    ids = {each["sourceServerID"]: each["ec2InstanceID"] for each in items if each["jobID"] == job}
    if not ids:
        return []
    found = emulator.ec2.describe_instances(InstanceIds=list(ids.values()))["Reservations"]
    shown = {each["Instances"][0]["InstanceId"]: dict(each["Instances"][0]) for each in found}
    return [shown[ids[server]] for server in servers if server in ids]


def error_of(emulator: EmulatorClient, server: str) -> str:
    """Run a drill that fails, and return what its log says of it."""
    job = emulator.start([server])
    emulator.advance(DRILL)
    assert [each["launchStatus"] for each in emulator.job(job)["participatingServers"]] == ["FAILED"]
    items = emulator.drs.describe_job_log_items(jobID=job)["items"]
    (failed,) = [each for each in items if each["event"] == "LAUNCH_FAILED"]
    return failed["eventData"]["rawError"]


def test_a_server_lands_in_the_network_of_its_template_with_its_groups_profile_and_tags(
    emulator: EmulatorClient,
) -> None:
    (server,) = emulator.seed(1, tags={"tier": "web", "stage": "live"})
    subnet = add_subnet(emulator)
    group = add(emulator, "SecurityGroup", VpcId="vpc-0d1111", GroupName="drill")
    emulator.control("POST", "instance-profiles", {"accountId": ACCOUNT, "name": "drill-profile"})
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "stage", "Value": "drill"}]}]
    set_template(
        emulator,
        server,
        NetworkInterfaces=interface(subnet, Groups=[group]),
        IamInstanceProfile={"Name": "drill-profile"},
        InstanceType="t3.large",
        TagSpecifications=tags,
    )
    configure(emulator, server, targetInstanceTypeRightSizingMethod="NONE")
    (instance,) = launch(emulator, server)
    assert (instance["SubnetId"], instance["VpcId"]) == (subnet, "vpc-0d1111")
    assert instance["Placement"]["AvailabilityZone"] == f"{REGION}b"
    assert instance["SecurityGroups"] == [{"GroupId": group, "GroupName": "drill"}]
    assert instance["PrivateIpAddress"].startswith("10.77.0.")
    assert instance["InstanceType"] == "t3.large"
    assert instance["IamInstanceProfile"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/drill-profile"
    shown = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert (shown["tier"], shown["stage"]) == ("web", "drill")
    assert shown["AWSElasticDisasterRecoverySourceServerID"] == server
    (recovered,) = emulator.drs.describe_recovery_instances()["items"]
    ips = recovered["recoveryInstanceProperties"]["networkInterfaces"][0]["ips"]
    assert ips == [instance["PrivateIpAddress"]]
    statuses = emulator.ec2.describe_instance_status(InstanceIds=[instance["InstanceId"]])["InstanceStatuses"]
    assert [each["AvailabilityZone"] for each in statuses] == [f"{REGION}b"]


def test_servers_are_seeded_with_what_their_templates_say(emulator: EmulatorClient) -> None:
    subnet = add_subnet(emulator)
    (server,) = emulator.seed(1, launchTemplate={"NetworkInterfaces": interface(subnet)})
    (instance,) = launch(emulator, server)
    assert instance["SubnetId"] == subnet
    shown = emulator.ec2.describe_launch_template_versions(LaunchTemplateId=template_of(emulator, server))
    assert [each["VersionNumber"] for each in shown["LaunchTemplateVersions"]] == [1]


def test_without_a_subnet_a_server_lands_in_a_default_subnet(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    (instance,) = launch(emulator, server)
    subnets = emulator.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert instance["SubnetId"] in [each["SubnetId"] for each in subnets]
    assert instance["SecurityGroups"][0]["GroupName"] == "default"


def test_right_sizing_overrides_the_type_of_the_template(emulator: EmulatorClient) -> None:
    first, second = emulator.seed(2, cpus=8, ramGiB=32)
    for server in (first, second):
        set_template(emulator, server, InstanceType="t3.large")
    configure(emulator, second, targetInstanceTypeRightSizingMethod="NONE")
    assert [each["InstanceType"] for each in launch(emulator, first, second)] == ["m5.2xlarge", "t3.large"]


def test_only_the_default_version_counts(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    configure(emulator, server, targetInstanceTypeRightSizingMethod="NONE")
    template = template_of(emulator, server)
    emulator.ec2.create_launch_template_version(
        LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "r5.large"}, SourceVersion="1"
    )
    (before,) = launch(emulator, server)
    emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    (after,) = launch(emulator, server)
    assert (before["InstanceType"], after["InstanceType"]) == ("c5.large", "r5.large")


def test_a_default_that_is_set_too_late_is_not_seen_by_the_launch(emulator: EmulatorClient) -> None:
    emulator.change(behaviour={"templateDelaySeconds": 3 * DRILL})
    (server,) = emulator.seed()
    configure(emulator, server, targetInstanceTypeRightSizingMethod="NONE")
    set_template(emulator, server, InstanceType="r5.large")
    assert [each["InstanceType"] for each in launch(emulator, server)] == ["c5.large"]
    emulator.advance(2 * DRILL)
    assert [each["InstanceType"] for each in launch(emulator, server)] == ["r5.large"]


def test_a_private_address_is_kept_given_or_free(emulator: EmulatorClient) -> None:
    kept, given, free = emulator.seed(3, ip="10.77.0.40")
    subnet = add_subnet(emulator)
    set_template(emulator, kept, NetworkInterfaces=interface(subnet))
    configure(emulator, kept, copyPrivateIp=True)
    set_template(emulator, given, NetworkInterfaces=interface(subnet, PrivateIpAddress="10.77.0.41"))
    set_template(emulator, free, NetworkInterfaces=interface(subnet))
    addresses = [each["PrivateIpAddress"] for each in launch(emulator, kept, given, free)]
    assert addresses[:2] == ["10.77.0.40", "10.77.0.41"]
    assert addresses[2].startswith("10.77.0.")
    assert len(set(addresses)) == 3


def test_a_public_address_is_given_if_the_template_or_else_the_subnet_says_so(emulator: EmulatorClient) -> None:
    private = add_subnet(emulator)
    public = add_subnet(emulator, "10.77.2.0/24", MapPublicIpOnLaunch=True)
    wanted: list[dict[str, Any]] = [
        {"SubnetId": private},
        {"SubnetId": private, "AssociatePublicIpAddress": True},
        {"SubnetId": public},
        {"SubnetId": public, "AssociatePublicIpAddress": False},
    ]
    servers = emulator.seed(len(wanted))
    for server, each in zip(servers, wanted, strict=True):
        set_template(emulator, server, NetworkInterfaces=[{"DeviceIndex": 0} | each])
    assert ["PublicIpAddress" in each for each in launch(emulator, *servers)] == [False, True, True, False]


def test_addresses_are_taken_by_launches_and_freed_by_terminations(emulator: EmulatorClient) -> None:
    first, second = emulator.seed(2)
    subnet = add_subnet(emulator)
    for server in (first, second):
        set_template(emulator, server, NetworkInterfaces=interface(subnet))

    def free() -> int:
        return int(emulator.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"])

    assert free() == 251
    launch(emulator, first, second)
    assert free() == 249
    launch(emulator, first)  # replaces the earlier instance
    assert free() == 249
    items = emulator.drs.describe_recovery_instances()["items"]
    emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=[each["recoveryInstanceID"] for each in items])
    emulator.advance(DRILL)
    assert free() == 251


def test_a_failed_launch_takes_no_address(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    subnet = add_subnet(emulator)
    set_template(emulator, server, NetworkInterfaces=interface(subnet))
    emulator.control("POST", "faults", {"kind": "NO_CAPACITY", "count": 1})
    assert "InsufficientInstanceCapacity" in error_of(emulator, server)
    assert emulator.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 251


def _template_gone(emulator: EmulatorClient, server: str) -> None:
    emulator.change(behaviour={"deletedTemplate": "fails"})
    emulator.ec2.delete_launch_template(LaunchTemplateId=template_of(emulator, server))


def _default_gone(emulator: EmulatorClient, server: str) -> None:
    path = f"launch-templates/{template_of(emulator, server)}"
    assert emulator.control("PATCH", path, PLACE | {"defaultVersion": 9})[0] == 200


def _subnet_gone(emulator: EmulatorClient, server: str) -> None:
    subnet = add_subnet(emulator)
    set_template(emulator, server, NetworkInterfaces=interface(subnet))
    assert emulator.control("DELETE", f"ec2-resources/{subnet}")[0] == 200


def _no_default_vpc(emulator: EmulatorClient, server: str) -> None:
    for subnet in emulator.ec2.describe_subnets()["Subnets"]:
        emulator.control("DELETE", f"ec2-resources/{subnet['SubnetId']}")


def _no_address(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator, AvailableIpAddressCount=0)))


def _small_subnet(emulator: EmulatorClient, server: str) -> None:
    subnet = add_subnet(emulator, "10.77.1.0/28")
    for number in range(4, 15):
        add(emulator, "NetworkInterface", SubnetId=subnet, PrivateIpAddress=f"10.77.1.{number}")
    set_template(emulator, server, NetworkInterfaces=interface(subnet))


def _wrong_zone(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator, zone="c")))
    offering = {"instanceType": "m5.large", "zones": [f"{REGION}a", f"{REGION}b"]}
    assert emulator.control("PUT", "instance-type-offerings", PLACE | offering)[0] == 200


def _profile_gone(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, IamInstanceProfile={"Name": "unknown-profile"})


def _key_gone(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, KeyName="lost")


def _group_gone(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator), Groups=["sg-0123abcd"]))


def _group_of_another_vpc(emulator: EmulatorClient, server: str) -> None:
    group = emulator.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator), Groups=[group]))


def _groups_twice(emulator: EmulatorClient, server: str) -> None:
    group = emulator.ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator)), SecurityGroupIds=[group])


def _vcpu_limit(emulator: EmulatorClient, server: str) -> None:
    quota = {"quotaCode": "L-1216C47A", "value": 3}
    assert emulator.control("PUT", "service-quotas", PLACE | quota)[0] == 200
    add_running = PLACE | {"instanceType": "t3.large"}
    assert emulator.control("POST", "ec2-instances", add_running)[0] == 201


def _address_outside(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator)))
    configure(emulator, server, copyPrivateIp=True)


def _address_reserved(emulator: EmulatorClient, server: str) -> None:
    set_template(emulator, server, NetworkInterfaces=interface(add_subnet(emulator), PrivateIpAddress="10.77.0.3"))


def _address_in_use(emulator: EmulatorClient, server: str) -> None:
    subnet = add_subnet(emulator)
    taken = PLACE | {"subnetId": subnet, "privateIpAddress": "10.77.0.50"}
    assert emulator.control("POST", "ec2-instances", taken)[0] == 201
    set_template(emulator, server, NetworkInterfaces=interface(subnet, PrivateIpAddress="10.77.0.50"))


REFUSALS: dict[Callable[[EmulatorClient, str], None], str] = {
    _template_gone: "InvalidLaunchTemplateId.NotFound",
    _default_gone: "InvalidLaunchTemplateId.VersionNotFound",
    _subnet_gone: "InvalidSubnetID.NotFound",
    _no_default_vpc: "VPCIdNotSpecified",
    _no_address: "InsufficientFreeAddressesInSubnet",
    _small_subnet: "InsufficientFreeAddressesInSubnet",
    _wrong_zone: "Unsupported",
    _profile_gone: "InvalidParameterValue",
    _key_gone: "InvalidKeyPair.NotFound",
    _group_gone: "InvalidGroup.NotFound",
    _group_of_another_vpc: "InvalidParameter",
    _groups_twice: "InvalidParameterCombination",
    _vcpu_limit: "VcpuLimitExceeded",
    _address_outside: "InvalidParameterValue",
    _address_reserved: "InvalidParameterValue",
    _address_in_use: "InvalidIPAddress.InUse",
}


@pytest.mark.parametrize("spoil", REFUSALS, ids=lambda spoil: spoil.__name__.strip("_"))
def test_a_launch_that_ec2_refuses_fails_with_its_error(
    emulator: EmulatorClient, spoil: Callable[[EmulatorClient, str], None]
) -> None:
    server, other = emulator.seed(2, ip="192.168.3.4")
    spoil(emulator, server)
    expected = f"An error occurred ({REFUSALS[spoil]}) when calling the RunInstances operation: "
    assert error_of(emulator, server).startswith(expected)
    of_the_account = (_no_default_vpc, _vcpu_limit)  # which the other server has too
    assert bool(launch(emulator, other)) == (spoil not in of_the_account)


def test_a_copied_address_without_a_subnet_is_accepted_or_refused(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed(1, ip="192.168.3.4")
    configure(emulator, server, copyPrivateIp=True)
    assert [each["PrivateIpAddress"] for each in launch(emulator, server)] == ["192.168.3.4"]
    emulator.change(behaviour={"addressOutside": "refused"})
    assert "Address 192.168.3.4 does not fall within the subnet's address range" in error_of(emulator, server)


def test_a_deleted_template_can_be_made_again_by_drs(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    deleted = template_of(emulator, server)
    emulator.ec2.delete_launch_template(LaunchTemplateId=deleted)
    emulator.change(behaviour={"deletedTemplate": "recreated"})
    assert len(launch(emulator, server)) == 1
    assert template_of(emulator, server) != deleted
    assert emulator.ec2.describe_launch_templates(LaunchTemplateIds=[template_of(emulator, server)])["LaunchTemplates"]


def test_the_vcpus_of_a_family_are_limited_and_stopped_instances_use_none(emulator: EmulatorClient) -> None:
    servers = emulator.seed(4)
    emulator.control("PUT", "service-quotas", PLACE | {"quotaCode": "L-1216C47A", "value": 6})
    configure(emulator, servers[0], launchDisposition="STOPPED")
    emulator.start(servers)
    emulator.advance(DRILL)
    items = emulator.drs.describe_recovery_instances()["items"]
    assert sorted(each["sourceServerID"] for each in items) == sorted(servers)  # 3 running ones with 2 vCPUs each
    (fifth,) = emulator.seed(1, hostname="fifth")
    assert "current vCPU limit of 6 allows" in error_of(emulator, fifth)
    first = next(each["recoveryInstanceID"] for each in items if each["sourceServerID"] == servers[1])
    emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=[first])
    emulator.advance(DRILL)
    assert len(launch(emulator, fifth)) == 1


def test_the_faults_of_launches_come_before_the_template(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    emulator.control("POST", "faults", {"kind": "NO_LAUNCH_TEMPLATE", "count": 1})
    assert "InvalidLaunchTemplateId.NotFound" in error_of(emulator, server)
    assert len(launch(emulator, server)) == 1
