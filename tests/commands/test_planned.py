"""What a file in a repository asks for is planned, then done as far as nobody has to decide."""

import json
import subprocess
import sys

import pytest

from jupyter_mlops import formats, open_workspace
from jupyter_mlops.errors import MlopsError
from stories import tumours

PLAN = """
models:
  tumour:
    file: models/tumour.skops
    train: data/train.parquet
    holdout: data/holdout.csv
    target: target
    risk: moderate
    owner: Ann
    tags: [breast]
deployments:
  clinic:
    model: tumour
    rules: rules.yaml
    reason: as planned
"""


@pytest.fixture
def repository(tmp_path):
    """A repository with a model, its data, rules and a plan, committed."""
    folder = tmp_path / "repository"
    for name in ("models", "data"):
        (folder / name).mkdir(parents=True)
    model, train, holdout = tumours()
    (folder / "models/tumour.skops").write_bytes(formats.pack(model).data)
    train.to_parquet(folder / "data/train.parquet")
    holdout.to_csv(folder / "data/holdout.csv", index=False)
    (folder / "rules.yaml").write_text("objectives: {latency_p95_ms: 200}\n")
    (folder / "mlops.yaml").write_text(PLAN)
    git(folder, "init", "--quiet")
    committed(folder)
    return folder


@pytest.fixture
def session(tmp_path):
    """A session in an empty workspace."""
    with open_workspace(tmp_path / "workspace") as session:
        yield session
        session.stop()


def git(folder, *words):
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(
        ["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def committed(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "as it is")
    return git(folder, "rev-parse", "HEAD")


def told(plan):
    return [(item["does"], item["subject"], item["done"]) for item in plan["items"]]


def test_a_plan_changes_nothing_and_apply_goes_as_far_as_nobody_has_to_decide(session, repository):
    file = str(repository / "mlops.yaml")
    todo = [
        ("register", "tumour", False),
        ("request", "tumour:1 → clinic", False),
        ("wait", "clinic", False),
    ]
    assert told(session.plan(file)) == told(session.plan(file)) == todo
    assert session.models().to_dict()["items"] == []
    first = session.apply(file)
    assert told(first) == [
        ("register", "tumour", True),
        ("request", "tumour:1 → clinic", True),
        ("wait", "tumour:1 → clinic", False),
        ("wait", "clinic", False),
    ]
    assert first["commit"] == git(repository, "rev-parse", "HEAD")
    assert not first["dirty"]
    (asked,) = session.requests().to_dict()["items"]
    assert (asked["reason"], asked["state"]) == ("as planned", "open")
    assert told(session.apply(file))[1] == ("wait", "tumour:1 → clinic", False)
    session.approve(asked["id"])
    assert told(session.plan(file))[1] == ("deploy", "tumour:1 → clinic", False)
    second = session.apply(file)
    assert told(second) == [
        ("keep", "tumour:1", False),
        ("deploy", "tumour:1 → clinic", True),
        ("rules", "clinic", True),
    ]
    assert session.rules("clinic").objectives["latency_p95_ms"] == 200
    third = session.apply(file)
    assert {item["does"] for item in third["items"]} == {"keep"}
    assert "as the file says" in repr(third)
    session.policy("careful", "for: {subject: rules}\nasks: {approvers: 2}")
    (repository / "rules.yaml").write_text("objectives: {latency_p95_ms: 100}\n")
    assert told(session.apply(file))[-1] == ("wait", "clinic", False)
    assert session.requests("rules:clinic").items[0]["state"] == "open"
    version = session.show("tumour:1").to_dict()
    told_of = version["lineage"]["git"]
    assert (told_of["commit"], told_of["dirty"]) == (first["commit"], False)
    assert told_of["path"] == "models/tumour.skops"
    assert (version["owner"], version["tags"]) == ("Ann", ["breast"])


def test_another_file_is_another_version_and_a_commit_is_taken_as_it_was(session, repository):
    file = str(repository / "mlops.yaml")
    before = git(repository, "rev-parse", "HEAD")
    session.apply(file)
    model, train, _ = tumours()
    other = model.fit(train.drop(columns="target").iloc[:200], train["target"].iloc[:200])
    try:
        (repository / "models/tumour.skops").write_bytes(formats.pack(other).data)
    finally:
        tumours.cache_clear()
    plan = session.plan(file)
    assert told(plan)[:2] == [
        ("register", "tumour", False),
        ("request", "tumour:2 → clinic", False),
    ]
    assert plan["dirty"]
    then = session.plan(file, commit=before)
    assert told(then)[0] == ("keep", "tumour:1", False)
    assert (then["commit"], then["dirty"]) == (before, False)
    assert told(session.apply(file, commit=committed(repository)))[0][2]
    assert git(repository, "worktree", "list").count("\n") == 0
    train.iloc[:300].to_parquet(repository / "data/train.parquet")
    assert "data are others" in session.plan(file)["items"][0]["because"]


def test_what_was_rejected_is_not_asked_for_again(session, repository):
    file = str(repository / "mlops.yaml")
    session.apply(file)
    session.reject(session.requests().to_dict()["items"][0]["id"], comment="no")
    plan = session.apply(file)
    assert told(plan)[1] == ("wait", "tumour:1 → clinic", False)
    assert "rejected" in plan["items"][1]["because"]
    assert len(session.requests().to_dict()["items"]) == 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "mapping"),
        ("- a", "mapping"),
        ("models: [a]", "models"),
        ("modles: {}", "models"),
        ("models: {}", "models"),
        ("models: {tumour: {}}", "models.tumour.file"),
        ("models: {'<b>': {file: a}}", "<b>"),
        ("models: {tumour: {file: 3}}", "models.tumour.file"),
        ("models: {tumour: {file: nowhere.skops}}", "nowhere.skops"),
        ("models: {tumour: {file: models}}", "models"),
        ("models: {tumour: {file: mlops.yaml, traim: x}}", "traim"),
        ("models: {tumour: {file: mlops.yaml, risk: some}}", "risk"),
        ("models: {tumour: {file: mlops.yaml, tags: credit}}", "tags"),
        ("models: {tumour: {file: mlops.yaml}}", "model file"),
        ("deployments: {clinic: {}}", "deployments.clinic.model"),
        ("deployments: {clinic: {model: nothing}}", "nothing"),
        ("deployments: {clinic: {model: 'a:0'}}", "deployments.clinic.model"),
        ("deployments: {clinic: {model: a, role: king}}", "role"),
        ("deployments: {clinic: {model: a, rules: nowhere.yaml}}", "nowhere.yaml"),
        ("a: &b c\nd: *b", "alias"),
        ("models: {}\nmodels: {}", "twice"),
        ("x: !!python/object/apply:os.system ['true']", "python"),
        ("\x00", "special characters"),
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_a_hint(session, repository, text, named):
    (repository / "mlops.yaml").write_text(text)
    with pytest.raises(MlopsError) as error:
        session.apply(str(repository / "mlops.yaml"))
    assert named in str(error.value)
    assert error.value.hint
    assert session.audit("registration").to_dict()["items"] == []


def test_no_hook_of_a_repository_runs_when_it_is_only_looked_at(session, repository, tmp_path):
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    hook.chmod(0o755)
    assert session.plan(str(repository / "mlops.yaml"), commit="HEAD")["items"]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("commit", ["nowhere", "--upload-pack=true", "HEAD; true", "a" * 500, "-"])
def test_a_commit_that_is_none_is_refused(session, repository, commit):
    with pytest.raises(MlopsError, match="commit") as error:
        session.plan(str(repository / "mlops.yaml"), commit=commit)
    assert error.value.hint


def test_a_file_that_is_not_there_or_in_no_repository(session, repository, tmp_path):
    with pytest.raises(MlopsError, match=r"mlops\.yaml"):
        session.plan(str(tmp_path / "mlops.yaml"))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone/mlops.yaml").write_text("deployments: {clinic: {model: 'tumour:1'}}")
    plan = session.plan(str(tmp_path / "alone/mlops.yaml"))
    assert (plan["commit"], plan["dirty"]) == ("", False)
    assert told(plan) == [("request", "tumour:1 → clinic", False)]


def test_a_terminal_plans_beside_the_file(session, repository):
    words = [sys.executable, "-m", "jupyter_mlops", "--workspace", session.where, "plan"]
    done = subprocess.run(words, cwd=repository, check=True, capture_output=True, text=True)
    assert "Steps to take: 2" in done.stdout
    assert "tumour:1 → clinic" in done.stdout
    as_json = [*words[:-1], "--json", "plan"]
    done = subprocess.run(as_json, cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        assert json.loads(done.stdout)["items"]
