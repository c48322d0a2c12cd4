"""DynamoDB and Service Quotas."""

import importlib
import json
from typing import Any

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
