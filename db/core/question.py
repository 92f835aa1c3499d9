"""Questions to servers that may hang: whoever asks goes on meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """Is asked in a thread of its own, and not twice at once."""

    def __init__(self, answer: Callable[[], Answer]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None

    def ask(self) -> Future[Answer]:
        """Return what will hold the answer: to the question that is open still, or else to a new one."""
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                # A daemon, for nobody is to wait for a server at the end of the process.
                threading.Thread(target=self._find, args=(self._asked,), name="question", daemon=True).start()
            return self._asked

    def _find(self, asked: Future[Answer]) -> None:
        try:
            asked.set_result(self._answer())
        except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
            asked.set_exception(error)
