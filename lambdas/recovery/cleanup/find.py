"""Finds the instances that a chain of drills has left, target by target, by asking DRS.

Neither the record nor the cache decides: DRS may leave an instance of a server that it calls failed, the record of an
aborted run may lack results, and the cache may be five minutes old. They only name instances that DRS may have
forgotten, for which EC2 is asked.
"""

from collections.abc import Collection

from aws_lambda_powertools import Logger

from recovery.cache import recovery_instances
from recovery.domain import batch
from recovery.domain.cleanup_chunk import Chunk, ChunkRef, FoundInstances
from recovery.domain.recovery_instance import RecoveryInstance
from recovery.domain.target import Target
from recovery.drs import chain_launches, ec2
from recovery.drs.chain_launches import ChainLaunches
from recovery.errors import DrsWavesError, ServerBusy, TargetNotInitialized
from recovery.settings import settings
from recovery.store import chains, cleanups
from recovery.store.chains import Chain

logger = Logger(child=True)


def search_targets(chain: Chain, run: int, *, is_last_try: bool) -> dict[Target, DrsWavesError]:
    """Search each target that the clean-up has not searched yet; return the error for each that gave no answer.

    A job of the chain that still runs, or that DRS does not show yet, may launch instances, and DRS shows an instance
    some time after its job. Such a target counts as not searched. On the last try, the instances that exist now are
    taken, and what is pending stays the error.
    """
    first = chain.first.execution_id
    searched = {found.target for found in cleanups.list_found(first, run)}
    unasked: dict[Target, DrsWavesError] = {}
    cached = [row for run_id in chain.execution_ids for row in recovery_instances.find_by_execution(run_id)]
    for target in chains.list_launch_targets(chain):
        if target in searched:
            continue
        try:
            found, problem = _search_target(chain, target, cached)
        except TargetNotInitialized:  # DRS is not set up there any more, so it has no instances
            found, problem = FoundInstances(target, {}), None
        except DrsWavesError as error:
            logger.warning("target not searched", extra={"target": target.key, "reason": error.message})
            unasked[target] = error
            continue
        if problem:
            unasked[target] = problem
        if is_last_try or not problem:
            cleanups.save_found(first, run, found)
    return unasked


def _search_target(
    chain: Chain, target: Target, cached: Collection[RecoveryInstance]
) -> tuple[FoundInstances, DrsWavesError | None]:
    """The instances of the chain that exist in the target, and the reason if there may be more of them soon."""
    recorded = chains.read_launches(chain, target)
    launches = chain_launches.read_launches(target, chain, recorded)
    instances = {each.instance_id: each.server_id for each in launches.instances.values()}

    in_cache = {each.instance_id: each.server_id for each in cached if each.target == target and each.is_drill}
    expected = recorded.instances | in_cache
    unlisted = expected.keys() - launches.instances.keys() - launches.others.keys()
    left, _ = ec2.describe_instances(target, sorted(unlisted)) if unlisted else ({}, 0)
    forgotten = {each for each in unlisted if each in left and left[each].exists}
    gone = unlisted & in_cache.keys() - forgotten  # the cache does not know it yet

    instances |= {each: expected[each] for each in forgotten | gone}
    problem = ServerBusy(f"{target.key} has not shown all of the drill yet: {launches.pending}")
    found = FoundInstances(target, instances, frozenset(gone), _find_unproven(launches, instances))
    return found, problem if launches.pending else None


def _find_unproven(launches: ChainLaunches, ours: Collection[str]) -> dict[str, str]:
    """Instances of drills of the chain's servers of which DRS does not name the job; anyone may have launched them."""
    unnamed = [each for each in launches.others.values() if each.job_id is None and each.is_drill]
    return {each.instance_id: each.server_id for each in unnamed if each.instance_id not in ours}


def create_chunks(execution_id: str, run: int) -> list[Chunk]:
    """Cut what was found into chunks of one target and about equal length, each small enough for a DRS job.

    Return all chunks. Those that exist are kept.
    """
    for found in cleanups.list_found(execution_id, run):
        parts = batch.split_into_batches(found.instances, settings().servers_per_job)
        cleanups.create_chunks(
            [
                Chunk(
                    ChunkRef(execution_id, run, found.target, number),
                    {each: found.instances[each] for each in part},
                    gone=tuple(sorted(found.gone.intersection(part))),
                )
                for number, part in enumerate(parts, start=1)
            ]
        )
    return cleanups.list_chunks(execution_id, run)
