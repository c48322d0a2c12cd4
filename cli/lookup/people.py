"""The people of the sandbox."""

from collections.abc import Mapping
from typing import Any

from cli.api_client import PERSON_VARIABLE, ApiUnreachable
from recovery.free_text import flatten


def find_person(addresses: Mapping[str, Any], name: str) -> Any:
    """The credentials of this person in the sandbox at these addresses. Raise ApiUnreachable."""
    from botocore.exceptions import BotoCoreError, ClientError

    from sandbox import people

    try:
        return people.find_credentials(addresses["engineUrl"], addresses["sessionToken"], name)
    except (people.InvalidPerson, BotoCoreError, ClientError) as error:
        raise ApiUnreachable(f"{PERSON_VARIABLE}: {flatten(error)}") from error
