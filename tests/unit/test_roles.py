"""The roles of machines, schedules and target accounts allow exactly what is requested with them."""

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.harness.asl import load as load_machine
from tests.harness.asl import placeholders, states
from tests.support.call_graph import asked_by_room, can_do, can_do_in_targets
from tests.support.templates import (
    CFN,
    FOR_CHECKS_AND_ACTIONS,
    FUNCTION,
    MACHINE,
    MANAGED_POLICY,
    load,
    rendered,
    resources,
    statements,
    translated,
)

TAG = "drs-waves:function"
ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:%s"

# Actions that IAM offers no resource for (Service Authorization Reference).
WITHOUT_A_RESOURCE = {
    "drs:DescribeJobs",
    "drs:DescribeRecoveryInstances",
    "drs:DescribeSourceNetworks",
    "drs:DescribeSourceServers",
    "drs:ListRecoveryPlanExecutionSteps",
    "drs:ListRecoveryPlanExecutions",
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcPeeringConnections",
    "ec2:DescribeVpcs",
    "elasticloadbalancing:DescribeTargetHealth",
    "servicequotas:ListServiceQuotas",
    "ssm:CancelCommand",
    "ssm:DescribeAutomationExecutions",
    "ssm:DescribeInstanceInformation",
    "ssm:ListCommandInvocations",
    "ssm:ListCommands",
    "states:SendTaskSuccess",
}
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}

Grant = tuple[str, str]  # an action and a resource: the logical id, or the pattern as the template has it


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(resource: Any) -> str:
    """A resource of a statement: the logical id that it refers to, or its text."""
    if isinstance(resource, str):
        return resource
    ((how, what),) = resource.items()
    return str(what[0] if how == "Fn::GetAtt" else what)


def granted(policies: list[dict[str, Any]]) -> set[Grant]:
    return {
        (action, named(resource))
        for statement in statements(policies)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


# --- machines -----------------------------------------------------------------------------------------------------
def asked_by(machine: dict[str, Any]) -> set[Grant]:
    """What the states of a machine, and Step Functions itself on its behalf, ask for with the machine's role.

    https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
    """
    file = CFN / machine["DefinitionUri"]
    # A version is started by the permission to start its machine (Step Functions' guide, "authorization for versions").
    versions = resources("AWS::StepFunctions::StateMachineVersion")
    machines = {name: named(version["StateMachineArn"]) for name, version in versions.items()}
    substitutions = {
        name: machines.get(named(target), named(target)) for name, target in machine["DefinitionSubstitutions"].items()
    }
    asked = set[Grant]()
    for state in states(load_machine(file, {name: name for name in placeholders(file)})):
        if state.kind != "Task":
            continue
        api, _, pattern = state.body["Resource"].removeprefix("arn:Partition:states:::").partition(".")
        match api:
            case "lambda:invoke":
                asked.add(("lambda:InvokeFunction", substitutions[state.body["Arguments"]["FunctionName"]]))
            case "states:startExecution":
                other = substitutions[state.body["Arguments"]["StateMachineArn"]]
                asked.add(("states:StartExecution", other))
                if pattern.startswith("sync"):
                    name = resources(MACHINE)[other]["Name"]["Fn::Sub"]
                    asked |= {
                        (f"states:{action}Execution", ARN % ("states", f"execution:{name}:*"))
                        for action in ("Describe", "Stop")
                    }
                    rule = ARN % ("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")
                    asked |= {(f"events:{action}", rule) for action in ("PutTargets", "PutRule", "DescribeRule")}
            case _:
                raise AssertionError(f"{state.where}: say here what {api} needs")
    if machine["Logging"]["Level"] != "OFF":
        asked |= {(action, "*") for action in LOG_DELIVERY}
    return asked


@pytest.mark.parametrize("machine", resources(MACHINE))
def test_the_role_of_a_machine_allows_what_its_states_ask_for_and_nothing_else(machine: str) -> None:
    properties = resources(MACHINE)[machine]
    assert granted(properties["Policies"]) == asked_by(properties)


def test_the_reading_of_the_machines_finds_what_they_are_known_to_ask_for() -> None:
    """If the reading found nothing, the tests of the roles would pass without checking anything."""
    asked = asked_by(resources(MACHINE)["RecoverPlanMachine"])
    assert {("lambda:InvokeFunction", "SettleWaveFunction"), ("states:StartExecution", "SyncCacheMachine")} <= asked
    assert ("states:StopExecution", ARN % ("states", "execution:${AWS::StackName}-recover-target:*")) in asked
    assert not [action for action, _ in asked_by(resources(MACHINE)["SyncCacheMachine"]) if "states:" in action]


# --- functions ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("function", resources(FUNCTION))
def test_a_function_may_start_and_look_at_only_the_machines_that_it_is_told_of(function: str) -> None:
    properties = resources(FUNCTION)[function]
    told = {
        named(value) for name, value in properties.get("Environment", {}).get("Variables", {}).items() if "_ARN" in name
    }
    machines = {
        logical_id: body["Name"]["Fn::Sub"]
        for logical_id, body in resources(MACHINE).items()
        if logical_id in told or ARN % ("states", f"stateMachine:{body['Name']['Fn::Sub']}") in told
    }
    executions = {ARN % ("states", f"execution:{name}:*") for name in machines.values()}
    arns = {ARN % ("states", f"stateMachine:{name}") for name in machines.values()} & told
    for action, resource in granted(properties["Policies"]):
        if action == "states:StartExecution":
            assert resource in machines or resource in arns
        if action == "states:DescribeExecution":
            assert resource in executions


@pytest.mark.parametrize("function", resources(FUNCTION))
def test_a_role_is_passed_to_the_scheduler_alone_and_only_by_who_makes_schedules(function: str) -> None:
    properties = resources(FUNCTION)[function]
    makes_schedules = ("scheduler:CreateSchedule", "") in can_do(properties["Handler"])
    passing = [each for each in statements(properties["Policies"]) if "iam:PassRole" in listed(each["Action"])]
    assert len(passing) == makes_schedules
    for statement in passing:
        assert statement["Resource"] == properties["Environment"]["Variables"]["CLEANUP_SCHEDULE_ROLE_ARN"]
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


@pytest.mark.parametrize("kind", [FUNCTION, MACHINE])
def test_a_resource_is_left_open_only_where_iam_knows_none(kind: str) -> None:
    for name, properties in resources(kind).items():
        left_open = {action for action, resource in granted(properties["Policies"]) if resource == "*"}
        assert left_open <= (WITHOUT_A_RESOURCE if kind == FUNCTION else LOG_DELIVERY), name


def test_every_role_is_one_that_these_tests_have_read() -> None:
    """What SAM adds to those of functions and machines: their own logs and traces."""
    roles = {key: each["Properties"] for key, each in translated().items() if each["Type"] == "AWS::IAM::Role"}
    ours = set(resources("AWS::IAM::Role"))
    assert set(roles) == {f"{name}Role" for name in (*resources(FUNCTION), *resources(MACHINE))} | ours
    attached = [arn for role in roles.values() for arn in role.get("ManagedPolicyArns", ())]
    shared = {arn["Ref"] for arn in attached if isinstance(arn, dict) and "Ref" in arn}
    assert shared == set(resources(MANAGED_POLICY))
    added = {
        str(arn).rpartition("/")[2].strip("'}]") for arn in attached if arn not in [{"Ref": one} for one in shared]
    }
    assert added == {"AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"}
    # More than ten managed policies on a role need a higher quota of IAM.
    assert max(len(role.get("ManagedPolicyArns", ())) for role in roles.values()) <= 10
    for name in ("api.yaml", "monitoring.yaml", "tables.yaml"):
        kinds = {
            each["Type"] for each in (translated(name) if name == "api.yaml" else load(name)["Resources"]).values()
        }
        assert not [kind for kind in kinds if kind.startswith("AWS::IAM::")], name


@pytest.mark.parametrize("policy", resources(MANAGED_POLICY))
def test_a_policy_of_its_own_is_one_that_several_roles_share(policy: str) -> None:
    """And is attached by those roles: it names none itself, so a role shows all that it allows."""
    assert set(resources(MANAGED_POLICY)[policy]) == {"Description", "PolicyDocument"}
    sharing = [
        name
        for kind in (FUNCTION, MACHINE)
        for name, properties in resources(kind).items()
        if {"Ref": policy} in properties["Policies"]
    ]
    assert len(sharing) > 1


# --- schedules ----------------------------------------------------------------------------------------------------
def test_the_roles_of_schedules_start_what_their_schedule_is_for_and_nothing_else() -> None:
    schedules = resources("AWS::Scheduler::Schedule").values()
    starts = {
        **{named(each["Target"]["RoleArn"]): named(each["Target"]["Arn"]) for each in schedules},
        "CleanupScheduleRole": "CleanUpDrillMachine",  # as FinishExecution makes them
    }
    assert len(starts) == len(schedules) + 1, "each schedule has a role of its own"
    roles = resources("AWS::IAM::Role")
    assert {name: granted(role["Policies"]) for name, role in roles.items()} == {
        name: {("states:StartExecution" if started in resources(MACHINE) else "lambda:InvokeFunction", started)}
        for name, started in starts.items()
    }
    groups = {named(each["Target"]["RoleArn"]): named(each["GroupName"]) for each in schedules}
    groups["CleanupScheduleRole"] = "CleanupSchedules"
    assert len(set(groups.values())) == len(groups), "the role of a schedule trusts every schedule of its group"
    assert set(groups.values()) == set(resources("AWS::Scheduler::ScheduleGroup"))
    for name, role in roles.items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
        group = {"Fn::Sub": ARN % ("scheduler", f"schedule-group/${{{groups[name]}}}")}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}, "aws:SourceArn": group}
        }


# --- target accounts ----------------------------------------------------------------------------------------------
FOR_US, FOR_DRS = "recover-source-servers", "launch-and-terminate-as-drs"

# DRS's own recovery plans, whose running executions hold servers.
PLANS_OF_DRS = {
    "drs:GetRecoveryPlanExecution",
    "drs:ListRecoveryPlanExecutions",
    "drs:ListRecoveryPlanExecutionSteps",
    "drs:ListRecoveryPlans",
    "drs:ListRecoveryPlanSteps",
}


def target_statements() -> list[dict[str, Any]]:
    """What the role in a target account allows us to ask for. tests/unit/test_target_role.py has what it allows DRS."""
    (role,) = resources("AWS::IAM::Role", "target_account.yaml").values()
    assert [policy["PolicyName"] for policy in role["Policies"]] == [FOR_US, FOR_DRS]
    return list(statements(role["Policies"][:1]))


def optional_statements() -> list[dict[str, Any]]:
    """What the role allows us as well, if parameters name what checks and actions use."""
    permitted = {**FOR_CHECKS_AND_ACTIONS, "AllowCapacityReservations": "true"}
    found = rendered("target_account.yaml", HubAccountId="111122223333", **permitted)
    return list(statements([each["Properties"] for each in found.values() if each["Type"] == MANAGED_POLICY]))


def function_names() -> dict[str, str]:
    """Handlers by the name of the function, in a stack called `any`."""
    return {
        properties["FunctionName"]["Fn::Sub"].replace("${AWS::StackName}", "any"): properties["Handler"]
        for properties in resources(FUNCTION).values()
    }


def test_the_target_role_allows_what_functions_ask_for_there_and_nothing_else() -> None:
    ours = {action for each in target_statements() for action in listed(each["Action"])}
    optional = {action for each in optional_statements() for action in listed(each["Action"])}
    rooms = ("recovery.target_services", "recovery.drs", "recovery.launch_settings")
    asked_there = {action for room in rooms for action in asked_by_room(room)}
    # AWS passes the roles of automations, and tags a reservation as it is made.
    assert optional - asked_there == {"iam:PassRole", "ec2:CreateTags"}
    asked = {action for handler in function_names().values() for action in can_do_in_targets(handler)}
    assert asked <= ours | optional
    assert ours - asked <= PLANS_OF_DRS


def test_the_target_role_lets_only_those_functions_change_something_that_do() -> None:
    for statement in target_statements():
        patterns = listed(statement.get("Condition", {}).get("StringLike", {}).get(f"aws:PrincipalTag/{TAG}", "*"))
        allowed = {name for name in function_names() if any(fnmatchcase(name, pattern) for pattern in patterns)}
        for action in listed(statement["Action"]):
            asking = {name for name, handler in function_names().items() if action in can_do_in_targets(handler)}
            reads = action.split(":")[1].startswith(("Describe", "Get", "List"))
            assert asking <= allowed if reads else asking == allowed, action
    for statement in optional_statements():
        for action in sorted({*listed(statement["Action"])} - {"ec2:CreateTags"}):  # part of CreateCapacityReservation
            asking = {name for name, handler in function_names().items() if action in can_do_in_targets(handler)}
            patterns = {
                pattern
                for each in optional_statements()
                if action in listed(each["Action"])
                for pattern in listed(
                    each.get("Condition", {}).get("StringLike", {}).get(f"aws:PrincipalTag/{TAG}", "*")
                )
            }
            allowed = {name for name in function_names() if any(fnmatchcase(name, pattern) for pattern in patterns)}
            reads = action.split(":")[1].startswith(("Describe", "Get", "List"))
            assert reads == ("*" in patterns), action
            by_aws = action in ("iam:PassRole", "ec2:CreateTags")  # by the start of an automation, by a reservation
            assert asking <= allowed if reads or by_aws else asking == allowed, action


def test_a_resource_in_a_target_is_left_open_only_where_iam_knows_none() -> None:
    for statement in (*target_statements(), *optional_statements()):
        if "*" in listed(statement["Resource"]):
            assert set(listed(statement["Action"])) <= WITHOUT_A_RESOURCE | PLANS_OF_DRS


def test_the_target_role_is_taken_on_with_the_external_id_and_the_tag_of_a_function() -> None:
    (role,) = resources("AWS::IAM::Role", "target_account.yaml").values()
    assume, tag = role["AssumeRolePolicyDocument"]["Statement"]
    assert (assume["Action"], tag["Action"]) == ("sts:AssumeRole", "sts:TagSession")
    assert assume["Condition"]["StringEquals"] == {"sts:ExternalId": {"Ref": "ExternalId"}}
    assert load("target_account.yaml")["Parameters"]["ExternalId"]["NoEcho"] is True
    for statement in (assume, tag):
        assert statement["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${HubAccountId}:root"}}
        assert statement["Condition"]["StringLike"] == {f"aws:RequestTag/{TAG}": "?*"}
    assert tag["Condition"]["ForAllValues:StringEquals"] == {"aws:TagKeys": [TAG]}


@pytest.mark.parametrize("function", resources(FUNCTION))
def test_a_function_reaches_targets_only_if_it_asks_something_there_and_under_its_own_name(function: str) -> None:
    properties = resources(FUNCTION)[function]
    reaching = [each for each in statements(properties["Policies"]) if "sts:AssumeRole" in listed(each["Action"])]
    assert len(reaching) == bool(can_do_in_targets(properties["Handler"]))
    for statement in reaching:
        assert named(statement["Resource"]) == "arn:${AWS::Partition}:iam::*:role/${TargetRoleName}"
        own_tag = f"${{aws:PrincipalTag/{TAG}}}"
        assert statement["Condition"] == {"StringEquals": {f"aws:RequestTag/{TAG}": own_tag}}
        role = translated()[f"{function}Role"]["Properties"]
        assert {"Key": TAG, "Value": properties["FunctionName"]} in role["Tags"]


# --- the page -----------------------------------------------------------------------------------------------------
ELSE = {
    "sns:Publish": "notifies operators",
    "states:SendTaskSuccess": "answers task tokens",
    "states:StartExecution": "starts executions",
    "states:DescribeExecution": "describes executions",
    "scheduler:CreateSchedule": "schedules clean-ups",
    "s3:GetObjectVersion": "reads evidence",
    "s3:PutObject": "writes evidence",
    "kms:Sign": "signs evidence",
}


def row(function: str) -> str:
    """What docs/security.md says of a function: its name, the tables it reads and writes, targets, and the rest."""
    properties = resources(FUNCTION)[function]
    own, there = can_do(properties["Handler"]), can_do_in_targets(properties["Handler"])
    reads, writes = set[str](), set[str]()
    for action, table in own:
        if action.startswith("dynamodb:"):
            reading = action.endswith(("GetItem", "Query", "Scan"))
            (reads if reading else writes).add(table.partition("/")[0].replace("_", "-"))
    changes = {
        "drs:StartRecovery": "launches",
        "drs:TerminateRecoveryInstances": "terminates",
        "drs:UpdateLaunchConfiguration": "changes launch settings",
        "ssm:SendCommand": "sends commands",
        "ssm:StartAutomationExecution": "starts automations",
        "lambda:InvokeFunction": "calls functions",
        "states:StartExecution": "starts state machines",
        "events:PutEvents": "puts events",
    }
    in_targets = ["reads"] * bool(there) + [does for action, does in changes.items() if action in there]
    rest = [does for action, does in ELSE.items() if (action, "") in own]
    name = properties["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
    cells = [[name], sorted(reads), sorted(writes), in_targets, rest]
    return "".join(f"| {', '.join(cell)} " if cell else "| " for cell in cells) + "|"


@pytest.mark.parametrize("function", resources(FUNCTION))
def test_the_page_on_security_says_what_the_role_of_a_function_allows(function: str) -> None:
    page = (CFN.parent / "docs" / "security.md").read_text().splitlines()
    assert row(function) in page
    assert {action for action, _ in can_do(resources(FUNCTION)[function]["Handler"]) if "dynamodb:" not in action} <= {
        *ELSE,
        "sts:AssumeRole",
        "sts:TagSession",
        "s3:GetObjectRetention",
        "kms:GetPublicKey",
    }


def test_the_tests_that_the_page_names_exist() -> None:
    page = (CFN.parent / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    sources = (path.read_text() for path in (CFN.parent / "tests").rglob("test_*.py"))
    defined = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    assert len(named) > 10
    assert named <= defined


# --- what launches and terminates believes --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "writers"),
    [
        ("run_requests", {"ApiFunction", "ListTargetsFunction", "StartDrillsFunction"}),
        ("inspections", {"ApplySettingsFunction", "InspectTargetFunction", "StartRecoveryFunction"}),
        ("target_accounts", {"ApiFunction"}),
    ],
)
def test_a_table_that_is_believed_is_written_by_few(table: str, writers: set[str]) -> None:
    found = {
        function
        for function, properties in resources(FUNCTION).items()
        for action, resource in granted_tables(properties["Policies"])
        if resource == table and not action.endswith(("GetItem", "Query", "Scan"))
    }
    assert found == writers


@pytest.mark.parametrize(
    ("function", "ids"),
    [("ListTargetsFunction", ["readiness-*"]), ("StartDrillsFunction", ["drill-*", "readiness-*"])],
)
def test_a_schedule_asks_for_runs_of_its_modes_only(function: str, ids: list[str]) -> None:
    """What a run does follows from its id, which is the partition key of both tables."""
    policies = resources(FUNCTION)[function]["Policies"]
    both = [each for each in statements(policies) if re.search(r"-(executions|run-requests)'", str(each["Resource"]))]
    asking = [each for each in both if any("PutItem" in action for action in listed(each["Action"]))]
    written = {table for table in ("executions", "run-requests") if table in str([each["Resource"] for each in asking])}
    assert written == {"executions", "run-requests"}
    for each in asking:
        assert each["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ids}}
    requests = [each for each in both if "run-requests" in str(each["Resource"])]
    assert [each for each in requests if each not in asking] == [], "and nothing else lets it write requests"


def granted_tables(policies: list[dict[str, Any]]) -> set[Grant]:
    """Actions on tables, by the name of the table as the settings have it."""
    prefix = "table/${AWS::StackName}-"
    return {
        (action, resource.partition(prefix)[2].replace("-", "_"))
        for action, resource in granted(policies)
        if prefix in resource
    }


def test_a_state_that_launches_takes_the_run_and_the_target_from_the_input_of_its_machine() -> None:
    """A task that is taken over can answer anything, so its answer must not say what is launched, and where."""
    file = CFN / resources(MACHINE)["RecoverTargetMachine"]["DefinitionUri"]
    machine = load_machine(file, {name: name for name in placeholders(file)})
    selected = machine["States"]["RecoverBatches"]["ItemSelector"]
    for name in ("executionId", "wave", "accountId", "region", "launchAttempts"):
        assert selected[name] == f"{{% $states.context.Execution.Input.{name} %}}"
