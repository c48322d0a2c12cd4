"""Operations of launch configurations, of their templates and of launch actions."""

from typing import Any

from drs_emulator.errors import QuotaExceeded, ResourceNotFound
from drs_emulator.ids import new_id
from drs_emulator.operations.pagination import paginate
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.launch_configuration import (
    LAUNCH_DEFAULTS,
    LaunchConfiguration,
    Template,
    Values,
    sort_actions,
)
from drs_emulator.world.ec2.launch_templates import write_settings

MAX_TEMPLATES = 1  # of each kind, per account and Region
MAX_ACTIONS = 200  # per server or template


@operation("GetLaunchConfiguration")
def get_launch_configuration(call: Call) -> dict[str, Any]:
    server = call.target.server(call.input["sourceServerID"])
    return server.launch.to_api(server.id)


@operation("UpdateLaunchConfiguration")
def update_launch_configuration(call: Call) -> dict[str, Any]:
    """Change the settings for all later launches, including those of running jobs."""
    server = call.target.server(call.input["sourceServerID"])
    changes = input_without(call, "sourceServerID", "name")
    server.launch.name = call.input.get("name", server.launch.name)
    server.launch.values = server.launch.values | changes
    if call.world.settings.behaviour.template_writes == "versions":
        write_settings(call.target, server, call.now)
    return server.launch.to_api(server.id)


@operation("CreateLaunchConfigurationTemplate")
def create_launch_configuration_template(call: Call) -> dict[str, Any]:
    values = LAUNCH_DEFAULTS | input_without(call, "tags")
    return {"launchConfigurationTemplate": add_template(call, "lct-", values).to_api()}


@operation("UpdateLaunchConfigurationTemplate")
def update_launch_configuration_template(call: Call) -> dict[str, Any]:
    """Change the template. Existing servers keep their settings."""
    template = call.target.template(call.input["launchConfigurationTemplateID"])
    template.values = template.values | input_without(call, "launchConfigurationTemplateID")
    return {"launchConfigurationTemplate": template.to_api()}


@operation("DeleteLaunchConfigurationTemplate")
def delete_launch_configuration_template(call: Call) -> dict[str, Any]:
    del call.target.templates[call.target.template(call.input["launchConfigurationTemplateID"]).id]
    return {}


@operation("DescribeLaunchConfigurationTemplates")
def describe_launch_configuration_templates(call: Call) -> dict[str, Any]:
    return paginate_templates(call, "lct-", call.input.get("launchConfigurationTemplateIDs"))


@operation("PutLaunchAction")
def put_launch_action(call: Call) -> dict[str, Any]:
    """The request has no type; deriving it from the name of the document is an assumption."""
    owner = _find_action_owner(call)
    action = input_without(call, "resourceId")
    code = action["actionCode"].lower()
    action["type"] = "SSM_AUTOMATION" if "automation" in code else "SSM_COMMAND"
    if action["actionId"] not in owner.actions and len(owner.actions) >= MAX_ACTIONS:
        raise QuotaExceeded(
            f"{call.input['resourceId']} has the maximum of {MAX_ACTIONS} launch actions", serviceCode="drs"
        )
    owner.actions[action["actionId"]] = action
    return {"resourceId": call.input["resourceId"]} | action


@operation("ListLaunchActions")
def list_launch_actions(call: Call) -> dict[str, Any]:
    """In the order of execution."""
    ids = call.filters.get("actionIds")
    actions = [
        a for a in sort_actions(list(_find_action_owner(call).actions.values())) if not ids or a["actionId"] in ids
    ]

    def sort_key(action: Values) -> str:
        return f"{action['order']:05}{action['actionId']}"

    return paginate(call, actions, sort_key, dict, max_items=200)


@operation("DeleteLaunchAction")
def delete_launch_action(call: Call) -> dict[str, Any]:
    action_id = call.input["actionId"]
    if _find_action_owner(call).actions.pop(action_id, None) is None:
        raise ResourceNotFound(
            f"There is no launch action {action_id}", resourceId=action_id, resourceType="LaunchAction"
        )
    return {}


def _find_action_owner(call: Call) -> LaunchConfiguration | Template:
    resource_id: str = call.input["resourceId"]
    if resource_id.startswith("lct-"):
        return call.target.template(resource_id)
    return call.target.server(resource_id).launch


def input_without(call: Call, *names: str) -> Values:
    return {name: value for name, value in call.input.items() if name not in names}


def add_template(call: Call, prefix: str, values: Values) -> Template:
    """Raise QuotaExceeded."""
    if sum(name.startswith(prefix) for name in call.target.templates) >= MAX_TEMPLATES:
        raise QuotaExceeded(f"The maximum is {MAX_TEMPLATES} template of this kind", serviceCode="drs")
    template = Template(new_id(prefix), call.target.key, values, dict(call.input.get("tags") or {}))
    call.target.templates[template.id] = template
    return template


def paginate_templates(call: Call, prefix: str, ids: list[str] | None) -> dict[str, Any]:
    """Raise ResourceNotFound if one of `ids` does not exist."""
    names = [call.target.template(name).id for name in ids] if ids else list(call.target.templates)
    templates = [call.target.templates[name] for name in sorted(set(names)) if name.startswith(prefix)]
    return paginate(call, templates, lambda template: template.id, Template.to_api, max_items=200)
