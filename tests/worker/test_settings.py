"""The broker's URL: what is taken, and what is made of it."""

import ssl

import pytest
from kombu.connection import Connection

from worker.settings import WorkerSettings


def tls_of(url: str) -> dict[str, object]:
    """What kombu makes of a URL that the settings took."""
    connection = Connection(WorkerSettings(redis_url=url).redis_url)  # type: ignore[no-untyped-call]
    return dict(connection.ssl or {})


def test_the_certificate_and_the_name_of_a_tls_server_are_checked() -> None:
    assert tls_of("rediss://:p@host/0") == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    assert tls_of("rediss://:p@host/0?ssl_ca_certs=/ca.pem")["ssl_cert_reqs"] == ssl.CERT_REQUIRED


def test_they_are_not_where_the_url_says_so() -> None:
    assert tls_of("rediss://host/0?ssl_cert_reqs=none")["ssl_cert_reqs"] == ssl.CERT_NONE


@pytest.mark.parametrize("url", ["redis://host:6379/0", "redis+socket:///path"])
def test_other_urls_stay_as_they_are(url: str) -> None:
    assert WorkerSettings(redis_url=url).redis_url == url


def test_the_spelling_of_other_clients_works() -> None:
    assert WorkerSettings(redis_url="unix:///path").redis_url == "redis+socket:///path"
    assert WorkerSettings(redis_url="embedded").redis_url is None
