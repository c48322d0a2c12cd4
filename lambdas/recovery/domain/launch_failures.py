"""Why DRS did not launch a server: the kind of the cause, its text, and what an operator can do about it.

DRS passes on the error that EC2 or another service answered it, as text. EC2's codes are listed in its API reference
("Error codes for the Amazon EC2 API"). The code determines the kind if the text has one in the usual place, and else
the first code of `_KINDS` that the text contains.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.free_text import flatten

# Characters of DRS's error that the record keeps; the model allows 65,535. The whole text is in the log of the job.
MAX_CAUSE_LENGTH = 500


class FailureKind(StrEnum):
    """The kinds of causes. NOT_GIVEN: DRS gave none. OTHER: it gave one that drs-waves does not know."""

    QUOTA = "QUOTA"
    CAPACITY = "CAPACITY"
    ADDRESSES = "ADDRESSES"
    PERMISSION = "PERMISSION"
    ENCRYPTION_KEY = "ENCRYPTION_KEY"
    LAUNCH_TEMPLATE = "LAUNCH_TEMPLATE"
    NETWORK = "NETWORK"
    INSTANCE_TYPE = "INSTANCE_TYPE"
    ACCOUNT = "ACCOUNT"
    THROTTLED = "THROTTLED"
    SNAPSHOT = "SNAPSHOT"
    CONVERSION = "CONVERSION"
    LAUNCH_ACTION = "LAUNCH_ACTION"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"
    NOT_STARTED = "NOT_STARTED"
    NOT_GIVEN = "NOT_GIVEN"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class LaunchFailure:
    """Why a server was not launched: the kind, the cause in at most about 500 characters, and what to do."""

    kind: FailureKind
    cause: str

    @property
    def advice(self) -> str:
        """What an operator can do."""
        return ADVICE[self.kind]


_IN_JOB_LOG = "read the whole error in the log of the job"

ADVICE: Mapping[FailureKind, str] = {
    FailureKind.QUOTA: "Raise the EC2 quota that the error names (Service Quotas, in the target account and Region), "
    "or terminate instances that use it; then retry.",
    FailureKind.CAPACITY: "EC2 has too little capacity for this instance type in the Availability Zone: retry later, "
    "or choose another instance type or subnet in the server's launch profile or launch template.",
    FailureKind.ADDRESSES: "Free addresses in the subnet, or choose a larger subnet in the server's launch profile "
    "or launch template; then retry.",
    FailureKind.PERMISSION: "Give the drs-waves role of the target account the permission that the error names; look "
    "for a service control policy or permissions boundary that denies it too. If EC2 encoded its message, "
    f"{_IN_JOB_LOG} and decode it with `aws sts decode-authorization-message`.",
    FailureKind.ENCRYPTION_KEY: "Allow the drs-waves role of the target account to use the KMS key of the volumes "
    "(kms:CreateGrant and the actions that the error names), and check that the key is enabled; then retry.",
    FailureKind.LAUNCH_TEMPLATE: "Correct the server's EC2 launch template: its default version must exist and name "
    "resources that exist (DRS console, launch settings of the server); then retry.",
    FailureKind.NETWORK: "Correct the subnet, security groups or private address in the server's launch profile or "
    "launch template; then retry.",
    FailureKind.INSTANCE_TYPE: "Choose an instance type that the Availability Zone offers and that suits the server's "
    "disks and boot mode, in its launch template; then retry.",
    FailureKind.ACCOUNT: "Clear what the error names with AWS Support or AWS Marketplace for the target account; then "
    "retry.",
    FailureKind.THROTTLED: "AWS limited the requests of the target account: retry later, with fewer launches at once.",
    FailureKind.SNAPSHOT: "Check the server's replication and its snapshots in the DRS console; then retry, or start a "
    "run from an earlier point in time.",
    FailureKind.CONVERSION: "Check that conversion servers can start in the staging subnet and reach DRS, EC2 and S3, "
    f"and {_IN_JOB_LOG}; then retry.",
    FailureKind.LAUNCH_ACTION: "Read the run of the launch action in Systems Manager in the target account; correct "
    "it, or deactivate the action in the server's launch settings. If the instance exists, it may work as it is.",
    FailureKind.SKIPPED: "DRS has nothing to launch the server from: check its replication in the DRS console.",
    FailureKind.CANCELLED: "Find out who cancelled the job in CloudTrail in the target account; then retry.",
    FailureKind.NOT_STARTED: "Correct what the reason names, then retry or continue the run.",
    FailureKind.NOT_GIVEN: "Look in CloudTrail in the target account and Region for the events RunInstances and "
    "CreateFleet at the time of the launch that have an error code.",
    FailureKind.OTHER: f"Look up the error, and {_IN_JOB_LOG}; CloudTrail in the target account has the failed call.",
}

# The first pattern that is found determines the kind. Throttling is before the quotas, whose codes too end in
# "LimitExceeded", and KMS before permissions, because a denied use of a key is corrected at the key.
_KINDS: Sequence[tuple[FailureKind, "re.Pattern[str]"]] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (FailureKind.THROTTLED, r"\bRequestLimitExceeded\b|\bThrottl\w+|\bTooManyRequests\w*|Rate exceeded"),
        (
            FailureKind.ENCRYPTION_KEY,
            r"KMS|\bkms:|InvalidKmsKey\w*|Client error on launch",
        ),
        (FailureKind.PERMISSION, r"UnauthorizedOperation|AuthFailure|AccessDenied\w*|[Nn]ot authorized|explicit deny"),
        (FailureKind.ADDRESSES, r"InsufficientFreeAddressesInSubnet|InsufficientAddressCapacity"),
        (FailureKind.CAPACITY, r"\bInsufficient\w*Capacity\w*|\bServer\.Insufficient\w+"),
        (FailureKind.ACCOUNT, r"PendingVerification|OptInRequired|\bBlocked\b"),
        (FailureKind.QUOTA, r"\w*LimitExceeded\b|\bMax\w+Exceeded\b|\w*QuotaExceeded\w*|ResourceCountExceeded"),
        (
            FailureKind.LAUNCH_TEMPLATE,
            r"LaunchTemplate\w*|InvalidAMIID[\w.]*|InvalidKeyPair[\w.]*|[Ii]amInstanceProfile",
        ),
        (
            FailureKind.NETWORK,
            r"InvalidSubnet\w*|InvalidGroup\b[\w.]*|InvalidSecurityGroup\w*|InvalidIPAddress[\w.]*|InvalidVpc\w*"
            r"|VPCIdNotSpecified|VPCResourceNotSpecified|DefaultVpcDoesNotExist|InvalidNetworkInterface\w*"
            r"|PrivateIpAddress|InvalidAddress\w*",
        ),
        (
            FailureKind.INSTANCE_TYPE,
            r"\bUnsupported\w*|InvalidParameterCombination|InvalidInstanceType|not supported in your requested"
            r"|InstanceRequirements",
        ),
        (FailureKind.SNAPSHOT, r"InvalidSnapshot[\w.]*|SnapshotCreationPerVolumeRateExceeded|IncorrectState\b"),
    )
)

# What the step that failed says if its error does not.
_KIND_OF_STEP: Sequence[tuple[str, FailureKind]] = (
    ("SNAPSHOT", FailureKind.SNAPSHOT),
    ("USING_PREVIOUS_SNAPSHOT", FailureKind.SNAPSHOT),
    ("CONVERSION", FailureKind.CONVERSION),
    ("UPDATE_LAUNCH_TEMPLATE", FailureKind.LAUNCH_TEMPLATE),
    ("DEPLOY_NETWORK", FailureKind.NETWORK),
    ("UPDATE_NETWORK", FailureKind.NETWORK),
    ("NETWORK_RECOVERY", FailureKind.NETWORK),
)

# Where boto3 puts the code: "An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: ...".
_CODE = re.compile(r"\(([\w.]+)\) when calling")

# EC2 appends the encoded details of a denial, which take thousands of characters.
_ENCODED = re.compile(r"(Encoded authorization failure message:)\s*\S+", re.IGNORECASE)
_DECODE = r"\1 (left out; `aws sts decode-authorization-message` decodes it)"


def clean_cause(text: str) -> str:
    """DRS's text in one line: without hidden characters and encoded blobs, and cut after its first 500 characters."""
    line = flatten(_ENCODED.sub(_DECODE, text))
    return line if len(line) <= MAX_CAUSE_LENGTH else f"{line[: MAX_CAUSE_LENGTH - 1]}…"


def judge_error(step: str, raw_error: str | None) -> LaunchFailure:
    """The cause of a failure in DRS's log: the event of the step, and DRS's error, if it gave one."""
    text = clean_cause(raw_error or "")
    of_step = next((kind for prefix, kind in _KIND_OF_STEP if step.startswith(prefix)), None)
    if not text:
        return LaunchFailure(of_step or FailureKind.NOT_GIVEN, f"{step or 'the launch failed'}; DRS gave no cause")
    kind = _find_kind(raw_error or "") or of_step or FailureKind.OTHER
    return LaunchFailure(kind, f"{step}: {text}" if step else text)


def _find_kind(text: str) -> FailureKind | None:
    in_text = _match_kind(text)
    code = _CODE.search(text)
    of_code = _match_kind(code[1]) if code else None
    if of_code is FailureKind.PERMISSION and in_text is FailureKind.ENCRYPTION_KEY:
        return in_text
    return of_code or in_text


def _match_kind(text: str) -> FailureKind | None:
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), None)


def judge_failed_action(text: str) -> LaunchFailure:
    """The cause of a server whose launch action failed."""
    return LaunchFailure(FailureKind.LAUNCH_ACTION, clean_cause(text))


def judge_silence(stage: str | None) -> LaunchFailure:
    """The cause of a server for which the log has no failure; `stage` is its last event there."""
    until = f"its last step was {stage}" if stage else "the log of the job does not name the server"
    return LaunchFailure(FailureKind.NOT_GIVEN, f"DRS gave no cause; {until}")
