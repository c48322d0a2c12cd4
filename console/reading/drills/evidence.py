"""The files of the evidence of a run, each compared with the sum that the record has of it."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from cli.api_client import ApiClient, ApiUnreachable
from recovery.free_text import flatten

# Files are read into memory, and the reports of 10,000 servers have some ten megabytes.
MAX_BYTES = 256 * 1024 * 1024
SECONDS_TO_WAIT = 60

Fetch = Callable[[str], bytes]


class NotAsRecorded(Exception):
    """A file is not what the record of the evidence says. The message is in words."""


def find_file(api: ApiClient, run_id: str, occasion: str, name: str) -> dict[str, Any] | None:
    """The file of that name in the evidence of this occasion, with a new address; None if there is none.

    Raise ApiRefused, ApiUnreachable.
    """
    found = api.get(f"/executions/{run_id}/evidence")
    for each in found["evidence"]:
        if each["occasion"] == occasion:
            return next((file for file in each["files"] if file["name"] == name), None)
    return None


def read_file(api: ApiClient, file: Mapping[str, Any], fetch: Fetch | None = None) -> bytes:
    """The contents of the file, from the bucket.

    Raise NotAsRecorded for other contents than the record has, ApiUnreachable if the bucket does not answer.
    """
    url, name = str(file["url"]), flatten(file["name"])
    if urlsplit(url).scheme not in (("https", "http") if api.is_emulated else ("https",)):
        raise NotAsRecorded(f"The address of {name} is none of a bucket.")
    if int(file["bytes"]) > MAX_BYTES:
        raise NotAsRecorded(f"{name} is too large for the console. The command writes it: drs-waves evidence get")
    content = (fetch or _fetch)(url)
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        raise NotAsRecorded(
            f"{name} is not the file that was written: its SHA-256 is not the one on record. Keep the run's evidence "
            "as it is, and find out who can write to the bucket: docs/evidence.md."
        )
    return content


def _fetch(url: str) -> bytes:
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    session = URLLib3Session(proxies=get_environ_proxies(url), timeout=SECONDS_TO_WAIT)
    try:
        answer = session.send(AWSRequest("GET", url).prepare())
        content: bytes = answer.content
    except BotoCoreError as error:  # its text has the address, which is a secret for minutes
        raise ApiUnreachable(f"The bucket of the evidence, {urlsplit(url).netloc}, does not answer.") from error
    if answer.status_code != 200:
        raise NotAsRecorded(
            f"The bucket of the evidence answers {answer.status_code}. An address is good for five minutes: try again."
        )
    return content
