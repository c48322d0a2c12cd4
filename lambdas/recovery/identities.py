"""How callers of the API are named, and whether two of them may be the same person, by the ARNs that AWS has verified.

An ARN names credentials, not a person. The caller of AssumeRole chooses the name of the session, and so does a user
who gets a federation token, so two of these names may be one person. Only the names of sessions of IAM Identity Center
identify people: it puts in the name of the signed-in user, and no other person can assume its roles, which "only AWS"
can modify (AWS's user guide "IAM roles created by IAM Identity Center").
"""

import re
from collections.abc import Iterable

SCHEDULE = "schedule"
"""The requester of a run that the schedule of its plan has started. A caller of the API is an ARN, never this word."""

_ARN = re.compile(r"arn:aws[a-z-]*:(?:iam|sts)::(?P<account>\d{12}):(?P<kind>[a-z-]+)(?:/(?P<name>.+))?")
_BEFORE_KIND = re.compile(r"^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:")
# Sessions of a role, and of GetFederationToken.
_SESSION = re.compile(r"(?P<principal>arn:[a-z-]+:sts::[0-9]{12}:(?:assumed-role/[^/]+|federated-user))/(?P<name>.+)")
_NAMED_SESSION = re.compile(r"(?P<principal>\S+) \(session name: (?P<name>[^ ()]+)\)")
# AWSReservedSSO_<name of the permission set>_<16 hexadecimal digits>
_OF_IDENTITY_CENTER = re.compile(r"AWSReservedSSO_.+_[0-9a-f]{16}")


def name_caller(arn: str) -> str:
    """The caller as records and messages name it: `…:assumed-role/Responder (session name: ana)`.

    STS lets the holder of a session choose its name, unless the role's trust policy binds it. So it stands apart from
    the verified part. It has no spaces and no parentheses (botocore's sts model), so it cannot pass for that part.
    """
    session = _SESSION.fullmatch(arn)
    return f"{session['principal']} (session name: {session['name']})" if session else arn


def shorten_caller(caller: str) -> str:
    """The caller without the account, for a sentence: `user/ana`, `assumed-role/Responder (session name: ana)`."""
    return _BEFORE_KIND.sub("", name_caller(caller))


def _read_caller(caller: str) -> re.Match[str] | None:
    """The parts of the ARN of a caller, whom `name_caller` may have named."""
    named = _NAMED_SESSION.fullmatch(caller)
    return _ARN.fullmatch(f"{named['principal']}/{named['name']}" if named else caller)


def may_be_same_person(one: str, other: str) -> bool:
    """Whether these callers, by ARN or as `name_caller` names them, may be one person.

    Callers without an ARN, such as addresses, always may.
    """
    first, second = _read_caller(one), _read_caller(other)
    if one == other or first is None or second is None:
        return True
    if _name_in_identity_center(first) and _name_in_identity_center(second):
        # One user may have several permission sets, also in several accounts.
        return _name_in_identity_center(first) == _name_in_identity_center(second)
    if first["account"] != second["account"]:
        return False
    kinds = {first["kind"], second["kind"]}
    if kinds == {"assumed-role"}:
        return _role(first) == _role(second)
    # The user who got a federation token has chosen its name.
    return "federated-user" in kinds and kinds <= {"federated-user", "user", "root"}


def list_people(requesters: Iterable[str]) -> list[str]:
    """The requesters of a run but the schedule of its plan, which is no person: any person may approve its drills."""
    return [each for each in requesters if each != SCHEDULE]


def find_same_person(caller: str, others: Iterable[str]) -> str | None:
    """The first of the others who may be the caller; None if there is none."""
    return next((other for other in list_people(others) if may_be_same_person(caller, other)), None)


def _role(caller: re.Match[str]) -> str:
    return (caller["name"] or "").split("/")[0]


def _name_in_identity_center(caller: re.Match[str]) -> str | None:
    """The name of the signed-in user, in one case; None for other callers."""
    role, _, session = (caller["name"] or "").partition("/")
    is_of_identity_center = caller["kind"] == "assumed-role" and _OF_IDENTITY_CENTER.fullmatch(role)
    return session.lower() if is_of_identity_center and session else None
