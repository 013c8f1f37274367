"""Policies as they are read: a sentence, a table, the YAML; what is hostile stays text."""

import pytest

from jupyter_mlops.locale import language
from shown import HOSTILE, OURS, answer, tags_of


def row(name="firm", number=2, **more):
    """A policy as the verb answers."""
    return {
        "name": name,
        "number": number,
        "digest": "sha256:0",
        "scope": {},
        "asks": {},
        "speaks_of": "risk: high",
        "needs": "2 people at assurance 'signed'.",
        "text": "# ours\nasks: {approvers: 2}\n",
        "by": {"id": "owner", "kind": "person", "assurance": "recorded", "claims": {}, "label": ""},
        "at": "2026-11-24T12:00:00.000000Z",
        **more,
    }


def test_one_policy_is_shown_with_its_yaml_several_as_a_table():
    one = repr(answer("policy", items=[row()], changed=True, code=""))
    assert one.splitlines()[0] == "✓ policy firm is in force, version 2"
    assert one.splitlines()[-2:] == ["# ours", "asks: {approvers: 2}"]
    several = repr(
        answer("policy", items=[row(), row("low", 0, by=None, at="")], changed=False, code="")
    )
    assert several.splitlines()[0] == "2 policies are in force"
    assert "approvers" not in several
    came = answer("policy", items=[row("low", 0, by=None, at="")], changed=False, code="")
    assert came.line == "policy low, as it came with the workspace"
    with language("ja"):
        assert came.line == "ポリシー low(ワークスペースの初期設定)"


def test_ready_made_policies_are_shown_as_not_in_force():
    told = answer("policy", items=[row("bank-a", 0), row("bank-b", 0)], changed=False, code="bank")
    assert told.line == "Policies for bank, not in force · next: %mlops policy bank --from bank"
    assert repr(told).count("# ours") == 2


def test_who_would_decide_and_what_the_past_would_have_needed_are_tables_of_their_own():
    who = {
        "because": "churn:1: One decision.",
        "people": [{"person": HOSTILE, "roles": [], "counts": False, "because": HOSTILE}],
    }
    told = repr(answer("policy", items=[row()], changed=False, code="", deciders=who))
    assert told.splitlines()[0] == "churn:1: One decision."
    assert "would count" in told
    assert "# ours" not in told
    past = {"id": 1, "ref": "churn:1", "deployment": "shop", "needed": "2 people", "given": "–"}
    items = [{**past, "enough": True, "because": ""}, {**past, "enough": False, "because": "One."}]
    told = answer(
        "policy", items=[], changed=False, code="", past={"items": items, "changes": 2, "short": 1}
    )
    assert (
        told.line
        == "Of 2 past changes 1 would have needed more than was given; nothing was written."
    )
    assert repr(told).splitlines()[3].split()[3] == "no"


@pytest.mark.parametrize("part", ["name", "needs", "speaks_of", "text"])
def test_hostile_words_of_a_policy_stay_text(part):
    told = answer("policy", items=[row(**{part: HOSTILE})], changed=True, code="")
    assert "\x1b" not in repr(told)
    assert "\u202e" not in repr(told)
    assert tags_of(told) <= OURS


def test_a_change_that_was_carried_out_says_so_and_names_no_deployment():
    by = row()["by"]
    told = answer(
        "approve", id=3, kind="rules", ref="rules:shop", role="", state="carried out", deployment="",
        decisions=[{"by": {**by, "label": "Signed by bob's key"}}], because="✓ rules:shop is carried out",
    )  # fmt: skip
    assert told.line == "✓ request 3 approved · Signed by bob's key · ✓ rules:shop is carried out"
