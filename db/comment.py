"""A comment: what producers read, messages carry, workers classify and the store keeps the labels of."""

from datetime import datetime

import msgspec


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One text to classify. Strings hold no NUL and no lone surrogate, so every store and tokenizer takes them."""

    id: str
    text: str
    #: Number of the record in its source, from 0: with the source it names where the comment came from.
    position: int
    subreddit: str | None = None
    author: str | None = None
    #: UTC.
    created_at: datetime | None = None
