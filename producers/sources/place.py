"""Where a source lies: a file, or a member of an archive; and how the ledger and people name that place."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import unquote, unquote_to_bytes

from moodmill.db.core.elsewhere import is_remote, path_of
from moodmill.db.core.text import clean, is_utf8
from moodmill.producers.sources.remote import name_of, real_path

#: Stands between an archive and its member in what the ledger keeps.
_WITHIN = "!/"
#: Characters of what result rows call a place: the ids of rows that have none of their own begin with it (see MAX_ID).
_LONGEST_NAME = 240
#: Hexadecimal digits of the hash in a name that was longer.
_DIGITS = 16
#: How the ledger keeps a path that no UTF-8 holds.
_URI = "file://"
#: What Hive, Spark and Arrow write for a null in the name of a folder.
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A file, or the member `member` of the archive that the file is. `name` is what result rows call it.

    Of a file that a run has begun, `size` bytes count: what was added since is another run's. None: all there are.
    """

    path: Path
    member: str | None = None
    name: str
    size: int | None = None

    @classmethod
    def at(cls, path: Path, member: str | None = None, name: str | None = None) -> "Place":
        """Return the place of a file; without a name it gets the file's, behind the `key=value` folders above it."""
        if not name:
            folders = [f"{key}={value}" for key, value in _partitions(path)]
            name = "/".join([*folders, name_of(path).name, *([member] if member else [])])
        return cls(path=path, member=member, name=_short(clean(name)))

    @classmethod
    def from_kept(cls, kept: str, name: str, size: int | None = None) -> "Place":
        """Return the place that `kept` gave to the ledger; of a file, `size` bytes count."""
        splits = [match.span() for match in re.finditer(re.escape(_WITHIN), kept)]
        if not splits or _is_there(_path(kept)):
            return cls(path=_path(kept), name=name, size=size)
        # A folder's name may end as what stands between an archive and its member begins: wow!/x.zip!/RC_2005-12
        end, begin = next((split for split in splits if _is_there(_path(kept[: split[0]]), Path.is_file)), splits[0])
        return cls(path=_path(kept[:end]), member=kept[begin:], name=name)

    def kept(self) -> str:
        """Return the place as text that any store takes, and `from_kept` reads."""
        path = real_path(self.path)
        text = str(path) if is_remote(path) or is_utf8(str(path)) else path.as_uri()
        return text if self.member is None else f"{text}{_WITHIN}{self.member}"

    @property
    def origin(self) -> str:
        """What ids that are made up begin with: the same whatever lies beside the file, and however it was given."""
        return Place.at(self.path, self.member).name

    @property
    def named(self) -> PurePath:
        """The name by which its kind is found: the member's, or the file's."""
        return name_of(self.path) if self.member is None else Path(self.member)

    @property
    def partitions(self) -> dict[str, str | None]:
        """The columns that the folders above say, in the archive and around it: `subreddit=python/` and the like."""
        path = self.path if self.member is None else self.path.parent / self.member
        found = {key: unquote(value) for key, value in _partitions(path)}
        return {key: None if value == _NULL_PARTITION else clean(value) for key, value in found.items()}

    def __str__(self) -> str:
        """The place in one line, as messages show it."""
        path = str(self.path) if self.member is None else f"{self.path}{_WITHIN}{self.member}"
        return "".join(one if one.isprintable() else "\ufffd" for one in path)


def _short(name: str) -> str:
    """Return a name that is too long as its beginning, a hash of all of it, and its end."""
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGITS]
    half = (_LONGEST_NAME - len(digest)) // 2 - 1
    return f"{name[:half]}~{digest}~{name[-half:]}"


def _partitions(path: Path) -> list[tuple[str, str]]:
    """Return keys and values of the folders that stand, one in the other, right above a file."""
    found: list[tuple[str, str]] = []
    for folder in real_path(path).parents:
        key, sign, value = folder.name.partition("=")
        if not sign or not key.isidentifier():
            break
        found.append((key, value))
    return found[::-1]


def _path(kept: str) -> Path:
    if not kept.startswith(_URI):
        return path_of(kept)
    return Path(os.fsdecode(unquote_to_bytes(kept.removeprefix(_URI))))


def _is_there(path: Path, test: Callable[[Path], bool] = Path.exists) -> bool:
    try:
        return test(path)
    except OSError:  # with the name of a member behind it, a path may be longer than a system takes
        return False
