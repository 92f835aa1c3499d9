"""A command in whose process a fault strikes at one operation: `python -m tests.faults.points.struck MODULE …`.

It strikes at the calls of the drivers, which all statements and messages go through: `execute` and `commit` of sqlite3,
`wait` and `connect` of psycopg, sending and receiving of redis; and at what our own code asks of the system: reading
and writing files, fsync, rename. What SQLite asks of the system is its own. Where a fault strikes is a point: an
operation, its call site in our code, and the state that the ledger is in. INJECTED_STRIKE holds a Plan as JSON.
"""

import builtins
import errno
import io
import os
import runpy
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal

import msgspec
import psycopg
import redis

SETTING: Final = "INJECTED_STRIKE"
Action = Literal["fail", "lose", "hang", "kill"]
#: What may happen at a point of a layer: `lose` is an operation that is done and whose answer is lost.
ACTIONS: Final[dict[str, tuple[Action, ...]]] = {
    "sqlite3": ("fail", "hang", "kill"),
    "psycopg": ("fail", "lose", "hang", "kill"),
    "redis": ("fail", "hang", "kill"),
    "system": ("fail", "hang", "kill"),
    "s3": ("fail", "lose", "hang", "kill"),
}
#: Our code, and how many of its innermost places tell a call site.
ROOT: Final = Path(__file__).resolve().parents[3]
PACKAGE: Final = ROOT / "moodmill"
OURS: Final = tuple(f"{PACKAGE / name}{os.sep}" for name in ("cli", "db", "producers", "worker"))
#: Places that all operations of a layer go through, which tell nothing.
SHARED: Final = (
    *(str(PACKAGE / "db" / "database" / name) for name in ("answers.py", "store.py")),
    *(str(PACKAGE / "worker" / name) for name in ("__main__.py", "queue/connections.py", "queue/transport.py")),
)
PLACES: Final = 1
#: What each new connection to Redis begins with, in whatever state of the ledger.
HANDSHAKE: Final = ("HELLO", "PING", "CLIENT")
DRIVER: Final = str(Path(redis.__file__).parent)

open_file: Final = io.open
connect_to_sqlite: Final = sqlite3.connect
connect_to_postgres: Final = psycopg.Connection.connect

#: The run of a source, the states of its chunks, and whether some of its dead letters are in replay.
_STATE: Final = """
    select r.id, r.input_closed_at is not null, (select count(*) from source s where s.run_id = r.id and not s.ended)
    from source f join run r on r.id = f.run_id where f.name = {} order by r.created_at desc limit 1
"""
_CHUNKS: Final = "select distinct state from chunk where run_id = {} and comments > 0"
_LETTERS: Final = "select distinct 'in replay' from dead_letter where run_id = {} and replay_chunk is not null"


class Plan(msgspec.Struct, kw_only=True):
    """What happens where."""

    #: Where the points are written that the process comes by, a line each.
    record: str
    #: The source whose run tells the state of the ledger.
    source: str
    #: Where the files are whose operations are points.
    folder: str
    point: str | None = None
    action: Action | None = None
    #: Only the first of the processes to come by meets it, which makes this file.
    struck: str = ""
    hang_s: float = 3.0

    def environment(self) -> dict[str, str]:
        return {SETTING: msgspec.json.encode(self).decode()}


class Striker:
    """Knows the points that this process came by, and strikes at one."""

    def __init__(self, plan: Plan, database_url: str) -> None:
        self.folder: Final = plan.folder
        self._plan = plan
        self._database_url = database_url
        self._met: set[str] = set()
        self._inside = threading.local()
        self._looking = threading.Lock()
        self._connection: Any = None
        self._record = os.open(plan.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def meet(self, layer: str, operation: str) -> Action | None:
        """Come by a point: note it, strike, and return what is left to do to whoever called."""
        if getattr(self._inside, "looks", False):
            return None
        self._inside.looks = True
        try:
            state = "any" if operation.endswith(HANDSHAKE) else self._state()
            point = f"{layer} {operation} | {_call_site()} | {state}"
        finally:
            self._inside.looks = False
        if point not in self._met:
            self._met.add(point)
            os.write(self._record, f"{point}\n".encode())
        if point != self._plan.point or self._plan.action is None or not self._is_first():
            return None
        if self._plan.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._plan.action == "hang":
            time.sleep(self._plan.hang_s)
            return None
        return self._plan.action

    def _is_first(self) -> bool:
        try:
            os.close(os.open(self._plan.struck, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True

    def _state(self) -> str:
        """Return the state of the ledger, as far as all of its rows of one kind go."""
        with self._looking:
            try:
                if self._connection is None:
                    self._connection = _connect(self._database_url)
                return _state_of(self._connection, self._plan.source)
            except (sqlite3.Error, psycopg.Error):
                self._connection = None
                return "no schema"


def _connect(database_url: str) -> Any:
    if database_url.startswith("sqlite"):
        path = database_url.removeprefix("sqlite:///")
        return connect_to_sqlite(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
    return connect_to_postgres(database_url.replace("+psycopg", ""), autocommit=True)


def _state_of(connection: Any, source: str) -> str:
    mark = "?" if isinstance(connection, sqlite3.Connection) else "%s"
    found = connection.execute(_STATE.format(mark), (source,)).fetchone()
    if found is None:
        return "no run"
    run, is_input_closed, unread = found
    head = "sealed" if is_input_closed else "reading" if unread else "read"
    kinds = {*connection.execute(_CHUNKS.format(mark), (run,)).fetchall()}
    kinds |= {*connection.execute(_LETTERS.format(mark), (run,)).fetchall()}
    return f"{head}: {', '.join(sorted(kind for (kind,) in kinds)) or 'nothing'}"


def _call_site() -> str:
    """Return the innermost places in our code that the call comes from; those of a library where none is ours."""
    paths = [(one.f_code.co_filename, one.f_lineno) for one in _frames(sys._getframe(2))]
    ours = [(path, line) for path, line in paths if path.startswith(OURS) and not path.startswith(SHARED)]
    libraries = [(path, line) for path, line in paths if not path.startswith((str(ROOT / "tests"), *SHARED, DRIVER))]
    return " < ".join(f"{_short(path)}:{line}" for path, line in (ours or libraries)[:PLACES])


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _short(path: str) -> str:
    return path.partition("site-packages/")[2] or path.removeprefix(f"{ROOT}{os.sep}")


def strike_sqlite(striker: Striker) -> None:
    """Let faults strike at what goes to SQLite: the disk is full, or another one has locked the file."""

    def meet(operation: str) -> None:
        if striker.meet("sqlite3", operation) is None:
            return
        reads = operation in ("begin", "select", "pragma")
        error = sqlite3.OperationalError("database is locked" if reads else "database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY if reads else sqlite3.SQLITE_FULL
        raise error

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *arguments: Any) -> Any:
            meet(sql.split(maxsplit=1)[0].lower())
            return super().execute(sql, *arguments)

        def executemany(self, sql: str, *arguments: Any) -> Any:
            meet(sql.split(maxsplit=1)[0].lower())
            return super().executemany(sql, *arguments)

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any, **__: Any) -> Any:
            return super().cursor(Cursor)

        def commit(self) -> None:
            meet("commit")
            super().commit()

    def connect(*arguments: Any, **named: Any) -> Any:
        meet("connect")
        return connect_to_sqlite(*arguments, **{"factory": Connection} | named)

    sqlite3.connect = connect


def strike_postgres(striker: Striker) -> None:
    """Let faults strike at what goes to PostgreSQL: the connection breaks."""
    wait = psycopg.Connection.wait

    def struck_wait(self: Any, gen: Any, *arguments: Any, **named: Any) -> Any:
        inner = gen.gi_frame.f_locals.get("gen", gen) if gen.gi_code.co_name == "_counted" else gen
        action = striker.meet("psycopg", getattr(inner, "__name__", type(inner).__name__).strip("_"))
        if action == "fail":
            _break(self.pgconn.socket)
        answer = wait(self, gen, *arguments, **named)
        if action == "lose":
            self.pgconn.finish()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answer

    def struck_connect(kind: Any, *arguments: Any, **named: Any) -> Any:
        if striker.meet("psycopg", "connect") is not None:
            raise psycopg.OperationalError("connection refused")
        return connect_to_postgres.__func__(kind, *arguments, **named)  # type: ignore[attr-defined]

    psycopg.Connection.wait = struck_wait  # type: ignore[method-assign]
    psycopg.Connection.connect = classmethod(struck_connect)  # type: ignore[method-assign,assignment]


def strike_redis(striker: Striker) -> None:
    """Let faults strike at what goes to Redis and comes from there: the connection breaks."""
    kind: Any = redis.connection.AbstractConnection
    send, receive = kind.send_packed_command, kind.read_response

    def struck_send(self: Any, command: Any, *arguments: Any, **named: Any) -> Any:
        self.last_command = _command_of(command)
        if striker.meet("redis", f"sends {self.last_command}") is not None and self._sock is not None:
            _break(self._sock.fileno())
        return send(self, command, *arguments, **named)

    def struck_receive(self: Any, *arguments: Any, **named: Any) -> Any:
        operation = f"receives of {getattr(self, 'last_command', 'none')}"
        if striker.meet("redis", operation) is not None and self._sock is not None:
            _break(self._sock.fileno())
        return receive(self, *arguments, **named)

    kind.send_packed_command, kind.read_response = struck_send, struck_receive


def _command_of(command: Any) -> str:
    """Return the name of a command in the protocol of Redis, the first of a pipeline: *3, $5, LPUSH, …"""
    packed = command if isinstance(command, bytes) else b"".join(map(bytes, command[:1]))
    parts = packed.split(b"\r\n", 3)
    return parts[2].decode() if len(parts) > 2 else "none"


def strike_system(striker: Striker) -> None:
    """Let faults strike at what goes to files of the run and comes from there: the disk is full, or broken."""

    def meet(operation: str, path: str) -> None:
        if not path.startswith(striker.folder) or striker.meet("system", operation) is None:
            return
        code = errno.ENOSPC if operation == "write" else errno.EIO
        raise OSError(code, os.strerror(code), path)

    class File(io.FileIO):
        def readinto(self, buffer: Any) -> Any:
            meet("read", _path(self.name))
            return super().readinto(buffer)

        def write(self, data: Any) -> Any:
            meet("write", _path(self.name))
            return super().write(data)

    def struck_open(file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if "b" not in mode or not _path(file).startswith(striker.folder):
            return open_file(file, mode, *arguments, **named)
        raw = File(file, mode.replace("b", ""), named.get("closefd", True), named.get("opener"))
        return io.BufferedReader(raw) if mode == "rb" else io.BufferedWriter(raw)

    def of_path(name: str) -> None:
        call = getattr(os, name)

        def struck_call(path: Any, *arguments: Any, **named: Any) -> Any:
            meet(name, _path(path))
            return call(path, *arguments, **named)

        setattr(os, name, struck_call)

    def struck_fsync(file: Any, fsync: Callable[[Any], None] = os.fsync) -> None:
        meet("fsync", _path(file if isinstance(file, int) else file.fileno()))
        fsync(file)

    io.open = builtins.open = struck_open
    os.fsync = struck_fsync  # type: ignore[assignment]
    for name in ("replace", "rename", "link", "unlink", "mkdir", "rmdir"):
        of_path(name)


def strike_s3(striker: Striker) -> None:
    """Let faults strike at what goes to an S3 server: it refuses, as one that is too busy, or its answer is lost."""
    if not os.environ.get("AWS_ENDPOINT_URL"):
        return
    import s3fs

    kind: Any = s3fs.S3FileSystem
    call = kind._call_s3

    async def struck_call(self: Any, method: str, *arguments: Any, **named: Any) -> Any:
        action = striker.meet("s3", method)
        if action == "fail":
            raise OSError(errno.EBUSY, "Please reduce your request rate")
        answer = await call(self, method, *arguments, **named)
        if action == "lose":
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        return answer

    kind._call_s3 = struck_call


def _path(file: Any) -> str:
    """Return the path of a file, named by it or by its descriptor."""
    return str(Path(f"/proc/self/fd/{file}").readlink()) if isinstance(file, int) else os.fspath(file)


def _break(descriptor: int) -> None:
    """Shut a connection for both of its ends; the descriptor stays open, as when the other end goes."""
    with socket.socket(fileno=os.dup(descriptor)) as one:
        one.shutdown(socket.SHUT_RDWR)


LAYERS: Final[tuple[Callable[[Striker], None], ...]] = (
    strike_sqlite,
    strike_postgres,
    strike_redis,
    strike_system,
    strike_s3,
)


def main() -> None:
    """Put the faults in, and become the command."""
    striker = Striker(msgspec.json.decode(os.environ.pop(SETTING), type=Plan), os.environ["DATABASE_URL"])
    for strike in LAYERS:
        strike(striker)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
