"""Passwords in files: what is put into the URLs of store and broker, and what is refused in one line."""

from pathlib import Path

import pytest
from kombu.connection import Connection
from sqlalchemy import make_url

from moodmill.db.core.errors import SettingError
from moodmill.db.core.settings import StoreSettings, read_settings
from moodmill.worker.core.address import read_address
from moodmill.worker.core.settings import WorkerSettings
from tests.db.builders import one_line

PASSWORD = "s3cret/with @ll: k#nds?%of ü"
SERVERS = {"DATABASE_URL": "postgresql://moodmill@host:5432/name", "REDIS_URL": "redis://host:6379/0"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file of a password, and no setting from elsewhere."""
    monkeypatch.chdir(tmp_path)
    for server, url in SERVERS.items():
        monkeypatch.setenv(server, url)
        monkeypatch.delenv(file_of(server), raising=False)
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    return tmp_path


def file_of(server: str) -> str:
    return server.replace("_URL", "_PASSWORD_FILE")


def url_of(server: str) -> str:
    if server == "DATABASE_URL":
        return read_settings(StoreSettings).database_url
    return str(read_settings(WorkerSettings).redis_url)


def password_of(server: str) -> str | None:
    """What the library that connects makes of the URL."""
    if server == "DATABASE_URL":
        return make_url(url_of(server)).password
    password: str | None = Connection(url_of(server)).password  # type: ignore[no-untyped-call]
    return password


@pytest.mark.parametrize("server", SERVERS)
def test_the_password_of_a_file_is_in_the_url(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(file_of(server), str(folder / "password"))
    assert password_of(server) == PASSWORD
    # and whoever is handed the whole URL, as the worker of a run, may find the file too
    whole = url_of(server)
    monkeypatch.setenv(server, whole)
    assert url_of(server) == whole


@pytest.mark.parametrize("hosts", ["a:1,b", "a:1;sentinel://b"])
def test_the_password_of_a_file_is_that_of_the_master_which_sentinels_know(
    hosts: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD_FILE", str(folder / "password"))
    monkeypatch.setenv("REDIS_URL", f"sentinel://{hosts}/0?master=m&sentinel_password=another")
    address = read_address(url_of("REDIS_URL"))
    assert Connection(address.url).password == PASSWORD  # type: ignore[no-untyped-call]
    assert address.options["sentinel_kwargs"]["password"] == "another"


@pytest.mark.parametrize("server", SERVERS)
def test_another_password_in_the_url_is_refused(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(file_of(server), str(folder / "password"))
    monkeypatch.setenv(server, SERVERS[server].replace("moodmill@", "").replace("//", "//moodmill:other@"))
    assert refusal(server).startswith(f"{server} is not usable: it has a password, and the file holds another one")


@pytest.mark.parametrize("server", SERVERS)
def test_a_file_without_a_password_is_refused(server: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "empty").write_text("\n")
    (folder / "binary").write_bytes(b"\xff\xfe")
    for name, reason in {"empty": "is empty", "binary": "UTF-8", "missing": "No such file", ".": "directory"}.items():
        monkeypatch.setenv(file_of(server), str(folder / name))
        said = refusal(server)
        assert said.startswith(f"{file_of(server)} is ")
        assert reason in said


def refusal(server: str) -> str:
    with pytest.raises(SettingError) as refused:
        url_of(server)
    said = one_line(refused.value)
    for secret in ("other@", PASSWORD):
        assert secret not in said
    return said


@pytest.mark.parametrize(
    ("server", "url"),
    [("DATABASE_URL", "sqlite:///moodmill.db"), ("REDIS_URL", "redis+socket:///run/redis.sock")],
)
def test_a_url_without_a_host_stays_as_it_is(
    server: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(file_of(server), str(folder / "password"))
    monkeypatch.setenv(server, url)
    assert url_of(server) == url
