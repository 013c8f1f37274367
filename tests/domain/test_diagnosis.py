"""The likeliest cause is the one that the evidence at hand speaks for."""

import pytest

from jupyter_mlops.domain.alerts import Finding
from jupyter_mlops.domain.diagnosis import Evidence, diagnose

PLAIN = Evidence("shop", "churn:2")
DEPLOYED = Evidence("shop", "churn:2", went_live="2026-11-24T12:00:00Z", before="churn:1")


def found(part, why, subject="feature:age", **figures):
    return Finding(part, subject, "failing", why, figures)


@pytest.mark.parametrize(
    ("finding", "evidence", "why"),
    [
        (found("quality", "missing", missing=1.0, before=0.0), PLAIN, "vanished"),
        (found("quality", "missing", missing=1.0, before=0.0), DEPLOYED, "vanished"),
        (found("quality", "missing", missing=0.3, before=0.0), PLAIN, "partly_missing"),
        (found("quality", "missing", missing=0.0, before=0.4), PLAIN, "fills_again"),
        (found("quality", "new_levels", new=0.4), PLAIN, "new_levels"),
        (found("quality", "at_once", "inputs", features=["a", "b", "c"]), PLAIN, "all_at_once"),
        (found("drift", "at_once", "inputs", features=["a", "b", "c"]), DEPLOYED, "all_at_once"),
        (found("drift", "distribution", outside=0.5), PLAIN, "out_of_range"),
        (found("drift", "distribution", outside=0.0), PLAIN, "population"),
        (found("service", "slow", "latency", p95=90.0), DEPLOYED, "deployed"),
        (found("service", "slow", "latency", p95=90.0), PLAIN, "overload"),
        (found("service", "errors", "errors", kinds={"invalid_rows": 9}), PLAIN, "callers"),
        (found("service", "errors", "errors", kinds={"model_failed": 9}), PLAIN, "model_fails"),
        (found("service", "errors", "errors", kinds={"model_failed": 9}), DEPLOYED, "deployed"),
        (found("accuracy", "worse", "roc_auc"), PLAIN, "meaning_changed"),
        (found("accuracy", "worse", "roc_auc"), DEPLOYED, "deployed"),
        (found("humility", "in_doubt", "fired"), PLAIN, "unlike_training"),
    ],
)
def test_the_first_cause_is_the_likeliest(finding, evidence, why):
    causes = diagnose(finding, evidence)
    assert causes[0].why == why
    assert sum(cause.likelihood for cause in causes) == pytest.approx(1, abs=0.01)
    assert causes[0].likelihood < 1
    assert all(word.startswith("%mlops ") for cause in causes for word in cause.next)


def test_accuracy_that_fell_while_inputs_moved_points_at_the_inputs():
    moved = found("drift", "distribution")
    told = diagnose(
        found("accuracy", "worse", "roc_auc"),
        Evidence("shop", "churn:2", others=(moved,), labelled=0.2),
    )
    assert [cause.why for cause in told] == ["inputs_moved", "labels_late", "chance", "other"]


def test_after_a_deploy_the_next_word_is_the_way_back():
    told = diagnose(found("service", "slow", "latency"), DEPLOYED)[0]
    assert told.next == ("%mlops rollback shop", "%mlops compare churn:1 churn:2")
