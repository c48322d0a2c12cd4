"""Patches that make moto answer as AWS does, one module per subject."""

from sandbox.engine.patch import Patch
from tests.harness.moto_patches.defects.errors import let_states_errors_out_of_maps, name_api_errors, read_escapes
from tests.harness.moto_patches.defects.executions import (
    keep_threads_accountable,
    name_executions,
    start_with_an_environment,
    stop_at_once,
)
from tests.harness.moto_patches.defects.integrations import (
    normalise_parameters,
    stop_children_with_their_parent,
    use_clients_of_the_role,
)
from tests.harness.moto_patches.defects.jsonata import evaluate_jsonata
from tests.harness.moto_patches.defects.other_services import (
    list_service_quotas,
    make_conditional_writes_atomic,
    sign_digests,
)
from tests.harness.moto_patches.defects.task_tokens import honour_task_tokens

DEFECTS: tuple[Patch, ...] = (
    evaluate_jsonata,
    normalise_parameters,
    use_clients_of_the_role,
    stop_children_with_their_parent,
    name_executions,
    start_with_an_environment,
    stop_at_once,
    keep_threads_accountable,
    honour_task_tokens,
    name_api_errors,
    let_states_errors_out_of_maps,
    read_escapes,
    make_conditional_writes_atomic,
    list_service_quotas,
    sign_digests,
)
"""In the order in which they are applied."""
