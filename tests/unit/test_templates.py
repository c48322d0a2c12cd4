"""The template: what becomes of it when SAM translates it, and who may do what."""

import json
import re
import tomllib
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.deploy import cli as deploy

from api.openapi.operations import GATEWAY
from api.schemas.responses import Problem
from tests.unit.reach import can_do
from tests.unit.templates import CFN, FUNCTION, MACHINE, load, resources, translated

TEMPLATES = sorted(path.name for path in CFN.glob("*.yaml"))
TABLE = "AWS::DynamoDB::Table"
GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"
CHECKED = ("dynamodb", "scheduler", "sns", "states", "sts")


def test_a_caller_of_the_api_needs_no_permission_on_its_function() -> None:
    apis = [
        resource["Properties"] for resource in translated().values() if resource["Type"] == "AWS::ApiGateway::RestApi"
    ]
    methods = [method for api in apis for path in api["Body"]["paths"].values() for method in path.values()]
    assert methods
    for method in methods:
        assert "credentials" not in method["x-amazon-apigateway-integration"]
        assert method["security"] == [{"AWS_IAM": []}]
    permissions = [each["Properties"] for each in translated().values() if each["Type"] == "AWS::Lambda::Permission"]
    assert {each["Principal"] for each in permissions} == {"apigateway.amazonaws.com", "events.amazonaws.com"}
    assert {each["Action"] for each in permissions} == {"lambda:InvokeFunction"}
    assert all("SourceArn" in each for each in permissions)


def test_what_api_gateway_answers_itself_is_a_problem_as_the_document_has_it() -> None:
    (api,) = resources("AWS::Serverless::Api").values()
    codes: dict[int, set[str]] = {}
    for name, response in api["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        assert headers == {"Content-Type": "'application/problem+json'", "X-Correlation-Id": "context.requestId"}, name
        text = response["ResponseTemplates"]["application/json"]
        text = text.replace("$context.error.messageString", '"Not today."').replace("$context.requestId", "7a1c")
        problem = Problem.model_validate_json(text)
        assert "$" not in text
        assert problem.type == f"urn:drs-waves:problem:{problem.code}"
        assert (str(problem.status), problem.instance) == (response["StatusCode"], "urn:drs-waves:request:7a1c")
        codes.setdefault(problem.status, set()).add(problem.code)
    assert codes == {status: set(names) for status, names in GATEWAY.items()}
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(api["GatewayResponses"])


def test_api_gateway_logs_requests_as_json_when_it_is_told_to() -> None:
    (api,) = resources("AWS::Serverless::Api").values()
    condition, setting, otherwise = api["AccessLogSetting"]["Fn::If"]
    assert condition == load("template.yaml")["Resources"]["ApiLogs"]["Condition"]
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert json.loads(setting["Format"])["caller"] == "$context.identity.userArn"


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_is_described_and_constrained(name: str) -> None:
    for key, parameter in load(name)["Parameters"].items():
        assert parameter["Description"], key
        assert parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}, key


def test_tables_are_protected_unless_a_parameter_says_otherwise() -> None:
    parameter = load("template.yaml")["Parameters"]["DeletionProtection"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("true", ["true", "false"])
    assert {*resources(TABLE), *resources(GLOBAL_TABLE)} == {*TABLES_OF_ONE_REGION, *TABLES_WITH_COPIES}
    for key in (*TABLES_OF_ONE_REGION, *TABLES_WITH_COPIES):
        resource = load("template.yaml")["Resources"][key]
        policies = resource["DeletionPolicy"], resource["UpdateReplacePolicy"]
        assert policies == ("RetainExceptOnCreate", "Retain"), key
        encryption = resource["Properties"]["SSESpecification"]
        assert (encryption["SSEEnabled"], encryption["SSEType"]) == (True, "KMS"), key
    for key, table in resources(TABLE).items():
        assert_kept(table, key="KmsKeyArn")
        assert table["BillingMode"] == "PAY_PER_REQUEST", key


TABLES_OF_ONE_REGION = ("Executions", "Limits", "RecoveryInstances")
TABLES_WITH_COPIES = ("ProtectionGroups", "RecoveryPlans", "TargetAccounts")


def assert_kept(table: dict[str, Any], key: str) -> None:
    """Protected against deletion, restorable to any second of 35 days, and encrypted with the key if there is one."""
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    points = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
    assert table["PointInTimeRecoverySpecification"] == points
    none, key_id = {"Ref": "AWS::NoValue"}, {"Ref": key}
    expected = [
        {"Fn::If": ["HasNoKey", none, {"KMSMasterKeyId": key_id}]},
        {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Fn::If": ["HasNoKey", none, key_id]}},
    ]
    assert table["SSESpecification"] in expected


def test_copies_in_another_region_are_kept_as_the_tables_are() -> None:
    for table in resources(GLOBAL_TABLE).values():
        own, copy = table["Replicas"]
        condition, elsewhere, nowhere = copy["Fn::If"]
        assert (condition, nowhere) == ("HasReplica", {"Ref": "AWS::NoValue"})
        assert (own["Region"], elsewhere["Region"]) == ({"Ref": "AWS::Region"}, {"Ref": "ReplicaRegion"})
        assert_kept(own, key="KmsKeyArn")
        assert_kept(elsewhere, key="ReplicaKmsKeyArn")
        # Without the stream no copy can be added later.
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
        assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_logs_are_not_kept_for_ever_and_are_encrypted_with_the_key_that_was_given() -> None:
    for key, group in resources("AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, key
        assert group["KmsKeyId"] == {"Fn::If": ["HasNoKey", {"Ref": "AWS::NoValue"}, {"Ref": "KmsKeyArn"}]}, key
    for key, resource in translated().items():
        if resource["Type"] == "AWS::Lambda::Function":
            assert resource["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": "FunctionLogs"}, key
    for key, machine in resources(MACHINE).items():
        (destination,) = machine["Logging"]["Destinations"]
        assert destination["CloudWatchLogsLogGroup"]["LogGroupArn"] == {"Fn::GetAtt": ["MachineLogs", "Arn"]}, key


def grants(function: str) -> set[tuple[str, str]]:
    """What the role of a function allows, in the terms of `can_do`."""
    found = set()
    for policy in resources(FUNCTION)[function]["Policies"]:
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            resource = statement["Resource"]
            for action in statement["Action"]:
                service, _ = action.split(":")
                for each in resource if isinstance(resource, list) else [resource]:
                    found.add((action, _setting(each) if service == "dynamodb" else ""))
    return {grant for grant in found if grant[0].split(":")[0] in CHECKED}


def _setting(resource: dict[str, Any]) -> str:
    """The table of an ARN, as the settings name it: `RecoveryPlans` is `recovery_plans`."""
    arn = resource.get("Fn::Sub") or "${{{}.{}}}".format(*resource["Fn::GetAtt"])
    logical_id, _, rest = arn.removeprefix("${").partition(".Arn}")
    assert rest in ("", "/index/*"), arn
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in logical_id).strip("_")
    return f"{name}/index" if rest else name


@pytest.mark.parametrize("function", resources(FUNCTION))
def test_a_role_allows_what_the_code_of_its_function_can_ask_for_and_nothing_else(function: str) -> None:
    assert grants(function) == can_do(resources(FUNCTION)[function]["Handler"])


def test_the_reading_of_the_code_finds_what_a_function_is_there_for() -> None:
    """Else the roles would be held against nothing."""
    assert can_do("tasks.notify_operators.handler") == {("sns:Publish", "")}
    assert ("sts:AssumeRole", "") in can_do("tasks.poll_job.handler")
    assert ("states:SendTaskSuccess", "") in can_do("tasks.settle_wave.handler")
    assert ("dynamodb:Query", "executions/index") in can_do("api.app.handler")


# --- alarms -------------------------------------------------------------------------------------------------------
def test_every_alarm_tells_operators_and_leads_to_a_section_of_the_runbook() -> None:
    runbook = (CFN.parent / "docs" / "runbook.md").read_text()
    headings = {line.lstrip("# ") for line in runbook.splitlines() if line.startswith("## ")}
    alarms = resources("AWS::CloudWatch::Alarm", "monitoring.yaml")
    assert len(alarms) > 10
    for name, alarm in alarms.items():
        (section,) = re.findall(r'docs/runbook.md, "([^"]+)"', alarm["AlarmDescription"])
        assert section in headings, name
        assert alarm["AlarmActions"] == [{"Ref": "OperatorsTopicArn"}], name
        assert alarm["AlarmName"]["Fn::Sub"].removeprefix("${ControlPlane}-") in runbook, name


def test_alarms_watch_metrics_that_functions_write() -> None:
    """A misspelt name or dimension would be an alarm that never fires."""
    written = {"Calls", "RateLimitErrors", "Retries", "RetriesExhausted", "CircuitChanges"}
    source = "".join(path.read_text() for path in (CFN.parent / "lambdas" / "recovery").rglob("metrics.py"))
    for name, alarm in resources("AWS::CloudWatch::Alarm", "monitoring.yaml").items():
        stats = (
            [alarm]
            if "MetricName" in alarm
            else [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
        )
        for metric in stats:
            if metric["Namespace"] == "DRS/RateLimits":
                assert metric["MetricName"] in written, name
            if metric["Namespace"].startswith("DRS/R"):
                assert f'"{metric["MetricName"]}"' in source, name


def test_the_dashboard_is_json_and_shows_every_alarm() -> None:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard", "monitoring.yaml").values()
    text = dashboard["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    alarms = {f"${{{name}.Arn}}" for name in resources("AWS::CloudWatch::Alarm", "monitoring.yaml")}
    assert set(widgets[0]["properties"]["alarms"]) == alarms
    assert len(widgets) > 10


# --- parameters in a file -----------------------------------------------------------------------------------------
def test_the_pattern_for_samconfig_names_options_of_sam_and_parameters_of_the_template() -> None:
    text = (CFN / "samconfig.example.toml").read_text()
    file = tomllib.loads(text)
    assert file.pop("version") == 0.1
    assert len(file) == 2
    options = {option.name for option in deploy.params}
    for environment, commands in file.items():
        wanted = commands["deploy"]["parameters"]
        assert set(wanted) <= options, environment
        assert wanted["stack_name"] == f"drs-waves-{environment}"
        read = CfnParameterOverridesType().convert(wanted["parameter_overrides"], None, None)
        assert len(read) == len(wanted["parameter_overrides"])
        for name, value in read.items():
            parameter = load("template.yaml")["Parameters"][name]
            allowed = [str(each) for each in parameter.get("AllowedValues", ())]
            assert value in allowed or re.fullmatch(parameter.get("AllowedPattern", ""), value), name


def test_the_guide_lists_every_parameter() -> None:
    guide = (CFN.parent / "docs" / "deploy.md").read_text()
    table = guide.partition("### Parameters")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z]\w+)`", table)) >= set(load("template.yaml")["Parameters"])
