"""What can be computed for a document, by name: each block tells what is known and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jupyter_mlops.papers.blocks import machine, of_life, of_quality, of_trust, of_version
from jupyter_mlops.papers.known import Known
from jupyter_mlops.papers.paper import Block

BLOCKS: Final[Mapping[str, Callable[[Known], list[Block]]]] = {
    "about": of_version.about,
    "alerts": of_life.alerts,
    "audit": of_trust.audit,
    "changes": of_life.changes,
    "checks": of_quality.checks,
    "code": of_version.code,
    "data": of_version.data,
    "decisions": of_trust.decisions,
    "deployments": of_life.deployments,
    "environment": of_version.environment,
    "fairness": of_quality.fairness,
    "features": of_version.features,
    "importance": of_quality.importance,
    "instructions": of_version.instructions,
    "limits": of_version.limits,
    "metadata": machine.metadata,
    "metrics": of_quality.metrics,
    "monitoring": of_life.monitoring,
    "parameters": of_version.parameters,
    "policy": of_trust.policy,
    "privacy": of_version.privacy,
    "rules": of_life.rules,
    "slices": of_quality.slices,
    "terms": of_quality.terms,
}
