"""Redis Sentinel: servers that watch over others, and say which one is the master, as a URL names them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from redis import Redis

SCHEME: Final = "sentinel"
#: What a URL looks like.
FORM: Final = f"{SCHEME}://:PASSWORD@HOST:PORT,HOST:PORT/DB?master=NAME"
#: What is said of the sentinels as an option; the login before the hosts is the master's.
OPTIONS: Final = ("master", "sentinel_username", "sentinel_password", "ssl")
PORT: Final = 26379
#: Seconds that a sentinel gets to answer: another one knows as much.
ANSWER_S: Final = 2.0
_CLIENT: Final = re.compile(r"<redis\.client\.Redis\(.*?host=([^,>]+),port=(\d+).*?\)>\)>\)>")


@dataclass(frozen=True, kw_only=True)
class Sentinels:
    """The sentinels of a master."""

    #: Each as HOST:PORT.
    hosts: tuple[str, ...]
    master: str
    #: Of the connections to them.
    options: Mapping[str, Any]

    @property
    def celery_options(self) -> dict[str, Any]:
        """What Celery takes as options of the transport."""
        return {"master_name": self.master, "sentinel_kwargs": dict(self.options)}

    def client(self, url: str, **connection: Any) -> "Redis":
        """Return a client of the master, by a URL that holds all of it but its host."""
        from redis.connection import SSLConnection, parse_url
        from redis.sentinel import Sentinel

        named: dict[str, Any] = {**parse_url(url), **connection}  # type: ignore[no-untyped-call]
        is_tls = named.pop("connection_class", None) is SSLConnection
        for name in ("host", "port"):
            named.pop(name, None)
        parts = [urlsplit(f"//{host}") for host in self.hosts]
        sentinel = Sentinel([(part.hostname, part.port) for part in parts], sentinel_kwargs=dict(self.options))  # type: ignore[no-untyped-call]
        client: Redis = sentinel.master_for(self.master, ssl=is_tls, **named)  # type: ignore[no-untyped-call]
        return client


def reason(error: Exception) -> str:
    """Return what went wrong in a line; the client of Redis names each sentinel by all options of its connection."""
    return _CLIENT.sub(r"\1:\2", " ".join(str(error).split()))


def part_hosts(url: str) -> tuple[str, tuple[str, ...]]:
    """Return a URL of sentinels with the first of its hosts alone, and all hosts; any other one as it is.

    Celery writes it as several URLs with ; between, the first of which, or each, has login, database and options.
    """
    if not url.startswith(f"{SCHEME}://"):
        return url, ()
    hosts: list[str] = []
    logins, tails = set(), []
    for written in url.removeprefix(f"{SCHEME}://").split(f";{SCHEME}://"):
        end = re.search(r"[/?#]|$", written)
        place = end.start() if end else 0
        login, at, named = written[:place].rpartition("@")
        hosts += [host.strip() for host in named.split(",")]
        logins.add(f"{login}{at}")
        tails.append(written[place:])
    tail = max(tails, key=len)
    logins.discard("")
    if (
        len(logins) > 1
        or (len(hosts) > 1 and any("@" in one[:-1] for one in logins))
        or any(not tail.startswith(one) for one in tails)
    ):
        raise ValueError(f"its sentinels have several passwords, databases or options: expected {FORM}")
    return f"{SCHEME}://{''.join(logins)}{hosts[0]}{tail}", tuple(hosts)


def read_sentinels(hosts: tuple[str, ...], query: dict[str, str], tls: Mapping[str, str]) -> Sentinels:
    """Take what is said of sentinels out of the options of a URL. Raises ValueError where they name no master."""
    given = {query.pop(name) for name in ("master", "master_name") if name in query}  # the latter as Celery names it
    if len(given) != 1 or "" in given:
        raise ValueError(f"it does not name the master: expected {FORM}")
    options: dict[str, Any] = {"socket_timeout": ANSWER_S, "socket_connect_timeout": ANSWER_S, "retry": None}
    for name in ("username", "password"):
        if written := query.pop(f"sentinel_{name}", ""):
            options[name] = written
    if tls:
        checks = tls.get("ssl_check_hostname", "true").lower() != "false"
        options |= {**tls, "ssl": True, "ssl_check_hostname": checks}
    return Sentinels(hosts=tuple(_with_port(one) for one in hosts), master=given.pop(), options=options)


def _with_port(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, PORT if parts.port is None else parts.port
    except ValueError:
        name, port = None, 0
    if not name or not port:
        raise ValueError(f"one of its sentinels is no HOST:PORT: expected {FORM}")
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
