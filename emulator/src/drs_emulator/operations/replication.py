"""Replication: starting and stopping it, how it is set up, and the templates of that."""

from typing import Any

from drs_emulator.errors import Conflict, Invalid
from drs_emulator.operations.launch_settings import add_template, given, page_of_templates
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.source_servers import refuse_busy
from drs_emulator.records.replication import REPLICATION_DEFAULTS
from drs_emulator.records.source_server import SourceServer


@operation("StartReplication")
def start_replication(call: Call) -> dict[str, Any]:
    """Of a server whose replication was stopped; everything is copied anew."""
    server = call.target.server(call.input["sourceServerID"])
    state = server.replication.state_at(call.now)
    if state != "STOPPED":
        raise _conflict(server, f"its replication is {state}, not STOPPED")
    server.replication.start(call.now, call.world.settings.durations.replication)
    return {"sourceServer": server.to_api(call.now)}


@operation("StopReplication")
def stop_replication(call: Call) -> dict[str, Any]:
    """Its recovery points are gone with it."""
    server = call.target.server(call.input["sourceServerID"])
    refuse_busy(call, server)
    state = server.replication.state_at(call.now)
    if state in ("STOPPED", "DISCONNECTED"):
        raise _conflict(server, f"its replication is {state} already")
    server.replication.set("STOPPED", call.now)
    return {"sourceServer": server.to_api(call.now)}


@operation("RetryDataReplication")
def retry_data_replication(call: Call) -> dict[str, Any]:
    server = call.target.server(call.input["sourceServerID"])
    state = server.replication.state_at(call.now)
    if state not in ("STALLED", "DISCONNECTED", "STOPPED"):
        raise Invalid(f"{server.id} is {state}; only what is STALLED, DISCONNECTED or STOPPED can be retried", "other")
    server.replication.start(call.now, call.world.settings.durations.replication)
    return server.to_api(call.now)


@operation("GetReplicationConfiguration")
def get_replication_configuration(call: Call) -> dict[str, Any]:
    return call.target.server(call.input["sourceServerID"]).replication_configuration()


@operation("UpdateReplicationConfiguration")
def update_replication_configuration(call: Call) -> dict[str, Any]:
    """A new point-in-time policy counts at once: what it does not keep is gone."""
    server = call.target.server(call.input["sourceServerID"])
    server.replication_settings = server.replication_settings | given(call, "sourceServerID")
    return server.replication_configuration()


@operation("CreateReplicationConfigurationTemplate")
def create_replication_configuration_template(call: Call) -> dict[str, Any]:
    return add_template(call, "rct-", REPLICATION_DEFAULTS | given(call, "tags")).to_api()


@operation("UpdateReplicationConfigurationTemplate")
def update_replication_configuration_template(call: Call) -> dict[str, Any]:
    """Servers that are there already keep what they have."""
    template = call.target.template(call.input["replicationConfigurationTemplateID"])
    template.values = template.values | given(call, "replicationConfigurationTemplateID", "arn")
    return template.to_api()


@operation("DeleteReplicationConfigurationTemplate")
def delete_replication_configuration_template(call: Call) -> dict[str, Any]:
    del call.target.templates[call.target.template(call.input["replicationConfigurationTemplateID"]).id]
    return {}


@operation("DescribeReplicationConfigurationTemplates")
def describe_replication_configuration_templates(call: Call) -> dict[str, Any]:
    return page_of_templates(call, "rct-", call.input.get("replicationConfigurationTemplateIDs"))


def _conflict(server: SourceServer, why: str) -> Conflict:
    return Conflict(f"{server.id}: {why}", resourceId=server.id, resourceType="SourceServer")
