"""The texts of failed launches: what DRS passes on from EC2 and KMS as `rawError`.

The error codes are those of the EC2 documentation, and the VcpuLimitExceeded text is that of a capture. The rest of
the wording is an assumption: a caller must read the code, not the sentence.
"""

from drs_emulator.target_key import TargetKey
from drs_emulator.world.faults import Fault, FaultKind

NO_CAPACITY = (
    "An error occurred (InsufficientInstanceCapacity) when calling the RunInstances operation (reached max retries: 4):"
    " We currently do not have sufficient capacity for the requested instance type in the Availability Zone"
)
TEXTS = {
    FaultKind.LAUNCH_FAILS: NO_CAPACITY,
    FaultKind.NO_CAPACITY: NO_CAPACITY,
    FaultKind.VCPU_LIMIT: "An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: You have "
    "requested more vCPU capacity than your current vCPU limit of 32 allows",
    FaultKind.NO_LAUNCH_TEMPLATE: "An error occurred (InvalidLaunchTemplateId.NotFound) when calling the RunInstances "
    "operation: The specified launch template, with template ID lt-0a1b2c3d4e5f60718, does not exist.",
}
DEFAULT_ACTION = "ec2:RunInstances"
OF_PLACEMENT = {  # by their codes: what EC2 says of a template, a network or a type that cannot be used
    "InvalidLaunchTemplateId.NotFound": "The specified launch template, with template ID {0}, does not exist.",
    "InvalidLaunchTemplateId.VersionNotFound": "Could not find the specified version {1} for the launch template with "
    "ID {0}.",
    "VPCIdNotSpecified": "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
    "InvalidSubnetID.NotFound": "The subnet ID '{0}' does not exist",
    "InvalidGroup.NotFound": "The security group '{0}' does not exist",
    "InvalidKeyPair.NotFound": "The key pair '{0}' does not exist",
    "InvalidParameter": "Security group {0} and subnet {1} belong to different networks.",
    "InvalidParameterCombination": "Network interfaces and an instance-level security groups may not be specified on "
    "the same request",
    "Unsupported": "Your requested instance type ({0}) is not supported in your requested Availability Zone ({1}). "
    "Please retry your request by not specifying an Availability Zone or choosing {2}.",
    "InsufficientFreeAddressesInSubnet": "There are not enough free addresses in subnet '{0}' to satisfy the requested "
    "number of instances.",
    "InvalidIPAddress.InUse": "Address {0} is in use.",
    "VcpuLimitExceeded": "You have requested more vCPU capacity than your current vCPU limit of {0} allows for the "
    "instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/"
    "ec2-request to request an adjustment to this limit.",
}
OF_VALUES = {  # all have the code InvalidParameterValue
    "address": "Address {0} does not fall within the subnet's address range",
    "reserved": "Address {0} is in subnet's reserved address range",
    "type": "Invalid value '{0}' for InstanceType.",
    "profile": "Value ({0}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
}


class LaunchRefused(Exception):
    """EC2 refuses a launch. The message is what DRS passes on as `rawError`."""

    def __init__(self, reason: str, *values: object) -> None:
        """`reason` is a code of OF_PLACEMENT or a key of OF_VALUES; `values` go into its text."""
        code, text = (reason, OF_PLACEMENT.get(reason)) if reason in OF_PLACEMENT else ("InvalidParameterValue", None)
        text = text or OF_VALUES[reason]
        super().__init__(f"An error occurred ({code}) when calling the RunInstances operation: {text.format(*values)}")


def raw_launch_error(fault: Fault, key: TargetKey) -> str:
    """Return the text of a fault of LAUNCH_ERROR_FAULTS."""
    return fault.raw_error or TEXTS.get(fault.kind) or _not_authorized(fault.action or DEFAULT_ACTION, key)


def _not_authorized(action: str, key: TargetKey) -> str:
    service, _, operation = action.partition(":")
    code = "UnauthorizedOperation" if service == "ec2" else "AccessDeniedException"
    return (
        f"An error occurred ({code}) when calling the {operation} operation: You are not authorized to perform this "
        f"operation. User: arn:aws:sts::{key.account}:assumed-role/caller/session is not authorized to perform: "
        f"{action} because no identity-based policy allows the {action} action"
    )
