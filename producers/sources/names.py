"""What becomes of a record's subreddit and author before they are a Comment's: see db.names."""

from db.names import author_name, subreddit_name
from producers.sources.text import clean


def subreddit_of(text: str | None) -> str | None:
    """Return the subreddit that a record's field names, if any, as stores take it."""
    if not text:
        return None
    # Of all but a few there is nothing to do: told nearly as fast as `clean` tells it.
    if text.isascii() and "/" not in text and "\0" not in text:
        return text.strip() or None
    return subreddit_name(clean(text)) or None


def author_of(text: str | None) -> str | None:
    """Return the author that a record's field names, if any, as stores take it."""
    if not text:
        return None
    if text.isascii() and "/" not in text and "\0" not in text:
        return text.strip() or None
    return author_name(clean(text)) or None
