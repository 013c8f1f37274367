"""Files that would run code when they are read, under any name: refused by content, never run."""

import gzip
import io
import json
import pickle
import threading
import zipfile
import zlib

import joblib
import numpy as np
import pytest

from jupyter_mlops import formats, open_workspace
from jupyter_mlops.errors import Corrupt, MlopsError, Unsafe
from jupyter_mlops.services.workspace import open_local
from stories import tumours

NAMES = (
    "model.pkl",
    "model.skops",
    "model.onnx",
    "model.json",
    "model.joblib",
    "model.h5",
    "model",
)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, canary):
        self.canary = str(canary)

    def __reduce__(self):
        """Name the deed."""
        return open, (self.canary, "w")


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def disguises(canary):
    """The ways that one evil object can be written."""
    evil = Evil(canary)
    plain = pickle.dumps(evil)
    written = io.BytesIO()
    joblib.dump(evil, written)
    array = io.BytesIO()
    np.save(array, np.array([evil], dtype=object), allow_pickle=True)
    schema = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    reduced = {
        "__class__": "open", "__module__": "io", "__loader__": "ReduceNode", "__id__": 1,
        "reduce": {"args": {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode",
                            "__id__": 2, "content": []}},
    }  # fmt: skip
    return {
        **{f"pickle{n}": pickle.dumps(evil, protocol=n) for n in range(6)},
        "joblib": written.getvalue(),
        "gzip": gzip.compress(plain),
        "zlib": zlib.compress(plain),
        "npy": array.getvalue(),
        "npz": zipped({"a.npy": array.getvalue()}),
        "torch": zipped({"archive/data.pkl": plain, "archive/version": b"3"}),
        "skops with a pickle": zipped({"schema.json": json.dumps(schema), "0.pkl": plain}),
        "skops that calls": zipped({"schema.json": json.dumps({**reduced, "protocol": 2})}),
        "onnx header": b"\x08\x09" + plain,
        "zip header": b"PK\x03\x04" + plain,
    }


@pytest.mark.parametrize("name", NAMES)
def test_c01_no_file_is_read_whatever_it_is_called(tmp_path, name):
    canary, session = tmp_path / "canary", open_workspace(tmp_path / "workspace")
    for data in disguises(canary).values():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(Unsafe):
            session.register(str(file), name="evil")
    assert not canary.exists()
    assert session.models().to_dict()["items"] == []


@pytest.mark.parametrize("format", ["skops", "onnx"])
def test_c01_bytes_in_disguise_are_refused_by_what_they_are(tmp_path, format):
    canary = tmp_path / "canary"
    for how, data in disguises(canary).items():
        with pytest.raises(MlopsError):
            formats.load(format, data)
        assert not canary.exists(), how


def test_b07_bytes_that_change_while_they_are_read_are_never_others_than_were_asked_for(tmp_path):
    ws = open_local(tmp_path / "workspace")
    good = formats.pack(tumours()[0]).data
    digest = ws.artifacts.put(good)
    (path,) = [
        found for found in (tmp_path / "workspace" / "artifacts").rglob("*") if found.is_file()
    ]
    evil, stopped = good[:-1] + b"!", threading.Event()
    path.chmod(0o600)

    def swap():
        while not stopped.is_set():
            for data in (evil, good):
                beside = path.with_name("beside")
                beside.write_bytes(data)
                beside.rename(path)

    other = threading.Thread(target=swap)
    other.start()
    told = {"same": 0, "refused": 0}
    for _ in range(1000):
        try:
            told["same"] += ws.artifacts.get(digest) == good
        except Corrupt:
            told["refused"] += 1
    stopped.set()
    other.join()
    assert told["same"] + told["refused"] == 1000
    assert min(told.values()) > 0
