"""Checks of what DRS says of single source servers, beside their replication."""

from collections.abc import Iterable, Iterator, Mapping

from recovery import clock
from recovery.domain.drs_shapes.launch_configurations import LaunchDocument
from recovery.domain.drs_shapes.source_machines import SourceMachine
from recovery.domain.findings.codes import Code
from recovery.domain.findings.settings_checks import Problem

# DRS hears of an agent every few minutes. After a day, operators should know.
UNSEEN_SECONDS = 24 * 3_600


def check_source(machine: SourceMachine, now: float) -> Iterator[Problem]:
    """What is unusual about the source server; `now` is in epoch seconds."""
    for device, status in sorted(machine.volumes.items()):
        yield Code.VOLUME_STATUS, f"the volume of {device} is {status}"
    if machine.staging_error:
        yield Code.STAGING_EXTENSION_ERROR, machine.staging_error
    if machine.last_seen_at and now - clock.parse_iso(machine.last_seen_at) > UNSEEN_SECONDS:
        yield Code.AGENT_NOT_SEEN, f"since {machine.last_seen_at[:10]}"


def check_documents(documents: Iterable[LaunchDocument], missing: Mapping[LaunchDocument, str]) -> Iterator[Problem]:
    """Documents of launch actions that are not there; `missing` has the reason for each of them."""
    for document in documents:
        if document in missing:
            yield Code.LAUNCH_ACTION_DOCUMENT_MISSING, missing[document]
