"""How good a version is: metrics, release checks, fairness, and what its answers depend on."""

from __future__ import annotations

from typing import Any, Final

from jupyter_mlops.charts import curves, version
from jupyter_mlops.locale import tell, translate
from jupyter_mlops.papers.blocks.writing import NONE, interval, moment, number, outcome
from jupyter_mlops.papers.known import Known
from jupyter_mlops.papers.paper import Block, Paragraph, Picture, Table

FOUR_FIFTHS: Final = 0.8
MOST_GROUPS: Final = 40

TITLES: Final = {
    "roc_auc": "AUC, area under the ROC curve",
    "pr_auc": "average precision",
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1 score",
    "macro_f1": "F1 score, mean over classes",
    "weighted_f1": "F1 score, weighted by class",
    "mcc": "Matthews correlation",
    "tpr": "true positive rate (recall)",
    "tnr": "true negative rate",
    "ppv": "positive predictive value (precision)",
    "npv": "negative predictive value",
    "ks": "Kolmogorov–Smirnov distance",
    "gini": "Gini coefficient",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "lift_5": "lift of the highest 5 %",
    "lift_10": "lift of the highest 10 %",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
    "mape": "mean absolute percentage error",
    "rmsle": "root mean squared logarithmic error",
    "r2": "R², share of variance explained",
    "mad": "median absolute error",
    "bias": "bias (prediction less truth)",
    "poisson_deviance": "Poisson deviance",
    "gamma_deviance": "gamma deviance",
    "tweedie_deviance": "Tweedie deviance",
}


def metric_name(name: str) -> str:
    """Return what a metric is called, in the reader's language."""
    return translate(TITLES[name]) if name in TITLES else name


def metrics(known: Known) -> list[Block]:
    """Tell every metric as it was registered, with its 95 % interval, and draw the holdout's curves."""
    told = known.version["metrics"]
    if not told:
        said = tell("The version was registered without a holdout: it has no metrics.")
        return [Paragraph(said, "note")]
    head = (tell("metric"), tell("name"), tell("value"), tell("95 % interval"))
    rows = [
        (metric_name(name), name, number(found.get("value")), interval(found))
        for name, found in told.items()
    ]
    by = known.version["measured_by"]
    said = tell(
        "Measured on the holdout, rows that the model had not seen, by whoever registered it."
        if by == "client"
        else "Measured on the holdout, rows that the model had not seen, by this workspace."
    )
    return [Paragraph(said), Table("metrics", head, rows, right=(2, 3)), *_curves(known)]


def _curves(known: Known) -> list[Block]:
    data = {"curves": known.curves, "metrics": known.version["metrics"]}
    return [picture(f"holdout {place}", chart) for place, chart in enumerate(curves.of(data))]


def picture(key: str, chart: Any) -> Picture:
    """Return a chart with its question and its answer in words."""
    title = chart.title
    return Picture(key, chart, " ".join(title["text"]), " ".join(title["subtitle"]))


def terms(known: Known) -> list[Block]:
    """Say what each metric of the version measures."""
    meant = _meanings()
    rows = [(metric_name(name), meant[name]) for name in known.version["metrics"] if name in meant]
    if not rows:
        return []
    return [Table("terms", (tell("metric"), tell("what it says")), rows)]


def checks(known: Known) -> list[Block]:
    """List the newest run of release checks with every figure."""
    if not known.checks:
        said = tell("Its release checks were never run. `check {ref}` does.", ref=known.subject.ref)
        return [Paragraph(said, "note")]
    counts = {name: sum(row["outcome"] == name for row in known.checks) for name in _OUTCOMES}
    said = tell(
        "{passed} passed, {failed} failed, {other} not applicable; run {at}.",
        passed=counts["passed"],
        failed=counts["failed"],
        other=counts["not applicable"],
        at=moment(known.checked_at),
    )
    head = (tell("check"), tell("outcome"), tell("figure"), tell("because"))
    rows = [
        (row["title"], outcome(row["outcome"]), row["figure"] or NONE, row["because"] or NONE)
        for row in known.checks
    ]
    return [Paragraph(said), Table("checks", head, rows)]


def fairness(known: Known) -> list[Block]:
    """Tell how protected groups fare, as the newest release check measured it."""
    protected = known.version["protected"]
    if not protected:
        said = tell("No attribute was named as protected when the version was registered.")
        return [Paragraph(said, "note")]
    blocks: list[Block] = [
        Paragraph(tell("Protected attributes: {names}.", names=", ".join(protected)))
    ]
    found = next((row for row in known.checks if row["check"] == "fairness"), None)
    if found is None:
        said = tell("Its release checks were never run. `check {ref}` does.", ref=known.subject.ref)
        return [*blocks, Paragraph(said, "note")]
    blocks.append(Paragraph(" · ".join(filter(None, (found["figure"], found["because"])))))
    rows = _groups(known)
    if not rows:
        return blocks
    shown = sorted(rows, key=lambda row: row["ratio"])[:MOST_GROUPS]
    head = (tell("measure"), tell("attribute"), tell("group"), tell("ratio to the best group"))
    table = [(r["measure"], r["attribute"], r["group"], number(r["ratio"])) for r in shown]
    blocks.append(Table("fairness", head, table, right=(3,)))
    parity = [row for row in rows if row["measure"] == "proportional_parity"]
    if parity:
        blocks.append(picture("parity", version.parity(parity, FOUR_FIFTHS)))
    return blocks


def importance(known: Known) -> list[Block]:
    """Tell how much worse the model gets when a feature is shuffled."""
    rows = known.importance
    if not rows:
        said = tell("What the answers depend on was not measured; the release checks do.")
        return [Paragraph(said, "note")]
    said = tell(
        "Permutation importance on unseen rows: how much the loss grows when one feature is shuffled."
    )
    head = (tell("feature"), tell("growth of the loss"))
    table = [(name, number(value)) for name, value in rows]
    chart = picture("importance", version.importance(rows))
    return [Paragraph(said), chart, Table("importance", head, table, right=(1,))]


def slices(known: Known) -> list[Block]:
    """Tell in which segment the version is worst, as the newest release check found it."""
    found = next((row for row in known.checks if row["check"] == "slices"), None)
    if found is None or not (found["figure"] or found["because"]):
        return [Paragraph(tell("No segment was looked at: no release check has run."), "note")]
    return [Paragraph(" · ".join(filter(None, (found["figure"], found["because"]))))]


_OUTCOMES: Final = ("passed", "failed", "not applicable")


def _groups(known: Known) -> list[dict[str, Any]]:
    told = known.details.get("fairness", {})
    names = [(key, value) for key, value in told.items() if isinstance(value, int | float)]
    rows = []
    for key, ratio in names:
        measure, _, rest = key.partition(":")
        attribute, _, group = rest.partition(":")
        rows.append(
            {"measure": measure, "attribute": attribute, "group": group, "ratio": float(ratio)}
        )
    return rows


def _meanings() -> dict[str, str]:
    return {
        "roc_auc": tell(
            "How often a case that happened is ranked above one that did not; 0.5 is chance, 1 is"
            " perfect. It says nothing about the probabilities themselves."
        ),
        "pr_auc": tell("Precision averaged over recall; chance is the share of what happened."),
        "log_loss": tell("How surprised the probabilities are by what happened; lower is better."),
        "accuracy": tell("The share of answers that were right; misleading where a class is rare."),
        "balanced_accuracy": tell("The mean share of right answers over the classes."),
        "f1": tell("The harmonic mean of precision and recall."),
        "mcc": tell("Correlation of answer and truth, from −1 to 1; robust where a class is rare."),
        "tpr": tell("Of what happened, the share that was found."),
        "tnr": tell("Of what did not happen, the share that was left alone."),
        "ppv": tell("Of what was named, the share that happened."),
        "npv": tell("Of what was not named, the share that did not happen."),
        "brier": tell("The mean squared distance of probability and outcome; lower is better."),
        "ece": tell("How far probabilities are from how often it happened, on average."),
        "rmse": tell("Typical distance of prediction and truth; large errors weigh more."),
        "mae": tell("Mean distance of prediction and truth."),
        "r2": tell("The share of the variance that is explained; 0 is no better than the mean."),
        "macro_f1": tell("F1 of each class, averaged; rare classes count as much as others."),
        "weighted_f1": tell("F1 of each class, averaged by how many rows each has."),
    }
