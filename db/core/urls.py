"""URLs of servers, as people write them: blanks, capital letters, and passwords that are not %-encoded."""

from typing import TYPE_CHECKING, Final

from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

#: What to do about a password that a URL is cut at.
ENCODED: Final = "special characters of the password %-encoded (@ %40, # %23, / %2F, ? %3F, : %3A, % %25)"


def tidied(url: str) -> str:
    """Return a URL without blanks around it, and with its scheme in lower case."""
    scheme, separator, rest = url.strip().partition("://")
    return f"{scheme.lower()}{separator}{rest}" if separator else scheme


def masked(url: str) -> str:
    """Return the URL of a broker without its password and options: all before the last @ may be part of it."""
    scheme, _, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    hidden = f"{user}:***@" if colon else "***@"
    return f"{scheme}://{hidden if at else ''}{host.partition('?')[0]}"


def read_database_url(url: "str | URL", setting: str) -> "URL":
    """Return a database's URL, of PostgreSQL with the driver that we install.

    Raises SettingError where a part of the password would be taken for the host, and SQLAlchemy's ArgumentError or
    ValueError where it is no URL.
    """
    from sqlalchemy import make_url  # takes a while, and settings want the rest of this module

    written = tidied(url) if isinstance(url, str) else url.render_as_string(hide_password=False)
    broken = SettingError(f"{setting} has an @ behind the one before its host: write {ENCODED}")
    try:
        found = make_url(written)
    except ValueError:  # of a port that is no number
        if written.count("@") > 1:
            raise broken from None
        raise
    options = written.partition("@")[2].partition("?")[2].split("&")
    parts = (found.host, found.database if found.host else None, *(one.partition("=")[0] for one in options))
    if any("@" in part for part in parts if part):
        raise broken
    # Hosting services hand out the spelling without an end.
    is_postgres = found.get_backend_name() in ("postgres", "postgresql")
    return found.set(drivername="postgresql+psycopg") if is_postgres else found


def store_url(value: str) -> str:
    """Return the URL of a store that is named by its URL, or as a file."""
    return value if "://" in value else f"sqlite:///{value}"
