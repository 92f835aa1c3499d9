"""What lies elsewhere, and is named by a URL: in an object store, on a web server, wherever fsspec reaches.

The path of it behaves as one of this machine does, by universal_pathlib. Who may read or write it, each storage's own
rules say: its environment variables, files and roles.
"""

import os
import re
from pathlib import Path
from typing import Final, cast
from urllib.parse import parse_qsl, urlsplit

from moodmill.db.core.errors import SettingError

#: Two letters or more: one is a drive of Windows.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
#: What a URL's query holds where it is signed, or lets whoever has it in.
_SECRET: Final = re.compile(
    r"x-(amz|goog)-.*|awsaccesskeyid|sig|signature|.*(token|key|secret|password|credentials?)|auth(orization)?",
    re.IGNORECASE,
)
#: Packages that bring what fsspec lacks for a scheme.
_EXTRA: Final = "pip install 'moodmill[remote]' brings what reads from elsewhere"


def is_remote(path: object) -> bool:
    """Tell whether a path is of a file that lies elsewhere."""
    return not isinstance(path, Path) and hasattr(path, "protocol")


def is_url(text: str) -> bool:
    """Tell whether a text is a URL, and no path."""
    return _SCHEME.match(text) is not None


def path_of(given: str | os.PathLike[str]) -> Path:
    """Return the path of what somebody names: of this machine, or what a URL names, which behaves as one.

    Raises SettingError for a URL that holds a password or is signed, or that nothing here can read.
    """
    if is_remote(given):
        return cast(Path, given)
    text = os.fspath(given)
    if not is_url(text):
        return Path(given)
    parts = urlsplit(text)
    if parts.scheme == "file":
        return Path(parts.path)
    shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    is_personal = parts.password is not None or (parts.scheme in ("http", "https") and parts.username is not None)
    if is_personal or any(_SECRET.fullmatch(name) for name, _ in parse_qsl(parts.query)):
        raise SettingError(
            f"{shown}: the URL lets in whoever has it, and what is named is kept: let the storage's own "
            "settings say who reads"
        )
    try:
        from upath import UPath

        path = UPath(text)
        path.fs  # noqa: B018 - made now, so that what is missing is said now
    except ImportError as error:
        raise SettingError(f"{shown} cannot be read, for {error.name or error} is missing: {_EXTRA}") from error
    except ValueError as error:
        raise SettingError(f"{shown} cannot be read: {reason_of(error)}") from error
    return cast(Path, path)


def reason_of(error: Exception) -> str:
    """Return why, in a line that names no URL: it may be signed."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return re.sub(r"[a-z0-9+.-]+://\S+", "the URL", " ".join(said.split()))
