"""The templates, also as SAM translates them, and the permissions of their roles."""

import json
import re
import tomllib
import types
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.deploy import cli as deploy

from api.app import app
from api.http.response import RETRY_AFTER_SECONDS, RETRY_AFTER_STATUSES
from api.openapi.gateway_errors import GATEWAY_ERRORS
from api.schemas.requests.accounts import ExternalId
from api.schemas.responses.service import Problem
from recovery.domain.target import Target
from recovery.observability import metrics
from recovery.observability.alarm_messages import ALARMS
from tests.support.call_graph import can_do, reaches
from tests.support.templates import CFN, FUNCTION, MACHINE, TABLE_ARN, load, rendered, resources, statements, translated

TEMPLATES = sorted(path.name for path in CFN.glob("*.yaml"))
TABLE = "AWS::DynamoDB::Table"
GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"
CHECKED = ("dynamodb", "kms", "s3", "scheduler", "sns", "states", "sts")


def test_a_caller_of_the_api_needs_no_permission_on_its_function() -> None:
    (api,) = [
        each["Properties"] for each in translated("api.yaml").values() if each["Type"] == "AWS::ApiGateway::RestApi"
    ]
    methods = [method for path in api["Body"]["paths"].values() for method in path.values()]
    assert methods
    for method in methods:
        assert "credentials" not in method["x-amazon-apigateway-integration"]
        assert method["security"] == [{"AWS_IAM": []}]
    permissions = {
        name: [each["Properties"] for each in translated(name).values() if each["Type"] == "AWS::Lambda::Permission"]
        for name in ("template.yaml", "api.yaml")
    }
    for name, principal in {"template.yaml": "events.amazonaws.com", "api.yaml": "apigateway.amazonaws.com"}.items():
        (permission,) = permissions[name]
        assert (permission["Principal"], permission["Action"]) == (principal, "lambda:InvokeFunction")
        assert "SourceArn" in permission, name
    (permission,) = permissions["api.yaml"]
    arn = str(permission["SourceArn"]["Fn::Sub"])
    assert arn.endswith(":${Api}/v1/*/*"), "of this API and its stage alone, not of TestInvokeMethod"


def test_the_api_has_one_stage_with_a_limit_and_a_log_of_requests() -> None:
    """SAM adds a second one, "Stage", which has neither, unless the template names a version of OpenAPI."""
    made = translated("api.yaml")
    (stage,) = [each["Properties"] for each in made.values() if each["Type"] == "AWS::ApiGateway::Stage"]
    deployments = [each["Properties"] for each in made.values() if each["Type"] == "AWS::ApiGateway::Deployment"]
    assert deployments
    assert not [each for each in deployments if {"StageName", "StageDescription"} & set(each)]
    assert stage["StageName"] == "v1"
    (method,) = [each for each in stage["MethodSettings"] if each["HttpMethod"] == "*"]
    assert method["ResourcePath"] == "/*"
    assert (method["ThrottlingRateLimit"], method["ThrottlingBurstLimit"]) == (100, 200)
    assert "AccessLogSetting" in stage


def test_each_route_that_calls_drs_or_starts_a_sync_has_a_limit_of_its_own() -> None:
    """Which routes do is read off the code. Those that end a run whose machine has died call DRS once, for that run."""
    once = "recovery.runs.abandoned.end_run_without_machine"
    calling = {
        (operation.path, operation.method)
        for operation in app.operations
        if reaches(f"{operation.handler.__module__}.{operation.handler.__name__}", past=once)
        & {"recovery.drs.calls.call", "recovery.cache.start_sync.start_cache_sync"}
    }
    (api,) = resources("AWS::Serverless::Api", "api.yaml").values()
    limits = {
        (each["ResourcePath"], each["HttpMethod"]): (each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"])
        for each in api["MethodSettings"]
        if each["HttpMethod"] != "*"
    }
    assert limits.keys() == calling
    assert len(calling) == 8
    assert all(rate <= 5 and burst <= 10 for rate, burst in limits.values())
    known = {(path, method.upper()) for path, methods in api["DefinitionBody"]["paths"].items() for method in methods}
    assert limits.keys() <= known, "a limit of a path that API Gateway does not know has no effect"


def test_the_api_hands_every_route_to_its_function() -> None:
    (api,) = resources("AWS::Serverless::Api", "api.yaml").values()
    paths = api["DefinitionBody"]["paths"]
    for path in ("/", "/{proxy+}"):
        assert list(paths[path]) == ["x-amazon-apigateway-any-method"]
    for operation in (operation for methods in paths.values() for operation in methods.values()):
        integration = operation["x-amazon-apigateway-integration"]
        assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
        assert "/functions/${FunctionArn}/invocations" in integration["uri"]["Fn::Sub"]
    assert load("template.yaml")["Resources"]["Api"]["Properties"]["Parameters"]["FunctionArn"] == {
        "Fn::GetAtt": ["ApiFunction", "Arn"]
    }


def test_what_api_gateway_answers_itself_is_a_problem_as_the_document_has_it() -> None:
    (api,) = resources("AWS::Serverless::Api", "api.yaml").values()
    codes: dict[int, set[str]] = {}
    for name, response in api["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        again = (
            {"Retry-After": f"'{RETRY_AFTER_SECONDS}'"} if int(response["StatusCode"]) in RETRY_AFTER_STATUSES else {}
        )
        expected = {"Content-Type": "'application/problem+json'", "X-Correlation-Id": "context.requestId", **again}
        assert headers == expected, name
        text = response["ResponseTemplates"]["application/json"]
        text = text.replace("$context.error.messageString", '"Not today."').replace("$context.requestId", "7a1c")
        problem = TypeAdapter(Problem).validate_json(text)
        assert "$" not in text
        assert problem["type"] == f"urn:drs-waves:problem:{problem['code']}"
        assert (str(problem["status"]), problem["instance"]) == (response["StatusCode"], "urn:drs-waves:request:7a1c")
        codes.setdefault(problem["status"], set()).add(problem["code"])
    assert codes == {status: set(names) for status, names in GATEWAY_ERRORS.items()}
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(api["GatewayResponses"])


def test_api_gateway_logs_requests_as_json_when_it_is_told_to() -> None:
    (api,) = resources("AWS::Serverless::Api", "api.yaml").values()
    condition, setting, otherwise = api["AccessLogSetting"]["Fn::If"]
    assert condition == load("api.yaml")["Resources"]["Logs"]["Condition"]
    assert otherwise == {"Ref": "AWS::NoValue"}
    assert json.loads(setting["Format"])["caller"] == "$context.identity.userArn"


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_is_described_and_constrained(name: str) -> None:
    for key, parameter in load(name)["Parameters"].items():
        assert parameter["Description"], key
        assert parameter.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}, key


def test_the_template_of_a_target_takes_the_external_ids_that_the_api_takes() -> None:
    parameter = load("target_account.yaml")["Parameters"]["ExternalId"]
    takes = re.compile(parameter["AllowedPattern"]).fullmatch
    external_id = TypeAdapter(ExternalId).validate_python
    for text in ("a" * 16, "Az0_+=,.@:/-" * 2, "a" * 128):
        assert takes(text)
        assert external_id(text) == text
    for text in ("a" * 15, "", "a blank in between", "a" * 16 + "\u00e9", "a" * 15 + "\n"):
        assert not takes(text)
        with pytest.raises(ValidationError):
            external_id(text)
    assert (parameter["MinLength"], parameter["MaxLength"], parameter["NoEcho"]) == (16, 128, True)


def test_a_nested_stack_is_given_every_parameter_of_its_template() -> None:
    nested = {each["TemplateURL"]: each["Parameters"] for each in resources("AWS::CloudFormation::Stack").values()}
    assert set(nested) == {"api.yaml", "monitoring.yaml"}
    for name, parameters in nested.items():
        assert set(parameters) == set(load(name)["Parameters"]), name


def test_tables_are_protected_unless_a_parameter_says_otherwise() -> None:
    parameter = load("tables.yaml")["Parameters"]["DeletionProtection"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("true", ["true", "false"])
    assert set(load("tables.yaml")["Resources"]) == {*TABLES_OF_ONE_REGION, *TABLES_WITH_COPIES, *OF_EVIDENCE}
    for key, resource in load("tables.yaml")["Resources"].items():
        policies = resource["DeletionPolicy"], resource["UpdateReplacePolicy"]
        assert policies == ("RetainExceptOnCreate", "Retain"), key
        if key in OF_EVIDENCE:
            continue
        encryption = resource["Properties"]["SSESpecification"]
        assert (encryption["SSEEnabled"], encryption["SSEType"]) == (True, "KMS"), key
    for key, table in resources(TABLE, "tables.yaml").items():
        assert_kept(table, key="KmsKeyArn")
        assert table["BillingMode"] == "PAY_PER_REQUEST", key


def test_only_the_stack_of_the_tables_has_tables_and_functions_know_them_by_name() -> None:
    for name in TEMPLATES:
        if name != "tables.yaml":
            assert not resources(TABLE, name) | resources(GLOBAL_TABLE, name), name
    tables = resources(TABLE, "tables.yaml") | resources(GLOBAL_TABLE, "tables.yaml")
    names = {each["TableName"]["Fn::Sub"] for each in tables.values()}
    variables = load("template.yaml")["Globals"]["Function"]["Environment"]["Variables"]
    known = {name: value["Fn::Sub"] for name, value in variables.items() if name.endswith("_TABLE")}
    assert {name.replace("${ControlPlane}", "${AWS::StackName}") for name in names} == set(known.values())
    for name, value in known.items():
        assert name == value.removeprefix("${AWS::StackName}-").replace("-", "_").upper() + "_TABLE"


TABLES_OF_ONE_REGION = (
    "Executions",
    "RunRequests",
    "Inspections",
    "Limits",
    "RecoveryInstances",
    "TargetChanges",
    "Drills",
    "CatalogHistory",
)
OF_EVIDENCE = ("EvidenceBucket", "EvidenceBucketPolicy", "EvidenceKey", "EvidenceKeyAlias")
TABLES_WITH_COPIES = ("ProtectionGroups", "RecoveryPlans", "TargetAccounts")


def test_the_bucket_of_evidence_is_locked_kept_and_signed_as_its_parameters_say() -> None:
    plain = rendered("tables.yaml", ControlPlane="drs-waves-test")
    bucket = plain["EvidenceBucket"]["Properties"]
    assert bucket["BucketName"] == "drs-waves-test-111122223333-us-west-2"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"] == {"ObjectLockEnabled": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert [rule["Id"] for rule in bucket["LifecycleConfiguration"]["Rules"]] == ["abort-uploads"]
    assert "EvidenceKey" not in plain
    days = {"EvidenceLockDays": "400", "EvidenceKeepDays": "800", "EvidenceLockMode": "COMPLIANCE"}
    locked = rendered("tables.yaml", ControlPlane="drs-waves-test", SignEvidence="true", **days)
    bucket = locked["EvidenceBucket"]["Properties"]
    retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": "400"}}
    assert bucket["ObjectLockConfiguration"]["Rule"] == retention
    rule = bucket["LifecycleConfiguration"]["Rules"][1]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]) == ("800", {"NoncurrentDays": "800"})
    key = locked["EvidenceKey"]["Properties"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    assert locked["EvidenceKeyAlias"]["Properties"]["AliasName"] == "alias/drs-waves-test-evidence"


def test_functions_know_the_bucket_and_the_key_that_the_stack_of_the_tables_has() -> None:
    kept = rendered("tables.yaml", ControlPlane="drs-waves-test", SignEvidence="true")
    functions = rendered("template.yaml", SignEvidence="true")
    writer = functions["WriteEvidenceFunction"]["Properties"]["Environment"]["Variables"]
    assert writer["EVIDENCE_BUCKET"] == kept["EvidenceBucket"]["Properties"]["BucketName"]
    assert writer["EVIDENCE_KEY"] == kept["EvidenceKeyAlias"]["Properties"]["AliasName"]
    reader = functions["ApiFunction"]["Properties"]["Environment"]["Variables"]
    assert reader["EVIDENCE_BUCKET"] == writer["EVIDENCE_BUCKET"]
    (signing,) = [
        each
        for each in statements(resources(FUNCTION)["WriteEvidenceFunction"]["Policies"])
        if "kms:Sign" in each["Action"]
    ]
    assert signing["Action"] == ["kms:GetPublicKey", "kms:Sign"]
    alias = {"kms:ResourceAliases": {"Fn::Sub": "alias/${AWS::StackName}-evidence"}}
    assert signing["Condition"] == {"ForAnyValue:StringEquals": alias}


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
    for table in resources(GLOBAL_TABLE, "tables.yaml").values():
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
    groups = resources("AWS::Logs::LogGroup") | resources("AWS::Logs::LogGroup", "api.yaml")
    assert set(groups) == {"FunctionLogs", "MachineLogs", "Logs"}
    for key, group in groups.items():
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
    for statement in statements(resources(FUNCTION)[function]["Policies"]):
        resource = statement["Resource"]
        for action in statement["Action"]:
            service, _ = action.split(":")
            for each in resource if isinstance(resource, list) else [resource]:
                found.add((action, _setting(each) if service == "dynamodb" else ""))
    return {grant for grant in found if grant[0].split(":")[0] in CHECKED}


def _setting(resource: dict[str, Any]) -> str:
    """The table of an ARN, as the settings name it: `...-recovery-plans` is `recovery_plans`."""
    arn = resource["Fn::Sub"]
    assert arn.startswith(TABLE_ARN), arn
    name, _, rest = arn.removeprefix(TABLE_ARN).replace("-", "_").partition("/")
    assert rest in ("", "index/*"), arn
    return f"{name}/index" if rest else name


@pytest.mark.parametrize("function", resources(FUNCTION))
def test_a_role_allows_what_the_code_of_its_function_can_ask_for_and_nothing_else(function: str) -> None:
    assert grants(function) == can_do(resources(FUNCTION)[function]["Handler"])


def test_the_reading_of_the_code_finds_what_a_function_is_there_for() -> None:
    """If the reading found nothing, the tests of the roles would pass without checking anything."""
    assert can_do("tasks.notify_operators.handler") == {
        ("sns:Publish", ""),
        ("dynamodb:GetItem", "executions"),
        ("dynamodb:Query", "executions"),
        ("dynamodb:UpdateItem", "executions"),
    }
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
        for state in ("AlarmActions", "InsufficientDataActions"):
            assert alarm[state] == [{"Ref": "AnnounceAlarmArn"}], name
        assert alarm["AlarmName"]["Fn::Sub"].removeprefix("${ControlPlane}-") in runbook, name


def test_every_alarm_has_a_text_that_leads_to_the_same_section_of_the_runbook() -> None:
    alarms = {
        alarm["AlarmName"]["Fn::Sub"].removeprefix("${ControlPlane}-"): alarm
        for alarm in resources("AWS::CloudWatch::Alarm", "monitoring.yaml").values()
    }
    assert set(ALARMS) == set(alarms)
    for name, text in ALARMS.items():
        assert f'docs/runbook.md, "{text.section}"' in alarms[name]["AlarmDescription"], name
        # That a minute passes in which no run fails does not end what the alarm was about.
        ends = [{"Ref": "AnnounceAlarmArn"}] if text.ended else None
        assert alarms[name].get("OKActions") == ends, name


def test_an_alarm_reaches_operators_though_its_function_fails_or_is_not_run() -> None:
    function = resources(FUNCTION)["AnnounceAlarmFunction"]
    fallback = {"OnFailure": {"Type": "SNS", "Destination": {"Ref": "OperatorsTopic"}}}
    invocations = function["EventInvokeConfig"]
    assert invocations["DestinationConfig"] == fallback
    assert invocations["MaximumEventAgeInSeconds"] <= 300, "Lambda repeats a refused call for six hours by default"
    (permission,) = resources("AWS::Lambda::Permission", "monitoring.yaml").values()
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert permission["SourceArn"]["Fn::Sub"].endswith(":alarm:${ControlPlane}-*")
    given = load("template.yaml")["Resources"]["Monitoring"]["Properties"]["Parameters"]["AnnounceAlarmArn"]
    assert given == {"Fn::GetAtt": ["AnnounceAlarmFunction", "Arn"]}


@pytest.mark.parametrize(
    ("options", "is_taken"),
    [
        ("", True),
        ("--sandbox", True),
        ("--stack drs-waves-prod --region eu-west-1 --profile dr", True),
        ("--stack x; rm -rf /", False),
        ("--stack $(id)", False),
        ("prod", False),
    ],
)
def test_options_of_commands_are_options_and_no_other_text(options: str, is_taken: bool) -> None:
    pattern = load("template.yaml")["Parameters"]["CommandOptions"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, options)) is is_taken


def test_the_costs_in_operations_count_every_alarm_and_the_metrics_it_watches() -> None:
    alarms = resources("AWS::CloudWatch::Alarm", "monitoring.yaml").values()
    metrics = sum(sum("MetricStat" in each for each in alarm.get("Metrics", ())) or 1 for alarm in alarms)
    row = f"| {len(alarms)} alarms, 0.10 for each metric they watch | {metrics} metrics | {metrics * 0.1:.2f} |"
    assert row in (CFN.parent / "docs" / "operations.md").read_text()


def series(namespace: str, metric: str, dimensions: dict[str, str]) -> tuple[str, str, frozenset[tuple[str, str]]]:
    return namespace, metric, frozenset(dimensions.items())


def watched(stack: str) -> set[tuple[str, str, frozenset[tuple[str, str]]]]:
    """The series that the alarms and the dashboard's own metrics of a stack of this name watch."""
    found = set()
    template = rendered("monitoring.yaml", ControlPlane=stack)
    for alarm in template.values():
        if alarm["Type"] == "AWS::CloudWatch::Alarm":
            properties = alarm["Properties"]
            stats = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", ()) if "MetricStat" in each]
            for metric in [properties] if "MetricName" in properties else stats:
                named = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
                found.add(series(metric["Namespace"], metric["MetricName"], named))
    body = json.loads(template["Dashboard"]["Properties"]["DashboardBody"])
    for widget in body["widgets"]:
        before: list[str] = []
        for line in widget["properties"].get("metrics", ()):
            words = [each for each in line if isinstance(each, str)]
            if words and words[0] != "...":
                # "." repeats the word above it.
                words = [before[at] if word == "." else word for at, word in enumerate(words)]
                found.add(series(words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))))
                before = words
    return found


def written(stack: str, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, frozenset[tuple[str, str]]]]:
    """The series that the functions of a stack of this name write, one of each kind."""
    lines: list[str] = []
    monkeypatch.setenv("STACK_NAME", stack)
    monkeypatch.setattr(metrics, "sys", types.SimpleNamespace(stdout=types.SimpleNamespace(write=lines.append)))
    target = Target("111122223333", "eu-west-1")
    for outcome in ("ok", "DrsThrottled"):
        metrics.count_call(target, "DescribeJobs", outcome)
    metrics.count_rate_limit(target, "DrsThrottled")
    metrics.count_retry(target, "DescribeJobs", 2)
    metrics.count_exhausted(target, "StartRecovery")
    for state in ("open", "half-open", "closed"):
        metrics.count_circuit_change(target, state)
    metrics.emit_leases(target, 1, 100)
    metrics.emit_cache_lookups(1, 1)
    metrics.emit_target_sync(target, 1.0, 1, 1)
    metrics.emit_sync(1.0, 0)
    metrics.emit_overdue(runs=1, waves=1, jobs=1)
    metrics.flush()
    return {
        series(directive["Namespace"], metric["Name"], {key: line[key] for key in keys})
        for line in map(json.loads, lines)
        for directive in line["_aws"]["CloudWatchMetrics"]
        for keys in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def test_alarms_and_the_dashboard_watch_series_that_the_functions_of_their_own_stack_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An alarm with a misspelt name or dimension would never fire, and one without the stack for another stack."""
    prod, test = (written(stack, monkeypatch) for stack in ("drs-waves-prod", "drs-waves-test"))
    ours = {
        each for each in watched("drs-waves-prod") if each[0] in ("DRS/RateLimits", "DRS/RecoveryInstances", "DRS/Runs")
    }
    assert len(ours) >= 10
    assert ours <= prod
    assert not prod & test, "two stacks of one account write no series together"
    others = {each for each in watched("drs-waves-prod") if "drs-waves-prod" not in str(each)}
    assert {namespace for namespace, _, _ in others} == {"AWS/States"}, "these have the machine as their dimension"


def test_searches_of_the_dashboard_find_series_of_their_own_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = {(namespace, metric, frozenset(dict(named))) for namespace, metric, named in written("any", monkeypatch)}
    body = rendered("monitoring.yaml", ControlPlane="drs-waves-prod")["Dashboard"]["Properties"]["DashboardBody"]
    lines = [line for widget in json.loads(body)["widgets"] for line in widget["properties"].get("metrics", ())]
    searches = [line[0]["expression"] for line in lines if isinstance(line[0], dict) and "expression" in line[0]]
    assert len(searches) == 4
    for search in searches:
        found = re.fullmatch(r"""SEARCH\('\{([^}]+)\} Stack="drs-waves-prod" ([^']+)', '\w+', 60\)(?: / 60)?""", search)
        assert found, search
        namespace, *dimensions = found[1].split(",")
        wanted = re.findall(r'MetricName="(\w+)"', found[2])
        assert wanted
        for metric in wanted:
            assert (namespace, metric, frozenset(dimensions)) in sets


def test_lines_of_functions_and_of_lambda_about_errors_are_counted_for_the_stack() -> None:
    template = rendered("monitoring.yaml", ControlPlane="drs-waves-prod")
    filters = [each["Properties"] for each in template.values() if each["Type"] == "AWS::Logs::MetricFilter"]
    assert len(filters) == 3
    for each in filters:
        (made,) = each["MetricTransformations"]
        assert series(made["MetricNamespace"], made["MetricName"], {}) in watched("drs-waves-prod")
        assert each["LogGroupName"] == "<FunctionLogGroup>"


def test_the_dashboard_is_json_and_shows_every_alarm() -> None:
    (dashboard,) = resources("AWS::CloudWatch::Dashboard", "monitoring.yaml").values()
    text = dashboard["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    alarms = {f"${{{name}.Arn}}" for name in resources("AWS::CloudWatch::Alarm", "monitoring.yaml")}
    assert set(widgets[0]["properties"]["alarms"]) == alarms
    assert len(widgets) > 10


# --- parameters in a file -----------------------------------------------------------------------------------------
def parameters() -> dict[str, Any]:
    """The parameters that `make deploy` takes for its two stacks, without ControlPlane, which it sets itself."""
    found = {**load("tables.yaml")["Parameters"], **load("template.yaml")["Parameters"]}
    del found["ControlPlane"]
    return found


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
            parameter = parameters()[name]
            allowed = [str(each) for each in parameter.get("AllowedValues", ())]
            assert value in allowed or re.fullmatch(parameter.get("AllowedPattern", ""), value), name


def test_the_guide_lists_every_parameter() -> None:
    guide = (CFN.parent / "docs" / "deploy.md").read_text()
    table = guide.partition("### Parameters")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z]\w+)`", table)) >= set(parameters())


def test_a_parameter_that_both_stacks_have_takes_the_same_values() -> None:
    tables, root = (load(name)["Parameters"] for name in ("tables.yaml", "template.yaml"))
    assert set(tables) & set(root) == {"KmsKeyArn", "SignEvidence"}
    described = "Description"
    for name in set(tables) & set(root):
        assert {**tables[name], described: ""} == {**root[name], described: ""}, name
