"""A version's lineage as events of OpenLineage 2-0-2: one run that trained it, one per deployment.

Source: https://openlineage.io/spec/2-0-2/OpenLineage.json and the facets beside it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jupyter_mlops.domain import lineage as told

SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
PRODUCER: Final = "https://github.com/jupyter-mlops/jupyter-mlops"
_OURS: Final = uuid.UUID("7f4c1b3e-5a35-5d2c-9b8e-0f2a6c1d4e7b")
_FACETS: Final = "https://openlineage.io/spec/facets"
_VERSIONS: Final = {
    "Schema": ("1-2-0", "DatasetFacet"),
    "DatasetVersion": ("1-0-1", "DatasetFacet"),
    "DatasetType": ("1-0-1", "DatasetFacet"),
    "Documentation": ("1-1-0", "DatasetFacet"),
    "JobType": ("2-0-4", "JobFacet"),
    "SourceCode": ("1-0-1", "JobFacet"),
    "SourceCodeLocation": ("1-1-0", "JobFacet"),
    "ProcessingEngine": ("1-1-1", "RunFacet"),
    "ExecutionParameters": ("1-0-0", "RunFacet"),
}
_LANGUAGE: Final = "python"


@dataclass(frozen=True)
class Trained:
    """A version as its event tells it; ``namespace`` is the workspace's own."""

    namespace: str
    name: str
    number: int
    digest: str
    at: str
    lineage: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Carried:
    """A version carried into a deployment."""

    id: int
    deployment: str
    role: str
    at: str


def events(trained: Trained, carried: Sequence[Carried]) -> list[dict[str, Any]]:
    """Return the event of the run that trained a version, and one for each time it was deployed."""
    return [_training(trained), *(_deploying(trained, one) for one in carried)]


def _training(trained: Trained) -> dict[str, Any]:
    lineage = trained.lineage
    book = told.text(lineage, "notebook") or told.text(lineage, "script")
    return _event(
        at=trained.at,
        run=_id(trained.namespace, trained.digest, trained.name),
        run_facets={
            "processing_engine": _facet(
                "ProcessingEngine", version=told.text(lineage, "python", 40) or "?", name="python"
            ),
            "executionParameters": _facet("ExecutionParameters", parameters=_parameters(lineage)),
        },
        job={
            "namespace": trained.namespace,
            "name": book or f"register {trained.name}",
            "facets": _of_job(lineage, "NOTEBOOK" if told.text(lineage, "notebook") else "SCRIPT"),
        },
        inputs=list(_inputs(trained)),
        outputs=[_model(trained)],
    )


def _deploying(trained: Trained, one: Carried) -> dict[str, Any]:
    name = f"deployments/{one.deployment}"
    version = _facet("DatasetVersion", datasetVersion=trained.digest)
    kind = _facet("DatasetType", datasetType="DEPLOYMENT", subType=one.role.upper())
    output = {
        "namespace": trained.namespace,
        "name": name,
        "facets": {"version": version, "datasetType": kind},
    }
    job_type = _facet("JobType", processingType="BATCH", integration="JUPYTER_MLOPS", jobType="DEPLOY")  # fmt: skip
    return _event(
        at=one.at,
        run=_id(trained.namespace, name, str(one.id)),
        run_facets={},
        job={
            "namespace": trained.namespace,
            "name": f"deploy {one.deployment}",
            "facets": {"jobType": job_type},
        },
        inputs=[_model(trained)],
        outputs=[output],
    )


def _event(
    *,
    at: str,
    run: str,
    run_facets: dict[str, Any],
    job: dict[str, Any],
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": SPEC,
        "run": {"runId": run, "facets": run_facets},
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
    }


def _of_job(lineage: Mapping[str, Any], kind: str) -> dict[str, Any]:
    source = "\n\n".join(cell["source"] for cell in told.cells(lineage))
    git = told.held(lineage, "git")
    remote, commit = told.text(git, "remote", 1000), told.text(git, "commit", 64)
    found = {
        "jobType": _facet(
            "JobType", processingType="BATCH", integration="JUPYTER_MLOPS", jobType=kind
        )
    }
    if source:
        found["sourceCode"] = _facet("SourceCode", language=_LANGUAGE, sourceCode=source)
    if "://" in remote and commit:
        path = told.text(git, "path", 1000)
        found["sourceCodeLocation"] = _facet(
            "SourceCodeLocation",
            type="git",
            url=remote,
            repoUrl=remote,
            version=commit,
            branch=told.text(git, "branch", 200) or "HEAD",
            **({"path": path} if path else {}),
        )
    return found


def _inputs(trained: Trained) -> Iterator[dict[str, Any]]:
    """Go through what was read, each once; a frame of unknown origin is a data set of its own."""
    seen: set[tuple[str, str]] = set()
    kept = told.held(trained.lineage, "data")
    for part in kept:
        frame = told.held(told.held(trained.lineage, "frames"), part)
        schema = _facet("Schema", fields=_fields(frame))
        for one in told.listed(frame, "sources"):
            namespace, name = _named(one, trained.namespace)
            if (namespace, name) in seen:
                continue
            seen.add((namespace, name))
            facets: dict[str, Any] = {
                "documentation": _facet(
                    "Documentation",
                    description=f"{told.text(one, 'how')}({told.text(one, 'written')})",
                )
            }
            if digest := told.text(one, "digest", 80):
                facets["version"] = _facet("DatasetVersion", datasetVersion=digest)
            yield {"namespace": namespace, "name": name, "facets": facets}
        digest = told.text(told.held(kept, part), "digest", 80)
        version = _facet("DatasetVersion", datasetVersion=digest)
        yield {
            "namespace": trained.namespace,
            "name": f"frames/{trained.name}/{part}",
            "facets": {"schema": schema, "version": version},
        }


def _named(one: Mapping[str, Any], ours: str) -> tuple[str, str]:
    """Return namespace and name of what was read, after OpenLineage's conventions."""
    said = told.text(one, "said", 4096)
    kind = told.text(one, "kind", 20)
    if kind == "file" and said:
        return "file", said
    if kind == "address" and "://" in said:
        scheme, _, rest = said.partition("://")
        host, _, path = rest.partition("/")
        return f"{scheme}://{host}", path or "/"
    text = said or told.text(one, "written", 4096)
    return ours, f"{kind or 'data'}/{uuid.uuid5(_OURS, text)}"


def _fields(frame: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": told.text(one, "name"), "type": told.text(one, "type", 40), "ordinal_position": n}
        for n, one in enumerate(told.listed(frame, "columns"), 1)
    ]


def _model(trained: Trained) -> dict[str, Any]:
    fields = [{"name": str(one["name"]), "type": str(one["type"])} for one in trained.features]
    return {
        "namespace": trained.namespace,
        "name": f"models/{trained.name}",
        "facets": {
            "version": _facet(
                "DatasetVersion", datasetVersion=f"{trained.number}:{trained.digest}"
            ),
            "datasetType": _facet("DatasetType", datasetType="MODEL"),
            "schema": _facet("Schema", fields=fields),
        },
    }


def _parameters(lineage: Mapping[str, Any]) -> list[dict[str, str]]:
    found = told.held(told.held(lineage, "about"), "parameters")
    return [{"key": str(name)[:200], "value": str(value)[:1000]} for name, value in found.items()]


def _facet(kind: str, /, **fields: Any) -> dict[str, Any]:
    """Return a facet with the address of its schema, whose last part tells what it is of."""
    version, of = _VERSIONS[kind]
    schema = f"{_FACETS}/{version}/{kind}{of}.json#/$defs/{kind}{of}"
    return {"_producer": PRODUCER, "_schemaURL": schema, **fields}


def _id(*parts: str) -> str:
    """Return the same id for the same run, so that telling it twice changes nothing."""
    return str(uuid.uuid5(_OURS, "\x00".join(parts)))
