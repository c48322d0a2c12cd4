"""Function settings, read once from environment variables."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of tables, the machine to start, and the limits an operator may tune.

    Quotas are DRS's own per account and Region (Service Quotas codes L-D88FAC3A, L-B827C881, L-05AFA8C6).
    """

    function_name: str
    executions_table: str
    run_requests_table: str
    inspections_table: str
    recovery_plans_table: str
    protection_groups_table: str
    target_accounts_table: str
    limits_table: str
    recovery_instances_table: str
    target_changes_table: str
    drills_table: str
    catalog_history_table: str
    recover_plan_arn: str | None
    sync_cache_arn: str | None
    clean_up_drill_arn: str | None
    verify_target_arn: str | None
    restore_target_arn: str | None
    keep_evidence_arn: str | None
    evidence_bucket: str | None
    evidence_key: str | None
    cleanup_schedule_group: str | None
    cleanup_schedule_role_arn: str | None
    concurrent_jobs: int
    servers_per_job: int
    servers_in_jobs: int
    quota_held_after_seconds: int
    calls_per_second: int
    calls_burst: int
    circuit_failures: int
    circuit_seconds: int
    operators_topic_arn: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings. Raise KeyError for a missing variable and ValueError for one that is not a number."""
        env = os.environ if env is None else env

        def number(name: str, default: int) -> int:
            text = env.get(name, str(default))
            if not text.isdecimal() or int(text) < 1:
                raise ValueError(f"environment variable {name} must be a whole number from 1, not {text!r}")
            return int(text)

        return cls(
            function_name=env.get("AWS_LAMBDA_FUNCTION_NAME", "drs-waves"),  # Lambda itself sets it
            executions_table=env["EXECUTIONS_TABLE"],
            run_requests_table=env["RUN_REQUESTS_TABLE"],
            inspections_table=env["INSPECTIONS_TABLE"],
            recovery_plans_table=env["RECOVERY_PLANS_TABLE"],
            protection_groups_table=env["PROTECTION_GROUPS_TABLE"],
            target_accounts_table=env["TARGET_ACCOUNTS_TABLE"],
            limits_table=env["LIMITS_TABLE"],
            recovery_instances_table=env["RECOVERY_INSTANCES_TABLE"],
            target_changes_table=env["TARGET_CHANGES_TABLE"],
            drills_table=env["DRILLS_TABLE"],
            catalog_history_table=env["CATALOG_HISTORY_TABLE"],
            recover_plan_arn=env.get("RECOVER_PLAN_ARN"),
            sync_cache_arn=env.get("SYNC_CACHE_ARN"),
            clean_up_drill_arn=env.get("CLEAN_UP_DRILL_ARN"),
            verify_target_arn=env.get("VERIFY_TARGET_ARN"),
            restore_target_arn=env.get("RESTORE_TARGET_ARN"),
            keep_evidence_arn=env.get("KEEP_EVIDENCE_ARN"),
            evidence_bucket=env.get("EVIDENCE_BUCKET"),
            evidence_key=env.get("EVIDENCE_KEY") or None,
            cleanup_schedule_group=env.get("CLEANUP_SCHEDULE_GROUP"),
            cleanup_schedule_role_arn=env.get("CLEANUP_SCHEDULE_ROLE_ARN"),
            concurrent_jobs=number("CONCURRENT_JOBS", 20),
            servers_per_job=number("SERVERS_PER_JOB", 100),
            servers_in_jobs=number("SERVERS_IN_JOBS", 500),
            quota_held_after_seconds=number("QUOTA_HELD_AFTER_SECONDS", 7_200),
            calls_per_second=number("CALLS_PER_SECOND", 10),
            calls_burst=number("CALLS_BURST", 20),
            circuit_failures=number("CIRCUIT_FAILURES", 5),
            circuit_seconds=number("CIRCUIT_SECONDS", 60),
            operators_topic_arn=env.get("OPERATORS_TOPIC_ARN") or None,
        )


def stack_name() -> str:
    """The name of the stack, for metrics and messages. They need no other setting."""
    return os.environ.get("STACK_NAME", "drs-waves")


def environment_name() -> str:
    """The name of the environment, such as `prod`, as `make deploy` was given it; empty if nothing gave one."""
    return os.environ.get("ENVIRONMENT_NAME", "")


def is_emulated() -> bool:
    """Whether this function runs in a sandbox: its clock is simulated, or AWS answers without TLS."""
    variables = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DRS")
    return bool(os.environ.get("DRS_WAVES_CLOCK")) or any(
        os.environ.get(name, "").startswith("http://") for name in variables
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this function, read at first use."""
    return Settings.from_env()
