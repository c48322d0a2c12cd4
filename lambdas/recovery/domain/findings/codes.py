"""The codes of checks. The catalogue says what each of them means."""

from enum import StrEnum, auto


class Code(StrEnum):
    """A code stays the same while texts change: clients may rely on it."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[str]) -> str:
        return name

    # What a launch needs in EC2 and IAM
    TEMPLATE_MISSING = auto()
    DEFAULT_VERSION_MISSING = auto()
    SUBNET_MISSING = auto()
    NO_DEFAULT_SUBNET = auto()
    SUBNET_FULL = auto()
    SECURITY_GROUP_MISSING = auto()
    SECURITY_GROUP_OF_OTHER_VPC = auto()
    SECURITY_GROUPS_TWICE = auto()
    TYPE_UNKNOWN = auto()
    TYPE_NOT_IN_ZONE = auto()
    TYPE_OF_OTHER_ARCHITECTURE = auto()
    TYPE_NEEDS_NITRO = auto()
    INSTANCE_PROFILE_MISSING = auto()
    KEY_PAIR_MISSING = auto()
    ADDRESS_OUTSIDE = auto()
    ADDRESS_OUTSIDE_DEFAULT = auto()
    ADDRESS_RESERVED = auto()
    ADDRESS_IN_USE = auto()
    ADDRESS_WANTED_TWICE = auto()
    PROFILE_REFUSED = auto()
    VCPU_QUOTA = auto()
    STORAGE_QUOTA = auto()
    NOT_ISOLATED = auto()
    ISOLATION_UNMET = auto()
    NOT_LOOKED_AT = auto()
    # What DRS says of sources beside their replication
    VOLUME_STATUS = auto()
    STAGING_EXTENSION_ERROR = auto()
    AGENT_NOT_SEEN = auto()
    LAUNCH_ACTION_DOCUMENT_MISSING = auto()
    HELD_BY_PLAN = auto()
    # The reasons of inspection
    REPLICATION_BEHIND = auto()
    REPLICATION_RESCAN = auto()
    REPLICATION_PAUSED = auto()
    REPLICATION_STALLED = auto()
    REPLICATION_DISCONNECTED = auto()
    REPLICATION_STOPPED = auto()
    REPLICATION_INITIATING = auto()
    INITIAL_SYNC = auto()
    REPLICATION_UNKNOWN = auto()
    NO_SNAPSHOT = auto()
    LAG_OVER_RPO = auto()
    SNAPSHOT_OVER_RPO = auto()
    FAILS_BACK = auto()
    NOT_SHOWN = auto()
    NO_LAUNCH_CONFIGURATION = auto()
    IN_JOB = auto()
    IN_OTHER_RUN = auto()
    DRILL_INSTANCE_REPLACED = auto()
    LIVE_INSTANCE = auto()
    LIVE_INSTANCE_REPLACED = auto()
    LAUNCHES_INTO_INSTANCE = auto()
    LAUNCHES_INTO_INSTANCE_AGREED = auto()
    UNKNOWN_SERVER = auto()
    NOT_IN_GROUP = auto()
    IN_EARLIER_WAVE = auto()
    TARGET_UNUSABLE = auto()
    GROUP_EMPTY = auto()
    GROUP_FELL = auto()
    STEP_REFUSED = auto()
