"""Where the store is. Settings come from the environment and a `.env` file, named as they are there."""

import os
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

import platformdirs
from pydantic import AfterValidator, Field, ValidationError, ValidationInfo, create_model, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from moodmill.db.core.errors import SettingError
from moodmill.db.core.urls import ENCODED, tidied

#: Where every package's settings come from.
SOURCES = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

#: Set in the environment of a process that is given all of its settings there: it reads no `.env`.
COMPLETE: Final = "MOODMILL_SETTINGS_COMPLETE"

Settings = TypeVar("Settings", bound=BaseSettings)


def password_in(file: Path) -> str:
    """Return the password that a file holds, without the end of its line. Raises ValueError where it holds none."""
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{error.strerror}; expected a file that holds a password") from error
    except UnicodeDecodeError as error:
        raise ValueError("expected a file that holds a password in UTF-8") from error
    if not password:
        raise ValueError("the file is empty; expected one that holds a password")
    return password


def _checked(file: Path) -> Path:
    password_in(file)
    return file


#: A file that holds a password, as container engines hand them out.
PasswordFile = Annotated[Path, AfterValidator(_checked)]


def with_password(url: str, file: Path | None) -> str:
    """Return a URL with the password of a file in it, %-encoded; as it is where it names no host to log in to.

    Raises ValueError where it has another password. The same one is no clash: who starts a worker hands it the whole
    URL, and the worker finds the file too.
    """
    if file is None:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:  # whose message may hold the password
        raise ValueError(f"expected a URL, {ENCODED}") from None
    if not parts.netloc:
        return url
    if parts.fragment:
        raise ValueError(f"it has a #: write {ENCODED}")
    password = password_in(file)
    login, _, host = parts.netloc.rpartition("@")
    user, _, given = login.partition(":")
    if "password" in parse_qs(parts.query) or (given and unquote(given) != password):
        raise ValueError("it has a password, and the file holds another one: leave one of them out")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


def own_folder(kind: Literal["cache", "data"]) -> Path:
    """Return where files of this user are kept. One who has no home keeps them in the working folder, as the store."""
    find = platformdirs.user_cache_path if kind == "cache" else platformdirs.user_data_path
    try:
        found = find("moodmill")
    except RuntimeError:
        return Path(".moodmill") / kind
    return found if found.is_absolute() else Path(".moodmill") / kind  # older ones return what begins with ~


class StoreSettings(BaseSettings):
    """Settings of the store."""

    model_config = SOURCES

    #: Holds the password that is put into the URL.
    database_password_file: PasswordFile | None = None
    #: SQLAlchemy URL: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.
    database_url: str = "sqlite:///moodmill.db"
    #: Where result rows lie as Parquet files in place of the store's table: a folder, or a URL as s3://BUCKET/PREFIX. A
    #: store remembers it.
    moodmill_lake: str | None = None

    @field_validator("database_url")
    @classmethod
    def _with_password(cls, url: str, info: ValidationInfo) -> str:
        return with_password(tidied(url), info.data.get("database_password_file"))


def read_settings(kind: type[Settings]) -> Settings:
    """Read a package's settings. Raises SettingError that names the first bad one."""
    try:
        return kind(**({"_env_file": None} if os.environ.get(COMPLETE) else {}))
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        shown = "not usable" if name.endswith("URL") else repr(first["input"])  # a URL may hold a password
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingError(f"{name} is {shown}: {reason}") from error


def to_environment(*settings: BaseSettings) -> dict[str, str]:
    """Return the environment from which another process reads just these settings, passwords included."""
    environment = {COMPLETE: "1"}
    for one in settings:
        for name, value in one:
            # Passwords are in the URLs by now. What is empty counts as not given.
            given = value is not None and value is not False and not name.endswith("_password_file")
            environment[name.upper()] = str(value) if given else ""
    return environment


class _Named(BaseSettings):
    model_config = SOURCES

    value: str | None = None


def read_named(name: str) -> str | None:
    """Return a setting whose name somebody chose; None where it is not given."""
    kind = create_model("Named", __base__=_Named, value=(str | None, Field(None, validation_alias=name)))
    return read_settings(kind).value
