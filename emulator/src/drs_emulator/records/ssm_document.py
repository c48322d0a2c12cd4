"""Documents of Systems Manager: what commands and automations run."""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.ids import digest

PLUGINS = {"AWS-RunShellScript": "aws:runShellScript", "AWS-RunPowerShellScript": "aws:runPowerShellScript"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a document. It is required if it has no default. `kind` is String or StringList."""

    name: str
    kind: str = "String"
    default: str | None = None
    description: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentStep:
    """A step of an automation. None means the default: of the settings for `seconds`, an hour for `timeout_seconds`.

    `on_failure` is Abort or Continue. The failure of a step that is not critical does not fail the automation.
    """

    name: str
    action: str = "aws:executeScript"
    seconds: float | None = None
    timeout_seconds: float | None = None
    on_failure: str = "Abort"
    is_critical: bool = True
    outputs: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SsmDocument:
    """A version of a document. `kind` is Command or Automation; `seconds` is how long a command runs."""

    name: str
    kind: str
    parameters: tuple[Parameter, ...] = ()
    steps: tuple[DocumentStep, ...] = ()
    seconds: float | None = None
    platforms: tuple[str, ...] = ("Linux", "Windows")
    description: str = ""
    version: int = 1
    created_at: float = 0
    owner: str = "Amazon"

    @property
    def plugin(self) -> str:
        return PLUGINS.get(self.name, "aws:runShellScript")

    @property
    def schema_version(self) -> str:
        return "2.2" if self.kind == "Command" else "0.3"

    def identify(self) -> dict[str, Any]:
        """Return what ListDocuments shows."""
        return {
            "Name": self.name,
            "CreatedDate": self.created_at,
            "Owner": self.owner,
            "PlatformTypes": list(self.platforms),
            "DocumentVersion": str(self.version),
            "DocumentType": self.kind,
            "SchemaVersion": self.schema_version,
            "DocumentFormat": "JSON",
            "Tags": [],
        }

    def describe(self, latest: int) -> dict[str, Any]:
        """Return what DescribeDocument shows. `latest` is the newest version, which is also the default."""
        return self.identify() | {
            "Hash": digest(self.name, self.version),
            "HashType": "Sha256",
            "Status": "Active",
            "Description": self.description,
            "Parameters": [_describe_parameter(each) for each in self.parameters],
            "LatestVersion": str(latest),
            "DefaultVersion": str(latest),
        }


def _describe_parameter(parameter: Parameter) -> dict[str, str]:
    shown = {"Name": parameter.name, "Type": parameter.kind, "Description": parameter.description}
    return shown if parameter.default is None else shown | {"DefaultValue": parameter.default}


EXECUTION_TIMEOUT = Parameter("executionTimeout", default="3600", description="The seconds that a command may run")
SCRIPT = (
    Parameter("commands", "StringList", description="The commands to run"),
    Parameter("workingDirectory", default="", description="The folder to run them in"),
    EXECUTION_TIMEOUT,
)
INSTANCES = (
    Parameter("InstanceId", "StringList", description="The EC2 instances"),
    Parameter("AutomationAssumeRole", default="", description="The role that the automation runs with"),
)
# Documents of AWS, with the names, parameters and steps that AWS documents. Their times are assumptions
AWS_DOCUMENTS = {
    document.name: document
    for document in (
        SsmDocument("AWS-RunShellScript", "Command", SCRIPT, platforms=("Linux", "MacOS")),
        SsmDocument("AWS-RunPowerShellScript", "Command", SCRIPT, platforms=("Windows", "Linux", "MacOS")),
        SsmDocument(
            "AWS-UpdateSSMAgent",
            "Command",
            (Parameter("version", default=""), Parameter("allowDowngrade", default="false")),
            seconds=20,
        ),
        SsmDocument(
            "AWS-RestartEC2Instance",
            "Automation",
            INSTANCES,
            (
                DocumentStep("stopInstances", "aws:changeInstanceState", 45),
                DocumentStep("startInstances", "aws:changeInstanceState", 30),
            ),
        ),
        SsmDocument(
            "AWS-StartEC2Instance",
            "Automation",
            INSTANCES,
            (DocumentStep("startInstances", "aws:changeInstanceState", 30),),
        ),
        SsmDocument(
            "AWS-StopEC2Instance",
            "Automation",
            INSTANCES,
            (DocumentStep("stopInstances", "aws:changeInstanceState", 45),),
        ),
    )
}
