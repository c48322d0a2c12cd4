"""Holds servers by recovery plans of DRS itself."""

from tests.support.product import HUB, WEST, Product


def hold_by_plan_of_drs(product: Product, server: str) -> str:
    """Start a recovery plan of DRS that waits before the step of the server; return the ARN of its execution."""
    drs = product.emulator.client(HUB, WEST)
    arn = drs.create_recovery_plan(name="native")["recoveryPlan"]["recoveryPlanArn"]
    arns = {item["sourceServerID"]: item["arn"] for item in drs.describe_source_servers(filters={})["items"]}
    first = product.seed(1, prefix="first")[0]
    arns[first] = arns[server].replace(server, first)
    steps = (
        ("first", {"serverStepConfiguration": {"servers": [{"serverArn": arns[first], "impactLevel": "CRITICAL"}]}}),
        ("pause", {"waitStepConfiguration": {"waitDurationMinutes": 120}}),
        ("held", {"serverStepConfiguration": {"servers": [{"serverArn": arns[server], "impactLevel": "CRITICAL"}]}}),
    )
    for name, configuration in steps:
        drs.create_recovery_plan_step(recoveryPlanArn=arn, stepName=name, configuration=configuration)
    started = drs.start_recovery_plan_execution(recoveryPlanArn=arn, mode="DRILL")
    return str(started["recoveryPlanExecution"]["recoveryPlanExecutionArn"])
