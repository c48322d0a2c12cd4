"""Operations of launch templates. `template_versions` has those of their versions."""

from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.ids import new_id
from drs_emulator.operations.ec2.capacity import once, remember
from drs_emulator.operations.ec2.describing import describe
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.ec2.launch_template import LaunchTemplate, TemplateVersion


def seen_at(call: Call) -> float:
    """Return the time whose state the caller sees: EC2 is eventually consistent."""
    return call.now - call.world.settings.behaviour.template_delay_seconds


def author(call: Call) -> str:
    return f"arn:aws:iam::{call.target.key.account}:root"


def find_template(call: Call) -> LaunchTemplate:
    """Return the template that the call names by id or by name. Raise Refused."""
    known, sent = call.target.ec2.templates, call.input
    template_id, name = sent.get("LaunchTemplateId"), sent.get("LaunchTemplateName")
    if bool(template_id) == bool(name):
        raise Refused("InvalidParameterCombination", "Specify either a launch template ID or a name")
    if template_id:
        return known.get(template_id) or _refuse_id(template_id)
    found = next((each for each in known.values() if each.name == name), None)
    return found or _refuse_name(str(name))


def _refuse_id(template_id: str) -> LaunchTemplate:
    if not template_id.startswith("lt-"):
        raise Refused(
            "InvalidLaunchTemplateId.Malformed", f"The specified launch template ID, {template_id}, is invalid."
        )
    raise Refused(
        "InvalidLaunchTemplateId.NotFound",
        f"The specified launch template, with template ID {template_id}, does not exist.",
    )


def _refuse_name(name: str) -> LaunchTemplate:
    raise Refused(
        "InvalidLaunchTemplateName.NotFoundException",
        f"The specified launch template, with template name {name}, does not exist.",
    )


def find_number(call: Call, template: LaunchTemplate, text: str) -> int:
    """Return the number of the version that a text names: a number, $Default or $Latest. Raise Refused."""
    if text == "$Default":
        return template.default_at(seen_at(call))
    if text == "$Latest":
        return template.versions_at(seen_at(call))[-1].number
    if not text.isdigit():
        raise Refused("InvalidLaunchTemplateId.VersionNotFound", f"The version {text} is not a valid version.")
    return int(text)


def find_version(call: Call, template: LaunchTemplate, text: str) -> TemplateVersion:
    """Return the version that a text names. Raise Refused."""
    number = find_number(call, template, text)
    if number not in template.versions:
        raise Refused(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {text} for the launch template with ID {template.id}.",
        )
    return template.versions[number]


@operation("DescribeLaunchTemplates", "ec2")
def describe_launch_templates(call: Call) -> dict[str, Any]:
    """An unknown id or name fails the whole call."""
    asked: list[str] = call.input.get("LaunchTemplateIds") or []
    names: list[str] = call.input.get("LaunchTemplateNames") or []
    found = list(call.target.ec2.templates.values())
    for template_id in set(asked) - {each.id for each in found}:
        _refuse_id(template_id)
    for name in set(names) - {each.name for each in found}:
        _refuse_name(name)
    shown = [
        each.to_api(seen_at(call))
        for each in found
        if (not asked or each.id in asked) and (not names or each.name in names)
    ]
    return describe(call, "LaunchTemplate", shown, lambda each: str(each["LaunchTemplateId"]), "LaunchTemplates")


@operation("CreateLaunchTemplate", "ec2")
def create_launch_template(call: Call) -> dict[str, Any]:
    sent, known = call.input, call.target.ec2.templates
    if again := once(call, sent.get("ClientToken", "")):
        return {"LaunchTemplate": known[again].to_api(call.now)}
    name = sent["LaunchTemplateName"]
    if any(each.name == name for each in known.values()):
        raise Refused("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
    template_id = new_id("lt-")
    specified = [each for each in sent.get("TagSpecifications") or [] if each.get("ResourceType") == "launch-template"]
    tags = {tag["Key"]: tag.get("Value", "") for each in specified for tag in each.get("Tags", [])}
    data, description = sent["LaunchTemplateData"], sent.get("VersionDescription", "")
    versions = {1: TemplateVersion(1, call.now, author(call), data, description)}
    known[template_id] = LaunchTemplate(template_id, name, call.now, author(call), versions, [(call.now, 1)], tags=tags)
    remember(call, sent.get("ClientToken", ""), template_id)
    return {"LaunchTemplate": known[template_id].to_api(call.now)}


@operation("ModifyLaunchTemplate", "ec2")
def modify_launch_template(call: Call) -> dict[str, Any]:
    """Make a version the default. A version that is not seen yet can be named by those who made it."""
    template = find_template(call)
    version = find_version(call, template, call.input.get("DefaultVersion") or "$Default")
    template.set_default(version.number, call.now)
    return {"LaunchTemplate": template.to_api(call.now)}


@operation("DeleteLaunchTemplate", "ec2")
def delete_launch_template(call: Call) -> dict[str, Any]:
    template = find_template(call)
    del call.target.ec2.templates[template.id]
    return {"LaunchTemplate": template.to_api(call.now)}
