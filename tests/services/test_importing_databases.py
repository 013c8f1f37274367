"""MLflow's registry in a database, of whatever version it is, is only read."""

import sqlite3

import pytest

from jupyter_mlops.errors import Invalid
from mlflowed import RUN, tree, version

SCHEMA = """
CREATE TABLE registered_models (name VARCHAR(256), creation_time BIGINT, description TEXT);
CREATE TABLE model_versions (name VARCHAR(256), version INTEGER, creation_time BIGINT,
  current_stage VARCHAR(20), source VARCHAR(500), run_id VARCHAR(32), user_id VARCHAR(256));
CREATE TABLE model_version_tags (key VARCHAR(250), value TEXT, name VARCHAR(256), version INTEGER);
CREATE TABLE runs (run_uuid VARCHAR(32), name VARCHAR(250), start_time BIGINT, status VARCHAR(9));
CREATE TABLE params (key VARCHAR(250), value TEXT, run_uuid VARCHAR(32));
CREATE TABLE latest_metrics (key VARCHAR(250), value FLOAT, is_nan BOOLEAN, run_uuid VARCHAR(32));
INSERT INTO registered_models VALUES ('churn', 1795734392484, 'who leaves');
INSERT INTO model_versions VALUES
  ('churn', 1, 1795734392486, 'Staging', 'file:///x/0/RUN/artifacts/model', 'RUN', 'ann'),
  ('churn', 2, 1795734392487, 'Deleted_Internal', 'REDACTED', NULL, NULL);
INSERT INTO model_version_tags VALUES ('checked', 'yes', 'churn', 1);
INSERT INTO runs VALUES ('RUN', 'first', 1795734390365, 'FINISHED');
INSERT INTO params VALUES ('C', '1.0', 'RUN');
INSERT INTO latest_metrics VALUES ('accuracy', 0.9, FALSE, 'RUN'), ('never', 0, TRUE, 'RUN');
""".replace("RUN'", f"{RUN}'").replace("/RUN/", f"/{RUN}/")


def in_sqlite(place, schema=SCHEMA):
    place.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(place)
    connection.executescript(schema)
    connection.close()
    return place


def test_a_database_of_an_older_version_is_read_with_the_files_beside_it(here, tmp_path, skops):
    tree(tmp_path / "mlruns", version(files=skops))
    place = in_sqlite(tmp_path / "mlflow.db")
    before = place.read_bytes()
    rows = here.import_mlflow(f"sqlite:///{place}", artifacts=str(tmp_path / "mlruns"))
    assert [(row["was"], row["outcome"]) for row in rows.to_dict()["items"]] == [
        ("churn:1", "registered")
    ]
    told = here.show("churn:1").lineage["elsewhere"]
    assert (told["stage"], told["tags"], told["registered_by"]) == (
        "Staging",
        {"checked": "yes"},
        "ann",
    )
    assert told["run"]["metrics"] == {"accuracy": 0.9}
    assert place.read_bytes() == before


def test_a_database_of_postgresql_is_read(here, schema, tmp_path, skops):
    import psycopg

    tree(tmp_path / "mlruns", version(files=skops))
    address = schema.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(SCHEMA)
    rows = here.import_mlflow(address, artifacts=str(tmp_path / "mlruns")).to_dict()
    assert [row["outcome"] for row in rows["items"]] == ["registered"]
    assert [row["outcome"] for row in here.import_mlflow(address).to_dict()["items"]] == ["known"]


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE other (x)",
        "CREATE TABLE registered_models (name); CREATE TABLE model_versions (name, version)",
        "CREATE TABLE registered_models (name); CREATE VIEW model_versions AS WITH RECURSIVE"
        " n(run_id, name, version) AS (SELECT 1, 1, 1 UNION ALL SELECT run_id, name, version + 1"
        " FROM n) SELECT * FROM n",
    ],
)
def test_a_database_with_another_schema_is_refused_with_the_way_out(untouched, tmp_path, schema):
    with pytest.raises(Invalid) as refused:
        untouched.import_mlflow(str(in_sqlite(tmp_path / "mlflow.db", schema)))
    assert refused.value.code == "mlflow_schema"
    assert "mlflow db upgrade" in refused.value.hint


def test_rows_that_fit_nothing_are_skipped(here, tmp_path):
    odd = "INSERT INTO model_versions (name, version) VALUES ('none', 1), ('churn', 'x'), ('churn', -1)"
    rows = here.import_mlflow(str(in_sqlite(tmp_path / "mlflow.db", SCHEMA + odd))).to_dict()[
        "items"
    ]
    assert [row["outcome"] for row in rows] == ["skipped"] * 3 + ["recorded"]
