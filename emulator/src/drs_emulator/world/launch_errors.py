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
