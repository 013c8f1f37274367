"""The extension of the Jupyter server: its settings and its routes."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from jupyter_server.extension.application import ExtensionApp
from traitlets import Int, Unicode

from jupyter_mlops.commands.local import Local, open_local
from jupyter_mlops.commands.words import Words, verbs
from jupyter_mlops_lab.handlers import (
    BlobHandler,
    OpenApiHandler,
    PictureHandler,
    VerbHandler,
)

WORKSPACE = "JUPYTER_MLOPS_WORKSPACE"


class MlopsLab(ExtensionApp):
    """The words of jupyter-mlops, said over HTTP."""

    name = "jupyter_mlops_lab"
    load_other_extensions = True

    workspace = Unicode(
        "",
        help="A folder or database; kernels of this server open it too. When nothing is said, "
        "JUPYTER_MLOPS_WORKSPACE or the user data folder.",
    ).tag(config=True)
    blob_limit = Int(
        512 * 1024**2, help="The most bytes that one model or sample may have.", min=1
    ).tag(config=True)
    threads = Int(8, help="How many words may be done at the same time.", min=1).tag(config=True)

    def initialize_settings(self) -> None:
        """Let the kernels of this server open the same workspace."""
        self._lock = Lock()
        self._door: Local | None = None
        self.words: Words = verbs()
        self.pool = ThreadPoolExecutor(self.threads, thread_name_prefix="mlops")
        if self.workspace:
            os.environ[WORKSPACE] = self.workspace

    def initialize_handlers(self) -> None:
        """Make the routes; the server puts its base address before them."""
        from jupyter_mlops_lab.dashboards import (
            DashboardHandler,
            FileHandler,
            file_arguments,
            voila_arguments,
        )

        api = r"/jupyter-mlops/api"
        self.handlers.extend(
            [
                (rf"{api}/openapi\.json", OpenApiHandler),
                (rf"{api}/blobs/([0-9A-Za-z:]+)", BlobHandler),
                (rf"{api}/pictures/([^/]+)", PictureHandler),
                (rf"{api}/([^/]+)", VerbHandler),
                (
                    r"/jupyter-mlops/dashboards/([^/]+)",
                    DashboardHandler,
                    voila_arguments(self.serverapp),
                ),
                (r"/voila/files/(.*)", FileHandler, file_arguments(self.serverapp)),
            ]
        )

    def door(self) -> Local:
        """Return the workspace, opened at the first word; called in a thread."""
        with self._lock:
            if self._door is None:
                self._door = open_local(self.workspace or None, mouth="panel")
            return self._door

    async def stop_extension(self) -> None:
        """Finish what was begun, and let go of the workspace."""
        self.pool.shutdown(wait=True)
        if self._door is not None:
            self._door.close()
