"""Operations of Service Quotas and IAM that say whether an account can launch what it is about to."""

from drs_emulator.operations.accounts import instance_profiles, service_quotas

__all__ = ["instance_profiles", "service_quotas"]
