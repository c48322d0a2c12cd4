"""Compares launch templates and the addresses of a subnet, through boto3, with a model of them.

A template is a map of versions and a default; a subnet is a set of addresses. Servers are launched from the template as
it is at that moment, and terminated again.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

FLEET = 4
ADDRESSES = [f"10.77.0.{number}" for number in (3, 4, 5, 6)]  # of which EC2 keeps the first
SIZE = 16 - 5
TYPES = ["t3.large", "r5.large", "m5.24xlarge"]
Values = dict[str, Any]


class TemplatesAgainstAModel(RuleBasedStateMachine):
    emulator: EmulatorClient

    @initialize()
    def begin(self) -> None:
        emulator = self.emulator
        emulator.control("POST", "reset")
        place = {"accountId": ACCOUNT, "region": REGION}
        vpc = {"VpcId": "vpc-0d111111", "CidrBlock": "10.77.0.0/16"}
        subnet = {"SubnetId": "subnet-0d111111", "VpcId": "vpc-0d111111", "CidrBlock": "10.77.0.0/28"}
        for kind, resource in (("Vpc", vpc), ("Subnet", subnet)):
            emulator.control("POST", "ec2-resources", place | {"kind": kind, "resource": resource})
        self.subnet = subnet["SubnetId"]
        self.servers = emulator.seed(FLEET)
        self.templates, self.versions, self.defaults = {}, {}, {}
        for server in self.servers:
            emulator.drs.update_launch_configuration(sourceServerID=server, targetInstanceTypeRightSizingMethod="NONE")
            configuration = emulator.drs.get_launch_configuration(sourceServerID=server)
            template = self.templates[server] = configuration["ec2LaunchTemplateID"]
            self.versions[template] = {1: self.read(template, "1")}
            self.defaults[template] = 1
        self.made = dict.fromkeys(self.templates.values(), 1)
        for index in range(FLEET):  # all begin in the subnet, without an address of their own
            self.add_a_version(index, "1", "", "")
            self.set_default(index, 2)
        self.running: dict[str, Values] = {}  # by server: its type, and its address in the subnet if it is there

    def read(self, template: str, version: str) -> Values:
        found = self.emulator.ec2.describe_launch_template_versions(LaunchTemplateId=template, Versions=[version])
        return dict(found["LaunchTemplateVersions"][0]["LaunchTemplateData"])

    @rule(
        index=st.integers(0, FLEET - 1),
        source=st.sampled_from(["", "$Default", "$Latest", "1"]),
        kind=st.sampled_from(["", *TYPES]),
        address=st.sampled_from(["none", "", *ADDRESSES]),
    )
    def make_a_version(self, index: int, source: str, kind: str, address: str) -> None:
        self.add_a_version(index, source, kind, address)

    def add_a_version(self, index: int, source: str, kind: str, address: str) -> None:
        template = self.templates[self.servers[index]]
        data: Values = {"InstanceType": kind} if kind else {}
        if address != "none" or not data:
            interface = {"DeviceIndex": 0, "SubnetId": self.subnet}
            data["NetworkInterfaces"] = [interface | ({"PrivateIpAddress": address} if address[:1] == "1" else {})]
        known = self.versions[template]
        numbers = {"$Default": self.defaults[template], "$Latest": max(known), "1": 1}
        if source and numbers[source] not in known:
            return
        more = {"SourceVersion": source} if source else {}
        made = self.emulator.ec2.create_launch_template_version(
            LaunchTemplateId=template, LaunchTemplateData=data, **more
        )
        self.made[template] += 1
        assert made["LaunchTemplateVersion"]["VersionNumber"] == self.made[template]
        known[self.made[template]] = (known[numbers[source]] if source else {}) | data

    @rule(index=st.integers(0, FLEET - 1), data=st.data())
    def make_a_version_the_default(self, index: int, data: st.DataObject) -> None:
        template = self.templates[self.servers[index]]
        self.set_default(index, data.draw(st.sampled_from(sorted(self.versions[template]))))

    def set_default(self, index: int, number: int) -> None:
        template = self.templates[self.servers[index]]
        self.emulator.ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))
        self.defaults[template] = number

    @rule(index=st.integers(0, FLEET - 1), number=st.integers(1, 6))
    def delete_a_version(self, index: int, number: int) -> None:
        template = self.templates[self.servers[index]]
        answer = self.emulator.ec2.delete_launch_template_versions(LaunchTemplateId=template, Versions=[str(number)])
        may = number in self.versions[template] and number != self.defaults[template]
        assert len(answer["SuccessfullyDeletedLaunchTemplateVersions"]) == may
        if may:
            del self.versions[template][number]

    @rule(picked=st.lists(st.integers(0, FLEET - 1), min_size=1, max_size=FLEET, unique=True))
    def launch(self, picked: list[int]) -> None:
        servers = [self.servers[index] for index in picked]
        job = self.emulator.start(servers)
        self.emulator.advance(DRILL)
        for server in servers:
            self.running.pop(server, None)  # a launch replaces the earlier instance, even if it fails then
        statuses = {
            each["sourceServerID"]: each["launchStatus"] for each in self.emulator.job(job)["participatingServers"]
        }
        items = self.emulator.drs.describe_recovery_instances()["items"]
        shown = self.describe([each["ec2InstanceID"] for each in items])
        instances = {each["sourceServerID"]: shown[each["ec2InstanceID"]] for each in items}
        taken = {each["address"] for each in self.running.values()}
        wanted = [self.interface_of(server).get("PrivateIpAddress") for server in servers]
        for server in servers:
            interface = self.interface_of(server)
            address = interface.get("PrivateIpAddress", "")
            may = address != ADDRESSES[0] and address not in taken and wanted.count(address) < 2
            if statuses[server] != "LAUNCHED":
                assert address
                assert not may or wanted.count(None) > 0  # one without a wish may have got it first
                continue
            instance = instances[server]
            data = self.versions[self.templates[server]][self.defaults[self.templates[server]]]
            assert instance["InstanceType"] == data.get("InstanceType", "m1.small")
            inside = "SubnetId" in interface
            assert (instance["SubnetId"] == self.subnet) == inside
            if address:
                assert instance["PrivateIpAddress"] == address
            self.running[server] = {"address": instance["PrivateIpAddress"] if inside else ""}

    def interface_of(self, server: str) -> Values:
        template = self.templates[server]
        return dict((self.versions[template][self.defaults[template]].get("NetworkInterfaces") or [{}])[0])

    def describe(self, ids: list[str]) -> dict[str, Values]:
        found = self.emulator.ec2.describe_instances(InstanceIds=ids)["Reservations"] if ids else []
        return {each["Instances"][0]["InstanceId"]: dict(each["Instances"][0]) for each in found}

    @rule()
    def terminate_all(self) -> None:
        items = self.emulator.drs.describe_recovery_instances()["items"]
        if items:
            ids = [each["recoveryInstanceID"] for each in items]
            self.emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=ids)
            self.emulator.advance(DRILL)
        self.running.clear()

    @invariant()
    def templates_are_as_the_model_says(self) -> None:
        for template, known in self.versions.items():
            found = self.emulator.ec2.describe_launch_template_versions(LaunchTemplateId=template)
            shown = {each["VersionNumber"]: each["LaunchTemplateData"] for each in found["LaunchTemplateVersions"]}
            assert shown == known
            defaults = [each["VersionNumber"] for each in found["LaunchTemplateVersions"] if each["DefaultVersion"]]
            assert defaults == [self.defaults[template]]

    @invariant()
    def addresses_are_counted_once(self) -> None:
        inside = [each["address"] for each in self.running.values() if each["address"]]
        assert len(set(inside)) == len(inside)
        (subnet,) = self.emulator.ec2.describe_subnets(SubnetIds=[self.subnet])["Subnets"]
        assert subnet["AvailableIpAddressCount"] == SIZE - len(inside)


@pytest.mark.proof
def test_templates_and_addresses_are_as_the_model_says(emulator: EmulatorClient) -> None:
    TemplatesAgainstAModel.emulator = emulator
    run_state_machine_as_test(
        TemplatesAgainstAModel,
        settings=settings(
            max_examples=60, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
