"""What a reviewer and a leader do, in a real browser on a real Jupyter server."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import asdict

import httpx
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from sklearn.base import clone

from jupyter_mlops import open_workspace
from jupyter_mlops.domain.alerts import Finding
from jupyter_mlops.domain.diagnosis import Evidence, diagnose
from jupyter_mlops.services.workspace import open_local
from jupyter_mlops.store import tables
from stories import approved_again, registered, tumours

pytestmark = pytest.mark.browser
TOKEN = "journey"
HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab on a workspace where one request waits; returns its address."""
    folder = tmp_path / "workspace"
    session = open_workspace(folder)
    registered(session, owner="Clinical data team", purpose=HOSTILE)
    session.request("tumour:1", for_deployment="clinic", reason=HOSTILE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "notebooks").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
         "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"],
        cwd=tmp_path / "notebooks",
        env={**os.environ, "JUPYTER_MLOPS_WORKSPACE": str(folder),
             "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
             "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            if httpx.get(f"{url}/api/status?token={TOKEN}").status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.1)
    yield url, session
    session.stop()
    process.kill()
    process.wait(timeout=20)


@pytest.fixture
def page(chromium):
    """A page that records dialogs and requests to anywhere else."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.strangers = []
    page.on(
        "request",
        lambda request: (
            None
            if re.match(r"(https?|wss?)://127\.0\.0\.1|data:|blob:|about:", request.url)
            else page.strangers.append(request.url)
        ),
    )
    page.on("dialog", lambda dialog: page.strangers.append(dialog.message))
    yield page
    context.close()


def open_panel(page, url):
    page.goto(f"{url}/lab?token={TOKEN}")
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
    page.locator(".jp-SideBar .lm-TabBar-tab[data-id='jupyter-mlops-panel']").click()
    page.wait_for_selector(".jp-mlops-header", timeout=30_000)


def darken(page):
    page.get_by_role("menuitem", name="Settings").click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.wait_for_selector("body[data-jp-theme-light='false']", state="attached")


def test_a_reviewer_approves_in_the_panel_and_sees_it_go_live(lab, page, artefacts):
    url, _ = lab
    open_panel(page, url)
    page.locator(".jp-mlops-row-head", has_text="tumour:1 → clinic").click()
    page.wait_for_selector("text=Self-recorded, not independent")
    page.screenshot(path=artefacts / "panel-request.png")
    page.get_by_label("Comment", exact=True).fill("looks right")
    page.get_by_role("button", name="Approve", exact=True).click()
    page.get_by_role("button", name="Deploy", exact=True).click()
    row = page.locator(".jp-mlops-row[data-row='clinic'] .jp-mlops-row-head")
    row.wait_for(timeout=60_000)
    row.click()
    page.wait_for_selector(".jp-mlops-row[data-row='clinic'] .jp-mlops-chip:has-text('tumour:1')")
    page.screenshot(path=artefacts / "panel-live.png")
    page.get_by_role("button", name="Open its page").click()
    inside = page.frame_locator("#jupyter-mlops-dashboard-deployment-clinic iframe")
    inside.get_by_text("tumour:1").first.wait_for(timeout=120_000)
    page.screenshot(path=artefacts / "panel-page.png")
    assert page.title() != "1"
    assert page.strangers == []


def test_a_reviewer_asks_for_changes_and_a_decision_is_withdrawn(lab, page, artefacts):
    url, session = lab
    session.approve(1)
    session.deploy("tumour:1", to="clinic")
    _, train, holdout = tumours()
    model = clone(tumours()[0]).set_params(logisticregression__C=0.01)
    model.fit(train.drop(columns="target"), train["target"])
    session.register(model, name="tumour", train=train, target="target", holdout=holdout)
    session.request("tumour:2", for_deployment="clinic", reason=HOSTILE, apply=True)
    session.comment(2, HOSTILE * 3)
    open_panel(page, url)
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.locator(".jp-mlops-row-head", has_text="tumour:2 → clinic").click()
    card = page.locator(".jp-mlops-row[data-row='2']")
    since = card.get_by_label("Since your last word")
    since.get_by_text("You last decided about tumour:1.").wait_for()
    card.get_by_text("It is deployed as soon as it is approved.").wait_for()
    assert card.get_by_role("button", name="Ask for changes").is_disabled()
    card.get_by_label("Comment", exact=True).fill("the holdout is too small")
    card.get_by_role("button", name="Ask for changes").click()
    card.get_by_text("changes are asked for", exact=False).last.wait_for()
    card.get_by_role("button", name="Changes settled").wait_for()
    page.screenshot(path=artefacts / "panel-changes-asked.png")
    darken(page)
    narrow(page, 300)
    page.screenshot(path=artefacts / "panel-changes-asked-dark.png")
    box = card.bounding_box()
    outside = "e => [...e.querySelectorAll('*')].filter(x => x.getBoundingClientRect().right > "
    assert box["width"] <= 300
    assert card.evaluate(f"{outside}{box['x'] + box['width'] + 1}).length") == 0
    card.get_by_label("Comment", exact=True).fill("it is large enough")
    card.get_by_role("button", name="Changes settled").click()
    card.get_by_role("button", name="Ask for changes").wait_for()
    card.get_by_role("button", name="Approve", exact=True).click()
    card.get_by_text("tumour:2 was carried out to clinic at once").wait_for(timeout=60_000)
    card.get_by_role("button", name="Withdraw …").click()
    card.get_by_role("button", name="Withdraw my approval").click()
    card.get_by_text("clinic is back at tumour:1.").wait_for(timeout=60_000)
    page.screenshot(path=artefacts / "panel-withdrawn-dark.png")
    assert session.deployments("clinic").items[0]["version"] == "tumour:1"
    assert page.title() != "1"
    assert page.strangers == []


def narrow(page, width):
    """Draw the side panel to a width, as somebody does with the mouse."""
    edge = page.locator(".jp-mlops-panel").bounding_box()
    at = edge["x"] + edge["width"] + 1
    page.mouse.move(at, 500)
    page.mouse.down()
    page.mouse.move(edge["x"] + width, 500, steps=5)
    page.mouse.up()


def test_a_reviewer_sees_what_a_version_is_before_deciding(lab, page, artefacts):
    url, session = lab
    session.approve(1)
    session.deploy("tumour:1", to="clinic")
    model, train, holdout = tumours()
    model = clone(model).set_params(logisticregression__C=0.0001)
    model.fit(train.drop(columns="target"), train["target"])
    session.register(model, name="tumour", train=train, target="target", holdout=holdout)
    session.request("tumour:2", for_deployment="clinic", reason=HOSTILE)
    open_panel(page, url)
    page.locator(".jp-mlops-row-head", has_text="tumour:2 → clinic").click()
    card = page.locator(".jp-mlops-row[data-row='2']")
    card.locator("summary", has_text="Compare").click()
    page.wait_for_selector(".jp-mlops-verdict", timeout=120_000)
    assert "same 219 rows" in card.locator(".jp-mlops-verdict").inner_text()
    card.locator("summary", has_text="parameters").click()
    card.get_by_text("1.0 → 0.0001").wait_for()
    card.locator("summary", has_text="Lineage").click()
    picture = card.locator(".jp-mlops-picture img")
    picture.wait_for(timeout=60_000)
    assert "tumour:2" in picture.get_attribute("alt")
    card.locator("summary", has_text="Papers").click()
    card.get_by_text("of 24 questions answered").first.wait_for(timeout=60_000)
    card.get_by_role("button", name="Open it", exact=True).click()
    paper = page.frame_locator(".jp-mlops-page iframe")
    paper.get_by_text("tumour:2").first.wait_for(timeout=60_000)
    page.screenshot(path=artefacts / "panel-version.png")
    card.get_by_role("button", name="Markdown", exact=True).click()
    card.get_by_role("button", name="tumour-2-annex-iv.md").wait_for(timeout=60_000)
    assert [row["action"] for row in session.audit("tumour:2", limit=2)].count(
        "document:writing:written"
    ) == 2
    assert page.title() != "1"
    assert page.strangers == []


def test_the_panel_says_what_is_tried_out_beside_the_champion(lab, page, artefacts):
    url, session = lab
    session.approve(1)
    session.deploy("tumour:1", to="clinic")
    approved_again(session, 0.01)
    session.deploy("tumour:2", to="clinic", share=0.1)
    open_panel(page, url)
    page.locator(".jp-mlops-row[data-row='clinic'] .jp-mlops-row-head").click()
    page.wait_for_selector("text=tumour:2 answers 10 % of the cases.")
    page.screenshot(path=artefacts / "panel-canary.png")
    approved_again(session, 0.5, role="challenger")
    session.deploy("tumour:3", to="clinic", role="challenger")
    darken(page)
    page.set_viewport_size({"width": 640, "height": 800})
    page.wait_for_selector("text=tumour:3", timeout=60_000)
    page.screenshot(path=artefacts / "panel-canary-dark.png")


def test_the_panel_is_native_in_dark_and_when_narrow(lab, page, artefacts):
    url, _ = lab
    open_panel(page, url)
    darken(page)
    page.locator(".jp-mlops-row-head", has_text="tumour").last.click()
    page.wait_for_selector(".jp-mlops-figures dd")
    page.screenshot(path=artefacts / "panel-model.png")
    assert page.locator(".jp-mlops-panel img").count() == 0


def raised(folder):
    """Put an alert about a feature of a hostile name into a workspace; return its number."""
    ws = open_local(folder)
    told = {"missing": 1.0, "before": 0.0}
    found = Finding("quality", f"feature:{HOSTILE}", "failing", "missing", told)
    causes = [asdict(cause) for cause in diagnose(found, Evidence("clinic", "tumour:1"))]
    with ws.act("test:alert", subject="test") as act:
        place = tables.Deployment(name="clinic", model_id=1, state="waiting", at=ws.now())
        act.session.add(place)
        act.session.flush()
        alert = tables.Alert(
            deployment_id=place.id, part=found.part, subject=found.subject, severity="critical",
            state="open", status=found.status, why=found.why, figures=told, causes=causes,
            version="tumour:1", since=ws.now(), last_seen=ws.now(), followed=ws.now(), windows=1,
            quiet=0, at=ws.now(), comment="",
        )  # fmt: skip
        act.session.add(alert)
    return alert.id


def test_an_alert_is_read_and_acknowledged_in_the_panel(lab, page, artefacts, tmp_path):
    url, session = lab
    number = raised(tmp_path / "workspace")
    open_panel(page, url)
    page.locator(".jp-mlops-row-head", has_text="clinic: ").first.click()
    page.wait_for_selector("text=The feature vanished upstream")
    page.screenshot(path=artefacts / "panel-alert.png")
    page.get_by_label("Comment", exact=True).fill("the feed is being mended")
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    page.wait_for_selector("text=Seen by owner")
    page.screenshot(path=artefacts / "panel-alert-seen.png")
    told = session.alerts()[0]
    assert (told["id"], told["state"]) == (number, "acknowledged")
    assert told["comment"] == "the feed is being mended"
    assert page.title() != "1"
    assert page.strangers == []


CELLS = (
    "%load_ext jupyter_mlops",
    "from jupyter_mlops.widgets import form, monitor_board, predict_form",
    "form('request', ref='tumour:1')",
    "predict_form('clinic')",
    "monitor_board('clinic')",
)


def test_the_forms_of_a_notebook_do_their_deeds(lab, page, artefacts, tmp_path):
    url, session = lab
    session.approve(1)
    session.deploy("tumour:1", to="clinic")
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    nbformat.write(notebook, tmp_path / "notebooks" / "forms.ipynb")
    page.set_viewport_size({"width": 1280, "height": 2400})
    page.goto(f"{url}/lab/tree/forms.ipynb?token={TOKEN}")
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.locator("[data-jp-item-name='restart-and-run']").click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    page.get_by_role("button", name="Predict", exact=True).click(timeout=90_000)
    page.wait_for_selector("text=1 prediction by tumour:1", timeout=60_000)
    page.wait_for_selector("text=Read again", timeout=60_000)
    page.screenshot(path=artefacts / "widgets-light.png")
    page.get_by_role("menuitem", name="Settings").click()
    page.get_by_text("Theme", exact=True).hover()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.wait_for_timeout(1_000)
    page.screenshot(path=artefacts / "widgets-dark.png")
    assert session.audit("clinic").items
    assert page.strangers == []


STRIKE = '<img src=x onerror="window.struck=1"><script>window.struck=1</script>'
SHOWN = (
    f"form('request', ref='tumour:1', reason={STRIKE!r})",
    "%mlops requests 1",
    "%mlops audit",
    "session.overview()",
    "session.requests()",
)


def test_k05_a_notebook_that_somebody_sends_runs_nothing_when_it_is_opened(
    lab, page, artefacts, tmp_path
):
    url, session = lab
    session.comment(1, STRIKE)
    session.request("tumour:1", for_deployment="other", reason=STRIKE)
    session.approve(1, comment=STRIKE)
    session.deploy("tumour:1", to="clinic", reason=STRIKE)
    notebook = executed([*CELLS, "from jupyter_mlops import open_workspace",
                         "session = open_workspace()", *SHOWN], session, tmp_path)  # fmt: skip
    file = json.loads(notebook.read_text())
    assert json.dumps(file["cells"]).count("window.struck") > 3
    assert "window.struck" in json.dumps(file["metadata"]["widgets"])
    notebook.rename(tmp_path / "notebooks" / "sent.ipynb")
    told = httpx.get(f"{url}/api/contents/sent.ipynb?token={TOKEN}").json()
    assert not any(cell["metadata"].get("trusted") for cell in told["content"]["cells"])
    page.set_viewport_size({"width": 1280, "height": 3200})
    page.goto(f"{url}/lab/tree/sent.ipynb?token={TOKEN}")
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=60_000)
    page.locator(".jp-OutputArea-output", has_text="window.struck").first.wait_for(timeout=60_000)
    page.wait_for_timeout(3_000)
    page.screenshot(path=artefacts / "notebook-sent.png")
    assert page.evaluate("window.struck") is None
    assert page.strangers == []


def executed(cells, session, folder):
    """Return the file of a notebook that has been run, widgets and all, and that nobody here trusts."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    nbformat.write(notebook, folder / "made.ipynb")
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--inplace", "--to=notebook",
         str(folder / "made.ipynb")],
        env={**os.environ, "JUPYTER_MLOPS_WORKSPACE": str(session.door.ws.home.folder)},
        check=True,
    )  # fmt: skip
    return folder / "made.ipynb"


def test_the_panel_speaks_japanese(lab, page, artefacts, tmp_path):
    url, _ = lab
    settings = tmp_path / "settings" / "@jupyterlab" / "translation-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"locale": "ja_JP"}')
    open_panel(page, url)
    page.locator(".jp-mlops-row-head", has_text="tumour:1 → clinic").click()
    page.wait_for_selector("text=承認", timeout=30_000)
    page.screenshot(path=artefacts / "panel-ja.png")


def test_a_leader_opens_the_dashboard(lab, page, artefacts):
    url, session = lab
    session.approve(1)
    session.deploy("tumour:1", to="clinic")
    assert httpx.get(f"{url}/jupyter-mlops/dashboards/executive").status_code in (302, 403)
    page.goto(f"{url}/jupyter-mlops/dashboards/executive?token={TOKEN}")
    page.wait_for_selector("text=1 model works for you", timeout=90_000)
    page.screenshot(path=artefacts / "dashboard-light.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=artefacts / "dashboard-dark.png", full_page=True)
    page.get_by_role("button", name="日本語").click()
    page.wait_for_selector("text=モデル")
    page.screenshot(path=artefacts / "dashboard-ja.png", full_page=True)
    assert page.strangers == []
