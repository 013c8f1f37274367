"""Work that would keep the loop waiting, done in threads, and not waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final, TypeVar

from jupyter_mlops.formats.worker import ANSWER_SECONDS
from jupyter_mlops.serving.problems import TIMED_OUT, Problem

DEADLINE: Final = ANSWER_SECONDS + 0.5
"""A little more than a model has for one request, so that its own words are heard first."""

Found = TypeVar("Found")

_long: Final = ThreadPoolExecutor(max_workers=2, thread_name_prefix="long")
"""More at once would only wait for one another, each with its rows in memory."""


async def off_loop(is_long: bool, work: Callable[..., Any], *words: Any) -> Any:
    """Do what takes long in a thread, and what does not at once."""
    if not is_long:
        return work(*words)
    return await asyncio.get_running_loop().run_in_executor(_long, work, *words)


async def in_time(executor: Executor | None, work: Callable[[], Found]) -> Found:
    """Work in a thread of the model's, and wait no longer than its deadline for one to be free.

    Raises:
        Problem: 504; what has not begun by then never begins.
    """
    found = asyncio.get_running_loop().run_in_executor(executor, work)
    try:
        return await asyncio.wait_for(found, DEADLINE)
    except TimeoutError:
        raise Problem(
            TIMED_OUT, "deadline_exceeded", "The model did not answer in time.", "try again."
        ) from None
