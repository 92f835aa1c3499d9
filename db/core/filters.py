"""Which comments are asked for: of a source, to be classified; and moments and names as people give them.

Names are compared by their keys (moodmill.db.core.names), whatever they came as; so are those of the store's rows
(moodmill.db.core.conditions).
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SettingError
from moodmill.db.core.namefile import read_names
from moodmill.db.core.names import Key, author_key, split_names, subreddit_key
from moodmill.db.core.text import is_visible


class Candidate(Protocol):
    """A record of a source that may be classified."""

    @property
    def comment(self) -> Comment: ...

    @property
    def gone(self) -> str | None:
        """How its text was lost, if it was."""

    @property
    def deleted_later(self) -> bool:
        """Whether it was taken back after it was archived."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a comment must be to be classified. None and 0 ask for nothing."""

    #: By their keys, as `names_asked` returns them.
    subreddits: frozenset[str] | None = None
    authors: frozenset[str] | None = None
    not_authors: frozenset[str] = frozenset()
    #: The first moment wanted, and the first no more wanted.
    since: datetime | None = None
    until: datetime | None = None
    #: Characters.
    min_length: int = 0
    #: Pass over records whose author or moderator took them back after the dump was archived.
    honour_deletions: bool = False

    def reason_to_skip(self, parsed: Candidate) -> str | None:
        """Return why a record is passed over, as short as a summary wants it; None when it is to be classified."""
        comment = parsed.comment
        if parsed.gone is not None:
            return parsed.gone
        if self.honour_deletions and parsed.deleted_later:
            return "deleted later"
        text = comment.text
        if not is_visible(text):
            return "empty"
        if self.min_length and len(text) < self.min_length:
            return "too short"
        # Names of comments are bare already: their keys are them in small letters, but for handles.
        if self.subreddits is not None:
            subreddit = (comment.subreddit or "").lower()
            if "@" in subreddit:
                subreddit = subreddit_key(subreddit)
            if subreddit not in self.subreddits:
                return "other subreddit"
        if self.not_authors or self.authors is not None:
            author = (comment.author or "").lower()
            if "@" in author:
                author = author_key(author)
            if author in self.not_authors or (self.authors is not None and author not in self.authors):
                return "other author"
        since, until, created_at = self.since, self.until, comment.created_at
        if since is None and until is None:
            return None
        if created_at is None:
            return "no date"
        is_wanted = (since is None or created_at >= since) and (until is None or created_at < until)
        return None if is_wanted else "other date"


#: A year, or a month of one.
_PERIOD: Final = re.compile(r"\d{4}(-\d\d)?")
#: Takes all comments that have a text.
ALL: Final = Filters()


def names_asked(key: Key, entries: Sequence[str], file: Path | None = None) -> frozenset[str]:
    """Return the keys of the names in `entries`, with commas between them, and of those in a file of names.

    Without both it is empty. Raises SettingError where what is given holds no name, and as `read_names`.
    """
    keys = frozenset(map(key, [*split_names(entries), *(read_names(file) if file else ())])) - {""}
    if (entries or file) and not keys:
        found = ", ".join(map(repr, entries)) if file is None else f"none in {file}"
        raise SettingError(f"expected a name to filter by, got {found}")
    return keys


def moment_asked(value: object) -> datetime:
    """Return the moment that a time names, in UTC where it says no zone; of a day, month or year, when it begins.

    Raises ValueError where it is none.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(_first_day(value.strip()))
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
    except ValueError:
        pass
    raise ValueError(f"expected a month, day or time as 2024-03, 2024-03-31 or 2024-03-31T12:00, got {value!r}")


def _first_day(text: str) -> str:
    """Return the first day of what is a month or a year."""
    return f"{text}-01-01"[:10] if _PERIOD.fullmatch(text) else text


def check_period(since: date | None, until: date | None) -> None:
    """Raise SettingError where no moment is `since` or later and before `until`."""
    if since is not None and until is not None and since >= until:
        raise SettingError(f"expected since before until, got since {since.isoformat()} and until {until.isoformat()}")
