"""S3: versions of objects in the bucket of evidence. Every function raises AwsUnavailable, ClientError."""

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from recovery.aws import clients

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@lru_cache(maxsize=1)
def client() -> "S3Client":
    """One client per process. Version 4 is the signature that every Region and a bucket with a KMS key takes."""
    config = Config(signature_version="s3v4", retries={"mode": "standard", "max_attempts": 5})
    created: S3Client = clients.create_client("s3", config)
    return created


def put(bucket: str, key: str, body: bytes, sha256: str, media_type: str) -> str:
    """Write a new version of the object and return its id. S3 refuses bytes that have not this SHA-256 (hex)."""
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    with clients.translate_transient_errors(f"S3 PutObject {key}"):
        answer = client().put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            ContentType=media_type,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
        )
    return answer["VersionId"]


def find_retention(bucket: str, key: str, version_id: str) -> str | None:
    """Until when Object Lock keeps this version (ISO 8601); None if it does not.

    S3 tells it with an object only to callers with s3:GetObjectRetention.
    """
    with clients.translate_transient_errors(f"S3 HeadObject {key}"):
        answer: dict[str, Any] = dict(client().head_object(Bucket=bucket, Key=key, VersionId=version_id))
    until = answer.get("ObjectLockRetainUntilDate")
    return until.strftime("%Y-%m-%dT%H:%M:%SZ") if until else None


def presign(bucket: str, key: str, version_id: str, seconds: int) -> str:
    """A URL that reads this version, for so many seconds. The function's role must be allowed to read it."""
    parameters = {"Bucket": bucket, "Key": key, "VersionId": version_id}
    return client().generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)
