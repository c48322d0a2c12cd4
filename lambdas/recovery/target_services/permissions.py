"""The parameters of cfn/target_account.yaml, each of which permits a kind of call in a target."""

from enum import StrEnum


class Permission(StrEnum):
    """A parameter of the template, by its name. Without it, the target's role permits no call of this kind."""

    CHECKS = "AllowChecks"
    COMMANDS = "RunCommandDocuments"
    AUTOMATIONS = "AutomationDocuments"
    FUNCTIONS = "FunctionArns"
    STATE_MACHINES = "StateMachineArns"
    EVENT_BUSES = "EventBusArns"
    READINESS = "AllowDeepReadiness"
    PROFILES = "AllowLaunchProfiles"
    RESERVATIONS = "AllowCapacityReservations"

    @property
    def advice(self) -> str:
        """What the owner of the account does so that the call is permitted."""
        return f"{_CHANGES[self]} of cfn/target_account.yaml, and update the stack of the target account."


_CHANGES = {
    Permission.CHECKS: "Set the parameter AllowChecks to true in the stack",
    Permission.COMMANDS: (
        "Commands run only on instances with the tag AWSElasticDisasterRecoveryManaged. "
        "Add the ARN of the document to the parameter RunCommandDocuments"
    ),
    Permission.AUTOMATIONS: "Add the ARN of the document to the parameter AutomationDocuments",
    Permission.FUNCTIONS: "Add the ARN of the function to the parameter FunctionArns",
    Permission.STATE_MACHINES: "Add the ARN of the state machine to the parameter StateMachineArns",
    Permission.EVENT_BUSES: "Add the ARN of the event bus to the parameter EventBusArns",
    Permission.READINESS: "Set the parameter AllowDeepReadiness to true in the stack",
    Permission.PROFILES: "Set the parameter AllowLaunchProfiles to true in the stack",
    Permission.RESERVATIONS: "Set the parameter AllowCapacityReservations to true in the stack",
}
