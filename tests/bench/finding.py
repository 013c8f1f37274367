"""Finding models among 10,000 with 5 versions each: the first page, words, conditions, all of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Final

from report import Report
from watching import best

MODELS: Final = 10_000
VERSIONS: Final = 5
PAGE: Final = 50
QUERIES: Final = (
    "",
    "risk",
    "churn telecom europe",
    "顧客",
    "離反予測",
    "frame.groupby",
    "nothing-says-this",
    "owner:ann",
    "tag:credit",
    "feature:income_7",
    "feature:nothing",
    "data:abab",
    "data:cdcd",
    "stage:idle",
    "roc_auc>0.89",
    "risk:high churn roc_auc>0.8",
)
_WORDS: Final = [
    *("churn", "fraud", "price", "demand", "credit", "risk", "telecom", "retail", "europe", "asia"),
    *("customers", "offers", "call", "centre", "claims", "weekly", "monthly", "顧客", "離反予測"),
    *("価格", "需要", "与信", "不正検知", "解約率", "予測", "モデル"),
]


def measure(report: Report, folder: Path) -> None:
    """Measure each question to a store that holds them."""
    from jupyter_mlops.services.catalogue import models
    from jupyter_mlops.services.workspace import open_local

    report.title(f"Finding models: {MODELS:,} with {VERSIONS} versions each")
    ws = open_local(folder / "registry")
    filled(ws)
    rows = []
    for query in QUERIES:
        took, _ = best(lambda query=query: models(ws, query, limit=PAGE))  # type: ignore[misc]
        found = len(models(ws, query)["items"])
        rows.append([query or "(first page)", f"{found:,}", f"{took * 1000:.1f}"])
        report.bound(f"models {query}".strip(), took * 1000, 50, unit="ms", at_least=False)
    took, _ = best(lambda: models(ws))
    report.bound("models, all of them", took, 0.5, unit="s", at_least=False)
    report.table(["query", "found", "ms"], [*rows, ["(all)", f"{MODELS:,}", f"{took * 1000:.0f}"]])
    ws.engine.dispose()


def filled(ws: Any, models: int = MODELS) -> None:
    """Put models into a store that say as much as people do."""
    from registered import model

    chance = random.Random(7)
    source = "frame = read()\nrates = frame.groupby('region').mean()\n" * 10
    with ws.act("bench:models", subject="models") as act:
        for at in range(models):
            said = [" ".join(chance.choices(_WORDS, k=n)) for n in (8, 30)]
            newest = model(
                act, f"{chance.choice(_WORDS[:14])}-{at}", versions=VERSIONS,
                auc=chance.uniform(0.6, 0.95), owner=chance.choice(["Ann", "Ben", "山田"]),
                purpose=said[0], description=said[1], risk=chance.choice(["low", "high"]),
                tags=chance.sample(["credit", "eu", "jp", "batch", "daily"], 2),
                features=[f"income_{(at + n) % 40}" for n in range(20)],
            )  # fmt: skip
            newest.lineage = {**newest.lineage, "notebook": f"work/{at}.ipynb", "source": source}
            act.session.add(newest)
