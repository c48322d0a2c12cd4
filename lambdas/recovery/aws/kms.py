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
class PublicKey:
    """The ARN of a key, and its public part as PEM."""

    arn: str
    pem: str


@lru_cache(maxsize=1)
def client() -> "KMSClient":
    """One client per process."""
    created: KMSClient = clients.create_client("kms")
    return created


def sign(key: str, sha256: str) -> str:
    """Sign a SHA-256 (hex) with the key: ASN.1 DER of ECDSA on P-256, in base64."""
    with clients.translate_transient_errors("KMS Sign"):
        answer = client().sign(
            KeyId=key, Message=bytes.fromhex(sha256), MessageType="DIGEST", SigningAlgorithm=ALGORITHM
        )
    return base64.b64encode(answer["Signature"]).decode()


def read_public_key(key: str) -> PublicKey:
    """The public part of the key, which may be named by an alias."""
    with clients.translate_transient_errors("KMS GetPublicKey"):
        answer = client().get_public_key(KeyId=key)
    lines = textwrap.fill(base64.b64encode(answer["PublicKey"]).decode(), 64)
    return PublicKey(answer["KeyId"], f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n")
