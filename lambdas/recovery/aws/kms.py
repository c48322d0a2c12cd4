"""KMS: signatures with the key of evidence. Every function raises AwsUnavailable, ClientError."""

import base64
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from recovery.aws import clients

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

ALGORITHM: Literal["ECDSA_SHA_256"] = "ECDSA_SHA_256"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature as KMS makes it: ASN.1 DER of ECDSA on P-256 over a SHA-256, in base64, and the key's ARN."""

    key_arn: str
    signature: str


@lru_cache(maxsize=1)
def client() -> "KMSClient":
    """One client per process."""
    created: KMSClient = clients.create_client("kms")
    return created


def sign(key: str, sha256: str) -> Signature:
    """Sign a SHA-256 (hex) with the key, which may be an alias."""
    with clients.translate_transient_errors("KMS Sign"):
        answer = client().sign(
            KeyId=key, Message=bytes.fromhex(sha256), MessageType="DIGEST", SigningAlgorithm=ALGORITHM
        )
    return Signature(answer["KeyId"], base64.b64encode(answer["Signature"]).decode())


def read_public_key(key: str) -> str:
    """The public part of the key as PEM."""
    with clients.translate_transient_errors("KMS GetPublicKey"):
        der = client().get_public_key(KeyId=key)["PublicKey"]
    lines = textwrap.fill(base64.b64encode(der).decode(), 64)
    return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"
