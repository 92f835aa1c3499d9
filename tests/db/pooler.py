"""A PgBouncer of a test's own, in transaction pooling."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from tests.support import free_port, program, wait_until

#: Connections to the server that clients share.
POOL = 2


@contextmanager
def pgbouncer(postgres_url: str) -> Iterator[str]:
    """Pool the connections to a database by the transaction; yield the URL by which clients come."""
    found = program("pgbouncer")
    url = make_url(postgres_url)
    port = free_port()
    pooled = URL.create("postgresql+psycopg", username=url.username, host="127.0.0.1", port=port, database=url.database)
    with tempfile.TemporaryDirectory(prefix="moodmill-pgbouncer-") as folder:
        config = Path(folder) / "pgbouncer.ini"
        server = {
            "host": url.host or url.query["host"],
            "port": url.port or 5432,
            "user": url.username,
            "password": url.password,
        }
        named = " ".join(f"{name}={value}" for name, value in server.items() if value)
        config.write_text(
            f"[databases]\n{url.database} = {named}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {POOL}\nlogfile = {folder}/log\n"
        )
        arguments = [found, str(config)]
        if os.geteuid() == 0:  # as which it refuses to run; only the server's own user may enter its folder
            host = Path(str(server["host"]))
            owner = pwd.getpwuid(host.stat().st_uid) if host.is_absolute() else pwd.getpwnam("nobody")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            arguments[1:1] = ["--user", owner.pw_name]
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: process.poll() is not None or _answers(pooled))
            if process.poll() is not None:
                pytest.fail(f"pgbouncer ended: {(Path(folder) / 'log').read_text()}")
            yield pooled.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: URL) -> bool:
    with suppress(psycopg.OperationalError):
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(plain, prepare_threshold=None)) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    return False
