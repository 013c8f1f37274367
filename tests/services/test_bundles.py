"""A version goes from one workspace to another in one file, with its history and none of its rights."""

import json
import zipfile
from pathlib import Path

import pytest

from jupyter_mlops import open_workspace
from jupyter_mlops.domain import audit as chain
from jupyter_mlops.errors import Corrupt, Invalid, MlopsError, Refused, Unsafe
from jupyter_mlops.formats import bundle as container
from stories import approved, progression, registered, tumours


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A bundle of a version that was approved where it came from."""
    session = open_workspace(tmp_path_factory.mktemp("there") / "workspace")
    approved(session, owner="Ann", purpose="find tumours", tags=("clinic",), protected=())
    told = session.bundle("tumour:1", to=str(tmp_path_factory.mktemp("out")) + "/")
    session.close()
    return Path(told.written)


@pytest.fixture(scope="module")
def untouched(shared_where):
    """A workspace, on each database in turn, into which nothing ever comes."""
    session = open_workspace(shared_where)
    yield session
    session.close()


@pytest.fixture
def here(where):
    session = open_workspace(where)
    yield session
    session.stop()


def parts_of(file):
    return container.unpack(file.read_bytes())


def changed(tmp_path, file, name, change, *, manifest=False):
    """Return a bundle, properly packed, one part of which says something else."""
    parts = parts_of(file)
    told = json.loads(parts[name])
    change(told)
    parts[name] = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    if manifest:
        version = json.loads(parts["version.json"])
        version["digest"] = chain.digest(parts["manifest.json"].decode())
        parts["version.json"] = json.dumps(version).encode()
    return packed(tmp_path, parts)


def packed(tmp_path, parts):
    path = tmp_path / "changed.zip"
    path.write_bytes(container.pack(parts))
    return path


def nothing_kept(session):
    kept = session.door.ws.home.artifacts
    return not [*Path(kept).rglob("*")] if isinstance(kept, str | Path) else True


def test_the_same_version_in_another_workspace_with_what_was_decided_as_history(here, file):
    version = here.unbundle(str(file))
    assert (version.ref, version.new, version.measured_by) == ("tumour:1", True, "elsewhere")
    assert version.digest == json.loads(parts_of(file)["version.json"])["digest"]
    assert (version.owner, version.tags) == ("Ann", ["clinic"])
    assert version.metrics["roc_auc"]["value"] > 0.9
    told = version.lineage["elsewhere"]
    assert told["ref"] == "tumour:1"
    assert [(one["deployment"], one["outcome"]) for one in told["decisions"]] == [
        ("clinic", "approved")
    ]
    assert told["checks"]["failed"] == 0 < told["checks"]["passed"]
    assert "decided elsewhere" in str(here.show("tumour:1"))
    assert here.requests().to_dict()["items"] == []
    with pytest.raises(Refused) as refused:
        here.deploy("tumour:1", to="clinic")
    assert refused.value.code == "not_requested"
    event = here.audit("unbundling").to_dict()["items"][0]
    assert event["after"]["was"] == "tumour:1"


def test_what_was_unbundled_is_checked_approved_and_answers(here, file):
    version = here.unbundle(file)
    here.approve(here.request(version, for_deployment="clinic"))
    here.deploy(version, to="clinic")
    rows = tumours()[2].drop(columns="target").head(3)
    assert len(here.predict("clinic", rows).to_dict()["items"]) == 3
    assert here.models("clinic find").to_dict()["items"][0]["ref"] == "tumour:1"


def test_a_version_that_is_here_already_is_the_same(here, file):
    first, again = here.unbundle(str(file)), here.unbundle(str(file))
    assert (first.ref, again.ref, again.new) == ("tumour:1", "tumour:1", False)
    assert len(here.audit("unbundling").to_dict()["items"]) == 1


def test_a_bundle_is_the_same_each_time_and_holds_its_proofs(here, tmp_path):
    approved(here)
    one, other = (here.bundle("tumour:1", to=str(tmp_path / name)) for name in ("a.zip", "b.zip"))
    assert one.digest == other.digest
    assert Path(one.written).read_bytes() == Path(other.written).read_bytes()
    parts = parts_of(tmp_path / "a.zip")
    asked = json.loads(parts["decisions.json"])[0]
    assert chain.digest(asked["policy"]) == asked["policy_digest"]
    assert chain.digest(asked["evidence"]) == asked["evidence_digest"]
    assert json.loads(asked["decisions"][0]["statement"])["nonce"] == asked["nonce"]
    events = [json.loads(line) for line in parts["events.jsonl"].decode().splitlines()]
    known = {event["seq"]: event["digest"] for event in here.audit(limit=100).to_dict()["items"]}
    assert {event["seq"]: event["digest"] for event in events}.items() <= known.items()
    assert zipfile.is_zipfile(tmp_path / "a.zip")


def test_another_target_under_a_known_name_is_refused(here, file):
    model, train, holdout = progression()
    here.register(model, name="tumour", train=train, target="target", holdout=holdout)
    with pytest.raises(Refused) as refused:
        here.unbundle(str(file))
    assert refused.value.code == "model_mismatch"
    assert here.models().to_dict()["items"][0]["versions"] == 1


def test_a_second_version_of_a_known_model_gets_the_next_number(here, file):
    train = tumours()[1]
    from sklearn.base import clone

    other = clone(tumours()[0]).set_params(logisticregression__C=0.01)
    other.fit(train.drop(columns="target"), train["target"])
    here.register(other, name="tumour", train=train, target="target")
    assert here.unbundle(str(file)).ref == "tumour:2"


CHANGES = {
    "another risk in the version": ("version.json", lambda told: told.update(risk="none")),
    "a name that leads away": ("version.json", lambda told: told.update(name="../x")),
    "a name with markup": ("version.json", lambda told: told.update(name="<b>")),
    "no metrics": ("version.json", lambda told: told.update(metrics={"auc": {"value": "high"}})),
    "NUL": ("version.json", lambda told: told.update(owner="a\0b")),
    "half a pair": ("version.json", lambda told: told.update(owner="\ud800")),
    "no compiled": ("version.json", lambda told: told.update(compiled={})),
    "no lineage": ("version.json", lambda told: told["lineage"].update(protected="sex")),
    "a number below one": ("version.json", lambda told: told.update(number=0)),
    "tags that are none": ("version.json", lambda told: told.update(tags=7)),
    "another manifest": ("manifest.json", lambda told: told.update(target="other")),
    "another profile": ("references.json", lambda told: told[0].update(columns={})),
    "an event that was edited": ("decisions.json", lambda told: told.append(7)),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_part_that_says_something_else_is_refused_and_nothing_is_kept(
    untouched, file, tmp_path, case
):
    name, change = CHANGES[case]
    path = changed(tmp_path, file, name, change)
    with pytest.raises((Invalid, Corrupt, Unsafe)) as refused:
        untouched.unbundle(str(path))
    assert refused.value.code in {"bundle_invalid", "bundle_changed"}
    assert untouched.models().to_dict()["items"] == []
    assert nothing_kept(untouched)


MANIFESTS = {
    "a pickle": lambda told: told.update(format="pickle"),
    "unknown": lambda told: told.update(format="unknown"),
    "another task": lambda told: told.update(task="guessing"),
    "features": lambda told: told.update(features=["age"]),
    "levels": lambda told: told["features"][0].update(levels=7),
    "another artifact": lambda told: told.update(artifact="sha256:" + "0" * 64),
    "no digest": lambda told: told.update(artifact="../../etc/passwd"),
    "no profile": lambda told: told.update(profile="sha256:" + "0" * 64),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_that_was_forged_with_its_digest_is_refused(untouched, file, tmp_path, case):
    path = changed(tmp_path, file, "manifest.json", MANIFESTS[case], manifest=True)
    with pytest.raises(MlopsError) as refused:
        untouched.unbundle(str(path))
    assert refused.value.code in {"bundle_invalid", "bundle_changed", "unsafe_format"}
    assert untouched.models().to_dict()["items"] == []


def test_a_pickle_in_the_place_of_the_model_is_refused_unread(untouched, file, tmp_path):
    import pickle

    parts = parts_of(file)
    manifest = json.loads(parts["manifest.json"])
    evil = pickle.dumps(print)
    digest = container.digest(evil)
    del parts["blobs/" + manifest["artifact"].removeprefix("sha256:")]
    parts["blobs/" + digest.removeprefix("sha256:")] = evil
    path = changed(
        tmp_path, packed(tmp_path, parts), "manifest.json",
        lambda told: told.update(artifact=digest), manifest=True,
    )  # fmt: skip
    with pytest.raises(Unsafe) as refused:
        untouched.unbundle(str(path))
    assert refused.value.code == "unsafe_format"


def test_a_blob_under_another_digest_and_an_event_under_another_are_refused(
    untouched, file, tmp_path
):
    parts = parts_of(file)
    name = next(name for name in parts if name.startswith("blobs/"))
    with pytest.raises(Corrupt):
        untouched.unbundle(str(packed(tmp_path, {**parts, name: b"other"})))
    events = parts["events.jsonl"].replace(b"registration", b"registratiom")
    with pytest.raises(Corrupt):
        untouched.unbundle(str(packed(tmp_path, {**parts, "events.jsonl": events})))
    for lost in parts:
        with pytest.raises(MlopsError):
            untouched.unbundle(str(packed(tmp_path, {k: v for k, v in parts.items() if k != lost})))
    assert nothing_kept(untouched)


@pytest.mark.parametrize("what", ["nowhere.zip", "", "/", "\0"])
def test_a_file_that_is_not_there_is_said_so(untouched, what):
    with pytest.raises(MlopsError):
        untouched.unbundle(what)


def test_a_bundle_has_to_be_written_somewhere(here, tmp_path):
    registered(here)
    (tmp_path / "file").write_text("")
    with pytest.raises(Invalid) as refused:
        here.bundle("tumour:1", to=str(tmp_path / "file" / "x.zip"))
    assert refused.value.code == "bundle_not_writable"
    with pytest.raises(MlopsError):
        here.bundle("tumour:1", to="a\0b")


@pytest.mark.parametrize("file", [None, 7, "x", {"$blob": 7}, {"$blob": "sha256:" + "0" * 64}, {}])
def test_what_points_to_no_file_is_refused(untouched, file):
    from jupyter_mlops.services.unbundling import unbundle

    with pytest.raises(MlopsError):
        unbundle(untouched.door.ws, file)
