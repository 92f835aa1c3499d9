"""What becomes of a record's subreddit and author before they are a Comment's: see moodmill.db.core.names."""

from moodmill.db.core.comment import MAX_NAME
from moodmill.db.core.names import Key, author_name, subreddit_name
from moodmill.db.core.text import clean


def subreddit_of(text: str | None) -> str | None:
    """Return the subreddit that a record's field names, if any, as stores take it.

    Raises ValueError where it is too long to be a name.
    """
    return _name_of(text, subreddit_name, "a subreddit")


def author_of(text: str | None) -> str | None:
    """Return the author that a record's field names, if any, as stores take it. Raises as `subreddit_of`."""
    return _name_of(text, author_name, "an author")


def _name_of(text: str | None, bare: Key, what: str) -> str | None:
    if not text:
        return None
    # Nearly all are clean already: checked nearly as fast as by `clean`.
    is_plain = text.isascii() and "/" not in text and "\0" not in text
    name = text.strip() if is_plain else bare(clean(text))
    if len(name) > MAX_NAME:
        raise ValueError(f"expected {what} of at most {MAX_NAME} characters, found one of {len(name)}")
    return name or None
