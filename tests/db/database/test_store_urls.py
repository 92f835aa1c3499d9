"""DATABASE_URL: what the store refuses, and what it says without giving the password away."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.store import Store
from tests.db.builders import one_line

EXAMPLES = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "garbage",
        "u:secret@host/name",
        "mysql://u:secret@host/name",
        "nonsense+driver://u:secret@host/name",
        "postgresql://u:secret@host:port/name",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
    ],
)
def test_a_url_of_no_database_we_speak_is_refused_with_examples(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        Store(url)
    assert EXAMPLES in one_line(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@secret@host/name",
        "postgresql://u:p@s:secret@host/name",
        "postgresql://u:p@s/secret@host/name",
        "postgresql://u:p@s?secret@host/name",
    ],
)
def test_a_password_with_an_at_sign_is_refused_with_how_to_write_it(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        Store(url)
    assert "%-encoded (@ %40" in one_line(refused.value)


@pytest.mark.parametrize("password", ["p#secret", "p/secret", "p?secret", "p:secret", "p%40secret"])
def test_other_characters_of_a_password_are_taken_and_not_shown(password: str) -> None:
    assert Store(f" POSTGRESQL://u:{password}@host/name\n").shown == "postgresql+psycopg://u:***@host/name"


def test_an_unreachable_server_is_named_without_its_password() -> None:
    store = Store("postgresql://u:secret@127.0.0.1:1/name")
    with pytest.raises(StoreError) as refused:
        store.prepare()
    said = one_line(refused.value)
    assert "127.0.0.1:1" in said
    assert "DATABASE_URL" in said


def test_a_server_that_vanished_from_the_network_is_noticed_in_a_minute_unless_the_url_says_otherwise(
    postgres_url: str,
) -> None:
    url = make_url(postgres_url).update_query_dict({"keepalives_count": "7"})
    store = Store(url.render_as_string(hide_password=False))
    with store.reading() as connection:
        driver = connection.connection.driver_connection
        assert driver
        agreed = driver.info.get_parameters()
    store.close()
    assert (agreed["keepalives_idle"], agreed["keepalives_interval"]) == ("30", "10")
    assert agreed["tcp_user_timeout"] == "60000"
    assert agreed["keepalives_count"] == "7"


def test_an_option_that_the_driver_does_not_know_is_refused() -> None:
    store = Store("postgresql://u:secret@127.0.0.1:1/name?bogus=1")
    with pytest.raises(StoreError) as refused:
        store.prepare()
    assert "bogus" in one_line(refused.value)


def test_a_file_that_is_no_sqlite_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "comments.txt"
    file.write_text("to be, or not to be " * 500)
    with pytest.raises(StoreError) as refused:
        Store(f"sqlite:///{file}").prepare()
    said = one_line(refused.value)
    assert str(file) in said
    assert "no SQLite database" in said


@pytest.mark.parametrize("name", ["missing/moodmill.db", "."])
def test_a_path_where_no_file_can_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError) as refused:
        Store(f"sqlite:///{tmp_path / name}").prepare()
    said = one_line(refused.value)
    assert str(tmp_path) in said
    assert "DATABASE_URL" in said


@pytest.mark.parametrize(
    ("written", "options"),
    [
        ("sqlite:///{folder}/moodmill.db?mode=ro", {"mode": "ro"}),
        ("sqlite:///file:{folder}/moodmill.db?mode=ro&uri=true", {"mode": "ro"}),
        ("sqlite:///file://{folder}/moodmill.db?uri=true&immutable=1", {"immutable": "1"}),
        ("sqlite:///moodmill.db?check_same_thread=false", {}),
        ("sqlite:///file:moodmill.db", {}),
    ],
)
def test_options_and_uris_of_sqlite_are_taken(
    written: str, options: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Store(f"sqlite:///{tmp_path}/moodmill.db")
    made.prepare()
    made.close()
    store = Store(written.format(folder=tmp_path))
    assert (store.shown, dict(store.url.query)) == (str(tmp_path / "moodmill.db"), options)
    assert store.is_read_only is bool(options)
    assert store.current() == store.newest()
    if options:
        with pytest.raises(StoreError, match="readonly database"):
            store.upgrade("base")
    store.close()
    assert [one.name for one in tmp_path.iterdir() if "moodmill.db" not in one.name] == []


@pytest.mark.parametrize("url", ["sqlite:///a.db?mod=ro", "sqlite://data/a.db", "sqlite:///file:a?mode=memory"])
def test_what_sqlite_would_pass_over_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match=r"expected (one of mode|sqlite:///FILE)"):
        Store(url)


def test_making_a_store_opens_nothing(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path / 'moodmill.db'}").close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@host/name",
        "postgres://u:secret@host/name",
        "postgresql+psycopg://u:secret@host/name",
        "postgresql+asyncpg://u:secret@host/name",
        "postgresql://u@host/name?password=secret",
    ],
)
def test_every_spelling_is_shown_alike_but_for_the_password(url: str) -> None:
    store = Store(url)
    assert store.shown in ("postgresql+psycopg://u:***@host/name", "postgresql+psycopg://u@host/name")
    assert not store.is_sqlite


def test_every_sqlite_driver_is_pythons_own(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path / 'moodmill.db'}")
    store.prepare()
    assert store.is_sqlite
    store.close()


def test_a_sqlite_file_is_shown_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Store("sqlite:///moodmill.db").shown == str(tmp_path / "moodmill.db")
