"""Who there is, whose key is whose, and whose work is whose."""

from datetime import date

import pytest

from jupyter_mlops.domain.approvals import DEFAULTS, Policy, is_complete
from jupyter_mlops.domain.people import check_signer, kept, read
from jupyter_mlops.errors import Corrupt, Invalid, Refused
from signing import pen

ANN, BOB, OLD = pen(), pen(), pen()
NOW = "2026-11-24T00:00:00.000000Z"
SAID = {
    "people": {
        "ann": {"name": "Ann Lee", "roles": ["owner"], "keys": [ANN.key.line + " ann@x"]},
        "bob": {
            "roles": "validator",
            "keys": [BOB.key.line, OLD.key.line],
            "users": ["bob", "rob"],
        },
        "eve": {"until": date(2026, 11, 23), "keys": [], "roles": ["risk"]},
    },
    "owner": "ann",
    "revoked": [{"key": OLD.key.fingerprint, "from": "2026-11-24T00:00:00Z"}],
    "services": ["ci"],
}
PEOPLE = read(SAID)


def test_people_read_back_as_they_were_written():
    assert kept(PEOPLE.canonical()) == PEOPLE


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"people":[{"id":1}]}', "[" * 100_000])
def test_people_that_were_changed_in_the_store_are_not_read(body):
    with pytest.raises(Corrupt):
        kept(body)


@pytest.mark.parametrize(("service", "who"), [("bob", "bob"), ("rob", "bob"), ("eve", "eve")])
def test_nobody_is_a_person_and_a_service(service, who):
    with pytest.raises(Invalid, match=f"{service} is one of the people") as error:
        read({**SAID, "services": ["ci", service]})
    assert who in error.value.hint


@pytest.mark.parametrize(
    ("actor", "serves"),
    [
        ({"id": "owner", "claims": {"user": "ci", "mouth": "kernel"}}, True),
        ({"id": "ci"}, True),
        ({"id": "x", "kind": "service"}, True),
        ({"id": "owner", "claims": {"user": "ann", "mouth": "ci"}}, False),
    ],
)
def test_a_claim_is_enough_to_be_taken_for_a_service(actor, serves):
    assert PEOPLE.is_service(actor) is serves


def test_who_signed_is_known_by_the_key():
    assert check_signer(PEOPLE, BOB.key, NOW).id == "bob"


@pytest.mark.parametrize(
    ("key", "at", "code"),
    [
        (pen().key, NOW, "key_unknown"),
        (OLD.key, NOW, "key_revoked"),
    ],
)
def test_other_keys_are_refused_by_name(key, at, code):
    with pytest.raises(Refused) as refused:
        check_signer(PEOPLE, key, at)
    assert refused.value.code == code


def test_what_a_key_signed_before_it_was_revoked_stays():
    assert check_signer(PEOPLE, OLD.key, "2026-11-23T23:59:59.999999Z").id == "bob"


def test_nobody_signs_after_their_last_day():
    gone = read(
        {"people": {"ann": {"keys": [ANN.key.line], "until": "2026-11-23"}}, "owner": "ann"}
    )
    with pytest.raises(Refused, match="until 2026-11-23"):
        check_signer(gone, ANN.key, NOW)
    assert check_signer(gone, ANN.key, "2026-11-23T23:00:00.000000Z").id == "ann"


def test_somebody_who_has_left_has_no_role_any_more():
    assert PEOPLE.roles_of("bob", NOW) == ("validator",)
    assert PEOPLE.roles_of("eve", NOW) == PEOPLE.roles_of("nobody", NOW) == ()


@pytest.mark.parametrize(
    ("actor", "who"),
    [
        ({"id": "owner", "kind": "person", "claims": {"user": "rob"}}, {"ann", "bob"}),
        ({"id": "owner", "kind": "person", "claims": {"user": "root", "mouth": "bob"}}, {"ann"}),
        ({"id": "bob", "kind": "person", "claims": {"user": "ann"}}, {"bob"}),
        ({"id": "ci", "kind": "service"}, set()),
    ],
)
def test_a_claim_is_enough_not_to_approve_ones_own_work(actor, who):
    assert PEOPLE.stood_for(actor) == who


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"person": {}}, "person is nothing that the list of people knows"),
        ({"people": {}}, "people has to be 1 to 500 names"),
        ({"people": {"a": {"key": []}}, "owner": "a"}, "key is nothing that a knows"),
        ({"people": {"a": {}}}, "owner has to be the one of the people"),
        ({"people": {"a": {}}, "owner": "b"}, "owner has to be the one of the people"),
        ({"people": {"a": {}}, "owner": ["a"]}, "owner has to be the one of the people"),
        ({"people": {"owner": {}}, "owner": "owner"}, "cannot be called owner"),
        ({"people": {"a b": {}}, "owner": "a b"}, "cannot be the name of a person"),
        ({"people": {1: {}}, "owner": 1}, "cannot be the name of a person"),
        ({"people": {"a": None}, "owner": "a"}, "a has to be a mapping of name, roles"),
        ({"people": {"a": {"keys": ["ssh-rsa AAAA"]}}, "owner": "a"}, "only Ed25519 is"),
        ({"people": {"a": {"keys": ["ssh-ed25519 x"]}}, "owner": "a"}, "is no public key"),
        ({"people": {"a": {"until": "soon"}}, "owner": "a"}, "until has to be a day"),
        ({"people": {"a": {}}, "owner": "a", "revoked": ["x"]}, "SHA256"),
        (
            {"people": {"a": {}}, "owner": "a", "revoked": [{"key": "SHA256:x", "from": 3}]},
            "from has to be a moment",
        ),
    ],
)
def test_what_is_no_list_of_people_is_named(told, says):
    with pytest.raises(Invalid, match=says):
        read(told)


def test_one_key_is_not_two_peoples():
    two = {name: {"keys": [ANN.key.line]} for name in ("ann", "bob")}
    with pytest.raises(Invalid, match="ann and bob have the same key"):
        read({"people": two, "owner": "ann"})


def given(**people):
    return [
        {"person": name, "outcome": "approved", "assurance": "signed", "roles": tuple(roles)}
        for name, roles in people.items()
    ]


CRITICAL = DEFAULTS[3]
ROLES = Policy(risk="low", other_than_author=False, roles=("ops", "risk"))


@pytest.mark.parametrize(
    ("policy", "people", "complete"),
    [
        (CRITICAL, {"ann": ["risk"], "bob": ["ops"]}, True),
        (CRITICAL, {"ann": ["risk"], "bob": ["risk"]}, False),
        (CRITICAL, {"ann": ["risk", "ops"]}, False),
        (CRITICAL, {"ann": ["risk"], "bob": []}, False),
        (CRITICAL, {"ann": ["risk", "ops"], "bob": ["risk"]}, True),
        (ROLES, {"ann": ["risk", "ops"]}, False),
        (ROLES, {"ann": ["risk", "ops"], "bob": ["risk"]}, True),
        (ROLES, {"ann": ["risk", "ops"], "bob": ["validator"]}, False),
        (ROLES, {"ann": [], "bob": ["ops"], "eve": ["risk"]}, True),
    ],
)
def test_each_role_is_stood_for_by_a_person_of_its_own(policy, people, complete):
    assert is_complete(policy, given(**people)) is complete


def test_a_matching_is_found_where_the_first_choice_has_to_give_way():
    three = Policy(
        risk="low", approvers=3, assurance="signed", other_than_author=False, distinct_roles=3
    )
    assert is_complete(three, given(a=["x", "y"], b=["x"], c=["y", "z"]))
    assert not is_complete(three, given(a=["x", "y"], b=["x"], c=["y"]))
