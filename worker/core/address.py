"""The broker's URL: what Redis clients take, made into what Celery takes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from moodmill.db.core.urls import ENCODED, masked, tidied
from moodmill.worker.core.sentinels import FORM, OPTIONS, SCHEME, Sentinels, part_hosts, read_sentinels

#: The visibility timeout is per Redis database: keep other programs' keys apart.
KEY_PREFIX: Final = "moodmill:"
#: Where a worker looks when no broker is named, as every Redis client does.
LOCAL_REDIS: Final = "redis://localhost:6379/0"
#: What a URL may look like.
EXPECTED: Final = f"expected redis://:PASSWORD@HOST:PORT/DB, rediss://… (TLS), unix:///PATH?db=DB or {FORM}, {ENCODED}"
#: Seconds without an answer, at least: a worker that waits for chunks is answered each second.
SHORTEST_TIMEOUT_S: Final = 5.0
_SOCKETS: Final = ("unix", "redis+socket")
#: Of TLS, as the Redis client and its documentation name them.
_TLS: Final = frozenset(
    {
        "ssl_cert_reqs",
        "ssl_check_hostname",
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_password",
    }
)
_CHECKS: Final = ("required", "optional", "none")


@dataclass(frozen=True, kw_only=True)
class BrokerAddress:
    """Where a broker is, as Celery takes it."""

    url: str
    #: Options of the connection, for `broker_transport_options`.
    options: Mapping[str, Any]
    #: The URL as people may see it.
    shown: str
    #: The same URL as the Redis client takes it. With sentinels, all of it but the host, which they know.
    client_url: str
    sentinels: Sentinels | None = None


def read_address(written: str) -> BrokerAddress:
    """Read a URL as Redis clients write it: with the database in its path or as `db`, and options of the connection.

    Raises ValueError that says what was expected, without the password.
    """
    url, hosts = part_hosts(tidied(written))
    parts = _split(url)
    query = _query(parts)
    options = {name: read(name, query.pop(name)) for name, read in _OPTIONS.items() if name in query}
    login = _login(parts, query)
    database = _database(parts, query)
    if parts.scheme in _SOCKETS:
        address = _of_socket(f"{login}{quote(unquote(parts.path))}", database, options)
    elif parts.scheme == SCHEME:
        tls = _tls(query, "ssl=true", has_tls=_flag("ssl", query.pop("ssl", "false")))
        address = _of_sentinels(login, database, tls, read_sentinels(hosts, query, tls), options)
    else:
        tls = _tls(query, "rediss://…", has_tls=parts.scheme == "rediss")
        url = f"{parts.scheme}://{login}{_host(parts)}/{database}{_written(tls)}"
        address = BrokerAddress(url=url, options=options, shown=masked(url), client_url=url)
    if query:
        name = min(query)
        shown = f" {name}" if name.isidentifier() else ""
        known = ["db", *(OPTIONS if parts.scheme == SCHEME else ()), *_OPTIONS, *sorted(_TLS)]
        raise ValueError(f"its option{shown} is none of {', '.join(known)}")
    return address


def _of_socket(path: str, database: int, options: Mapping[str, Any]) -> BrokerAddress:
    """Make the address of a socket, named by its login and path."""
    celery, client = (f"?{name}={database}" if database else "" for name in ("virtual_host", "db"))
    url = f"redis+socket://{path}{celery}"
    return BrokerAddress(url=url, options=options, shown=masked(url), client_url=f"unix://{path}{client}")


def _of_sentinels(
    login: str, database: int, tls: Mapping[str, str], sentinels: Sentinels, options: Mapping[str, Any]
) -> BrokerAddress:
    """Make the address of a master that sentinels know. Celery connects to each by its whole URL."""
    tail = f"/{database}{_written(tls)}"
    return BrokerAddress(
        url=";".join(f"{SCHEME}://{login}{host}{tail}" for host in sentinels.hosts),
        options={**options, **sentinels.celery_options},
        shown=masked(f"{SCHEME}://{login}{','.join(sentinels.hosts)}/{database}"),
        client_url=f"{'rediss' if tls else 'redis'}://{login}{sentinels.hosts[0]}{tail}",
        sentinels=sentinels,
    )


def _host(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{host}:{parts.port}" if parts.port else host


def _written(options: Mapping[str, str]) -> str:
    return f"?{urlencode(options)}" if options else ""


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # the port is no number, as when a password holds a # or /
        raise ValueError(EXPECTED) from None
    is_socket = parts.scheme in _SOCKETS
    if (
        parts.scheme not in ("redis", "rediss", SCHEME, *_SOCKETS)
        or port == 0
        or not url.startswith(f"{parts.scheme}://")
    ):
        raise ValueError(EXPECTED)
    if is_socket and (parts.hostname or not parts.path.strip("/")):
        raise ValueError(f"it names no socket by its whole path: {EXPECTED}")
    if parts.fragment or "@" in parts.query or ("@" in parts.path and not is_socket):
        raise ValueError(f"it has a # or @ that belongs to a password: {EXPECTED}")
    return parts


def _query(parts: SplitResult) -> dict[str, str]:
    found = parse_qsl(parts.query, keep_blank_values=True)
    query = dict(found)
    if len(query) < len(found):
        raise ValueError("an option stands there twice")
    if parts.scheme == "redis+socket" and "virtual_host" in query:  # as Celery spells it
        query.setdefault("db", query.pop("virtual_host"))
    return query


def _login(parts: SplitResult, query: dict[str, str]) -> str:
    """Return the user and password of a URL, where it has them, before their @."""
    login = {}
    for name, value in (("username", parts.username), ("password", parts.password)):
        given = query.pop(name, None)
        if given and value:
            raise ValueError(f"it has a {name} twice, before the host and as an option")
        login[name] = quote(given or unquote(value or ""), safe="")
    if not any(login.values()):
        return ""
    return f"{login['username']}:{login['password']}@" if login["password"] else f"{login['username']}@"


def _database(parts: SplitResult, query: dict[str, str]) -> int:
    path = "" if parts.scheme in _SOCKETS else parts.path.strip("/")
    option = query.pop("db", "")
    for written in (path, option):
        if written and not (written.isascii() and written.isdigit()):
            raise ValueError("expected a number as its database, as in redis://HOST:PORT/0")
    if path and option and int(path) != int(option):
        raise ValueError("it names one database in its path and another as db")
    return int(path or option or 0)


def _tls(query: dict[str, str], turned_on_by: str, *, has_tls: bool) -> dict[str, str]:
    """Return the options of TLS. The server's certificate and name are checked unless the URL says otherwise."""
    found = {name: query.pop(name) for name in sorted(_TLS & query.keys())}
    if not has_tls:
        if found:
            raise ValueError(f"{next(iter(found))} is an option of TLS: expected {turned_on_by}")
        return {}
    if "ssl_cert_reqs" in found:  # the Redis client and Celery spell it each in a way of its own
        found["ssl_cert_reqs"] = found["ssl_cert_reqs"].lower().removeprefix("cert_")
    if found.get("ssl_cert_reqs", "required") not in _CHECKS:
        raise ValueError(f"expected ssl_cert_reqs={', '.join(_CHECKS[:-1])} or {_CHECKS[-1]}")
    if "ssl_cert_reqs" not in found:  # kombu would believe whoever answers
        found |= {"ssl_cert_reqs": "required", "ssl_check_hostname": found.get("ssl_check_hostname", "true")}
    return found


def _seconds(name: str, written: str) -> float:
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not SHORTEST_TIMEOUT_S <= seconds < math.inf:
        raise ValueError(f"expected {name} in seconds, {SHORTEST_TIMEOUT_S:g} at least")
    return seconds


def _flag(name: str, written: str) -> bool:
    if written.lower() not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError(f"expected {name}=true or {name}=false")
    return written.lower() in ("true", "1", "yes")


def _text(_name: str, written: str) -> str:
    return written


#: Options of the connection, and how each is read.
_OPTIONS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "socket_timeout": _seconds,
    "socket_connect_timeout": _seconds,
    "health_check_interval": _seconds,
    "socket_keepalive": _flag,
    "retry_on_timeout": _flag,
    "client_name": _text,
}
