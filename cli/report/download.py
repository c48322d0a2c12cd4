"""Download the files of evidence by the URLs that the API gives out."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cli.api_client import TIMEOUT_SECONDS, ApiUnreachable
from recovery.free_text import flatten


class FileRefused(Exception):
    """A file of the bucket is not the one that the record names, or cannot be read. The message says which."""


def download(files: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write the files, each as a whole, once all of them have their SHA-256. Raise FileRefused, ApiUnreachable."""
    read = {_check_name(file["name"]): _read(file) for file in files}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in read.items():
        draft = folder / f".{name}.part"
        draft.write_bytes(content)
        draft.replace(folder / name)
        written.append(folder / name)
    return written


def hide_urls(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence without the URLs of its files, each of which reads its file without credentials."""
    files = [{name: value for name, value in file.items() if name != "url"} for file in evidence["files"]]
    return {**evidence, "files": files}


def _check_name(name: str) -> str:
    if Path(name).name != name or name.startswith("."):
        raise FileRefused(f"{flatten(name)} is no name of a file.")
    return name


def _read(file: Mapping[str, Any]) -> bytes:
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    url, name = str(file["url"]), flatten(file["name"])
    try:
        http = URLLib3Session(proxies=get_environ_proxies(url), timeout=TIMEOUT_SECONDS)
        answer = http.send(AWSRequest("GET", url).prepare())
    except BotoCoreError as error:
        raise ApiUnreachable(f"{urlsplit(url).netloc} does not answer: {flatten(error)}") from error
    content: bytes = answer.content
    if answer.status_code != 200:
        raise FileRefused(f"{name} cannot be read from the bucket: it answered {answer.status_code}.")
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        raise FileRefused(f"{name} in the bucket has not the SHA-256 that is on record.")
    return content
