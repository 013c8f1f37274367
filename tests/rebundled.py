"""Bundles whose model somebody changed, packed again with all digests as they have to be."""

import json

import skops.io

from jupyter_mlops.domain import audit as chain
from jupyter_mlops.formats import bundle as container
from jupyter_mlops.formats.skops_format import ALLOWED


def with_blob(parts, which, change):
    """Return a bundle, with digests that are right, whose artifact or compiled form was changed."""
    told, blobs = dict(parts), "blobs/"
    manifest = json.loads(told["manifest.json"])
    data = change(told.pop(blobs + manifest[which].removeprefix("sha256:")))
    manifest[which] = container.digest(data)
    told[blobs + manifest[which].removeprefix("sha256:")] = data
    written = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    version = json.loads(told["version.json"]) | {"digest": chain.digest(written)}
    told |= {"manifest.json": written.encode(), "version.json": json.dumps(version).encode()}
    return container.pack(told)


def with_a_forged_tree(data):
    """Return a packed forest, the first tree of which looks at what no row has."""
    model = skops.io.loads(data, trusted=sorted(ALLOWED))
    state = model.estimators_[0].tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"]["feature"][0] = 10**6
    model.estimators_[0].tree_.__setstate__(state)
    return skops.io.dumps(model)
