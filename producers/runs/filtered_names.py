"""The names that filters pass over, as long as they let nothing pass: so that a run can say what is near."""

from moodmill.db.core.comment import Comment
from moodmill.db.core.filters import Filters
from moodmill.db.core.nearnames import NearNames, nothing_of


class FilteredNames:
    """Counts names in bounded memory, until a comment has passed."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._subreddits: NearNames | None = None if filters.subreddits is None else NearNames()
        self._authors: NearNames | None = None if filters.authors is None else NearNames()
        #: Records whose names were counted.
        self.n = 0

    def count(self, reason: str, comment: Comment) -> None:
        """Count the name of a comment that was passed over for a reason that is one of names."""
        if reason == "other subreddit" and self._subreddits is not None:
            self._subreddits.add(comment.subreddit)
            self.n += 1
        elif reason == "other author" and self._authors is not None:
            self._authors.add(comment.author)
            self.n += 1

    def stop(self) -> None:
        """Forget what was counted, and count no more: something has passed."""
        self._subreddits = self._authors = None
        self.n = 0

    def describe(self) -> str:
        """Say that nothing is of the names that were asked for, and what is near them."""
        said = []
        if self._subreddits is not None and self._subreddits.seen:
            said.append(nothing_of("subreddit", self._filters.subreddits or (), self._subreddits.seen))
        if self._authors is not None and self._authors.seen:
            said.append(nothing_of("author", self._filters.authors or (), self._authors.seen))
        return "; ".join(said)
