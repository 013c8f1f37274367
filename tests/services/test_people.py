"""A workspace that knows its people: who may change them, and what a cell is worth then."""

import pytest

from asked import asks
from jupyter_mlops.domain.access import OWNER, Actor
from jupyter_mlops.errors import Invalid, Refused
from jupyter_mlops.services import approvals, people
from jupyter_mlops.services.policies import policy
from signing import pen

ANN, BOB, MALLORY = pen(), pen(), pen()
CHANGES = "jupyter-mlops-people@v1"


def listed(*, owner="ann", follows="", more="", ann=ANN, bob="validator"):
    said = [
        "people:",
        f"  ann: {{name: Ann Lee, roles: [developer], keys: ['{ann.key.line}'], users: [ann]}}",
        f"  bob: {{roles: [{bob}], keys: ['{BOB.key.line}'], until: 2027-12-31}}",
        *more.splitlines(),
        f"owner: {owner}",
        *([f"follows: {follows}"] if follows else []),
    ]
    return "\n".join(said) + "\n"


def digest(ws):
    return policy(ws, "people")["items"][0]["digest"]


def test_the_first_list_is_the_owners_own(workspace):
    told = policy(workspace, "people", listed())["items"]
    assert [one["id"] for one in told[0]["people"]] == ["ann", "bob"]
    assert told[0]["people"][0]["keys"] == [ANN.key.fingerprint]
    assert told[0]["by"]["assurance"] == "recorded"
    with workspace.look() as session:
        assert people.known(session).owner == "ann"


def test_the_same_list_again_is_nothing_new(workspace):
    policy(workspace, "people", listed())
    assert policy(workspace, "people", listed())["items"][0]["number"] == 1


def test_a_change_that_an_owner_signed_is_taken(workspace):
    policy(workspace, "people", listed())
    words = listed(follows=digest(workspace), bob="risk")
    signed = words + ANN.sign(words, namespace=CHANGES)
    assert policy(workspace, "people", signed)["items"][0]["number"] == 2


@pytest.mark.parametrize(
    ("key", "purpose", "follows", "code"),
    [
        (None, CHANGES, True, "people_unsigned"),
        (BOB, CHANGES, True, "people_unsigned"),
        (MALLORY, CHANGES, True, "key_unknown"),
        (ANN, "jupyter-mlops-decision@v1", True, "signature_namespace"),
        (ANN, CHANGES, False, "people_follow"),
    ],
)
def test_any_other_change_is_refused_by_name(workspace, key, purpose, follows, code):
    policy(workspace, "people", listed())
    words = listed(
        follows=digest(workspace) if follows else "",
        more=f"  mallory: {{keys: ['{MALLORY.key.line}']}}",
    )
    with pytest.raises(Refused) as refused:
        policy(workspace, "people", words + (key.sign(words, namespace=purpose) if key else ""))
    assert refused.value.code == code
    assert policy(workspace, "people")["items"][0]["number"] == 1


def test_an_old_list_does_not_come_back(workspace):
    policy(workspace, "people", listed())
    first = digest(workspace)
    two = listed(follows=first, bob="risk")
    policy(workspace, "people", two + ANN.sign(two, namespace=CHANGES))
    three = listed(follows=digest(workspace), bob="ops")
    policy(workspace, "people", three + ANN.sign(three, namespace=CHANGES))
    with pytest.raises(Refused, match="has to say which list it follows"):
        policy(workspace, "people", two + ANN.sign(two, namespace=CHANGES))


def test_a_changed_list_under_a_signature_is_refused(workspace):
    policy(workspace, "people", listed())
    words = listed(follows=digest(workspace), bob="risk")
    signature = ANN.sign(words, namespace=CHANGES)
    with pytest.raises(Refused) as refused:
        policy(workspace, "people", words.replace("risk", "owner") + signature)
    assert refused.value.code == "signature_wrong"


def test_what_is_no_list_leaves_the_one_there_is(workspace):
    policy(workspace, "people", listed())
    for text in ("people: []", "nonsense", "people: *x", "a: 1\na: 2"):
        with pytest.raises(Invalid):
            policy(workspace, "people", text)
    assert policy(workspace, "people")["items"][0]["number"] == 1


def test_people_are_no_policy_that_asks_for_anything(workspace):
    before = len(policy(workspace)["items"])
    policy(workspace, "people", listed())
    assert len(policy(workspace)["items"]) == before + 1


def test_a_cell_that_runs_as_a_service_asks_and_decides_nothing(workspace):
    policy(workspace, "people", listed(more="  cy: {roles: [ops]}\nservices: [nightly]"))
    nightly = workspace.as_actor(Actor(OWNER, claims={"user": "nightly", "mouth": "kernel"}))
    number = asks(nightly, by=nightly.actor, risk="low")
    with pytest.raises(Refused) as error:
        approvals.approve(nightly, number)
    assert error.value.code == "decider_is_service"
