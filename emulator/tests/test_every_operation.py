"""Calls every built operation once. The clients of `EmulatorClient` compare each response with the model."""

from typing import Any

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

OTHER = "9" * 12
ACTION = {
    "actionCode": "AWS-RunShellScript",
    "order": 2,
    "actionId": "0a1b2c3d-0000-4000-8000-000000000001",
    "optional": False,
    "active": True,
    "name": "Check the disks",
    "actionVersion": "1",
    "category": "VALIDATION",
    "description": "Looks at them",
}
RCT: dict[str, Any] = {
    "stagingAreaSubnetId": "subnet-0123abcd",
    "associateDefaultSecurityGroup": True,
    "replicationServersSecurityGroupsIDs": ["sg-0123abcd"],
    "replicationServerInstanceType": "t3.small",
    "useDedicatedReplicationServer": False,
    "ebsEncryption": "DEFAULT",
    "bandwidthThrottling": 0,
    "stagingAreaTags": {},
    "pitPolicy": [
        {"units": "MINUTE", "interval": 10, "retentionDuration": 60},
        {"units": "HOUR", "interval": 1, "retentionDuration": 24},
        {"units": "DAY", "interval": 1, "retentionDuration": 3},
    ],
}


def recover(emulator: EmulatorClient, drs: Any) -> list[str]:
    """Run a drill of servers of every kind, and return the instances."""
    cloud = {"originAccountID": ACCOUNT, "originRegion": "eu-west-2", "originAvailabilityZone": "eu-west-2a"}
    servers = emulator.seed(3, tags={"tier": "web"}, sourceCloud=cloud, awsInstanceID="i-0123456789abcdef0")
    servers += emulator.seed(1, hostname="broken", failsAt="LAUNCH")
    stalled = {"replicationState": "STALLED", "replicationError": "AGENT_NOT_SEEN", "stagingAccountID": OTHER}
    servers += emulator.seed(1, hostname="stalled", **stalled)
    drs.put_launch_action(resourceId=servers[0], **ACTION)
    drs.list_launch_actions(resourceId=servers[0])
    drs.update_launch_configuration(sourceServerID=servers[0], postLaunchEnabled=True)
    job_id = emulator.start(servers, tags={"run": "1"})
    for _ in range(30):
        emulator.advance(DRILL / 25)
        drs.describe_jobs(filters={"jobIDs": [job_id]})
        drs.describe_recovery_instances()
        drs.describe_source_servers()
    drs.describe_job_log_items(jobID=job_id)
    drs.describe_recovery_snapshots(sourceServerID=servers[0])
    drs.get_launch_configuration(sourceServerID=servers[0])
    drs.delete_launch_action(resourceId=servers[0], actionId=ACTION["actionId"])
    drs.delete_job(jobID=job_id)
    arn = drs.describe_source_servers()["items"][0]["arn"]
    drs.tag_resource(resourceArn=arn, tags={"a": "b"})
    drs.list_tags_for_resource(resourceArn=arn)
    drs.untag_resource(resourceArn=arn, tagKeys=["a"])
    return [each["recoveryInstanceID"] for each in drs.describe_recovery_instances()["items"]]


def fail_back(emulator: EmulatorClient, drs: Any, instances: list[str]) -> None:
    emulator.client(ACCOUNT, "eu-west-2").initialize_service()
    drs.get_failback_replication_configuration(recoveryInstanceID=instances[0])
    drs.update_failback_replication_configuration(recoveryInstanceID=instances[0], usePrivateIP=True)
    reversible = [
        each["recoveryInstanceID"]
        for each in drs.describe_recovery_instances()["items"]
        if each["originEnvironment"] == "AWS"
    ]
    drs.reverse_replication(recoveryInstanceID=reversible[0])
    client = {"accountId": ACCOUNT, "region": REGION, "recoveryInstanceID": reversible[1]}
    assert emulator.control("POST", "failback-clients", client)[0] == 201
    for _ in range(10):
        emulator.advance(20 * 60)
        drs.describe_recovery_instances()
        emulator.client(ACCOUNT, "eu-west-2").describe_source_servers()
    job_id = drs.start_failback_launch(recoveryInstanceIDs=reversible[1:2])["job"]["jobID"]
    for _ in range(10):
        emulator.advance(180)
        drs.describe_jobs(filters={"jobIDs": [job_id]})
        drs.describe_recovery_instances()
    drs.stop_failback(recoveryInstanceID=reversible[0])
    job = drs.terminate_recovery_instances(recoveryInstanceIDs=reversible[:1])["job"]
    for _ in range(10):
        emulator.advance(20)
        drs.describe_jobs(filters={"jobIDs": [job["jobID"]]})
        drs.describe_recovery_instances()
    drs.disconnect_recovery_instance(recoveryInstanceID=reversible[1])
    drs.describe_recovery_instances()
    drs.delete_recovery_instance(recoveryInstanceID=reversible[1])


def replicate(emulator: EmulatorClient, drs: Any) -> None:
    server = emulator.seed(1, hostname="lone")[0]
    drs.stop_replication(sourceServerID=server)
    drs.start_replication(sourceServerID=server)
    for _ in range(5):
        emulator.advance(30 * 60)
        drs.describe_source_servers()
    drs.get_replication_configuration(sourceServerID=server)
    drs.update_replication_configuration(sourceServerID=server, bandwidthThrottling=10, pitPolicy=RCT["pitPolicy"])
    drs.disconnect_source_server(sourceServerID=server)
    drs.retry_data_replication(sourceServerID=server)
    drs.disconnect_source_server(sourceServerID=server)
    drs.delete_source_server(sourceServerID=server)
    lct = drs.create_launch_configuration_template(copyTags=False, tags={"a": "b"})["launchConfigurationTemplate"]
    name = {"launchConfigurationTemplateID": lct["launchConfigurationTemplateID"]}
    drs.update_launch_configuration_template(**name, copyPrivateIp=True)
    drs.describe_launch_configuration_templates()
    drs.delete_launch_configuration_template(**name)
    rct = {
        "replicationConfigurationTemplateID": drs.create_replication_configuration_template(**RCT)[
            "replicationConfigurationTemplateID"
        ]
    }
    drs.update_replication_configuration_template(**rct, createPublicIP=True)
    drs.describe_replication_configuration_templates()
    drs.delete_replication_configuration_template(**rct)


def extend(emulator: EmulatorClient, drs: Any) -> None:
    emulator.seed(1, account=OTHER)
    arn = drs.list_extensible_source_servers(stagingAccountID=OTHER)["items"][0]["arn"]
    drs.create_extended_source_server(sourceServerArn=arn)
    drs.list_staging_accounts()


def run_plan(emulator: EmulatorClient, drs: Any) -> None:
    arns = [s["arn"] for s in drs.describe_source_servers()["items"] if "broken" not in str(s)][:2]
    broken = next(s["arn"] for s in drs.describe_source_servers()["items"] if "broken" in str(s))
    plan = drs.create_recovery_plan(name="shop", description="all of it")["recoveryPlan"]["recoveryPlanArn"]
    drs.get_recovery_plan(recoveryPlanArn=plan)
    drs.update_recovery_plan(recoveryPlanArn=plan, name="the shop")
    drs.list_recovery_plans()
    steps = []
    for name, configuration in (
        ("broken", {"serverStepConfiguration": {"servers": [{"serverArn": broken}]}}),
        ("pause", {"waitStepConfiguration": {"waitDurationMinutes": 5}}),
        ("web", {"serverStepConfiguration": {"servers": [{"serverArn": arn} for arn in arns]}}),
        ("spare", {"waitStepConfiguration": {"waitDurationMinutes": 1}}),
    ):
        step = drs.create_recovery_plan_step(recoveryPlanArn=plan, stepName=name, configuration=configuration)
        steps.append(step["recoveryPlanStep"]["recoveryPlanStepArn"])
    drs.get_recovery_plan_step(recoveryPlanStepArn=steps[0])
    drs.update_recovery_plan_step(recoveryPlanStepArn=steps[1], stepName="a pause")
    drs.reorder_recovery_plan_steps(recoveryPlanArn=plan, orderedStepArns=steps)
    drs.delete_recovery_plan_step(recoveryPlanStepArn=steps[3])
    drs.list_recovery_plan_steps(recoveryPlanArn=plan)
    started = drs.start_recovery_plan_execution(recoveryPlanArn=plan, mode="DRILL")["recoveryPlanExecution"]
    execution = started["recoveryPlanExecutionArn"]
    for _ in range(10):
        emulator.advance(150)
        drs.list_recovery_plan_execution_steps(recoveryPlanExecutionArn=execution)
        drs.get_recovery_plan_execution(recoveryPlanExecutionArn=execution)
    first = drs.list_recovery_plan_execution_steps(recoveryPlanExecutionArn=execution)["recoveryPlanExecutionSteps"][0]
    name = {"recoveryPlanExecutionStepArn": first["recoveryPlanExecutionStepArn"]}
    drs.retry_recovery_plan_execution_step(**name)
    drs.get_recovery_plan_execution_step(**name)
    emulator.advance(DRILL)
    drs.update_recovery_plan_execution_step(**name, status="SKIPPED")
    drs.list_recovery_plan_executions()
    drs.cancel_recovery_plan_execution(recoveryPlanExecutionArn=execution)
    emulator.advance(DRILL)
    drs.delete_recovery_plan_execution(recoveryPlanExecutionArn=execution)
    drs.delete_recovery_plan(recoveryPlanArn=plan)


def test_every_built_operation_responds_in_every_profile(any_profile: EmulatorClient) -> None:
    emulator = any_profile
    drs: Any = emulator.drs
    emulator.answered.clear()
    drs.initialize_service()
    instances = recover(emulator, drs)
    drs.describe_source_networks(filters={})
    fail_back(emulator, drs, instances)
    replicate(emulator, drs)
    extend(emulator, drs)
    run_plan(emulator, drs)
    assert emulator.answered == set(emulator.control("GET", "health")[1]["operations"]["built"])
