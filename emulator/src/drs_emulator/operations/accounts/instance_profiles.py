"""The operation of IAM that is built: GetInstanceProfile. IAM is global, so an account has its profiles once."""

from typing import Any

from drs_emulator.clock import iso
from drs_emulator.errors import Refused
from drs_emulator.ids import digest
from drs_emulator.operations.registry import Call, operation
from drs_emulator.simulation.placing import profiles_of


@operation("GetInstanceProfile", "iam")
def get_instance_profile(call: Call) -> dict[str, Any]:
    """A profile has a role of the same name."""
    name, account = call.input["InstanceProfileName"], call.target.key.account
    if name not in profiles_of(call.world, account):
        raise Refused("NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)
    made = iso(0)
    number = digest(account, name)[:17].upper()
    role = {
        "Path": "/",
        "RoleName": name[:64],
        "RoleId": f"AROA{number}",
        "Arn": f"arn:aws:iam::{account}:role/{name[:64]}",
        "CreateDate": made,
    }
    profile = {
        "Path": "/",
        "InstanceProfileName": name,
        "InstanceProfileId": f"AIPA{number}",
        "Arn": f"arn:aws:iam::{account}:instance-profile/{name}",
        "CreateDate": made,
        "Roles": [role],
    }
    return {"InstanceProfile": profile}
