"""The id and subreddit in Reddit's address of a record."""

import re
from typing import NamedTuple

_PERMALINK = re.compile(
    r"(?:https?://(?:[\w-]+\.)*reddit\.com)?/?(?:r/(?P<subreddit>[^/?#\s]+)|u(?:ser)?/(?P<user>[^/?#\s]+))"
    r"/comments/(?P<post>[0-9a-z]+)(?:/[^/?#]*(?:/(?P<comment>[0-9a-z]+))?)?/?(?:[?#].*)?",
    re.IGNORECASE,
)


class Permalink(NamedTuple):
    """`id` is as result rows have it: a comment's bare, a submission's with its prefix."""

    id: str
    subreddit: str
    is_post: bool


def read_permalink(text: str) -> Permalink | None:
    """Return the id and subreddit of an address; None if it is no address of a comment or a submission."""
    match = _PERMALINK.fullmatch(text.strip())
    if match is None:
        return None
    key = match["comment"] or f"t3_{match['post']}"
    return Permalink(key.lower(), match["subreddit"] or f"u_{match['user']}", match["comment"] is None)


def is_same(key: str, linked: str) -> bool:
    """Whether a table's id and that of an address are of one record, with Reddit's prefixes or without."""
    return key.removeprefix("t1_").removeprefix("t3_") == linked.removeprefix("t3_")
