"""Where the store is. Settings come from the environment and a `.env` file, named as they are there."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.errors import SettingError

#: Where every wing's settings come from.
SOURCES = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

Settings = TypeVar("Settings", bound=BaseSettings)


class StoreSettings(BaseSettings):
    """Settings of the store."""

    model_config = SOURCES

    #: SQLAlchemy URL: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME.
    database_url: str = "sqlite:///moodmill.db"


def read_settings(kind: type[Settings]) -> Settings:
    """Read a wing's settings. Raises SettingError that names the first bad one."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper()
        shown = "not usable" if name.endswith("URL") else repr(first["input"])  # a URL may hold a password
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingError(f"{name} is {shown}: {reason}") from error
