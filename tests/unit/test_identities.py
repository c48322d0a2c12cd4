"""Whether two callers may be one person: the names of sessions that their holders choose tell nobody apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery.identities import find_same_person, may_be_same_person, name_caller, shorten_caller

ROOT = "arn:aws:iam::111122223333:root"
ANA, BEN = "arn:aws:iam::111122223333:user/ana", "arn:aws:iam::111122223333:user/teams/ben"
ROLE = "arn:aws:sts::111122223333:assumed-role/operators/{}"
OTHER_ROLE = "arn:aws:sts::111122223333:assumed-role/approvers/{}"
SSO = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Operators_0123456789abcdef/{}"
OTHER_SSO = "arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_Approvers_fedcba9876543210/{}"
FEDERATED = "arn:aws:sts::111122223333:federated-user/{}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ANA, ANA),
        (ROLE.format("ana"), ROLE.format("ana")),
        (ROLE.format("ana"), ROLE.format("somebody-else")),  # the holder of a role chooses the name of the session
        (SSO.format("ana@example.com"), SSO.format("Ana@example.com")),
        (SSO.format("ana@example.com"), OTHER_SSO.format("ana@example.com")),
        (FEDERATED.format("ana"), FEDERATED.format("ben")),  # so does a user who gets a federation token
        (ANA, FEDERATED.format("ben")),
        (ROOT, FEDERATED.format("ben")),
        ("127.0.0.1", "127.0.0.2"),
        ("unknown", ANA),
        (ANA, ""),
        ("arn:aws:iam::1:user/x", ANA),
        # The names only look like those of roles of Identity Center.
        (
            "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_x/a",
            "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_x/b",
        ),
    ],
)
def test_callers_that_may_be_one_person(one: str, other: str) -> None:
    assert may_be_same_person(one, other)
    assert may_be_same_person(other, one)
    assert may_be_same_person(name_caller(one), name_caller(other))  # as the record has them
    assert may_be_same_person(name_caller(one), other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ANA, BEN),
        (ANA, ROOT),
        (ANA, ROLE.format("ana")),
        (ANA, ANA.replace("1111", "2222")),
        (ROLE.format("ana"), OTHER_ROLE.format("ana")),
        (ROLE.format("ana"), ROLE.format("ana").replace("1111", "2222")),
        (SSO.format("ana@example.com"), SSO.format("ben@example.com")),
        (SSO.format("ana@example.com"), ROLE.format("ben")),
        (ROLE.format("ana"), FEDERATED.format("ana")),
    ],
)
def test_callers_that_are_two_principals(one: str, other: str) -> None:
    assert not may_be_same_person(one, other)
    assert not may_be_same_person(other, one)
    assert not may_be_same_person(name_caller(one), name_caller(other))
    assert not may_be_same_person(name_caller(one), other)


@given(st.text("abcXYZ0123456789+=,.@_-", min_size=2, max_size=64), st.text("abcXYZ+=,.@_-", min_size=2, max_size=64))
def test_no_name_of_a_session_makes_another_person_of_who_has_the_role(one: str, other: str) -> None:
    assert may_be_same_person(ROLE.format(one), ROLE.format(other))
    assert may_be_same_person(FEDERATED.format(one), FEDERATED.format(other))
    assert may_be_same_person(name_caller(ROLE.format(one)), name_caller(ROLE.format(other)))


def test_the_first_who_may_be_the_caller_is_named() -> None:
    assert find_same_person(ROLE.format("x"), [ANA, ROLE.format("y"), ROLE.format("z")]) == ROLE.format("y")
    assert find_same_person(BEN, [ANA, ROLE.format("y")]) is None


def test_a_sentence_names_a_caller_without_the_account() -> None:
    assert shorten_caller("arn:aws:iam::111122223333:user/ana") == "user/ana"
    named = "assumed-role/Responder (session name: ana)"
    assert shorten_caller("arn:aws:sts::111122223333:assumed-role/Responder/ana") == named
    assert shorten_caller(f"arn:aws-cn:sts::111122223333:{named}") == named
    assert shorten_caller("schedule") == "schedule"
