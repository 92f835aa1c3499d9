"""Serves the pages on this machine, and opens a browser."""

import secrets
import socket
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from threading import Thread
from typing import TYPE_CHECKING, Final

import uvicorn
from starlette.types import ASGIApp

from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from moodmill.web.explorer import Explorer

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
    """A server that does something once it answers, and before it waits for its last answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready, self._on_end = on_ready, on_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_end()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp, listener: socket.socket, loading: "Future[Explorer]", on_ready: Callable[[], None], *, has_model: bool
) -> None:
    """Serve until SIGINT or SIGTERM, or until the model fails to load, whose error is raised. Addresses are not logged.

    `on_ready` is called once the server answers. Without `has_model` there is none to load: the pages of results are
    served all the same.
    """

    def end() -> None:
        if loading.done() and loading.exception() is None:
            loading.result().end()

    server = Server(configured(app), on_ready, end)

    def failed(done: "Future[Explorer]") -> None:
        if done.exception() is not None:
            server.should_exit = True

    if has_model:
        loading.add_done_callback(failed)
    with closing(listener):
        server.run([listener])
    if has_model and loading.done() and (error := loading.exception()) is not None:
        raise error


def reachable(host: str, port: int) -> str:
    """Return the address by which a browser reaches what listens there: of any address, by this machine's name."""
    name = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{name}:{port}"


def open_browser(url: str) -> None:
    """Show a page in the user's browser, if there is one; never waits for it."""
    Thread(target=webbrowser.open, args=[url], daemon=True).start()
