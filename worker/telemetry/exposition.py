"""Metrics of this process over HTTP, where MOODMILL_METRICS says, for Prometheus to fetch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


@contextmanager
def exposed(address: str | None, *collectors: "Collector") -> Iterator[None]:
    """Serve what this process counts, and what these collectors find, as long as the context lasts; None: nothing.

    `address` is HOST:PORT. Raises SettingError when nobody can listen there: another process of ours may do so.
    """
    if address is None:
        yield
        return
    from prometheus_client import REGISTRY, disable_created_metrics, start_http_server

    # A second sample for each counter, when it began, which nobody asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"))
    except OSError as error:
        raise SettingError(
            f"MOODMILL_METRICS is {address}, where nobody can listen: {error.strerror or error}; each process needs a "
            "port of its own"
        ) from error
    for one in collectors:
        REGISTRY.register(one)
    try:
        yield
    finally:
        for one in collectors:
            REGISTRY.unregister(one)
        server.shutdown()
        server.server_close()
        thread.join()
