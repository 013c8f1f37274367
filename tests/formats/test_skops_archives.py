"""Archives that skops would read, changed by somebody: refused by what they are, before anything is built."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from jupyter_mlops import formats
from jupyter_mlops.errors import Unsafe

DATA = formats.pack(LogisticRegression().fit([[0.0], [1.0]], [0, 1])).data


def members():
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def zipped(entries, how=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def refused(data):
    for read in (formats.check, lambda data: formats.load("skops", data), formats.pack):
        with pytest.raises(Unsafe) as error:
            read(data)
    return error.value


def test_an_archive_as_others_write_it_is_read():
    assert formats.load("skops", zipped(members())).classes == [0, 1]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..\\x", "C:\\x", "..", ".hidden"])
def test_a_member_whose_name_leads_away_is_refused(name):
    assert refused(zipped([*members(), (name, b"x")])).code == "archive_invalid"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused():
    for name, content in members():
        assert refused(zipped([*members(), (name, content)])).code == "archive_invalid"


def test_too_many_members_are_refused():
    many = ((f"{at}.npy", b"") for at in range(100_001))
    assert refused(zipped([*members(), *many])).code == "archive_invalid"


def test_an_archive_that_unfolds_into_very_much_more_is_refused():
    bomb = zipped([*members(), ("0.npy", bytes(80 << 20))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 1 << 20
    assert refused(bomb).code == "archive_invalid"


def test_an_archive_that_says_it_is_larger_than_any_model_is_refused():
    """Less than is too much for its own size: only the whole is."""
    held = zipped([*members(), ("0.npy", os.urandom(30 << 20)), ("1.npy", b"1" * 77)])
    told, most = (77).to_bytes(4, "little"), (0xFFFF_FFFE).to_bytes(4, "little")
    at = held.rindex(told + told)  # the list at the end, which is what is believed
    assert refused(held[: at + 4] + most + held[at + 8 :]).code == "archive_invalid"


def holding(node, protocol=None):
    """Return the archive with something else as an attribute of its model."""
    told = dict(members())
    schema = json.loads(told["schema.json"])
    schema["content"]["content"]["verbose"] = node | {"__id__": 10**6}
    schema["protocol"] = schema["protocol"] if protocol is None else protocol
    return zipped((told | {"schema.json": json.dumps(schema).encode()}).items())


def of(loader, named, **told):
    module, _, name = named.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, **told}


def given(*texts):
    told = [
        of("JsonNode", "builtins.str", content=json.dumps(text), is_json=True) for text in texts
    ]
    return of("TupleNode", "builtins.tuple", content=told)


OPENS = of("FunctionNode", "os.system", content={"module_path": "os", "function": "system"})
NOTHING = of("JsonNode", "builtins.str", content="null", is_json=True)
CALLS = {
    "subprocess.Popen": of(
        "ConstructorFromReduceNode", "subprocess.Popen", content=given("touch CANARY")
    ),
    "operator.methodcaller": of(
        "OperatorFuncNode", "operator.methodcaller", attrs=given("system", "touch CANARY")
    ),
    "os.system": OPENS,
    "posix.system": of("TypeNode", "posix.system"),
    "builtins.eval": of("ObjectNode", "builtins.eval", content=None),
    "sklearn.linear_model._logistic.LogisticRegression.fit": of(
        "MethodNode",
        "sklearn.linear_model._logistic.LogisticRegression",
        content={
            "obj": of("ObjectNode", "sklearn.linear_model._logistic.LogisticRegression"),
            "func": "fit",
        },
    ),
    "functools.partial of os.system": of(
        "PartialNode",
        "functools.partial",
        content={
            "func": OPENS,
            "args": given("touch CANARY"),
            "kwds": of("DictNode", "builtins.dict", content={}, key_types=given()),
            "namespace": NOTHING,
        },
    ),
}


@pytest.mark.parametrize("protocol", [None, 0, 1])
@pytest.mark.parametrize("what", CALLS)
def test_what_would_call_something_is_refused_with_its_name(what, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = refused(holding(CALLS[what], protocol))
    assert error.code == "unsafe_types"
    assert what.rpartition(" ")[2] in error.message
    assert not [*tmp_path.iterdir()]


def test_a_call_behind_a_name_that_is_allowed_is_refused(tmp_path, monkeypatch):
    """The type is said to be one thing and what is loaded is another."""
    monkeypatch.chdir(tmp_path)
    for allowed in ("sklearn.tree._tree.Tree", "numpy.dtype", "functools.partial"):
        for loader in ("ConstructorFromReduceNode", "OperatorFuncNode"):
            node = of(loader, allowed, content=given("touch CANARY"), attrs=given("touch CANARY"))
            with pytest.raises(Unsafe):
                formats.load("skops", holding(node))
    assert not [*tmp_path.iterdir()]


def test_an_array_of_objects_is_not_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "canary"), "w")

    held = io.BytesIO()
    np.save(held, np.array([Evil()], dtype=object), allow_pickle=True)
    evil = [(name, held.getvalue() if name.endswith(".npy") else x) for name, x in members()]
    with pytest.raises(Unsafe):
        formats.load("skops", zipped(evil))
    assert not [*tmp_path.iterdir()]
    assert skops.io.loads(DATA).classes_.tolist() == [0, 1]
