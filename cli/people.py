"""The people of the sandbox."""

import os
from collections.abc import Mapping
from typing import Any

from recovery.free_text import flatten

# Who calls the API of the sandbox. On AWS, credentials say who calls.
PERSON_VARIABLE = "DRS_WAVES_PERSON"


class PersonUnknown(Exception):
    """The sandbox cannot introduce this person. The message says why."""


def find_person(addresses: Mapping[str, Any]) -> Any:
    """The credentials of the person that the environment names, in the sandbox at these addresses.

    None if it names none: then the root of the hub account calls. Raise PersonUnknown.
    """
    if not (name := os.environ.get(PERSON_VARIABLE)):
        return None
    from botocore.exceptions import BotoCoreError, ClientError

    from sandbox import people

    try:
        return people.find_credentials(addresses["engineUrl"], addresses["sessionToken"], name)
    except (people.InvalidPerson, BotoCoreError, ClientError) as error:
        raise PersonUnknown(f"{PERSON_VARIABLE}: {flatten(error)}") from error
