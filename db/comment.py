"""A comment: what producers read, messages carry, workers classify and the store keeps the labels of."""

from datetime import datetime
from typing import Annotated, Final

import msgspec

#: Characters of an id at most: it is part of a key, and PostgreSQL's index takes 2,704 bytes with the model's name.
MAX_ID: Final = 300


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One text to classify. Strings hold no NUL and no lone surrogate, so every store and tokenizer takes them."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    text: str
    #: Number of the record in its source, from 0: with the source it names where the comment came from.
    position: int
    #: Bare names (db.names): no u/ before them, no blanks around them.
    subreddit: str | None = None
    author: str | None = None
    #: UTC.
    created_at: datetime | None = None
