"""A bundle whose model was forged, packed again with all its digests: looked at before any of it is kept."""

import io
import json
import zipfile

import pytest
from sklearn.ensemble import RandomForestClassifier

from formats.test_onnx import reaching
from jupyter_mlops import open_workspace
from jupyter_mlops.errors import MlopsError, Unsafe
from jupyter_mlops.formats import bundle as container
from rebundled import with_a_forged_tree, with_blob
from stories import tumours


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of a bundle of a small forest, which is compiled to ONNX."""
    place = tmp_path_factory.mktemp("there")
    _, train, holdout = tumours()
    model = RandomForestClassifier(3, max_depth=3, random_state=0)
    model.fit(train.drop(columns="target"), train["target"])
    with open_workspace(place / "workspace") as session:
        session.register(model, name="forest", train=train, target="target", holdout=holdout)
        session.bundle("forest:1", to=str(place / "forest.zip"))
    return container.unpack((place / "forest.zip").read_bytes())


@pytest.fixture
def here(where):
    session = open_workspace(where)
    yield session
    session.stop()


def looking_far_away(data):
    import onnx

    model = onnx.load_model_from_string(data)
    (trees,) = (node for node in model.graph.node if node.op_type.startswith("TreeEnsemble"))
    (features,) = (one for one in trees.attribute if one.name == "nodes_featureids")
    features.ints[0] = 10**6
    return model.SerializeToString()


def with_a_type(data):
    held, out = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    schema = json.loads(held.read("schema.json"))
    schema["__module__"], schema["__class__"] = "subprocess", "Popen"
    with zipfile.ZipFile(out, "w") as archive:
        for name in held.namelist():
            said = json.dumps(schema) if name == "schema.json" else held.read(name)
            archive.writestr(name, said)
    return out.getvalue()


FORGED = {
    "compiled trees that look far away": ("compiled", looking_far_away, "structure_invalid"),
    "a compiled form that names a file": (
        "compiled",
        lambda _: reaching("a constant"),
        "unsafe_format",
    ),
    "a compiled form that is no model": ("compiled", lambda data: data[:99], "unsafe_format"),
    "a type that is not allowed": ("artifact", with_a_type, "unsafe_types"),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_model_is_refused_before_it_is_kept(how, here, parts, tmp_path):
    which, change, code = FORGED[how]
    path = tmp_path / "forged.zip"
    path.write_bytes(with_blob(parts, which, change))
    with pytest.raises(Unsafe) as refused:
        here.unbundle(str(path))
    assert refused.value.code == code
    assert here.models().to_dict()["items"] == []


def test_the_same_parts_unchanged_are_taken_and_answer(here, parts, tmp_path):
    path = tmp_path / "forest.zip"
    path.write_bytes(with_blob(parts, "compiled", lambda data: data))
    version = here.unbundle(str(path))
    here.approve(here.request(version, for_deployment="clinic"))
    here.deploy(version, to="clinic")
    rows = tumours()[2].drop(columns="target").head(3)
    assert len(here.predict("clinic", rows).to_dict()["items"]) == 3


def test_a_forged_tree_of_the_original_is_refused_where_it_is_tried(here, parts, tmp_path):
    """An archive is built from nowhere but in a process of its own, before anything is asked."""
    path = tmp_path / "forged.zip"
    path.write_bytes(with_blob(parts, "artifact", with_a_forged_tree))
    version = here.unbundle(str(path))
    with pytest.raises(MlopsError):
        here.approve(here.request(version, for_deployment="clinic"))
        here.deploy(version, to="clinic")
    assert here.deployments().to_dict()["items"] == []
