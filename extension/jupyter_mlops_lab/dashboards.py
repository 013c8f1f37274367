"""Our dashboards, rendered by Voilà behind the server's own token."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import tornado
from jupyter_core.paths import jupyter_path
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import AuthenticatedFileHandler
from jupyter_server.services.contents.filemanager import FileContentsManager
from voila.configuration import VoilaConfiguration
from voila.handler import VoilaHandler
from voila.paths import collect_template_paths
from voila.server_extension import load_config_file
from voila.static_file_handler import AllowListFileHandler

from jupyter_mlops.commands.here import check_dashboard
from jupyter_mlops.errors import MlopsError, NotFound

SHARE: Final = Path("jupyter-mlops", "dashboards")
REPOSITORY: Final = Path(__file__).parents[2] / "dashboards"

_FAR_FONT: Final = "https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free@^5/css/"
"""The one thing that Voilà's template fetches from elsewhere; behind a wall it holds up the page."""


class DashboardHandler(VoilaHandler):  # type: ignore[misc]  # no types there
    """One dashboard, run for whoever looks at it."""

    auth_resource = "mlops"

    async def prepare(self) -> None:
        """Run nothing for a page of another site, whatever it has borrowed."""
        await super().prepare()
        if not self.check_origin():
            raise tornado.web.HTTPError(404)

    @tornado.web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Run the notebook and send the page as it comes."""
        try:
            notebook = notebook_of(name)
        except MlopsError as error:
            raise tornado.web.HTTPError(404, error.message) from None
        # Voilà reads through the contents manager, which knows the server's own folder only.
        self._contents = FileContentsManager(root_dir=str(notebook.parent))
        self.notebook_path = notebook.name
        async for html in self.get_generator():
            self.write(html.replace(_FAR_FONT, "data:text/css,"))
            self.flush()

    @property
    def contents_manager(self) -> FileContentsManager:
        """Return what reads the folder of our dashboards."""
        return self._contents


class FileHandler(AllowListFileHandler, AuthenticatedFileHandler):  # type: ignore[misc]  # no types
    """A picture beside a notebook that Voilà shows: for who may read this server's files, no others.

    Voilà's own handler asks nobody who they are. The first route that fits an address answers, and
    extensions are loaded in the order of their names, ours before Voilà.
    """


def notebook_of(name: str) -> Path:
    """Return the notebook of a dashboard: of this repository, or as it was installed.

    Raises:
        NotFound: there is no such dashboard, or it is not installed.
    """
    file = f"{check_dashboard(name)}.ipynb"
    for folder in (REPOSITORY, *(Path(path) / SHARE for path in jupyter_path())):
        if (folder / file).is_file():
            return folder / file
    raise NotFound(
        "The notebook of dashboard {name} is not installed.",
        "pip install --force-reinstall jupyter-mlops",
        code="dashboard_not_installed",
        name=name,
    )


def voila_arguments(server: Any) -> dict[str, Any]:
    """Return what Voilà's handler wants to know; its settings are the server's own."""
    settings = VoilaConfiguration(parent=server)
    # The browser half belongs into JupyterLab; in a page of Voilà it finds no notebooks to serve.
    settings.extension_denylist = [*(settings.extension_denylist or []), "jupyter-mlops"]
    settings.page_config_hook = _without_mathjax
    return {
        "voila_configuration": settings,
        "config": server.config,
        "template_paths": collect_template_paths(["voila", "nbconvert"], settings.template),
    }


def file_arguments(server: Any) -> dict[str, Any]:
    """Return where pictures beside notebooks are, and which names Voilà is told to give."""
    settings = VoilaConfiguration(parent=server)
    if (told := load_config_file()) is not None:
        settings.update_config(told)
    return {
        "allowlist": settings.file_allowlist,
        "denylist": settings.file_denylist,
        "path": str(Path(server.root_dir).expanduser()),
    }


def _without_mathjax(page: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Keep the page from fetching a typesetter from elsewhere; no dashboard of ours holds formulas."""
    return {**page, "fullMathjaxUrl": ""}
