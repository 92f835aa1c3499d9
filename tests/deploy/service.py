"""The services of docker-compose.yml as plain processes of this machine: the same commands, settings and health checks.

Only where things are is put in: hosts, ports and folders of containers become those of a test. No test stands here.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: Seconds for a service to be up, or to end.
TIMEOUT_S = 120.0


def read_compose(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return docker-compose.yml with these variables put in, or their defaults."""

    def value(match: re.Match[str]) -> str:
        return "$" if match["escaped"] else (variables or {}).get(match["name"], match["default"])

    raw = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    pattern = r"(?P<escaped>\$\$)|\$\{(?P<name>\w+):-(?P<default>[^}]*)\}"
    read: dict[str, Any] = yaml.safe_load(re.sub(pattern, value, raw))
    return read


def put_in(text: str, places: Mapping[str, str]) -> str:
    """Put where things are here in the place of where they are in containers; each place is a whole word or path."""
    longest_first = sorted(places, key=len, reverse=True)
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)"
    return re.sub(pattern, lambda match: places[match[1]], text)


def in_order(services: Mapping[str, Any], wanted: Sequence[str]) -> list[str]:
    """Return services so that each comes after those that it depends on, which come too."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        for other in services[name].get("depends_on", {}):
            add(other)
        found.setdefault(name)

    for name in wanted:
        add(name)
    return list(found)


#: The services of the file, and for each of its secrets a password.
SERVICES: Mapping[str, Any] = read_compose()["services"]
SECRETS = {name: f"secret{n}of{name}".replace("_", "") for n, name in enumerate(read_compose()["secrets"])}


@dataclass(kw_only=True)
class Service:
    """One service: what docker-compose.yml says of it, and where its things are here."""

    name: str
    definition: Mapping[str, Any]
    folder: Path
    #: What stands in the file, and what is put in its place.
    places: Mapping[str, str]
    #: The entry point of its image, as this machine has it.
    entrypoint: Sequence[str]
    #: Folders of programs, before those of this machine.
    path: str
    #: Settings that a test adds: to be fast, or the same on every machine.
    settings: Mapping[str, str]
    process: "psutil.Popen | None" = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the file, in an environment as empty as a container's."""
        here = {"PATH": f"{self.path}:{Path(sys.executable).parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
        given = {
            # A variable without a value is an empty text to compose, and nothing to YAML.
            name: put_in("" if value is None else str(value), self.places)
            for name, value in self.definition.get("environment", {}).items()
        }
        return {**here, **given, **self.settings}

    def start(self) -> None:
        """Run its command."""
        self.process = self._start(self.definition["command"])

    def run(self, *arguments: str) -> int:
        """Run it with these arguments to its end, as `docker compose run` does by hand; return its exit status."""
        return int(self._start(arguments).wait(TIMEOUT_S))

    def _start(self, arguments: Sequence[str]) -> psutil.Popen:
        with self.log.open("ab") as log:
            return psutil.Popen(
                [*self.entrypoint, *(put_in(word, self.places) for word in arguments)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def healthy(self, **settings: str) -> bool:
        """Whether its health check passes, in the time that the file gives it."""
        check = self.definition["healthcheck"]
        kind, *words = check["test"]
        words = [put_in(word, self.places) for word in words]
        done = subprocess.run(
            ["sh", "-c", *words] if kind == "CMD-SHELL" else words,
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            timeout=seconds(check["timeout"]),
            check=False,
        )
        with self.log.open("ab") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode == 0

    def processes(self) -> list[psutil.Process]:
        """All that would run in its container."""
        assert self.process is not None
        return [self.process, *self.process.children(recursive=True)]

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        stopped = self.processes()
        for one in stopped:
            one.suspend()
        try:
            yield
        finally:
            for one in stopped:
                one.resume()

    def stop(self) -> int:
        """Stop it as a container is stopped; return its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return int(self.process.wait(seconds(self.definition.get("stop_grace_period", "10s"))))

    def kill(self) -> None:
        if self.process is not None and self.process.is_running():
            for one in self.processes():
                one.kill()
            self.process.wait(TIMEOUT_S)


def is_ours(definition: Mapping[str, Any]) -> bool:
    """Whether a service runs an image of our Dockerfile."""
    return str(definition["image"]).startswith("moodmill:")


def seconds(duration: str) -> float:
    """Return what a duration of the file is, as 5m or 30s."""
    return float(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def wait_until_healthy(services: Sequence[Service]) -> None:
    """Ask all services again and again until each was healthy once; fail when one has ended."""
    deadline, waited = time.monotonic() + TIMEOUT_S, list(services)
    while waited:
        for one in list(waited):
            assert one.process is None or one.process.poll() is None, one.log.read_text()
            if one.healthy():
                waited.remove(one)
        assert time.monotonic() < deadline, "\n".join(one.log.read_text() for one in waited)
        time.sleep(0.5)  # seconds; a check starts Python, and takes as long from what is awaited
