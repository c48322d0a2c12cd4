"""Operations of Service Quotas: what an account and Region may run, as the control API has set it."""

from dataclasses import dataclass
from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.pagination import ForeignToken, take_page
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.ec2.instance_types import QUOTAS
from drs_emulator.settings import Quotas
from drs_emulator.world.ec2.capacity import UNLIMITED
from drs_emulator.world.target import Target

NAMES = {"ec2": "Amazon Elastic Compute Cloud (Amazon EC2)", "ebs": "Amazon Elastic Block Store (Amazon EBS)"}
NAMES["drs"] = "AWS Elastic Disaster Recovery"
MAX_PAGE = 100


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota with its value where nobody has changed it."""

    service: str
    code: str
    name: str
    value: float
    adjustable: bool = True


def known_quotas(quotas: Quotas) -> dict[tuple[str, str], Quota]:
    """Return the quotas by service and code. Those of DRS follow from the settings."""
    listed = [Quota("ec2", code, name, UNLIMITED) for code, name in dict(QUOTAS.values()).items()]
    listed += [
        Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5),
        Quota("ebs", "L-7A658B76", "Storage for General Purpose SSD (gp3) volumes, in TiB", 50),
        Quota("ebs", "L-D18FCD1D", "Storage for General Purpose SSD (gp2) volumes, in TiB", 50),
        Quota("drs", "L-D88FAC3A", "Concurrent jobs in progress", quotas.jobs_in_progress, adjustable=False),
        Quota("drs", "L-B827C881", "Max source servers in a single Job", quotas.servers_per_job, adjustable=False),
        Quota("drs", "L-05AFA8C6", "Max source servers in all Jobs", quotas.servers_in_jobs, adjustable=False),
        Quota("drs", "L-E28BE5E0", "Max number of source servers per AWS account", quotas.source_servers),
        Quota("drs", "L-C1D14A2B", "Max number of replicating source servers", quotas.replicating_servers),
    ]
    return {(each.service, each.code): each for each in listed}


@operation("GetServiceQuota", "service-quotas")
def get_service_quota(call: Call) -> dict[str, Any]:
    return {"Quota": _show(call.target, _find(call), call.target.ec2.quotas)}


@operation("GetAWSDefaultServiceQuota", "service-quotas")
def get_aws_default_service_quota(call: Call) -> dict[str, Any]:
    return {"Quota": _show(call.target, _find(call), {})}


def _find(call: Call) -> Quota:
    found = known_quotas(call.world.settings.quotas).get((call.input["ServiceCode"], call.input["QuotaCode"]))
    if found is None:
        raise Refused("NoSuchResourceException", "The request failed because the specified quota does not exist.")
    return found


@operation("ListServiceQuotas", "service-quotas")
def list_service_quotas(call: Call) -> dict[str, Any]:
    """In order of code."""
    service, code = call.input["ServiceCode"], call.input.get("QuotaCode")
    known = known_quotas(call.world.settings.quotas).values()
    quotas = sorted((each for each in known if each.service == service), key=lambda each: each.code)
    if not quotas:
        raise Refused("NoSuchResourceException", f"The request failed because the service {service} does not exist.")
    found = [each for each in quotas if code in (None, each.code)]
    size, token = call.input.get("MaxResults") or MAX_PAGE, call.input.get("NextToken")
    try:
        items, token = take_page(call, found, lambda each: each.code, size, token)
    except ForeignToken as error:
        raise Refused("InvalidPaginationTokenException", "Invalid token was used.") from error
    shown = [_show(call.target, each, call.target.ec2.quotas) for each in items]
    return {"Quotas": shown} | ({"NextToken": token} if token else {})


def _show(target: Target, quota: Quota, changed: dict[str, float]) -> dict[str, Any]:
    account, region = target.key
    return {
        "ServiceCode": quota.service,
        "ServiceName": NAMES[quota.service],
        "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:{quota.service}/{quota.code}",
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": float(changed.get(f"{quota.service}/{quota.code}", quota.value)),
        "Unit": "None",
        "Adjustable": quota.adjustable,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }
