"""Which comments of a source are classified, and why the others are not."""

from datetime import datetime
from typing import Final

import msgspec

from producers.record import Parsed


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a comment must be to be classified. Names are compared in small letters; None and 0 ask for nothing."""

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

    def reason_to_skip(self, parsed: Parsed) -> str | None:
        """Return why a record is passed over, as short as a summary wants it; None when it is to be classified."""
        comment = parsed.comment
        if parsed.gone is not None:
            return parsed.gone
        if self.honour_deletions and parsed.deleted_later:
            return "deleted later"
        if not comment.text.strip():
            return "empty"
        if len(comment.text) < self.min_length:
            return "too short"
        if self.subreddits is not None and (comment.subreddit or "").lower() not in self.subreddits:
            return "other subreddit"
        author = (comment.author or "").lower()
        if author in self.not_authors or (self.authors is not None and author not in self.authors):
            return "other author"
        return self._date_reason(comment.created_at)

    def _date_reason(self, created_at: datetime | None) -> str | None:
        if self.since is None and self.until is None:
            return None
        if created_at is None:
            return "no date"
        wanted = (self.since is None or created_at >= self.since) and (self.until is None or created_at < self.until)
        return None if wanted else "other date"


#: Takes all comments that have a text.
ALL: Final = Filters()
