"""Operations of the versions of launch templates."""

from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.ec2.capacity import once, remember
from drs_emulator.operations.ec2.describing import describe
from drs_emulator.operations.ec2.launch_templates import author, find_number, find_template, find_version, seen_at
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.ec2.launch_template import LaunchTemplate, Values

MAX_VERSIONS = 200  # in one request to describe or to delete


@operation("DescribeLaunchTemplateVersions", "ec2")
def describe_launch_template_versions(call: Call) -> dict[str, Any]:
    """Of one template, newest first; or of all templates, if `Versions` has only $Default and $Latest."""
    sent = call.input
    asked: list[str] = sent.get("Versions") or []
    if sent.get("LaunchTemplateId") or sent.get("LaunchTemplateName"):
        template = find_template(call)
        shown = _of_template(call, template, asked)
    elif asked and set(asked) <= {"$Default", "$Latest"}:
        templates = call.target.ec2.templates.values()
        shown = [each for template in templates for each in _of_template(call, template, asked)]
    else:
        raise Refused(
            "MissingParameter", "Without a launch template, the versions must be $Latest, $Default or both of them."
        )
    return describe(
        call,
        "LaunchTemplateVersion",
        shown,
        lambda each: f"{each['LaunchTemplateId']} {10**6 - each['VersionNumber']:07}",
        "LaunchTemplateVersions",
    )


def _of_template(call: Call, template: LaunchTemplate, asked: list[str]) -> list[Values]:
    moment = seen_at(call)
    seen = {each.number: each for each in template.versions_at(moment)}
    if asked:
        numbers = {find_number(call, template, each) for each in asked}
        for number in sorted(numbers - seen.keys()):
            raise Refused(
                "InvalidLaunchTemplateId.VersionNotFound",
                f"Could not find the specified version {number} for the launch template with ID {template.id}.",
            )
    else:
        low, high = call.input.get("MinVersion"), call.input.get("MaxVersion")
        numbers = {
            number
            for number in seen
            if (not low or number >= find_number(call, template, low))
            and (not high or number <= find_number(call, template, high))
        }
    return [template.version_to_api(seen[number], moment) for number in numbers]


@operation("CreateLaunchTemplateVersion", "ec2")
def create_launch_template_version(call: Call) -> dict[str, Any]:
    """With a source version, the members of the request replace those of the source, each as a whole.

    A repeated client token gets the first version.
    """
    sent, template = call.input, find_template(call)
    if again := once(call, sent.get("ClientToken", "")):
        number = int(again.rpartition(":")[2])
        if number in template.versions:
            return {"LaunchTemplateVersion": template.version_to_api(template.versions[number], call.now)}
    source: Values = {}
    if "SourceVersion" in sent:
        source = find_version(call, template, sent["SourceVersion"]).data
    version = template.add_version(
        source | sent["LaunchTemplateData"], call.now, author(call), sent.get("VersionDescription", "")
    )
    remember(call, sent.get("ClientToken", ""), f"{template.id}:{version.number}")
    return {"LaunchTemplateVersion": template.version_to_api(version, call.now)}


@operation("DeleteLaunchTemplateVersions", "ec2")
def delete_launch_template_versions(call: Call) -> dict[str, Any]:
    """Delete what can be deleted, and say of the rest why not. The default version stays."""
    template, asked = find_template(call), call.input["Versions"]
    if len(asked) > MAX_VERSIONS:
        raise Refused("InvalidParameterValue", f"There can be {MAX_VERSIONS} versions, not {len(asked)}")
    if any(not text.isdigit() for text in asked):
        raise Refused("InvalidParameterValue", "The versions to delete must be numbers")
    deleted, kept = [], []
    for number in map(int, asked):
        item = {"LaunchTemplateId": template.id, "LaunchTemplateName": template.name, "VersionNumber": number}
        if number not in template.versions:
            message = f"The specified launch template version {number} does not exist."
            kept.append(item | {"ResponseError": {"Code": "launchTemplateVersionDoesNotExist", "Message": message}})
        elif number == template.default:
            message = "The default version of a launch template cannot be deleted."
            kept.append(item | {"ResponseError": {"Code": "unexpectedError", "Message": message}})
        else:
            del template.versions[number]
            deleted.append(item)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": deleted,
        "UnsuccessfullyDeletedLaunchTemplateVersions": kept,
    }
