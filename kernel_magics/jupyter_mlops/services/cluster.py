"""Pieces of a log counted by the workers of a Dask scheduler; sums come back, rows stay where they are.

A worker reads a piece's Parquet file from the same path as the one that asks. It is told which files
there are, so that one without access says so instead of counting nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jupyter_mlops.errors import Invalid, Unavailable
from jupyter_mlops.services import references
from jupyter_mlops.services.keeping import Count, Told, count_piece
from jupyter_mlops.services.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_mlops.services.judging import Judge
    from jupyter_mlops.stats.batch import Layout
    from jupyter_mlops.store.pieces import Pieces

SECONDS: Final = 10.0
"""How long the scheduler has to answer, and to have a worker."""
LAST_PORT: Final = 65_535


@contextlib.contextmanager
def counting(ws: Workspace, address: str) -> Iterator[Count]:
    """Give a way to count pieces on the workers of a scheduler such as ``tcp://host:8786``.

    Raises:
        Invalid: the address is none.
        Unavailable: Dask is not installed, or the scheduler or its workers cannot be reached.
    """
    with _client(address) as client:

        def count(log: Pieces, pieces: Sequence[str], judge: Judge) -> list[Told]:
            return _counted(ws, client, address, log, pieces, judge)

        yield count


def _client(address: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise Unavailable(
            "Dask is not installed here.",
            "pip install 'jupyter-mlops[dask]' brings it; without --on this machine counts by itself.",
            code="dask_missing",
        ) from None
    dask: Any = distributed
    _check(dask, address)
    try:
        _reach(dask, address)
        client = dask.Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise _unreachable(address, error) from None
    try:
        client.wait_for_workers(1, timeout=SECONDS)
    except (OSError, TimeoutError):
        client.close()
        raise Unavailable(
            "The Dask scheduler {address} has no workers.",
            "`dask worker {address}` starts one, where jupyter-mlops and the same files are.",
            code="dask_no_workers",
            address=address,
        ) from None
    return client


def _check(dask: Any, address: str) -> None:
    """Refuse what is no address, before anything waits for it."""
    try:
        host, port = dask.comm.get_address_host_port(address)
    except ValueError:
        host, port = "", 0
    if not (host and host.isprintable() and " " not in host and 0 < port <= LAST_PORT):
        raise Invalid(
            "{address} is not the address of a Dask scheduler.",
            "--on tcp://HOST:8786, or tls://, ws:// and wss://.",
            code="dask_address_invalid",
            address=address,
        )


def _reach(dask: Any, address: str) -> None:
    """Wait until a scheduler says who it is.

    A client that cannot connect would try to close for twice as long, and say so on standard error.
    """
    secrets = dask.Security().get_connection_args("client")

    async def ask() -> None:
        async with dask.rpc(address, timeout=SECONDS, connection_args=secrets) as scheduler:
            await asyncio.wait_for(scheduler.identity(), SECONDS)

    dask.utils.LoopRunner().run_sync(ask)


def _counted(
    ws: Workspace, client: Any, address: str, log: Pieces, pieces: Sequence[str], judge: Judge
) -> list[Told]:
    """Ask for the versions in the pieces first, since only this process knows their bins."""
    held = [log.held(piece) for piece in pieces]
    versions: set[str] = set().union(*_asked(client, address, _versions, log, pieces, held))
    layouts = {ref: references.layout(ws, ref) for ref in sorted(versions)}
    sent = client.scatter(layouts, broadcast=True, hash=False)
    found: list[Told] = _asked(client, address, _count, log, pieces, held, sent, judge)
    for told in found:
        if told.absent:
            raise Unavailable(
                "A worker does not see the file of {piece}.",
                "workers read the prediction log from the same paths: share {folder} with them.",
                code="dask_files_missing",
                piece=told.piece,
                folder=log.predictions,
            )
    return found


def _asked(
    client: Any,
    address: str,
    ask: Callable[..., Any],
    log: Pieces,
    pieces: Sequence[str],
    held: Sequence[tuple[bool, bool]],
    *more: Any,
) -> list[Any]:
    try:
        futures = [
            client.submit(ask, log, piece, files, *more, pure=False)
            for piece, files in zip(pieces, held, strict=True)
        ]
        return list(client.gather(futures))
    except Exception as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> Unavailable:
    return Unavailable(
        "The Dask scheduler {address} cannot be used ({because}).",
        "is it running, with jupyter-mlops where its workers are? What was profiled so far is kept.",
        code="dask_unreachable",
        address=address,
        because=f"{type(error).__name__}: {error}",
    )


def _versions(log: Pieces, piece: str, held: tuple[bool, bool]) -> set[str]:
    """Return the versions whose answers a piece holds; runs on a worker."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not held[0] or not log.held(piece)[0]:
        return set()
    with contextlib.suppress(pa.ArrowException, OSError):
        told = log.answers_of(piece, ["version"])
        if told is not None:
            return {ref for ref in pc.unique(told["version"]).to_pylist() if ref}
    return set()


def _count(
    log: Pieces,
    piece: str,
    held: tuple[bool, bool],
    layouts: Mapping[str, Layout | None],
    judge: Judge,
) -> Told:
    """Count a piece; runs on a worker."""
    if log.held(piece) != held:
        return Told(piece, absent=True)
    return count_piece(log, piece, layouts.get, judge)
