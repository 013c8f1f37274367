"""Rows that nobody scored yet, and files to compare with: from a file, from memory, from afar."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from fakes import Clock
from jupyter_mlops import charts, open_workspace
from jupyter_mlops.__main__ import main
from jupyter_mlops.commands.local import Local
from jupyter_mlops.commands.showing import as_html, as_text
from jupyter_mlops.commands.values import from_json, from_query
from jupyter_mlops.commands.words import verbs
from jupyter_mlops.domain.arguments import Here
from jupyter_mlops.errors import Invalid, UsageError
from jupyter_mlops.services import drift, unscored
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.stats.profile import profile
from traffic import an_hour, goes_live, live, people

HERE = Here(origin=dict, progress=lambda *_: None)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop with a thousand answers like its training data."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_MLOPS_WORKSPACE", str(folder / "w"))
        ws = live(str(folder / "w"), Clock())
        an_hour(ws, people(1_000, 3))
        yield ws
        ws.engine.dispose()


@pytest.fixture
def richer():
    """Rows of whom all earn more, with the truth beside them."""
    rows = people(4_000, 8)
    rows["income"] += 2.0
    rows["churned"] = 1
    return rows


def said(ws, **told):
    """Say it as a session on this machine does: prepared, then done."""
    return drift.drift(ws, "shop", **told | unscored.prepare_drift(HERE, **told).arguments)


def rows_of(found):
    return {row["feature"]: row for row in found["items"]}


def test_a_file_is_compared_before_anybody_scores_it(shop, richer, tmp_path):
    richer.to_parquet(path := tmp_path / "new.parquet", row_group_size=700)
    found = said(shop, of=str(path))
    told = rows_of(found)
    assert (told["income"]["finding"], told["tenure"]["finding"]) == ("drifted", "stable")
    assert {row["of"] for row in found["items"]} == {"feature", "target"}
    assert told["churned"]["finding"] == "drifted"
    assert told["income"]["n_current"] == 4_000
    assert told["income"]["wasserstein"] > 0.5
    assert (found["rows"], found["heat"]) == ("new.parquet, 4,000 rows", [])
    assert "new.parquet, 4,000 rows, against training data" in as_text("drift", found)
    assert charts.picture("drift", found).to_dict()


def test_every_kind_of_table_says_the_same(shop, richer, tmp_path):
    richer.to_parquet(tmp_path / "new.parquet")
    richer.to_csv(tmp_path / "new.csv", index=False)
    first = said(shop, of=richer)["items"]
    for same in (pa.Table.from_pandas(richer), richer.to_dict("records"),
                 tmp_path / "new.parquet", str(tmp_path / "new.csv")):  # fmt: skip
        other = said(shop, of=same)["items"]
        assert [row["psi"] for row in other] == pytest.approx([row["psi"] for row in first])


def test_a_file_is_what_rows_are_compared_with(shop, richer, tmp_path):
    richer.to_parquet(path := tmp_path / "before.parquet")
    answered = said(shop, since="1d", reference=str(path))
    assert rows_of(answered)["income"]["finding"] == "drifted"
    assert answered["reference"] == "before.parquet, 4,000 rows"
    same = said(shop, of=richer, reference=path, together=True, explain="income")
    assert same["because"] == "The rows are as in the reference."
    assert rows_of(same)["churned"]["psi"] == 0
    assert same["together"]["differ"] is False
    assert same["explained"]["n_reference"] == 4_000


def test_rows_are_compared_with_what_was_answered_lately(shop, richer):
    found = said(shop, of=richer, reference="1d", segment="plan=pro", together=True)
    income = rows_of(found)["income"]
    assert (income["finding"], income["n_reference"]) == ("drifted", 1_000)
    assert income["n_current"] == (richer["plan"] == "pro").sum()
    assert found["together"]["differ"]


def test_a_word_is_a_word_whatever_files_and_variables_there_are(
    shop, richer, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("training", "holdout", "1d"):
        richer.to_parquet(tmp_path / name)
        assert unscored.prepare_drift(HERE, reference=name).arguments == {}


def test_a_file_is_profiled_part_by_part_exactly_as_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(unscored, "AT_ONCE", 37)
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"size": random.normal(size=500), "word": random.choice([*"abc", None], 500)}
    )
    frame.to_parquet(path := tmp_path / "some.parquet", row_group_size=100)
    rows = unscored.opened(path)
    reference = rows.reference({"size": "number", "word": "category"})
    again = rows.batch(reference.layout)
    for name in ("size", "word"):
        whole = profile(frame[name], reference.layout.bins[f"feature:{name}"])
        assert again.column(f"feature:{name}").counts == whole.counts
    assert again.rows == 500


def wrong(tmp_path, richer):
    """Give files that are none, with what is said of each."""
    (tmp_path / "folder").mkdir()
    yield tmp_path / "folder", "frame_is_folder"
    yield tmp_path / "nothing.parquet", "file_not_found"
    (tmp_path / "empty.csv").write_text("")
    yield tmp_path / "empty.csv", "frame_unreadable"
    (tmp_path / "half.parquet").write_bytes(b"PAR1 and no more")
    yield tmp_path / "half.parquet", "frame_unreadable"
    (tmp_path / "torn.parquet").write_bytes(b"")
    richer.to_parquet(whole := tmp_path / "whole.parquet", compression=None)
    data = bytearray(whole.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    (tmp_path / "torn.parquet").write_bytes(bytes(data))
    yield tmp_path / "torn.parquet", "frame_unreadable"
    yield richer.iloc[:0], "frame_empty"
    yield richer.drop(columns="income"), "column_missing"
    yield richer.assign(income="much"), "column_type"
    yield richer.assign(income=True), "column_type"
    yield richer.assign(plan=1.5), "column_type"
    table = pa.Table.from_pandas(richer)
    yield table.append_column("income", table["income"]), "frame_invalid"
    yield "income", "file_not_found"
    yield 7, "frame_invalid"


def test_what_is_no_table_of_the_features_is_refused_by_name(shop, richer, tmp_path):
    for told, code in wrong(tmp_path, richer):
        for name in ("of", "reference"):
            if name == "reference" and isinstance(told, str):
                continue
            with pytest.raises(Invalid) as error:
                said(shop, **{name: told})
            if name == "of" or code != "file_not_found":
                assert error.value.code == code, told
            assert len(error.value.message) < 500


@pytest.mark.parametrize("more", [{"importance": True}, {"explain": "prediction"},
                                  {"version": ("buyer:1", "buyer:1")}])  # fmt: skip
def test_what_asks_for_answers_is_refused_beside_rows_without(shop, richer, more):
    if "version" in more:
        more = {"version": (drift.drift(shop, "shop")["version"],) * 2}
    with pytest.raises(Invalid, match="never scored"):
        said(shop, of=richer, **more)


def test_over_http_text_is_never_a_path(shop, richer, tmp_path):
    richer.to_parquet(path := tmp_path / "secret.parquet")
    verb = verbs()["drift"]
    for read in (lambda: from_json(verb, {"deployment": "shop", "of": str(path)}),
                 lambda: from_query(verb, {"deployment": ["shop"], "of": [str(path)]})):  # fmt: skip
        with pytest.raises(UsageError, match="has to be rows"):
            read()
    told = from_query(verb, {"deployment": ["shop"], "reference": [str(path)]})
    with pytest.raises(Invalid) as error:
        Local(shop).do(verb, told)
    assert "4,000" not in str(error.value)
    with pytest.raises(Invalid):
        drift.drift(shop, "shop", of=str(path))
    body = {"deployment": "shop", "of": json.loads(richer.iloc[:300].to_json(orient="records"))}
    assert rows_of(Local(shop).do(verb, from_json(verb, body)))["income"]["n_current"] == 300


def test_rows_become_json_behind_an_address_and_not_too_many(richer, monkeypatch):
    far = Here(origin=dict, progress=lambda *_: None, far=True)
    told = unscored.prepare_drift(far, of=richer).arguments["of"]
    assert told[0].keys() == set(richer)
    json.dumps(told, allow_nan=False)
    monkeypatch.setattr(unscored, "MOST_SENT", 100)
    with pytest.raises(Invalid, match="at most 100"):
        unscored.prepare_drift(far, of=richer)


def test_a_terminal_takes_a_path(shop, richer, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("JUPYTER_MLOPS_WORKSPACE", str(shop.home.folder))
    richer.to_csv(path := tmp_path / "new.csv", index=False)
    assert main(["drift", "shop", "--of", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == "new.csv, 4,000 rows"
    assert main(["drift", "shop", "--of", str(tmp_path / "none.csv")]) == 2
    assert "There is no file" in capsys.readouterr().err


def test_hostile_names_and_levels_are_shown_as_text(shop, richer, tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    path = tmp_path / f"{evil.replace('/', '')}.parquet"
    before = richer.assign(plan=evil)
    before.to_parquet(path)
    found = said(shop, of=richer, reference=path)
    assert evil not in as_html("drift", found)
    with pytest.raises(Invalid) as error:
        said(shop, of=richer.drop(columns="income").assign(**{"\u202e" * 900: 1}))
    assert len(str(error.value)) < 500


def test_rows_of_the_wide_sort(shop, richer, tmp_path):
    """Every type that Parquet has for numbers and labels is read."""
    table = pa.Table.from_pandas(richer, preserve_index=False)
    for name, kind in (("income", pa.float32()), ("tenure", pa.float32()),
                       ("plan", pa.large_string()), ("plan", pa.dictionary(pa.int8(), pa.string()))):  # fmt: skip
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(kind))
        parquet.write_table(table, tmp_path / "typed.parquet")
        found = rows_of(said(shop, of=tmp_path / "typed.parquet"))
        assert found["plan"]["finding"] == "stable"
    empty = table.set_column(table.schema.get_field_index("income"), "income", pa.nulls(len(table)))
    parquet.write_table(empty, tmp_path / "typed.parquet")
    income = rows_of(said(shop, of=tmp_path / "typed.parquet"))["income"]
    assert (income["finding"], income["why"]) == ("drifted", "missing")


def test_a_version_without_training_data_is_compared_with_a_file(tmp_path, richer):
    """Its features have no known type, and no bins."""
    from sklearn.linear_model import LogisticRegression

    names = ["income", "tenure"]
    model = LogisticRegression().fit(richer[names], np.arange(len(richer)) % 2)
    where = str(tmp_path / "w")
    with open_workspace(where) as session:
        version = session.register(model, name="bare")
        session.approve(session.request(version, for_deployment="shop", reason="x"))
        ws = open_local(where, clock=Clock())
        goes_live(ws, version.ref)
        ws.engine.dispose()
        assert session.drift("shop", of=richer).status == "unknown"
        found = session.drift("shop", of=richer, reference=richer)
        assert (found.status, len(found.items)) == ("passing", 2)
