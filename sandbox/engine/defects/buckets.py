"""What evidence needs: buckets of CloudFormation with their policies, and KMS keys."""

from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import kms, s3
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


@defect("MiniStack 1.5.33")
def authorize_keys_by_alias() -> None:
    """Judge a request that names a KMS key by an alias as one about the key, and know `kms:ResourceAliases`, as on AWS.

    MiniStack takes the alias for the resource, and knows no such condition.
    """
    extract, resolve = iam_actions.extract_resource_arn, iam_evaluator._resolve_condition_key

    def extract_key(*arguments: Any, **more: Any) -> Any:
        arn = extract(*arguments, **more)
        is_alias = str(arn).startswith("arn:aws:kms:") and ":alias/" in str(arn)
        key = kms._resolve_key(arn) if is_alias else None
        return key["Arn"] if key else arn

    def resolve_aliases(key: str, context: Any) -> Any:
        if key.lower() != "kms:resourcealiases":
            return resolve(key, context)
        key_id = str(context.resource_arn).rpartition("/")[2]
        return [f"alias/{arn.partition(':alias/')[2]}" for arn, of in list(kms._aliases.items()) if of == key_id]

    iam_actions.extract_resource_arn, iam_evaluator._resolve_condition_key = extract_key, resolve_aliases
