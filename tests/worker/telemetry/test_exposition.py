"""Where metrics are shown."""

import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from pydantic import ValidationError

from moodmill.db.core.errors import SettingError
from moodmill.worker.core.settings import NO_METRICS, WorkerSettings
from moodmill.worker.telemetry.exposition import exposed
from tests.support import free_port, moodmill_here, write_dump


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("9100", "127.0.0.1:9100"),
        ("0.0.0.0:9100", "0.0.0.0:9100"),
        ("localhost:1", "localhost:1"),
        ("[::1]:9100", "[::1]:9100"),
        (NO_METRICS, None),
    ],
)
def test_an_address_is_a_port_of_this_machine_or_names_its_host(given: str, address: str | None) -> None:
    assert WorkerSettings(moodmill_metrics=given).moodmill_metrics == address


@pytest.mark.parametrize("given", ["", "0", "65536", ":9100", "host", "host:", "a b:1", "http://host:9100", "yes"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="expected HOST:PORT, PORT or off"):
        WorkerSettings(moodmill_metrics=given)


def test_an_address_can_be_used_again_once_the_context_ends() -> None:
    address = f"127.0.0.1:{free_port()}"
    for _ in range(2):
        with exposed(address), urlopen(f"http://{address}/metrics", timeout=10) as answer:
            assert b"process_start_time_seconds" in answer.read()


def test_an_address_that_is_taken_is_an_error_of_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingError, match="Address already in use"), exposed(f"127.0.0.1:{port}"):
            pass
        dump = write_dump(tmp_path / "RC_x", ["text"])
        refused = moodmill_here("label", dump, cwd=tmp_path, settings={"MOODMILL_METRICS": str(port)})
    assert refused.returncode == 2
    [line] = refused.stderr.splitlines()
    assert line.startswith(
        f"error: MOODMILL_METRICS is 127.0.0.1:{port}, where nobody can listen: Address already in use"
    )


def test_a_host_that_is_none_of_this_machine_is_refused() -> None:
    with pytest.raises(SettingError, match="where nobody can listen"), exposed("192.0.2.1:9100"):
        pass
