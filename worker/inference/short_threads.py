"""Computing with a model outside of the threads that always do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
Answer = TypeVar("Answer")


def in_passing(work: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """Do what computes with the model, but not in a model thread, in a thread that ends with it.

    Each thread that computes with OpenMP keeps a team of others, until it ends. Where all teams together have more
    threads than the machine has cores, they sleep between steps instead of spinning: a quarter more time for the model.
    """
    with ThreadPoolExecutor(1, "passing") as passing:
        return passing.submit(work, *args, **kwargs).result()
