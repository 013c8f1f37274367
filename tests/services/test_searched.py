"""Words find the same models on each database: those that plain Python finds."""

import unicodedata

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_mlops.domain.searched import normal, told_by, whole
from jupyter_mlops.services.catalogue import models
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from registered import model

SAID = {
    "churn": {"owner": "Ann O'Neil", "purpose": 'who "leaves" NEAR(us) AND why*', "unit": "C&A"},
    "fraud_2": {"description": "Éviter la fraude; 100% sûr \\ l'é́tat STRAßE", "unit": "Ｒｉｓｋ"},
    "離反": {"description": "顧客の離反を予測するモデル。解約率、ｶﾞｲﾄﾞ", "owner": "山田 太郎"},
    "naïve": {
        "description": "a:b {c} [d] ^e -f +g (h) i* \"j\" 'k' %_\\ ;-- /*x*/ || && !! <-> <2>"
    },
    "emoji": {"description": "👩‍🔬 risk ﷺ ﬁne ǅ İstanbul ΣΟΦΊΑς \ufffd \uffff \U0001f9ff end"},
    "many": {
        "description": "ab abc abcd bcd cda xyxyxy yxy aaaa aa a",
        "purpose": "line\none\ttwo",
    },
}
TAGS = ("credit", "eu-1")
FEATURES = ("Betrag", "käufe letzte 30 Tage", 'a"b')
SOURCE = "rates = frame.groupby('churn_rate')\nmodel.fit(rates)  # 学習"


@pytest.fixture(scope="module")
def ws(shared_where):
    ws = open_local(shared_where)
    with ws.act("test:models", subject="models") as act:
        for name, said in SAID.items():
            newest = model(act, name, versions=2, tags=TAGS, features=FEATURES, **said)
            newest.lineage = {**newest.lineage, "notebook": "work/churn.ipynb", "source": SOURCE}
            act.session.add(newest)
    yield ws
    ws.engine.dispose()


def fold(text):
    text = "".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in text)
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.split())


def expected(words):
    """Return the models that hold each word in one of their texts, by looking at all of them."""
    found = set()
    for name, said in SAID.items():
        description = f"{said.get('description', '')} "
        texts = [name, *said.values(), description, " ".join(TAGS), " ".join(FEATURES)]
        texts = [*map(fold, [*texts, f"work/churn.ipynb {SOURCE}"])]
        if all(any(fold(word) in text for text in texts) for word in words):
            found.add(name)
    return found


def found(ws, words):
    quoted = " ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words)
    return {row["name"] for row in models(ws, quoted)["items"]}


TEXTS = "\n".join(
    text for said in SAID.values() for text in (*said.values(), *TAGS, *FEATURES, SOURCE, *SAID)
)
PIECES = st.integers(0, len(TEXTS) - 1).flatmap(
    lambda at: st.integers(1, 12).map(lambda n: TEXTS[at : at + n])
)
SYNTAX = st.text(alphabet="abc\"'*:()^-+{}%_\\&|!<> NEARORD客é", min_size=1, max_size=8)
ANY = st.text(min_size=1, max_size=6)
CHANGED = PIECES.map(lambda text: unicodedata.normalize("NFD", text.upper()))
WORDS = st.lists(st.one_of(PIECES, CHANGED, SYNTAX, ANY), min_size=1, max_size=3)


@given(words=WORDS)
@example(words=["顧客"])
@example(words=["客の離"])
@example(words=["客"])
@example(words=["EVITER"])
@example(words=["NEAR("])
@example(words=["ガイド", "strasse"])
@example(words=["\uffff"])
@example(words=["a\x00b"])
@example(words=["\ud800"])
@example(words=["abc", "bcd", "xyx"])
@example(words=['who "leaves"'])
@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_query_finds_what_looking_at_every_text_finds(ws, words):
    asked = [word for word in words if not _is_condition(word)]
    if asked:
        assert found(ws, asked) == expected(asked)


def _is_condition(word):
    from jupyter_mlops.domain.finding import wanted
    from jupyter_mlops.errors import Invalid

    try:
        return wanted("'" + word.replace("'", "'\"'\"'") + "'").words != (word,)
    except Invalid:
        return True


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "groupby",
            "in the notebook: …ork/churn.ipynb rates = frame.groupby('churn_rate') model.fit(rates…",
        ),
        ("learn", None),
        ("betrag", 'in the features: betrag käufe letzte 30 tage a"b'),
        ("credit", "in the tags: credit eu-1"),
        ("解約率", "in the description: 顧客の離反を予測するモデル。解約率、ガイド"),
        ("山田", ""),
    ],
)
def test_a_row_says_where_a_word_was_found_that_it_does_not_show(ws, query, said):
    rows = models(ws, query)["items"]
    assert {row["because"] for row in rows} == ({said} if said is not None else set())


def test_a_model_whose_name_says_it_comes_first(ws):
    rows = models(ws, "churn")["items"]
    assert [rows[0]["name"], len(rows)] == ["churn", len(SAID)]


def test_a_store_that_was_changed_finds_what_is_there_now(ws):
    with ws.act("test:models", subject="models") as act:
        made = model(act, "changing", purpose="zebra crossing")
    assert found(ws, ["zebra"]) == {"changing"}
    with ws.act("test:models", subject="models") as act:
        parent = act.session.get_one(tables.Model, made.model_id)
        parent.purpose = "level crossing"
        act.session.add(parent)
    assert found(ws, ["zebra"]) == set()
    assert found(ws, ["level", "crossing"]) == {"changing"}


def test_texts_are_bounded_and_keep_their_lines():
    text = whole({"name": "a\nb", "notebook": "x" * 10**6, "purpose": "\U0002a6df" * 10**5})
    assert text.count("\n") == 7
    assert len(text) < 80_000
    assert told_by(text, [normal("XXX")])[0] == "notebook"
