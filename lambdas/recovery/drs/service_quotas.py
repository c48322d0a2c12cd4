"""DRS's quotas in a target, read from Service Quotas."""

from functools import lru_cache

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from recovery import clock
from recovery.domain.capacity.report import Quotas
from recovery.domain.target import Target
from recovery.drs import assumed_roles

logger = Logger(child=True)

# Quotas change only when AWS grants a request, which takes days.
CACHE_SECONDS = 900


def get_quotas(target: Target) -> Quotas:
    """The target's quotas, or AWS's defaults if Service Quotas refuses the call or does not answer. Cached."""
    return _read_quotas(target, int(clock.now() // CACHE_SECONDS))


@lru_cache(maxsize=256)
def _read_quotas(target: Target, period: int) -> Quotas:
    try:
        client = assumed_roles.get_client("service-quotas", target)
        pages = client.get_paginator("list_service_quotas").paginate(ServiceCode="drs")
        values = {quota["QuotaCode"]: quota["Value"] for page in pages for quota in page["Quotas"]}
    except (BotoCoreError, ClientError) as error:
        logger.warning("quotas not read; using the defaults", extra={"target": target.key, "reason": str(error)})
        return Quotas()
    return Quotas.from_values(values)
