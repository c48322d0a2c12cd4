"""Patches that make moto faster and change no answer."""

from sandbox.engine.patch import Patch
from tests.harness.moto_patches.accelerators.botocore_caches import cache_constant_results, read_service_models_once
from tests.harness.moto_patches.accelerators.dynamodb import (
    answer_dynamodb_directly,
    compare_and_measure_plain_values_directly,
    read_one_partition_per_query,
    serialize_rows_directly,
)
from tests.harness.moto_patches.accelerators.interpreter import (
    invoke_lambda_directly,
    log_errors_in_one_line,
    parse_each_definition_once,
)
from tests.harness.moto_patches.accelerators.scaled_time import scale_time

ACCELERATORS: tuple[Patch, ...] = (
    read_service_models_once,
    cache_constant_results,
    answer_dynamodb_directly,
    serialize_rows_directly,
    read_one_partition_per_query,
    compare_and_measure_plain_values_directly,
    invoke_lambda_directly,
    parse_each_definition_once,
    log_errors_in_one_line,
    scale_time,
)
"""In the order in which they are applied."""
