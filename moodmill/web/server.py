"""Serves the pages on this machine, and opens a browser."""

import logging
import secrets
import socket
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from threading import Thread
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from moodmill.db.core.errors import SettingError

logger = logging.getLogger(__name__)

#: Bytes of an address: one that holds a long text still reaches the page.
MAX_ADDRESS: Final = 2**20


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that others can connect to; port 0 is any free one. Raises SettingError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise SettingError(f"cannot listen on {host}:{port}: {reason}; name another by --port, 0 is any") from error
    return listener


def new_token() -> str:
    return secrets.token_urlsafe(24)


def configured(app: ASGIApp) -> uvicorn.Config:
    """Return how the application is served: nothing of a request is logged, for addresses hold texts."""
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MAX_ADDRESS,
        http="h11",
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )


class Server(uvicorn.Server):
    """A server that does something once it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def serve(app: ASGIApp, listener: socket.socket, loading: "Future[Any]", on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, or until what is loading fails, whose error is raised. Addresses are not logged.

    `on_ready` is called once the server answers.
    """
    server = Server(configured(app), on_ready)

    def ended(done: "Future[Any]") -> None:
        if done.exception() is not None:
            server.should_exit = True

    loading.add_done_callback(ended)
    with closing(listener):
        server.run([listener])
    if loading.done() and (error := loading.exception()) is not None:
        raise error


def open_browser(url: str) -> None:
    """Show a page in the user's browser, if there is one; never waits for it."""
    Thread(target=webbrowser.open, args=[url], daemon=True).start()
