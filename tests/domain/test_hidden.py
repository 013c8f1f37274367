"""What a kernel came to against what its notebook would come to, cell by cell."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from jupyter_mlops.domain import sources
from jupyter_mlops.domain.hidden import Execution, Notebook, Saved, judged
from jupyter_mlops.domain.provenance import Ran
from jupyter_mlops.domain.redacted import redacted, without_login
from jupyter_mlops.domain.statements import registering, steps, wanted

CELLS = [
    "import pandas as pd\nfrom sklearn.linear_model import LogisticRegression",
    "df = pd.read_csv('a.csv')",
    "df = df.dropna()",
    "model = LogisticRegression()\nmodel.fit(df[['x']], df['y'])",
    "v = %mlops register model --name m --train df --target y",
]
SAVED = Notebook([Saved(f"c{n}", source) for n, source in enumerate(CELLS)], "2026-01-01")


def ran(order, **changed):
    """Return executions of cells in an order; those that were changed ran with another text."""
    return [
        Execution(Ran(n, changed.get(f"c{i}", CELLS[i])), f"c{i}", n + 1, f"2026-01-02T00:{n:02d}")
        for n, i in enumerate(order)
    ]


def whys(order, notebook=SAVED, **changed):
    """Return what was found, and why."""
    found = judged(ran(order, **changed), notebook)
    return found.state, [(one.why, one.id) for one in found.findings]


@pytest.mark.parametrize(
    "order",
    [
        [0, 1, 2, 3, 4],
        [0, 1, 2, 3, 3, 4],
        [0, 0, 1, 2, 3, 4],
        [0, 1, 2, 3, 1, 2, 3, 4],
        [0, 1, 3, 2, 1, 2, 3, 4],
    ],
)
def test_what_the_top_gives_as_well_is_clean_however_it_was_run(order):
    assert whys(order) == ("clean", [])


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([0, 1, 2, 2, 3, 4], [("repeated", "c2")]),
        ([0, 1, 3, 4], [("not run", "c2")]),
        ([0, 1, 3, 2, 4], [("out of order", "c2")]),
    ],
)
def test_what_the_top_would_not_give_is_found(order, found):
    assert whys(order) == ("hidden", found)


@pytest.mark.parametrize(
    ("saved_at", "state", "why"),
    [("2026-01-03", "hidden", "edited"), ("2026-01-01", "unknown", "unsaved")],
)
def test_an_edited_cell_is_told_from_one_that_is_not_saved_yet(saved_at, state, why):
    notebook = replace(SAVED, saved_at=saved_at)
    assert whys([0, 1, 2, 3, 4], notebook, c2="df = df.fillna(0)") == (state, [(why, "c2")])


def test_a_comment_that_was_added_later_is_no_hidden_state():
    cells = [replace(cell, source=f"# new\n\n{cell.source}") for cell in SAVED.cells]
    assert whys([0, 1, 2, 3, 4], Notebook(cells, "2026-01-03")) == ("clean", [])


def test_a_deleted_cell_is_found():
    cells = [cell for cell in SAVED.cells if cell.id != "c2"]
    assert whys([0, 1, 2, 3, 4], Notebook(cells, "2026-01-03")) == ("hidden", [("deleted", "c2")])


def test_cells_without_ids_are_told_apart_by_their_text():
    executions = [replace(one, id="") for one in ran([0, 1, 2, 2, 3, 4])]
    found = judged(executions, Notebook([Saved("", cell) for cell in CELLS], "2026-01-01"))
    assert [one.why for one in found.findings] == ["repeated"]


def test_a_cell_that_raised_counts_up_to_the_line_that_raised():
    cells = ran([0, 1, 2, 2, 3, 4])
    cells[2] = replace(cells[2], ran=replace(cells[2].ran, until_line=1))
    assert judged(cells, SAVED).state == "clean"


def test_a_record_that_is_not_whole_proves_nothing():
    found = judged(ran([0, 1, 2, 3, 4]), SAVED, is_whole=False)
    assert (found.state, [one.why for one in found.findings]) == ("unknown", ["incomplete"])


def test_only_cells_that_had_a_part_are_needed():
    cells = ["x = 1", *CELLS, "y = 2"]
    order = [0, 1, 6, 2, 3, 4, 5]
    executions = [Execution(Ran(n, cells[i])) for n, i in enumerate(order)]
    assert judged(executions, None).needed == (1, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("n = 0", "n += 1"),
        ("rows = []", "rows.append(1)"),
        ("df = 1", "df['a'] = df['a'] + 1"),
        ("df = 1", "prepare(df)"),
        ("def f(): return g()\ng = 1", "g = g + 1\nn = f()"),
    ],
)
def test_what_grows_each_time_it_runs_is_found(before, after):
    last = "ws.register(n, name='m', train=(rows, df))"
    cells = ["n = rows = df = 0", before, after, last]
    notebook = Notebook([Saved(f"c{n}", cell) for n, cell in enumerate(cells)], "2026")
    once, twice = (
        [Execution(Ran(n, cells[i]), f"c{i}") for n, i in enumerate(order)]
        for order in ([0, 1, 2, 3], [0, 1, 2, 2, 3])
    )
    assert judged(once, notebook).state == "clean"
    assert judged(twice, notebook).state == "hidden"


@pytest.mark.parametrize(
    "cell", ["df.head()", "print(df)", "df['b'] = df['a'] * 2", "%time df.sum()"]
)
def test_looking_twice_changes_nothing(cell):
    cells = ["df = load()", cell, "ws.register(m, name='m', train=df)"]
    notebook = Notebook([Saved(f"c{n}", one) for n, one in enumerate(cells)], "2026")
    executions = [Execution(Ran(n, cells[i]), f"c{i}") for n, i in enumerate([0, 1, 1, 2])]
    assert judged(executions, notebook).state == "clean"


@pytest.mark.parametrize(
    "cell",
    ["%%bash\nrm -rf x", "def (", "%%mlops rules clinic\nhumility: []", "x = !ls", "?pd", "a" * 10**6,
     "(" * 5000, "x = 1" + "+1" * 20_000, "x = " + "-" * 3000 + "1", "pd.read_csv(" + "f(" * 150 + ")" * 151, "\ud800 = 1", "", "%", "%%", "x = %%y"],
)  # fmt: skip
def test_no_cell_is_too_strange_to_be_read(cell):
    assert isinstance(steps(cell), tuple)
    judged([Execution(Ran(0, cell)), Execution(Ran(1, CELLS[-1]))], None)


def test_the_register_line_is_about_its_model_and_frames():
    found = steps("v = %mlops register {m[0]} --name train --train df --target y --holdout {t.a}")
    assert wanted(found[registering(found) or 0]) == {"m", "df", "t", "a"}


def test_files_queries_and_packages_are_told_apart():
    code = (
        "a = pd.read_csv(DATA / 'x.csv')\nb = pd.read_sql('select 1', con)\n"
        "c = pl.scan_parquet('s3://key:secret@bucket/y.parquet')\nd = load_iris()\n"
        "e = pd.read_csv(make_path())\nf = duckdb.sql(\"select * from 'z.parquet'\")"
    )
    found = sources.sources(ast.parse(code).body, {"DATA": "/data"})
    assert [(one.kind, one.said) for one in found] == [
        ("file", "/data/x.csv"),
        ("query", "select 1"),
        ("address", "s3://bucket/y.parquet"),
        ("package", "load_iris"),
        ("file", None),
        ("query", "select * from 'z.parquet'"),
    ]


def test_a_name_that_is_bound_twice_says_nothing():
    nodes = ast.parse("a = 'x'\nb = 'y'\nfor part in ('1', '2'):\n    b = part").body
    assert sources.bound_once(nodes) == {"a"}


@pytest.mark.parametrize(
    "text",
    [
        "password = 'hunter2'",
        'os.environ["AWS_SECRET_ACCESS_KEY"] = "hunter2"',
        "connect(user='ann', password='hunter2')",
        "{'api_key': 'hunter2'}",
        "'postgresql://ann:hunter2@db/x'",
        "'Authorization: Bearer hunter2hunter2hunter2'",
        "get('https://a.example/?token=hunter2')",
        'token = """hunter2"""',
        "os.environ.setdefault('DB_PASSWORD', 'hunter2')",
    ],
)
def test_obvious_secrets_are_left_out(text):
    assert "hunter2" not in redacted(text)


@pytest.mark.parametrize(
    "text",
    ["tokenizer = 'bert'", "token_count = 3", "if token == other: pass", "x = 'a@b.example'"],
)
def test_what_is_no_secret_stays(text):
    assert redacted(text) == text


def test_redacting_takes_no_longer_for_hostile_text():
    assert len(redacted("password='" * 20_000)) > 1000
    assert without_login("https://" + "a" * 10_000 + "@x.example/y") == "https://x.example/y"
