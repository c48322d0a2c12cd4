"""Operations of replication, of its configuration and of the templates for it."""

from typing import Any

from drs_emulator.errors import Conflict, Invalid
from drs_emulator.operations.launch_settings import add_template, input_without, paginate_templates
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.source_servers import refuse_if_in_job
from drs_emulator.records.replication import REPLICATION_DEFAULTS
from drs_emulator.records.source_server import SourceServer


@operation("StartReplication")
def start_replication(call: Call) -> dict[str, Any]:
    """Restart a stopped replication, which copies everything again."""
    server = call.target.server(call.input["sourceServerID"])
    state = server.replication.state_at(call.now)
    if state != "STOPPED":
        raise _conflict(server, f"its replication is {state}, not STOPPED")
    server.replication.start(call.now, call.world.settings.durations.replication)
    return {"sourceServer": server.to_api(call.now)}


@operation("StopReplication")
def stop_replication(call: Call) -> dict[str, Any]:
    """Stop replication, which deletes the recovery points."""
    server = call.target.server(call.input["sourceServerID"])
    refuse_if_in_job(call, server)
    state = server.replication.state_at(call.now)
    if state in ("STOPPED", "DISCONNECTED"):
        raise _conflict(server, f"its replication is {state} already")
    server.replication.set_state("STOPPED", call.now)
    return {"sourceServer": server.to_api(call.now)}


@operation("RetryDataReplication")
def retry_data_replication(call: Call) -> dict[str, Any]:
    server = call.target.server(call.input["sourceServerID"])
    state = server.replication.state_at(call.now)
    if state not in ("STALLED", "DISCONNECTED", "STOPPED"):
        raise Invalid(f"{server.id} is {state}; a retry needs STALLED, DISCONNECTED or STOPPED", "other")
    server.replication.start(call.now, call.world.settings.durations.replication)
    return server.to_api(call.now)


@operation("GetReplicationConfiguration")
def get_replication_configuration(call: Call) -> dict[str, Any]:
    return call.target.server(call.input["sourceServerID"]).replication_configuration()


@operation("UpdateReplicationConfiguration")
def update_replication_configuration(call: Call) -> dict[str, Any]:
    """Change the settings. A new point-in-time policy applies at once, to existing recovery points too."""
    server = call.target.server(call.input["sourceServerID"])
    server.replication_settings = server.replication_settings | input_without(call, "sourceServerID")
    return server.replication_configuration()


@operation("CreateReplicationConfigurationTemplate")
def create_replication_configuration_template(call: Call) -> dict[str, Any]:
    return add_template(call, "rct-", REPLICATION_DEFAULTS | input_without(call, "tags")).to_api()


@operation("UpdateReplicationConfigurationTemplate")
def update_replication_configuration_template(call: Call) -> dict[str, Any]:
    """Change the template. Existing servers keep their settings."""
    template = call.target.template(call.input["replicationConfigurationTemplateID"])
    template.values = template.values | input_without(call, "replicationConfigurationTemplateID", "arn")
    return template.to_api()


@operation("DeleteReplicationConfigurationTemplate")
def delete_replication_configuration_template(call: Call) -> dict[str, Any]:
    del call.target.templates[call.target.template(call.input["replicationConfigurationTemplateID"]).id]
    return {}


@operation("DescribeReplicationConfigurationTemplates")
def describe_replication_configuration_templates(call: Call) -> dict[str, Any]:
    return paginate_templates(call, "rct-", call.input.get("replicationConfigurationTemplateIDs"))


def _conflict(server: SourceServer, why: str) -> Conflict:
    return Conflict(f"{server.id}: {why}", resourceId=server.id, resourceType="SourceServer")
