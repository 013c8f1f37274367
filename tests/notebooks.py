"""Notebooks on disk whose cells are executed in any order, as JupyterLab executes them."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

TESTS = Path(__file__).parent
ADULT = [
    "%load_ext jupyter_mlops",
    "import os\nfrom pathlib import Path\nimport pandas as pd\nDATA = Path(os.environ['ADULT'])",
    "names = ['age', 'workclass', 'fnlwgt', 'education', 'education_num', 'marital_status',\n"
    "         'occupation', 'relationship', 'race', 'sex', 'capital_gain', 'capital_loss',\n"
    "         'hours_per_week', 'native_country', 'income']\n"
    "how = dict(names=names, skipinitialspace=True, na_values='?')",
    "train_df = pd.read_csv(DATA / 'adult-train.csv', **how)",
    "test_df = pd.read_csv(DATA / 'adult-test.csv', **how)",
    "test_df['income'] = test_df['income'].str.rstrip('.')",
    "train_df = train_df.dropna(subset=['workclass'])",
    "from stories import incomes\nmodel, features = incomes(train_df)",
    "v = %mlops register model --name income --train train_df --target income --holdout test_df",
]
IDS = ["load", "paths", "names", "train", "test", "mend", "drop", "fit", "register"]


def tumour(*, drop="train_df = train_df[train_df['mean radius'] > 8]"):
    """Return the cells of a quick story, with one that changes the training data."""
    return {
        "load": "%load_ext jupyter_mlops",
        "data": "from stories import tumours\nmodel, train_df, test_df = tumours()",
        "drop": drop,
        "fit": "model.fit(train_df.drop(columns='target'), train_df['target'])",
        "register": "v = %mlops register model --name tumour --train train_df --target target"
        " --holdout test_df",
        "show": "v",
    }


class Notebook(NotebookClient):
    """Executes cells by id, telling the kernel which one it is."""

    async def async_execute_cell(self, cell, cell_index, **options):
        """Execute a cell, telling the kernel its id."""
        make = self.kc.session.msg
        about = {"metadata": {"cellId": cell["id"]}} if self.with_ids else {}
        self.kc.session.msg = lambda kind, content=None, **more: make(
            kind, content, **{**more, **(about if kind == "execute_request" else {})}
        )
        try:
            return await super().async_execute_cell(cell, cell_index, **options)
        finally:
            self.kc.session.msg = make

    execute_cell = run_sync(async_execute_cell)


def written(path, cells):
    """Write a notebook with these cells, by id, and return it."""
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source, id=id) for id, source in cells.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)
    return made


def executed(path, cells, order=None, *, with_path=True, with_ids=True, meanwhile=None, **environ):
    """Write a notebook, execute its cells in some order, and return what each showed as text.

    ``meanwhile`` maps the id of a cell to what is done to the file before it runs.
    """
    book = written(path, cells)
    client = Notebook(book, timeout=240, kernel_name="python3")
    client.with_ids = with_ids
    client.resources = {"metadata": {"path": str(path.parent)}}
    told = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
        "JUPYTER_MLOPS_WORKSPACE": str(path.parent / "workspace"),
        "JUPYTER_MLOPS_LANGUAGE": "en",
        **({"JPY_SESSION_NAME": str(path)} if with_path else {}),
        **environ,
    }
    told = told if with_path else {k: v for k, v in told.items() if k != "JPY_SESSION_NAME"}
    place = {cell["id"]: n for n, cell in enumerate(book.cells)}
    shown = {}
    with client.setup_kernel(env=told):
        for id in order or list(cells):
            if meanwhile and id in meanwhile:
                meanwhile[id](path)
            cell = book.cells[place[id]]
            client.execute_cell(cell, place[id])
            shown[id] = "".join(
                out.get("data", {}).get("text/plain", "") or out.get("text", "")
                for out in cell.get("outputs", ())
            )
    return shown


def opened(path):
    """Open the workspace beside a notebook."""
    from jupyter_mlops import open_workspace

    return open_workspace(path.parent / "workspace")
