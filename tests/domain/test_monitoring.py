"""What is watched is written strictly, and nothing that was written is lost."""

import json
from pathlib import Path

import pytest
import yaml

from jupyter_mlops.domain.monitoring import DEFAULT, Monitoring, kept, read
from jupyter_mlops.errors import Invalid

WHOLE = {
    "every": "day",
    "false_alarms": 0.5,
    "rows": 200,
    "psi": [0.15, 0.3],
    "missing": [0.1, 0.4],
    "features": {"age": {"psi": [0.3, 0.6]}, "plan": {"missing": [0.01, 0.02]}},
    "exclude": ["note"],
    "star": ["age"],
    "accuracy": {"roc_auc": [0.8, 0.7], "log_loss": [0.4, 0.6]},
    "humility": [0.05, 0.2],
    "burn": [3, 10],
    "resolve_after": 4,
    "keep_days": 90,
    "alerts": {"drift": {"warning": "none", "failing": "warning"}, "humility": "none"},
    "webhook": "ops",
}
FEATURES = ["age", "plan", "note"]


def test_what_nobody_wrote_has_its_value():
    assert read({}, features=FEATURES) == DEFAULT == Monitoring()
    assert DEFAULT.severity("drift", "failing") == "critical"


def test_all_that_was_written_comes_back_from_json():
    found = read(WHOLE, features=FEATURES)
    assert kept(json.loads(json.dumps(found.to_dict()))) == found
    assert found.features["age"]["psi"] == (0.3, 0.6)
    assert found.severity("drift", "warning") is None
    assert found.severity("drift", "failing") == "warning"
    assert found.severity("humility", "failing") is None
    assert found.severity("service", "failing") == "critical"


def test_the_rules_of_the_documentation_are_rules():
    docs = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    text = docs.split("```yaml")[1].partition("```")[0].partition("churn-prod\n")[2]
    told = yaml.safe_load(text)["monitoring"]
    found = read(told, features=["income", "campaign"])
    assert set(told) == set(Monitoring.__dataclass_fields__)
    plain = {
        name: told[name] for name in ("every", "false_alarms", "rows", "psi", "missing", "burn")
    }
    assert read(plain, features=[]) == DEFAULT
    assert found.severity("quality", "failing") is None


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"fals_alarms": 1}, "did you mean false_alarms?"),
        ({"every": "hours"}, "did you mean hour?"),
        ({"star": ["agee"]}, "did you mean age?"),
        ({"features": {"plann": {}}}, "did you mean plan?"),
        ({"features": {"age": {"psy": [1, 2]}}}, "did you mean psi?"),
        ({"accuracy": {"roc_acu": [0.8, 0.7]}}, "did you mean roc_auc?"),
        ({"alerts": {"drfit": "none"}}, "did you mean drift?"),
        ({"alerts": {"drift": {"failing": "critcal"}}}, "did you mean critical?"),
        ({"alerts": {"drift": {"passing": "info"}}}, "passing is nothing that drift knows"),
        ({"psi": [0.3, 0.1]}, "the one for a warning before the one for failing"),
        ({"accuracy": {"roc_auc": [0.7, 0.8]}}, "before the one for failing"),
        ({"accuracy": {"rmse": [2, 1]}}, "before the one for failing"),
        ({"psi": 0.3}, "two numbers"),
        ({"rows": True}, "a whole number from 10"),
        ({"rows": 30.5}, "a whole number from 10"),
        ({"false_alarms": 0}, "a number from 0.001"),
        ({"exclude": "age"}, "a list of features"),
        ({"webhook": 7}, "the name of a webhook"),
        ([], "monitoring has to be a mapping"),
        ({7: 1}, "7 is nothing that monitoring knows"),
    ],
)
def test_what_cannot_be_meant_is_said_so(told, says):
    with pytest.raises(Invalid) as refused:
        read(told, features=FEATURES)
    assert refused.value.code == "rules_invalid"
    assert says in str(refused.value)
