"""Launches that fail for want of something in EC2 or IAM: first played by a drill, then found by readiness."""

import pytest

from recovery.domain.findings.codes import Code
from recovery.domain.wave_steps.modes import RunMode
from tests.support.launch_needs import (
    PLACE,
    ZONES,
    add_resource,
    add_subnet,
    change_template,
    choose_type,
    configure,
    look,
    move_to,
    plan_of,
    play,
    template_of,
)
from tests.support.product import HUB, WEST, Product


def test_a_template_that_is_gone_fails_a_drill_and_is_found(product: Product) -> None:
    lost, kept = product.seed(2)
    template = template_of(product, lost)
    product.emulator.ec2_client(HUB, WEST).delete_launch_template(LaunchTemplateId=template)
    plan = plan_of(product, [lost, kept])
    assert "InvalidLaunchTemplateId.NotFound" in play(product, plan)[lost][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.TEMPLATE_MISSING].server_ids == (lost,)
    assert found[Code.TEMPLATE_MISSING].modes == (RunMode.DRILL, RunMode.RECOVERY)
    assert template in found[Code.TEMPLATE_MISSING].evidence
    (reason,) = [each["reason"] for each in record["sourceServers"] if each["sourceServerId"] == lost]
    assert reason.startswith("Its launch template does not exist")
    assert "Its launch template does not exist" in record["reason"]


def test_a_default_version_that_is_gone_fails_a_drill_and_is_found(product: Product) -> None:
    (lost,) = product.seed(1)
    product.emulator.control.change_launch_template(template_of(product, lost), {**PLACE, "defaultVersion": 9})
    plan = plan_of(product, [lost])
    assert "VersionNotFound" in play(product, plan)[lost][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.DEFAULT_VERSION_MISSING].server_ids == (lost,)


def test_a_subnet_that_is_gone_fails_a_drill_and_is_found(product: Product) -> None:
    lost, kept = product.seed(2)
    subnet = add_subnet(product, 77)
    move_to(product, lost, subnet)
    product.emulator.control.remove_ec2_resource(subnet)
    plan = plan_of(product, [lost, kept])
    assert "InvalidSubnetID.NotFound" in play(product, plan)[lost][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert (found[Code.SUBNET_MISSING].server_ids, found[Code.SUBNET_MISSING].evidence) == (
        (lost,),
        f"{subnet} is not there",
    )


def test_a_subnet_with_too_few_addresses_for_all_waves_fails_a_drill_and_is_found(product: Product) -> None:
    servers = product.seed(4)
    subnet = add_subnet(product, 77, AvailableIpAddressCount=3)
    for each in servers:
        move_to(product, each, subnet)
    waves = [
        {"name": f"wave-{number}", "groups": [product.group([each])], "maxFailedPercent": 100}
        for number, each in enumerate(servers)
    ]
    plan = product.plan(*waves)
    ((cause,),) = play(product, plan).values()
    assert "InsufficientFreeAddressesInSubnet" in cause
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.SUBNET_FULL].server_ids == tuple(sorted(servers))
    assert (
        f"{subnet} has 0 free addresses, and launches free 3 others; 4 servers of the plan would launch"
        in record["reason"]
    )


def test_instances_that_a_launch_replaces_free_their_addresses(product: Product) -> None:
    servers = product.seed(2)
    subnet = add_subnet(product, 77, AvailableIpAddressCount=2)
    for each in servers:
        move_to(product, each, subnet)
    plan = plan_of(product, servers)
    assert play(product, plan) == {}
    record, found = look(product, plan)
    assert record["status"] == "READY", record["reason"]
    assert Code.SUBNET_FULL not in found
    assert play(product, plan) == {}


def test_a_type_that_the_zone_does_not_offer_fails_a_drill_and_is_found(product: Product) -> None:
    (server,) = product.seed(1)
    subnet = add_subnet(product, 77, ZONES[0])
    move_to(product, server, subnet)
    choose_type(product, server, "m5.large")
    product.emulator.control.set_offering({**PLACE, "instanceType": "m5.large", "zones": [ZONES[1]]})
    plan = plan_of(product, [server])
    assert "Unsupported" in play(product, plan)[server][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.TYPE_NOT_IN_ZONE].evidence == f"m5.large is offered in {ZONES[1]}, not in {ZONES[0]} ({subnet})"


def test_a_type_that_the_region_does_not_have_fails_a_drill_and_is_found(product: Product) -> None:
    wrong, right = product.seed(2)
    choose_type(product, wrong, "m5.24xlarge")
    choose_type(product, right, "m5.large")
    product.emulator.control.set_offering({**PLACE, "instanceType": "m5.24xlarge", "zones": []})
    plan = plan_of(product, [wrong, right])
    assert "Unsupported" in play(product, plan)[wrong][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert (found[Code.TYPE_UNKNOWN].server_ids, found[Code.TYPE_UNKNOWN].evidence) == (
        (wrong,),
        "the Region has no m5.24xlarge",
    )


def test_an_instance_profile_that_is_gone_fails_a_drill_and_is_found(product: Product) -> None:
    wrong, right = product.seed(2)
    product.emulator.control.add_instance_profile(HUB, "shop-web")
    change_template(product, wrong, {"IamInstanceProfile": {"Name": "shop-wep"}})
    change_template(product, right, {"IamInstanceProfile": {"Name": "shop-web"}})
    plan = plan_of(product, [wrong, right])
    assert "iamInstanceProfile" in play(product, plan)[wrong][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert (found[Code.INSTANCE_PROFILE_MISSING].server_ids, found[Code.INSTANCE_PROFILE_MISSING].evidence) == (
        (wrong,),
        "shop-wep is not there",
    )


def test_a_quota_of_vcpus_that_is_too_small_fails_a_drill_and_is_found(product: Product) -> None:
    servers = product.seed(3)
    for each in servers:
        choose_type(product, each, "m5.xlarge")
    other = {"instanceId": "i-0aaaabbbbccccdddd", "state": "running", "instanceType": "m5.large"}
    product.emulator.control.add_ec2_instance({**PLACE, **other})
    product.emulator.control.set_quota({**PLACE, "quotaCode": "L-1216C47A", "value": 12})
    plan = plan_of(product, servers)
    causes = play(product, plan)
    assert causes
    assert all("VcpuLimitExceeded" in each[0] for each in causes.values())
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.VCPU_QUOTA].server_ids == tuple(sorted(servers))
    assert "3 servers of the plan need 12 vCPUs of Standard" in record["reason"]
    assert "2 are in use, and quota L-1216C47A is 12" in record["reason"]
    product.emulator.control.set_quota({**PLACE, "quotaCode": "L-1216C47A", "value": 14})
    record, found = look(product, plan)
    assert (record["status"], Code.VCPU_QUOTA in found) == ("READY", False), record["reason"]


def test_a_security_group_that_is_gone_or_of_another_vpc_fails_a_drill_and_is_found(product: Product) -> None:
    gone, elsewhere = product.seed(2)
    subnet, other = add_subnet(product, 77), add_subnet(product, 78)
    move_to(product, gone, subnet, Groups=["sg-0eeeeeeeeeeeeeeee"])
    move_to(product, elsewhere, subnet, Groups=["sg-0d000078"])
    plan = plan_of(product, [gone, elsewhere])
    causes = play(product, plan)
    assert "InvalidGroup.NotFound" in causes[gone][0]
    assert "InvalidParameter" in causes[elsewhere][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.SECURITY_GROUP_MISSING].server_ids == (gone,)
    assert found[Code.SECURITY_GROUP_OF_OTHER_VPC].server_ids == (elsewhere,)
    assert "vpc-0d000078" in found[Code.SECURITY_GROUP_OF_OTHER_VPC].evidence
    assert other


def test_a_key_pair_that_is_gone_fails_a_drill_and_is_found(product: Product) -> None:
    wrong, right = product.seed(2)
    add_resource(product, "KeyPairInfo", KeyPairId="key-0d111111", KeyName="shop")
    change_template(product, wrong, {"KeyName": "shpo"})
    change_template(product, right, {"KeyName": "shop"})
    plan = plan_of(product, [wrong, right])
    assert "InvalidKeyPair.NotFound" in play(product, plan)[wrong][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.KEY_PAIR_MISSING].server_ids == (wrong,)


@pytest.mark.parametrize(
    ("address", "text", "code"),
    [
        ("10.99.0.9", "does not fall within", Code.ADDRESS_OUTSIDE),
        ("10.77.0.2", "reserved", Code.ADDRESS_RESERVED),
        ("10.77.0.20", "InUse", Code.ADDRESS_IN_USE),
    ],
)
def test_an_address_that_cannot_be_had_fails_a_drill_and_is_found(
    product: Product, address: str, text: str, code: Code
) -> None:
    (server,) = product.seed(1)
    subnet = add_subnet(product, 77)
    add_resource(
        product,
        "NetworkInterface",
        NetworkInterfaceId="eni-0d111111",
        SubnetId=subnet,
        VpcId="vpc-0d000077",
        PrivateIpAddress="10.77.0.20",
        PrivateIpAddresses=[{"PrivateIpAddress": "10.77.0.20", "Primary": True}],
    )
    move_to(product, server, subnet, PrivateIpAddress=address)
    plan = plan_of(product, [server])
    assert text in play(product, plan)[server][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[code].server_ids == (server,)
    assert address in found[code].evidence


def test_an_address_that_two_servers_want_fails_one_of_them_and_is_found(product: Product) -> None:
    servers = product.seed(2, ip="10.77.0.30")
    subnet = add_subnet(product, 77)
    for each in servers:
        move_to(product, each, subnet)
        configure(product, each, copyPrivateIp=True)
    plan = plan_of(product, servers)
    assert "InUse" in next(iter(play(product, plan).values()))[0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.ADDRESS_WANTED_TWICE].server_ids == tuple(sorted(servers))


def test_no_default_subnet_fails_a_drill_and_is_found(product: Product) -> None:
    (server,) = product.seed(1)
    for each in product.emulator.ec2_client(HUB, WEST).describe_subnets()["Subnets"]:
        product.emulator.control.remove_ec2_resource(each["SubnetId"])
    plan = plan_of(product, [server])
    assert "VPCIdNotSpecified" in play(product, plan)[server][0]
    record, found = look(product, plan)
    assert record["status"] == "NOT_READY"
    assert found[Code.NO_DEFAULT_SUBNET].server_ids == (server,)
