"""Launch configurations, the templates of them, and launch actions."""

from typing import Any

from drs_emulator.errors import QuotaExceeded, ResourceNotFound
from drs_emulator.ids import new_id
from drs_emulator.operations.pagination import page
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.launch_configuration import LAUNCH_DEFAULTS, LaunchConfiguration, Template, Values, in_order

MOST_TEMPLATES = 1  # of a kind in an account and Region
MOST_ACTIONS = 200  # of a server or template


@operation("GetLaunchConfiguration")
def get_launch_configuration(call: Call) -> dict[str, Any]:
    server = call.target.server(call.input["sourceServerID"])
    return server.launch.to_api(server.id)


@operation("UpdateLaunchConfiguration")
def update_launch_configuration(call: Call) -> dict[str, Any]:
    """Counts for what is launched from now on, in jobs that run as well."""
    server = call.target.server(call.input["sourceServerID"])
    changes = given(call, "sourceServerID", "name")
    server.launch.name = call.input.get("name", server.launch.name)
    server.launch.values = server.launch.values | changes
    return server.launch.to_api(server.id)


@operation("CreateLaunchConfigurationTemplate")
def create_launch_configuration_template(call: Call) -> dict[str, Any]:
    values = LAUNCH_DEFAULTS | given(call, "tags")
    return {"launchConfigurationTemplate": add_template(call, "lct-", values).to_api()}


@operation("UpdateLaunchConfigurationTemplate")
def update_launch_configuration_template(call: Call) -> dict[str, Any]:
    """Servers that are there already keep what they have."""
    template = call.target.template(call.input["launchConfigurationTemplateID"])
    template.values = template.values | given(call, "launchConfigurationTemplateID")
    return {"launchConfigurationTemplate": template.to_api()}


@operation("DeleteLaunchConfigurationTemplate")
def delete_launch_configuration_template(call: Call) -> dict[str, Any]:
    del call.target.templates[call.target.template(call.input["launchConfigurationTemplateID"]).id]
    return {}


@operation("DescribeLaunchConfigurationTemplates")
def describe_launch_configuration_templates(call: Call) -> dict[str, Any]:
    return page_of_templates(call, "lct-", call.input.get("launchConfigurationTemplateIDs"))


@operation("PutLaunchAction")
def put_launch_action(call: Call) -> dict[str, Any]:
    """The type is not in the request; that it follows from the document's name is an assumption."""
    holder = _holder(call)
    action = given(call, "resourceId")
    code = action["actionCode"].lower()
    action["type"] = "SSM_AUTOMATION" if "automation" in code else "SSM_COMMAND"
    if action["actionId"] not in holder.actions and len(holder.actions) >= MOST_ACTIONS:
        raise QuotaExceeded(f"{call.input['resourceId']} has {MOST_ACTIONS} launch actions", serviceCode="drs")
    holder.actions[action["actionId"]] = action
    return {"resourceId": call.input["resourceId"]} | action


@operation("ListLaunchActions")
def list_launch_actions(call: Call) -> dict[str, Any]:
    """In the order they run in."""
    ids = call.filters.get("actionIds")
    actions = [a for a in in_order(list(_holder(call).actions.values())) if not ids or a["actionId"] in ids]

    def place(action: Values) -> str:
        return f"{action['order']:05}{action['actionId']}"

    return page(call, actions, place, dict, longest=200)


@operation("DeleteLaunchAction")
def delete_launch_action(call: Call) -> dict[str, Any]:
    action_id = call.input["actionId"]
    if _holder(call).actions.pop(action_id, None) is None:
        raise ResourceNotFound(
            f"There is no launch action {action_id}", resourceId=action_id, resourceType="LaunchAction"
        )
    return {}


def _holder(call: Call) -> LaunchConfiguration | Template:
    resource_id: str = call.input["resourceId"]
    if resource_id.startswith("lct-"):
        return call.target.template(resource_id)
    return call.target.server(resource_id).launch


def given(call: Call, *but: str) -> Values:
    return {name: value for name, value in call.input.items() if name not in but}


def add_template(call: Call, prefix: str, values: Values) -> Template:
    """Raises QuotaExceeded."""
    if sum(name.startswith(prefix) for name in call.target.templates) >= MOST_TEMPLATES:
        raise QuotaExceeded(f"There may be {MOST_TEMPLATES} template of this kind", serviceCode="drs")
    template = Template(new_id(prefix), call.target.key, values, dict(call.input.get("tags") or {}))
    call.target.templates[template.id] = template
    return template


def page_of_templates(call: Call, prefix: str, ids: list[str] | None) -> dict[str, Any]:
    """Those asked for must be there. Raises ResourceNotFound."""
    names = [call.target.template(name).id for name in ids] if ids else list(call.target.templates)
    found = [call.target.templates[name] for name in sorted(set(names)) if name.startswith(prefix)]
    return page(call, found, lambda template: template.id, Template.to_api, longest=200)
