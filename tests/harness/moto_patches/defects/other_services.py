"""DynamoDB, Service Quotas and KMS."""

import base64
import importlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from sandbox.engine.patch import defect
from tests.harness.moto_patches.internals import dynamodb_lock


@defect("moto 5.2.5")
def make_conditional_writes_atomic() -> None:
    """Two conditional writes of one row at the same time can both succeed, and a read of a row during a write can fail
    ("dictionary changed size during iteration").

    Wrong in moto: the DynamoDB backend has no lock between the read and the write of a row, an answer refers to the
    row itself, and a refused transaction restores the whole table, without what other requests wrote meanwhile.
    Patch: one request at a time, including its answer.
    """
    handler: Any = importlib.import_module("moto.dynamodb.responses").DynamoHandler
    answer = handler.call_action

    def one_at_a_time(self: Any) -> Any:
        with dynamodb_lock:
            return answer(self)

    handler.call_action = one_at_a_time


@defect("moto 5.2.5")
def list_service_quotas() -> None:
    """ListServiceQuotas raises NotImplementedError. On AWS it lists the quotas of a service that have an own value.

    Patch: list the values by quota code in `applied` of the backend, which a test may set.
    """
    responses: Any = importlib.import_module("moto.servicequotas.responses")

    def answer(self: Any) -> str:
        values = getattr(self.backend, "applied", {})
        quotas = [{"ServiceCode": "drs", "QuotaCode": code, "Value": value} for code, value in values.items()]
        return json.dumps({"Quotas": quotas})

    responses.ServiceQuotasResponse.list_service_quotas = answer


@defect("moto 5.2.5")
def sign_digests() -> None:
    """KMS signs a message of the type DIGEST as if it were the message itself, so that no other implementation verifies
    the signature; and GetPublicKey answers the id of the key, where AWS answers its ARN (KMS API reference).

    Patch: sign the digest, and answer the ARN.
    """
    responses: Any = importlib.import_module("moto.kms.responses").KmsResponse
    sign, get_public_key = responses.sign, responses.get_public_key

    def sign_as_asked(self: Any) -> Any:
        if self._get_param("MessageType") != "DIGEST":
            return sign(self)
        key = self.kms_backend.describe_key(self._get_param("KeyId"))
        digest = self._get_param("Message")  # which it has decoded
        signature = key.private_key.private_key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        answer = {"KeyId": key.arn, "Signature": base64.b64encode(signature).decode()}
        return json.dumps({**answer, "SigningAlgorithm": self._get_param("SigningAlgorithm")})

    def answer_the_arn(self: Any) -> Any:
        answer = json.loads(get_public_key(self))
        return json.dumps({**answer, "KeyId": self.kms_backend.describe_key(answer["KeyId"]).arn})

    responses.sign, responses.get_public_key = sign_as_asked, answer_the_arn
