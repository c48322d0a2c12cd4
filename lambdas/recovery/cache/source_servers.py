"""Keeps what DRS lists in each target, once an hour, as part of the sync of the cache.

Compliance reads it: which servers a group selects by tags, and which servers are in no plan.
"""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.drills.listed import ListedServer
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import DrsWavesError, TargetNotInitialized
from recovery.store.drills import source_servers

logger = Logger(child=True)

# Seconds on the product's clock between two lists of a target. A list of 3,000 servers is some twenty calls.
LISTED_EVERY_SECONDS = 3_600


def keep_source_servers(target: Target) -> int | None:
    """List the source servers of the target if the last list is an hour old; return how many there are.

    None if it is younger, or DRS cannot be read: then the last list stays, with its age, and the next sync tries again.
    """
    began = clock.now()
    if began - source_servers.get_listed_at(target) < LISTED_EVERY_SECONDS:
        return None
    try:
        found = list(map(_describe, drs.describe_source_servers(target)))
    except TargetNotInitialized:
        found = []
    except DrsWavesError as error:
        logger.warning("source servers not listed", extra={"target": target.key, "reason": str(error)})
        return None
    source_servers.write_list(target, found, began)
    return len(found)


def _describe(server: SourceServer) -> ListedServer:
    return ListedServer(
        server.server_id,
        server.hostname,
        server.tags,
        server.replication_state,
        server.fails_back,
        server.staging_account_id,
        server.staging_server_id,
    )
