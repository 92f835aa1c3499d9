"""Work in a process of its own, so that its memory is its own, and nothing of it is left for the next."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def apart(work: Callable[..., Answer], *arguments: object, **named: object) -> Answer:
    """Do something in a process of its own, and return what comes of it.

    Such processes are forked by one that has imported the libraries of the first work, and has done nothing with them.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__])
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(work, *arguments, **named).result()
