"""A store that is an SQLite file: how its URL names it, and how it is opened.

The file is made for its owner alone, for it holds people's texts; SQLite gives the files beside it (-wal, -shm) the
same rights. One on a disk that cannot be written to is read all the same.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from sqlalchemy.engine import URL

from moodmill.db.core.errors import SettingError

#: Milliseconds a connection waits for another's write before it gives up.
BUSY_MS: Final = 60_000
#: Rights of a file that is made, within the umask.
RIGHTS: Final = 0o600
#: Options that go to SQLite (sqlite.org, "URI Filenames").
_OPTIONS: Final = ("mode", "immutable", "nolock", "cache", "vfs", "psow")
#: Those that Python's or SQLAlchemy's users write, and that mean nothing here: files are opened so anyway.
_IDLE: Final = ("uri", "check_same_thread")
_EXAMPLE: Final = "expected sqlite:///FILE, with four slashes for a whole path, as sqlite:////data/moodmill.db"


def sqlite_url(url: URL) -> URL:
    """Return a URL with a plain path, and SQLite's options. Raises SettingError where it names no file of its own."""
    database, query = url.database or "", {name: str(value) for name, value in url.query.items()}
    if url.host or url.username or url.password:
        raise SettingError(f"DATABASE_URL names a host of SQLite: {_EXAMPLE}")
    if database.startswith("file:"):
        path, _, options = database.removeprefix("file:").partition("?")
        query |= dict(parse_qsl(options))
        database = unquote(path.removeprefix("//localhost") if path.startswith("//localhost/") else path)
        database = database.removeprefix("//") if database.startswith("///") else database
    if database in ("", ":memory:") or query.get("mode") == "memory":
        raise SettingError(
            "DATABASE_URL names no SQLite file, and several processes share the store: expected sqlite:///FILE or "
            "postgresql://USER:PASSWORD@HOST/NAME"
        )
    unknown = sorted(query.keys() - {*_OPTIONS, *_IDLE})
    if unknown:
        raise SettingError(f"DATABASE_URL has the option {unknown[0]!r}: expected one of {', '.join(_OPTIONS)}")
    kept = {name: value for name, value in query.items() if name in _OPTIONS}
    return URL.create("sqlite", database=database, query=kept)


def is_read_only(url: URL) -> bool:
    """Tell whether the file may only be read: its URL or its disk says so."""
    path = _path(url)
    if url.query.get("mode") == "ro" or url.query.get("immutable") in ("1", "true", "yes", "on"):
        return True
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def open_sqlite(url: URL) -> sqlite3.Connection:
    """Open a connection; the file is made where it is missing and may be. Raises sqlite3.OperationalError."""
    path, options = _path(url), dict(url.query)
    if is_read_only(url):
        options["mode"] = "ro"
        # SQLite would make two files beside it to read it, unless nobody has it open and nobody will.
        if not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists():
            options["immutable"] = "1"
    elif options.get("mode", "rwc") == "rwc":
        # Only where it is missing: to close a file that SQLite has open would take its locks away. What makes the file
        # impossible, SQLite says.
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, RIGHTS))
    written = "&".join(f"{name}={quote(str(value))}" for name, value in sorted(options.items()))
    # SQLAlchemy hands a connection from thread to thread, never to two at once.
    return sqlite3.connect(
        f"file:{quote(str(path))}?{written}", uri=True, timeout=BUSY_MS / 1000, check_same_thread=False
    )


def _path(url: URL) -> Path:
    return Path(url.database or "").resolve()  # SQLite puts its files beside what a link leads to
