"""The catalogue of checks: the code of each, what it means, and what to do about it.

docs/readiness.md has its table, which `scripts/check_catalogue.py` writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from types import MappingProxyType

from recovery.domain.findings.codes import Code
from recovery.domain.findings.finding import Severity

BLOCKING, WARNING, NOTE = Severity.BLOCKING, Severity.WARNING, Severity.NOTE


class Scope(StrEnum):
    """What a finding decides.

    SERVER: a blocking one blocks its servers, and a warning is one of its servers. TARGET: a blocking one refuses the
    readiness run, whatever its waves tolerate. RECORD: it decides nothing, because other rules have decided already.
    """

    SERVER = auto()
    TARGET = auto()
    RECORD = auto()


@dataclass(frozen=True, slots=True)
class Check:
    """A check. `title` is what is wrong, in words that begin a reason; `remedy` is what operators do about it."""

    code: Code
    severity: Severity
    scope: Scope
    title: str
    remedy: str


_SERVER, _TARGET, _RECORD = Scope.SERVER, Scope.TARGET, Scope.RECORD

_TEMPLATE = (
    "Make another version the default one: aws ec2 modify-launch-template --launch-template-id TEMPLATE "
    "--default-version NUMBER"
)
_NETWORK = (
    "Name another one in the launch profile of its group, or in the default version of its launch template: "
    "aws ec2 create-launch-template-version, then aws ec2 modify-launch-template"
)
_REPLICATION = (
    "Look at its agent and its replication: aws drs describe-source-servers --filters sourceServerIDs=SERVER "
    "--query 'items[].dataReplicationInfo'"
)
_REPLACE = "Agree to it by starting the run with replaceExisting, or leave the server out of the plan"
_QUOTA = (
    "Ask for a higher quota: aws service-quotas request-service-quota-increase --service-code ec2 --quota-code CODE "
    "--desired-value NUMBER. Or stop instances, or choose smaller types in launch profiles"
)

_OF_SETTINGS = (
    (Code.TEMPLATE_MISSING, BLOCKING, _SERVER, "Its launch template does not exist",
     "Let DRS make a new one: change a launch setting of the server in the console of DRS, or install its agent again"),
    (Code.DEFAULT_VERSION_MISSING, BLOCKING, _SERVER, "Its launch template has no default version", _TEMPLATE),
    (Code.SUBNET_MISSING, BLOCKING, _SERVER, "Its subnet does not exist", _NETWORK),
    (Code.NO_DEFAULT_SUBNET, BLOCKING, _SERVER, "No subnet is named, and there is no default subnet",
     "Name a subnet in the launch profile of its group, or make a default one: aws ec2 create-default-subnet "
     "--availability-zone ZONE"),
    (Code.SUBNET_FULL, BLOCKING, _TARGET, "A subnet has too few free addresses",
     "Spread the servers over more subnets of the launch profile, terminate instances of earlier drills, or choose a "
     "larger subnet"),
    (Code.SECURITY_GROUP_MISSING, BLOCKING, _SERVER, "Its security group does not exist", _NETWORK),
    (Code.SECURITY_GROUP_OF_OTHER_VPC, BLOCKING, _SERVER, "Its security group is of another VPC than its subnet",
     _NETWORK),
    (Code.SECURITY_GROUPS_TWICE, BLOCKING, _SERVER,
     "Its launch template has security groups of the instance beside a subnet of a network interface",
     "Move the groups into the network interface, in a new version of the launch template: EC2 takes one of both"),
    (Code.TYPE_UNKNOWN, BLOCKING, _SERVER, "Its instance type does not exist in the Region",
     "Choose a type that the Region has: aws ec2 describe-instance-types --query 'InstanceTypes[].InstanceType'"),
    (Code.TYPE_NOT_IN_ZONE, BLOCKING, _SERVER, "Its instance type is not offered in the zone of its subnet",
     "Choose another type or a subnet of another zone: aws ec2 describe-instance-type-offerings --location-type "
     "availability-zone --filters Name=instance-type,Values=TYPE"),
    (Code.TYPE_OF_OTHER_ARCHITECTURE, BLOCKING, _SERVER, "Its instance type has another architecture than its source",
     "Choose a type of the architecture of the source in its launch profile or its launch template"),
    (Code.TYPE_NEEDS_NITRO, BLOCKING, _SERVER, "Its instance type needs drivers that its source does not have",
     "Install the drivers for ENA and NVMe on the source, or choose a type that is not built on Nitro"),
    (Code.INSTANCE_PROFILE_MISSING, BLOCKING, _SERVER, "Its instance profile does not exist",
     "Create it in the account: aws iam create-instance-profile, then aws iam add-role-to-instance-profile. Or name "
     "another one"),
    (Code.KEY_PAIR_MISSING, BLOCKING, _SERVER, "Its key pair does not exist in the Region",
     "Import it: aws ec2 import-key-pair. Or remove it from the launch template"),
    (Code.ADDRESS_OUTSIDE, BLOCKING, _SERVER, "Its private address is not in the range of its subnet",
     "Use privateIp: release or privateIpMap in the launch profile, or a subnet that has the address"),
    (Code.ADDRESS_OUTSIDE_DEFAULT, WARNING, _SERVER, "Its private address is in no default subnet",
     "Name a subnet that has the address, or use privateIp: release in the launch profile"),
    (Code.ADDRESS_RESERVED, BLOCKING, _SERVER, "AWS reserves its private address",
     "Choose another address: AWS keeps the first four of a subnet, and the last"),
    (Code.ADDRESS_IN_USE, BLOCKING, _SERVER, "Its private address is in use",
     "Release the address, use privateIp: release in the launch profile, or choose another address"),
    (Code.ADDRESS_WANTED_TWICE, BLOCKING, _SERVER, "Several servers want one private address",
     "Give each of them an address of its own in the servers of launchProfiles, or use privateIp: release"),
    (Code.PROFILE_REFUSED, BLOCKING, _SERVER, "Its launch profile cannot be applied",
     "Change launchProfiles of its protection group"),
    (Code.VCPU_QUOTA, BLOCKING, _TARGET, "The vCPU quota is too small for the plan", _QUOTA),
    (Code.STORAGE_QUOTA, WARNING, _TARGET, "The disks of the plan are larger than EC2's quota of EBS storage",
     "Ask for a higher quota: aws service-quotas request-service-quota-increase --service-code ebs --quota-code CODE "
     "--desired-value NUMBER"),
    (Code.NOT_ISOLATED, WARNING, _RECORD, "Drills launch into a network that is not isolated",
     "Give the group a launch profile for drills with subnets of an isolated VPC and isolation: required"),
    (Code.ISOLATION_UNMET, BLOCKING, _SERVER, "Its drill requires an isolated network, and it is not isolated",
     "Remove what the evidence names, or choose other subnets and security groups in the launch profile"),
    (Code.NOT_LOOKED_AT, NOTE, _RECORD, "Something was not looked at",
     "Set the parameter that the evidence names in the stack of cfn/target_account.yaml"),
)  # fmt: skip

_OF_SOURCES = (
    (Code.VOLUME_STATUS, WARNING, _SERVER, "A disk has a volume that may not be launched as it is",
     "Look at the disk: aws drs describe-source-servers --query 'items[].dataReplicationInfo.replicatedDisks'"),
    (Code.STAGING_EXTENSION_ERROR, WARNING, _SERVER, "DRS cannot reach its staging area in the other account",
     "Mend the trust of the staging account, and extend the source server again"),
    (Code.AGENT_NOT_SEEN, WARNING, _SERVER, "DRS has not heard of its agent for long",
     "Start the agent, or remove a source server that is no more"),
    (Code.LAUNCH_ACTION_DOCUMENT_MISSING, WARNING, _SERVER, "A launch action runs a document that does not exist",
     "Create the document in the target, or remove the action: aws drs delete-launch-action"),
    (Code.HELD_BY_PLAN, WARNING, _SERVER, "An execution of a recovery plan of DRS holds it",
     "Wait for the end of that execution, or cancel it in DRS"),
)  # fmt: skip

_OF_SERVERS = (
    (Code.REPLICATION_BEHIND, WARNING, _RECORD, "Its replica is behind", _REPLICATION),
    (Code.REPLICATION_RESCAN, WARNING, _RECORD, "Its disks are read again", _REPLICATION),
    (Code.REPLICATION_PAUSED, WARNING, _RECORD, "Its replication is paused", "Resume it in the console of DRS"),
    (Code.REPLICATION_STALLED, WARNING, _RECORD, "Its replication is stalled", _REPLICATION),
    (Code.REPLICATION_DISCONNECTED, WARNING, _RECORD, "Its source does not answer", _REPLICATION),
    (Code.REPLICATION_STOPPED, BLOCKING, _RECORD, "Its replication is stopped",
     "Start it again: aws drs start-replication --source-server-id SERVER"),
    (Code.REPLICATION_INITIATING, BLOCKING, _RECORD, "Its replication is being set up", _REPLICATION),
    (Code.INITIAL_SYNC, BLOCKING, _RECORD, "It is in its first sync", "Wait for the end of the first sync"),
    (Code.REPLICATION_UNKNOWN, WARNING, _RECORD, "DRS reports its replication in a word that is not known",
     _REPLICATION),
    (Code.NO_SNAPSHOT, BLOCKING, _RECORD, "DRS has no snapshot of it", _REPLICATION),
    (Code.LAG_OVER_RPO, WARNING, _RECORD, "Its replica is further behind than the RPO target", _REPLICATION),
    (Code.SNAPSHOT_OVER_RPO, WARNING, _RECORD, "Its newest snapshot is older than the RPO target", _REPLICATION),
    (Code.FAILS_BACK, BLOCKING, _RECORD, "It replicates a recovered server home",
     "Finish the failback, or leave the server out of the plan"),
    (Code.NOT_SHOWN, BLOCKING, _RECORD, "DRS does not show it", "Remove it from its group if it is no more"),
    (Code.NO_LAUNCH_CONFIGURATION, BLOCKING, _RECORD, "It has no launch configuration",
     "Open its launch settings in the console of DRS, which makes one"),
    (Code.IN_JOB, WARNING, _RECORD, "It is in a job of DRS", "Wait for the end of the job"),
    (Code.IN_OTHER_RUN, WARNING, _RECORD, "Another run recovers it", "Wait for the end of that run, or cancel it"),
    (Code.DRILL_INSTANCE_REPLACED, WARNING, _RECORD, "It has a recovery instance of a drill, which is replaced",
     "Clean up that drill if its instance is no longer needed"),
    (Code.LIVE_INSTANCE, BLOCKING, _RECORD, "It has a live recovery instance, which would be replaced", _REPLACE),
    (Code.LIVE_INSTANCE_REPLACED, WARNING, _RECORD, "It has a live recovery instance, which is replaced as agreed",
     _REPLACE),
    (Code.LAUNCHES_INTO_INSTANCE, BLOCKING, _RECORD, "It launches into an existing instance and overwrites it",
     _REPLACE),
    (Code.LAUNCHES_INTO_INSTANCE_AGREED, WARNING, _RECORD,
     "It launches into an existing instance and overwrites it as agreed", _REPLACE),
    (Code.UNKNOWN_SERVER, BLOCKING, _RECORD, "DRS does not know it", "Remove it from its group"),
    (Code.NOT_IN_GROUP, BLOCKING, _RECORD, "A wave names it, and its group does not have it",
     "Add it to the group, or remove it from the wave"),
    (Code.IN_EARLIER_WAVE, BLOCKING, _RECORD, "An earlier wave launches it already", "Remove it from one of the waves"),
    (Code.TARGET_UNUSABLE, BLOCKING, _RECORD, "Its target cannot be used",
     "Mend what the evidence names, in the account or in its registration"),
    (Code.GROUP_EMPTY, BLOCKING, _RECORD, "A protection group selects no servers",
     "Compare its tags with those of source servers, letter by letter; drs-waves groups --json"),
    (Code.GROUP_FELL, WARNING, _RECORD, "A protection group selects fewer servers than before",
     "Look at the tags of the servers that are missing"),
    (Code.STEP_REFUSED, BLOCKING, _RECORD, "A check or an action of the plan would not work",
     "Do what the evidence advises"),
)  # fmt: skip

CATALOGUE: Mapping[Code, Check] = MappingProxyType(
    {each[0]: Check(*each) for each in (*_OF_SETTINGS, *_OF_SOURCES, *_OF_SERVERS)}
)
"""Every check, by its code."""
