"""EC2's launch templates: versions, defaults, tags, and the delay with which changes are seen."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from emulator_support.client import EmulatorClient

SUBNET = "subnet-0123456789abcdef0"


def template_of(emulator: EmulatorClient, server: str) -> str:
    return emulator.drs.get_launch_configuration(sourceServerID=server)["ec2LaunchTemplateID"]


@pytest.fixture
def template(emulator: EmulatorClient) -> str:
    return template_of(emulator, emulator.seed()[0])


def version(emulator: EmulatorClient, template: str, text: str = "$Default") -> dict[str, Any]:
    found = emulator.ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=[text])
    (shown,) = found["LaunchTemplateVersions"]
    return dict(shown)


def add_version(emulator: EmulatorClient, template: str, data: dict[str, Any], **more: Any) -> int:
    made = emulator.ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data, **more)
    return int(made["LaunchTemplateVersion"]["VersionNumber"])


def test_each_server_has_a_template_that_drs_has_tagged(emulator: EmulatorClient) -> None:
    servers = emulator.seed(3)
    ids = [template_of(emulator, server) for server in servers]
    assert len(set(ids)) == 3
    tagged = [{"Name": "tag:AWSElasticDisasterRecoveryManaged", "Values": ["drs.amazonaws.com"]}]
    found = emulator.ec2.describe_launch_templates(Filters=tagged)["LaunchTemplates"]
    assert {each["LaunchTemplateId"] for each in found} == set(ids)
    assert {(each["DefaultVersionNumber"], each["LatestVersionNumber"]) for each in found} == {(1, 1)}
    by_name = emulator.ec2.describe_launch_templates(LaunchTemplateNames=[found[0]["LaunchTemplateName"]])
    assert by_name["LaunchTemplates"] == [found[0]]
    shown = emulator.ec2.describe_launch_template_versions(LaunchTemplateName=found[0]["LaunchTemplateName"])
    assert [each["VersionNumber"] for each in shown["LaunchTemplateVersions"]] == [1]


def test_a_version_from_a_source_replaces_whole_members_and_keeps_the_others(
    emulator: EmulatorClient, template: str
) -> None:
    first = version(emulator, template)["LaunchTemplateData"]
    interface = {"DeviceIndex": 0, "SubnetId": SUBNET, "Groups": ["sg-0123abcd", "sg-4567cdef"]}
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "drill", "Value": "yes"}]}]
    data = {"NetworkInterfaces": [interface], "TagSpecifications": tags, "IamInstanceProfile": {"Name": "drill"}}
    number = add_version(emulator, template, data, SourceVersion="$Default", VersionDescription="drill")
    made = version(emulator, template, str(number))
    assert made["LaunchTemplateData"] == first | data
    assert (number, made["VersionDescription"], made["DefaultVersion"]) == (2, "drill", False)
    bare = add_version(emulator, template, {"InstanceType": "t3.large"})
    assert version(emulator, template, "$Latest")["LaunchTemplateData"] == {"InstanceType": "t3.large"}
    assert version(emulator, template)["VersionNumber"] == 1
    assert bare == 3


def test_the_default_version_is_changed_and_put_back_without_a_trace_in_its_data(
    emulator: EmulatorClient, template: str
) -> None:
    before = version(emulator, template)
    number = add_version(emulator, template, {"InstanceType": "t3.large"}, SourceVersion="1")
    changed = emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))
    assert changed["LaunchTemplate"]["DefaultVersionNumber"] == number
    assert version(emulator, template)["LaunchTemplateData"]["InstanceType"] == "t3.large"
    emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="1")
    assert version(emulator, template) == before
    gone = emulator.ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=[str(number)])
    assert [each["VersionNumber"] for each in gone["SuccessfullyDeletedLaunchTemplateVersions"]] == [number]
    again = add_version(emulator, template, {"InstanceType": "t3.large"})
    assert again == 3  # numbers are never given twice


def test_the_default_version_and_unknown_ones_cannot_be_deleted(emulator: EmulatorClient, template: str) -> None:
    answer = emulator.ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=["1", "7"])
    kept = answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    assert [each["ResponseError"]["Code"] for each in kept] == ["unexpectedError", "launchTemplateVersionDoesNotExist"]
    assert answer["SuccessfullyDeletedLaunchTemplateVersions"] == []


def test_versions_come_newest_first_and_in_pages(emulator: EmulatorClient, template: str) -> None:
    for _ in range(6):
        add_version(emulator, template, {"InstanceType": "t3.large"}, SourceVersion="$Latest")
    pages = emulator.ec2.get_paginator("describe_launch_template_versions").paginate(
        LaunchTemplateId=template, PaginationConfig={"PageSize": 3}
    )
    found = [[each["VersionNumber"] for each in page["LaunchTemplateVersions"]] for page in pages]
    assert found == [[7, 6, 5], [4, 3, 2], [1]]
    some = emulator.ec2.describe_launch_template_versions(LaunchTemplateId=template, MinVersion="2", MaxVersion="3")
    assert [each["VersionNumber"] for each in some["LaunchTemplateVersions"]] == [3, 2]
    with pytest.raises(ClientError, match="InvalidNextToken"):
        # pragma: allowlist nextline secret
        emulator.ec2.describe_launch_template_versions(LaunchTemplateId=template, NextToken="other")


def test_the_defaults_of_all_templates_are_one_listing(emulator: EmulatorClient) -> None:
    ids = {template_of(emulator, server) for server in emulator.seed(5)}
    pages = emulator.ec2.get_paginator("describe_launch_template_versions").paginate(
        Versions=["$Default"], PaginationConfig={"PageSize": 2}
    )
    assert {each["LaunchTemplateId"] for page in pages for each in page["LaunchTemplateVersions"]} == ids
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*201"):
        emulator.ec2.describe_launch_template_versions(Versions=["$Default"], MaxResults=201)
    with pytest.raises(ClientError, match="MissingParameter"):
        emulator.ec2.describe_launch_template_versions()


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        (
            "describe_launch_templates",
            {"LaunchTemplateIds": ["lt-00000000000000000"]},
            "InvalidLaunchTemplateId.NotFound",
        ),
        ("describe_launch_templates", {"LaunchTemplateIds": ["template"]}, "InvalidLaunchTemplateId.Malformed"),
        (
            "describe_launch_templates",
            {"LaunchTemplateNames": ["unknown"]},
            "InvalidLaunchTemplateName.NotFoundException",
        ),
        ("modify_launch_template", {"DefaultVersion": "9"}, "InvalidLaunchTemplateId.VersionNotFound"),
        (
            "create_launch_template_version",
            {"SourceVersion": "9", "LaunchTemplateData": {"InstanceType": "t3.large"}},
            "InvalidLaunchTemplateId.VersionNotFound",
        ),
        (
            "create_launch_template_version",
            {"LaunchTemplateData": {"InstanceType": "t3.gigantic"}},
            "InvalidParameterValue",
        ),
        ("describe_launch_template_versions", {"Versions": ["9"]}, "InvalidLaunchTemplateId.VersionNotFound"),
        ("modify_launch_template", {"DefaultVersion": "1", "DryRun": True}, "DryRunOperation"),
    ],
)
def test_what_ec2_refuses_of_templates(
    emulator: EmulatorClient, template: str, operation: str, request_: dict[str, Any], code: str
) -> None:
    named = {} if operation == "describe_launch_templates" else {"LaunchTemplateId": template}
    with pytest.raises(ClientError) as refused:
        getattr(emulator.ec2, operation)(**named, **request_)
    assert refused.value.response["Error"]["Code"] == code
    assert version(emulator, template)["VersionNumber"] == 1


def test_a_repeated_client_token_makes_one_version(emulator: EmulatorClient, template: str) -> None:
    data = {"InstanceType": "t3.large"}
    emulator.control("POST", "faults", {"kind": "CUT_AFTER", "operation": "CreateLaunchTemplateVersion", "count": 1})
    with pytest.raises(ConnectionClosedError):
        add_version(emulator, template, data, ClientToken="once")
    assert add_version(emulator, template, data, ClientToken="once") == 2
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        add_version(emulator, template, {"InstanceType": "t3.small"}, ClientToken="once")
    assert version(emulator, template, "$Latest")["VersionNumber"] == 2


def test_a_lost_answer_and_a_throttle_of_a_new_default(emulator: EmulatorClient, template: str) -> None:
    number = add_version(emulator, template, {"InstanceType": "t3.large"})
    for kind in ("CUT_AFTER", "THROTTLING"):
        emulator.control("POST", "faults", {"kind": kind, "operation": "ModifyLaunchTemplate", "count": 1})
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))
    assert version(emulator, template)["VersionNumber"] == 1
    emulator.control("DELETE", "faults")
    emulator.control("POST", "faults", {"kind": "CUT_AFTER", "operation": "ModifyLaunchTemplate", "count": 1})
    with pytest.raises(ConnectionClosedError):
        emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))
    assert version(emulator, template)["VersionNumber"] == number


def test_a_change_is_seen_late(emulator: EmulatorClient, template: str) -> None:
    emulator.change(behaviour={"templateDelaySeconds": 30})
    number = add_version(emulator, template, {"InstanceType": "t3.large"})
    emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))
    assert version(emulator, template)["VersionNumber"] == 1
    assert version(emulator, template, "$Latest")["VersionNumber"] == 1
    with pytest.raises(ClientError, match="VersionNotFound"):
        version(emulator, template, str(number))
    emulator.advance(31)
    assert version(emulator, template)["VersionNumber"] == number


def test_tags_of_templates_and_networks_are_changed(emulator: EmulatorClient, template: str) -> None:
    subnet = emulator.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    emulator.ec2.create_tags(Resources=[template, subnet], Tags=[{"Key": "run", "Value": "7"}])
    by_tag = [{"Name": "tag:run", "Values": ["7"]}]
    assert [each["SubnetId"] for each in emulator.ec2.describe_subnets(Filters=by_tag)["Subnets"]] == [subnet]
    (found,) = emulator.ec2.describe_launch_templates(Filters=by_tag)["LaunchTemplates"]
    assert {each["Key"] for each in found["Tags"]} == {"AWSElasticDisasterRecoveryManaged", "Name", "run"}
    emulator.ec2.delete_tags(Resources=[template], Tags=[{"Key": "run", "Value": "8"}])  # another value
    assert emulator.ec2.describe_launch_templates(Filters=by_tag)["LaunchTemplates"]
    emulator.ec2.delete_tags(Resources=[template], Tags=[{"Key": "run"}])
    assert emulator.ec2.describe_launch_templates(Filters=by_tag)["LaunchTemplates"] == []
    with pytest.raises(ClientError, match="InvalidID"):
        emulator.ec2.create_tags(Resources=[subnet, "vol-0123"], Tags=[{"Key": "run", "Value": "9"}])
    assert emulator.ec2.describe_subnets(Filters=[{"Name": "tag:run", "Values": ["9"]}])["Subnets"] == []


def test_a_template_of_others_is_made_and_deleted(emulator: EmulatorClient) -> None:
    tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "web"}]}]
    made = emulator.ec2.create_launch_template(
        LaunchTemplateName="fleet", LaunchTemplateData={"InstanceType": "m5.large"}, TagSpecifications=tags
    )["LaunchTemplate"]
    assert (made["LaunchTemplateName"], made["Tags"]) == ("fleet", tags[0]["Tags"])
    with pytest.raises(ClientError, match="AlreadyExists"):
        emulator.ec2.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData={"InstanceType": "m5.large"})
    emulator.ec2.delete_launch_template(LaunchTemplateName="fleet")
    assert emulator.ec2.describe_launch_templates()["LaunchTemplates"] == []


def test_drs_itself_writes_type_and_address_into_the_template_if_it_is_said_to(emulator: EmulatorClient) -> None:
    emulator.change(behaviour={"templateWrites": "versions"})
    (server,) = emulator.seed(1, cpus=8, ramGiB=32, ip="10.0.9.9")
    template = template_of(emulator, server)
    emulator.drs.update_launch_configuration(sourceServerID=server, copyPrivateIp=True)
    made = version(emulator, template)
    assert (made["VersionNumber"], made["LaunchTemplateData"]["InstanceType"]) == (2, "m5.2xlarge")
    assert made["LaunchTemplateData"]["NetworkInterfaces"][0]["PrivateIpAddress"] == "10.0.9.9"
    assert "drs.amazonaws.com" in made["CreatedBy"]
    emulator.drs.update_launch_configuration(sourceServerID=server, copyPrivateIp=True)
    assert version(emulator, template)["VersionNumber"] == 2  # nothing to write
    emulator.drs.update_launch_configuration(sourceServerID=server, copyPrivateIp=False)
    assert "PrivateIpAddress" not in version(emulator, template)["LaunchTemplateData"]["NetworkInterfaces"][0]


def test_templates_are_those_of_one_account_and_region(emulator: EmulatorClient) -> None:
    (here,) = emulator.seed(1)
    emulator.seed(2, account="9" * 12)
    emulator.seed(2, region="us-east-1")
    (found,) = emulator.ec2.describe_launch_templates()["LaunchTemplates"]
    assert found["LaunchTemplateId"] == template_of(emulator, here)


def test_the_template_of_a_deleted_server_is_deleted(emulator: EmulatorClient) -> None:
    first, second = emulator.seed(2)
    kept = template_of(emulator, second)
    emulator.drs.disconnect_source_server(sourceServerID=first)
    emulator.drs.delete_source_server(sourceServerID=first)
    found = emulator.ec2.describe_launch_templates()["LaunchTemplates"]
    assert [each["LaunchTemplateId"] for each in found] == [kept]
