"""MLflow's registry comes along with its history: what can be opened to serve, the rest as a record."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import skops.io as archives

import mlflowed
from conftest import absent
from jupyter_mlops import open_workspace
from jupyter_mlops.errors import Invalid, MlopsError, Refused
from mlflowed import RUN, named, tree, version, with_pickle, with_skops
from stories import registered

OTHER = "b" * 32


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """What MLflow itself wrote: a folder, and a database with its files beside it."""
    place = tmp_path_factory.mktemp("mlflow")
    python = mlflowed.environment(place / "venv")
    if python is None:
        absent("MLflow cannot be installed")
    (place / "base").mkdir()
    mlflowed.made(
        python,
        {
            f"file://{place}/there/mlruns": "",
            f"sqlite:///{place}/base/mlflow.db": f"file://{place}/base/mlartifacts/1",
        },
    )
    return {"folder": place / "there" / "mlruns", "database": place / "base" / "mlflow.db"}


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["folder", "database"])
def test_what_mlflow_itself_wrote_comes_with_its_history(here, real, kept):
    told = here.import_mlflow(str(real[kept])).to_dict()
    became = {row["was"]: (row["outcome"], row["ref"]) for row in told["items"]}
    assert became == {
        "churn:1": ("recorded", "churn:1"),
        "churn:2": ("registered", "churn:2"),
        "churn:3": ("recorded", "churn:3"),
        "my model": ("skipped", ""),
    }
    assert "pickle" in next(row for row in told["items"] if row["was"] == "churn:1")["because"]
    first, second = (here.show(f"churn:{number}").to_dict() for number in (1, 2))
    assert (first["format"], first["description"]) == ("record", "the first")
    assert {"stage.archived", "checked.yes"} <= set(first["tags"])
    assert "alias.champion" in second["tags"]
    said = second["lineage"]["elsewhere"]
    assert (said["ref"], said["stage"], said["aliases"]) == ("churn:2", "Production", ["champion"])
    assert said["model_tags"] == {"unit": "retail"}
    assert said["run"]["params"] == {"C": "0.5"}
    assert said["run"]["tags"] == {"team": "risk"}
    assert said["run"]["experiment"] == "leaving"
    assert said["registered_at"] < second["created_at"]
    assert said["registered_by"]
    assert second["metrics"].keys() == {"accuracy"}
    assert second["metrics"]["accuracy"]["value"] > 0.8
    assert (second["task"], [one["type"] for one in second["features"]]) == (
        "binary",
        ["number"] * 4,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["folder", "database"])
def test_said_twice_nothing_comes_twice_and_what_was_moved_is_found(here, real, kept, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(real[kept].parent, moved)
    before = here.import_mlflow(str(moved / real[kept].name)).to_dict()
    events = here.audit("import").to_dict()["items"]
    again = here.import_mlflow(str(real[kept])).to_dict()
    assert {row["outcome"] for row in before["items"]} == {"recorded", "registered", "skipped"}
    assert {row["outcome"] for row in again["items"]} == {"known", "skipped"}
    assert here.audit("import").to_dict()["items"] == events
    assert [one["subject"] for one in events] == ["model:churn"]


def test_a_model_in_skops_is_checked_approved_and_answers(here, tmp_path, skops):
    told = here.import_mlflow(str(tree(tmp_path / "mlruns", named(), version(files=skops))))
    assert told.to_dict()["items"][0]["outcome"] == "registered"
    here.approve(here.request("churn:1", for_deployment="churn-prod"))
    here.deploy("churn:1", to="churn-prod")
    rows = [{"mean radius": 14.0, "mean texture": 20.0}]
    assert here.predict("churn-prod", rows).to_dict()["items"][0]["version"] == "churn:1"


def test_nothing_that_mlflow_says_approves_anything(here, tmp_path, skops):
    said = named(aliases={"champion": "1"}) | {"models/churn/aliases/champion": "1"}
    here.import_mlflow(str(tree(tmp_path, said, version(files=skops, current_stage="Production"))))
    with pytest.raises(Refused) as refused:
        here.deploy("churn:1", to="p")
    assert refused.value.code == "not_requested"
    assert here.requests().to_dict()["items"] == []
    shown = str(here.show("churn:1"))
    assert "whose word is not verified" in shown
    assert "Production" in shown


def test_a_pickle_is_never_opened_whatever_it_is_called(here, tmp_path):
    marker = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (Path.touch, (marker,))

    disguised = {
        "MLmodel": with_skops(mlflowed.model())["MLmodel"],
        "model.skops": pickle.dumps(Evil()),
    }
    place = tree(
        tmp_path / "mlruns", named(),
        version(1, files=with_pickle(Evil())), version(2, run=OTHER, files=disguised),
    )  # fmt: skip
    (place / "0" / OTHER / "artifacts/model/MLmodel").write_text(
        disguised["MLmodel"].replace(RUN, OTHER)
    )
    rows = here.import_mlflow(str(place)).to_dict()["items"]
    assert [(row["outcome"], "is a pickle" in row["because"]) for row in rows] == [
        ("recorded", True)
    ] * 2
    assert not marker.exists()


def test_a_record_is_shown_kept_and_bundled_but_cannot_answer(here, tmp_path):
    second = version(2, run=OTHER, files=with_pickle())
    here.import_mlflow(
        str(tree(tmp_path / "mlruns", named(), version(files=with_pickle()), second))
    )
    assert "only its record is here: its artifact is a pickle" in str(here.show("churn:1"))
    assert here.models("tag:mlflow").to_dict()["items"][0]["task"] == "unknown"
    for refused in (
        lambda: here.request("churn:1", for_deployment="p"),
        lambda: here.check("churn:1"),
        lambda: here.compare("churn:1", "churn:2"),
    ):
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.code == "record_only"
    assert "record" in Path(here.card("churn:1", to=str(tmp_path / "card.md")).written).read_text()
    told = here.bundle("churn:1", to=str(tmp_path / "churn.zip"))
    with open_workspace(tmp_path / "other") as other:
        assert other.unbundle(told.written).format == "record"
        again = other.import_mlflow(str(tmp_path / "mlruns")).to_dict()["items"]
        assert [row["outcome"] for row in again] == ["known", "recorded"]


def test_a_model_registered_later_takes_its_place_after_its_records(here, tmp_path):
    place = tree(tmp_path, named("tumour"), version(3, "tumour", files=with_pickle()))
    here.import_mlflow(str(place))
    assert registered(here).ref == "tumour:4"
    tree(tmp_path, version(4, "tumour", run=OTHER, files=with_pickle()))
    later = here.import_mlflow(str(place)).to_dict()["items"]
    assert [(row["was"], row["outcome"], row["ref"]) for row in later] == [
        ("tumour:3", "known", "tumour:3"),
        ("tumour:4", "recorded", "tumour:5"),
    ]


def test_the_same_model_twice_is_one_that_serves_and_the_record_of_the_other(here, tmp_path, skops):
    again = skops | {"MLmodel": skops["MLmodel"].replace(RUN, OTHER)}
    place = tree(tmp_path, named(), version(files=skops), version(2, run=OTHER, files=again))
    rows = here.import_mlflow(str(place)).to_dict()["items"]
    assert [row["outcome"] for row in rows] == ["registered", "recorded"]
    assert rows[1]["because"] == "churn:1 has the very same model"


def test_a_dry_run_shows_what_would_come_and_keeps_nothing(here, tmp_path, skops):
    place = tree(
        tmp_path / "mlruns", named(), version(files=skops),
        version(2, run=OTHER, files=with_pickle()),
    )  # fmt: skip
    before = here.audit().to_dict()["items"]
    told = here.import_mlflow(str(place), dry_run=True).to_dict()
    assert [row["outcome"] for row in told["items"]] == ["registered", "recorded"]
    assert here.models().to_dict()["items"] == []
    assert here.audit().to_dict()["items"] == before
    assert not [*Path(here.door.ws.home.artifacts).rglob("*")]
    assert "Would come with their model: 1, as a record: 1." in str(told["because"])


def test_a_name_that_is_none_here_is_skipped_until_it_gets_another(here, tmp_path, skops):
    place = tree(
        tmp_path, named("my model"), version(1, "my model", files=with_pickle()), named(),
        version(files=skops, run=OTHER),
    )  # fmt: skip
    rows = here.import_mlflow(str(place), only=("my model",)).to_dict()["items"]
    assert [(row["was"], row["outcome"]) for row in rows] == [("my model", "skipped")]
    assert "begin with a letter or digit" in rows[0]["because"]
    renamed = {"my model": "my-model"}
    rows = here.import_mlflow(str(place), only=("my model",), rename=renamed).to_dict()["items"]
    assert [(row["was"], row["ref"]) for row in rows] == [("my model:1", "my-model:1")]
    both = here.import_mlflow(str(place), rename={"my model": "churn"}).to_dict()["items"]
    assert [row["outcome"] for row in both] == ["skipped", "recorded"]
    with pytest.raises(Invalid) as refused:
        here.import_mlflow(str(place), only=("chrn",))
    assert "did you mean churn?" in str(refused.value)


def test_the_audit_log_says_what_was_read_and_what_came(here, tmp_path, skops):
    here.import_mlflow(str(tree(tmp_path / "mlruns", named(), version(files=skops))))
    event = here.audit("import").to_dict()["items"][0]
    assert (event["action"], event["subject"]) == ("model:import:done", "model:churn")
    after = event["after"]
    assert (after["registered"], after["recorded"], after["known"]) == (1, 0, 0)
    assert after["versions"] == {"churn:1": "churn:1"}
    assert after["from"].endswith("mlruns")
    assert after["read"].startswith("sha256:")
    assert here.audit(verify=True).to_dict()["ok"]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


BROKEN = {
    "a bomb": {"models/churn/meta.yaml": BOMB},
    "a tag": {"models/churn/meta.yaml": "name: !!python/object/apply:os.system [id]"},
    "no mapping": {"models/churn/meta.yaml": "- churn"},
    "another name": {"models/churn/meta.yaml": "name: other"},
    "half a file": {"models/churn/meta.yaml": "name: [churn"},
    "nothing": {"models/churn/tags/x": "y"},
    "another version": named() | {"models/churn/version-1/meta.yaml": "version: 2"},
    "half a version": named() | {"models/churn/version-1/tags/x": "y"},
    "a bomb of a version": named() | {"models/churn/version-1/meta.yaml": BOMB},
    "much": {"models/churn/meta.yaml": "x: " + "y" * 5_000_000},
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_skipped_with_its_reason(untouched, tmp_path, case):
    rows = untouched.import_mlflow(str(tree(tmp_path, BROKEN[case]))).to_dict()["items"]
    assert {row["outcome"] for row in rows} == {"skipped"}
    assert all(row["because"] for row in rows)
    assert untouched.models().to_dict()["items"] == []


def test_a_broken_model_keeps_no_other_from_coming(here, tmp_path, skops):
    place = tree(tmp_path, BROKEN["a bomb"], named("well"), version(1, "well", files=skops))
    rows = here.import_mlflow(str(place)).to_dict()["items"]
    assert [(row["was"], row["outcome"]) for row in rows] == [
        ("churn", "skipped"),
        ("well:1", "registered"),
    ]


PLACES = {
    "upwards": f"file:///home/0/{RUN}/artifacts/../../../secret",
    "outside": "file:///etc/ssl/certs/",
    "far": "s3://bucket/0/run/artifacts/model",
    "a server": "https://host/0/run/artifacts/model",
    "no address": "http://[",
    "NUL": "file:///a/\0/b/c",
    "empty": "",
}


@pytest.mark.parametrize("case", PLACES)
def test_files_are_looked_for_below_the_folder_alone(here, tmp_path, skops, case):
    tree(tmp_path / "secret", skops)
    place = tree(tmp_path / "mlruns", named(), version(files=skops, source=PLACES[case]))
    rows = here.import_mlflow(str(place)).to_dict()["items"]
    assert [row["outcome"] for row in rows] == ["recorded"]


def test_links_that_lead_outside_are_not_followed(here, tmp_path, skops):
    outside = tree(tmp_path / "outside", skops, {"word": "secret"})
    place = tree(tmp_path / "mlruns", named(), version(files={}))
    (place / "0" / RUN / "params" / "token").symlink_to(outside / "word")
    (place / "0" / RUN / "artifacts").mkdir()
    (place / "0" / RUN / "artifacts" / "model").symlink_to(outside)
    (place / "models" / "linked").symlink_to(outside)
    rows = here.import_mlflow(str(place)).to_dict()["items"]
    assert {row["was"]: row["outcome"] for row in rows} == {
        "churn:1": "recorded",
        "linked": "skipped",
    }
    kept = json.dumps(here.show("churn:1").to_dict())
    assert "secret" not in kept


def test_hostile_words_are_kept_as_words_and_secrets_are_not(here, tmp_path):
    evil = "<script>alert(1)</script>\0\ud800"
    said = version(files=with_pickle(), description=evil, user_id="ann\0", source="x" * 9_000)
    said[f"0/{RUN}/params/<img src=x>"] = "y" * 9_000
    said[f"0/{RUN}/params/url"] = "postgresql://ann:pw@host/db"
    said[f"0/{RUN}/metrics/odd"] = "not a metric"
    place = tree(tmp_path, named(), said)
    here.import_mlflow(str(place))
    told = here.show("churn:1")
    assert told.description == "<script>alert(1)</script>\ufffd\ufffd"
    params = told.lineage["elsewhere"]["run"]["params"]
    assert len(params["<img src=x>"]) == 5_000
    assert params["url"] == "postgresql://[redacted]@host/db"
    assert told.metrics.keys() == {"accuracy"}
    html = told._repr_mimebundle_()["text/html"]
    assert "<script" not in html


def test_skops_with_what_our_own_list_does_not_allow_is_refused_and_its_record_kept(
    here, tmp_path, skops
):
    kept = {"sklearn": {"pickled_model": "model.skops", "serialization_format": "skops"}}
    kept["sklearn"]["skops_trusted_types"] = ["pathlib.Path", "pathlib._local.Path"]
    said = {"MLmodel": mlflowed.described(kept), "model.skops": archives.dumps(Path)}
    place = tree(tmp_path, named(), version(files=skops | said))
    (row,) = here.import_mlflow(str(place)).to_dict()["items"]
    assert row["outcome"] == "recorded"
    assert "its artifact is refused: The model holds types that are not allowed" in row["because"]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("", "mlflow_not_found"),
        ("nowhere/mlruns", "mlflow_not_found"),
        ("\0", "mlflow_not_found"),
        ("http://127.0.0.1:5000", "mlflow_not_found"),
        ("databricks://profile", "mlflow_not_found"),
        ("postgresql://ann:hidden@127.0.0.1:9/none", "mlflow_not_readable"),
        ("postgresql+psycopg://[", "mlflow_not_readable"),
    ],
)
def test_a_place_that_holds_no_registry_is_said_so(untouched, place, code):
    with pytest.raises(MlopsError) as refused:
        untouched.import_mlflow(place)
    assert refused.value.code in (code, "value_invalid")
    assert refused.value.hint
    assert "hidden" not in str(refused.value)


def test_a_folder_or_file_of_something_else_is_said_so(untouched, tmp_path):
    for place in (tmp_path, tree(tmp_path, {"a.db": "text"}) / "a.db"):
        with pytest.raises(Invalid) as refused:
            untouched.import_mlflow(str(place))
        assert refused.value.code == "mlflow_not_found"
    (tmp_path / "b.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4_000)
    with pytest.raises(Invalid) as refused:
        untouched.import_mlflow(f"sqlite:///{tmp_path}/b.db")
    assert refused.value.code == "mlflow_not_readable"


SENT = {
    "nothing": {},
    "a path": "/etc/passwd",
    "no list": {"told": "[]"},
    "another form": {"told": '{"form": "other"}'},
    "no models": {"told": '{"form": "mlflow/1", "source": "x", "skipped": []}'},
    "a forged name": {
        "told": '{"form": "mlflow/1", "source": "x", "skipped": [], "models": [{"was": "a", '
        '"name": "../a", "description": "", "tags": {}, "versions": []}]}'
    },
    "no version": {
        "told": '{"form": "mlflow/1", "source": "x", "skipped": [], "models": [{"was": "a", '
        '"name": "a", "description": "", "tags": {}, "versions": [{"number": 0}]}]}'
    },
    "NUL": {"told": '{"form": "mlflow/1", "source": "\\u0000", "skipped": [], "models": []}'},
}


@pytest.mark.parametrize("case", SENT)
def test_what_is_sent_past_the_first_half_is_checked(untouched, case):
    from jupyter_mlops.services.importing import import_mlflow

    with pytest.raises(Invalid) as refused:
        import_mlflow(untouched.door.ws, SENT[case], dry_run=True)
    assert refused.value.code == "import_invalid"


def test_it_is_typed_in_a_terminal_too(tmp_path, skops):
    place = tree(tmp_path / "mlruns", named(), version(files=skops))
    words = [sys.executable, "-m", "jupyter_mlops", "import_mlflow", str(place)]
    dry = subprocess.run([*words, "--dry-run"], capture_output=True, text=True, check=True)
    assert dry.stdout.startswith("Would come with their model: 1")
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["items"][0]["ref"] == "churn:1"
    wrong = [sys.executable, "-m", "jupyter_mlops", "import_mlflow", "nowhere"]
    failed = subprocess.run(wrong, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "Hint: name the folder" in failed.stderr
