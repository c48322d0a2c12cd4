"""Patches that make MiniStack answer as AWS does, one module per group of services."""

from sandbox.engine.defects.buckets import (
    authorize_keys_by_alias,
    lock_buckets_of_stacks,
    take_requests_as_made_over_tls,
)
from sandbox.engine.defects.lambda_functions import keep_exception_names, separate_logs
from sandbox.engine.defects.metrics import accept_metric_math, count_embedded_metrics, invoke_functions_of_alarms
from sandbox.engine.defects.nested_stacks import transform_nested_templates
from sandbox.engine.defects.other_services import (
    accept_aws_events,
    authorize_descriptions_of_buses,
    authorize_schedule_groups,
    describe_buses_by_arn,
    filter_by_instance_id,
    launch_at_simulated_times,
    read_table_replicas,
)
from sandbox.engine.defects.policies import resolve_principal_tags
from sandbox.engine.defects.rest_apis import import_any_methods, import_gateway_responses
from sandbox.engine.defects.state_machines import (
    end_token_waits,
    publish_machine_versions,
    record_inner_states,
)
from sandbox.engine.patch import Patch

DEFECTS: tuple[Patch, ...] = (
    keep_exception_names,
    separate_logs,
    record_inner_states,
    end_token_waits,
    publish_machine_versions,
    import_any_methods,
    import_gateway_responses,
    count_embedded_metrics,
    accept_metric_math,
    invoke_functions_of_alarms,
    accept_aws_events,
    filter_by_instance_id,
    launch_at_simulated_times,
    authorize_schedule_groups,
    authorize_descriptions_of_buses,
    describe_buses_by_arn,
    read_table_replicas,
    lock_buckets_of_stacks,
    take_requests_as_made_over_tls,
    authorize_keys_by_alias,
    resolve_principal_tags,
    transform_nested_templates,
)
"""In the order in which they are applied."""
