"""Buckets of CloudFormation, and their policies."""

from typing import Any

from ministack.core import iam_evaluator
from ministack.services import s3
from ministack.services.cloudformation import changesets, provisioners

from sandbox.engine.patch import defect

_BUCKET, _POLICY = "AWS::S3::Bucket", "AWS::S3::BucketPolicy"


@defect("MiniStack 1.5.33")
def lock_buckets_of_stacks() -> None:
    """Apply Object Lock of a bucket that a stack creates or updates, and let a stack import a bucket's policy.

    MiniStack ignores ObjectLockEnabled and ObjectLockConfiguration of AWS::S3::Bucket, and imports no
    AWS::S3::BucketPolicy. CloudFormation does both.
    """
    handlers = provisioners._RESOURCE_HANDLERS[_BUCKET]
    create, update = handlers["create"], handlers["update"]

    def lock(name: str, props: dict[str, Any]) -> None:
        if str(props.get("ObjectLockEnabled")).lower() != "true":
            return
        rule = (props.get("ObjectLockConfiguration") or {}).get("Rule") or {}
        given = rule.get("DefaultRetention")
        retention = given and {"Mode": given["Mode"], "Days": int(given["Days"])}
        s3._bucket_object_lock[name] = {"enabled": True, "default_retention": retention}

    def create_locked(logical_id: str, props: dict[str, Any], stack: str) -> Any:
        made = create(logical_id, props, stack)
        lock(made[0], props)
        return made

    def update_locked(name: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        made = update(name, old, new, stack)
        lock(made[0], new)
        return made

    def find_policy_problem(name: str) -> str | None:
        return None if name in s3._bucket_policies else "Bucket policy not found"

    handlers.update(create=create_locked, update=update_locked)
    provisioners._RESOURCE_HANDLERS[_POLICY]["import"] = lambda identifier: (identifier["Bucket"], {})
    changesets._IMPORT_LOOKUPS[_POLICY] = (("Bucket",), find_policy_problem)


@defect("MiniStack 1.5.33")
def take_requests_as_made_over_tls() -> None:
    """Answer the sandbox's requests although the policy of a bucket refuses those without TLS.

    MiniStack listens without TLS, so `aws:SecureTransport` is false for each request. On AWS it is true for each that
    an SDK sends.
    """
    resolve = iam_evaluator._resolve_condition_key

    def resolve_as_secure(key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_as_secure
