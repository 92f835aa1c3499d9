"""A comment: what producers read, messages carry, workers classify and the store keeps the labels of."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal
from zlib import crc32

import msgspec

#: Characters of an id at most: it is part of a key, and PostgreSQL's index takes 2,704 bytes with the model's name.
MAX_ID: Final = 300
#: Characters of the name of a subreddit or an author at most: Reddit's have 20 and some, and an address 254. A
#: subreddit is part of keys as an id is.
MAX_NAME: Final = 300
#: Whose the ids of comments are. Reddit's own name one comment for ever, whose text may be edited; those of a table are
#: whatever its writer took for ids: numbers that begin anew in each file, places in a thread.
Ids = Literal["reddit", "table"]
#: Why a comment is skipped whose id is Reddit's own and has another text in the store.
ANOTHER_TEXT: Final = "another text"
#: What is noted of a comment whose id is a table's and has another text in the store: it is kept under `other_id`.
ANOTHER_ID: Final = "another id"
#: Hexadecimal digits of the hash in such an id.
_DIGITS: Final = 12


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One text to classify. Strings hold no NUL and no lone surrogate, so every store and tokenizer takes them."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    text: str
    #: Number of the record in its source, from 0: with the source it names where the comment came from.
    position: int
    #: Bare names (moodmill.db.core.names): no u/ before them, no blanks around them.
    subreddit: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None = None
    author: Annotated[str, msgspec.Meta(max_length=MAX_NAME)] | None = None
    #: UTC.
    created_at: datetime | None = None


def text_hash(text: str) -> int:
    """Return the CRC-32 of a text's UTF-8, as the signed 32-bit integer that databases have.

    It takes 4 bytes a row, is compared only between records of one id, and detects any edit within 4 bytes for certain;
    of others it misses one in 4 billion.
    """
    unsigned = crc32(text.encode())
    return unsigned - (1 << 32) if unsigned >> 31 else unsigned


def other_id(comment_id: str, text: str) -> str:
    """Return the id under which a comment is kept whose own id has another text: the same whenever it comes again.

    Where the id has to be cut to stay within MAX_ID, all of it is in the hash.
    """
    room = MAX_ID - _DIGITS - 1
    hashed = text if len(comment_id) <= room else f"{comment_id}\0{text}"
    return f"{comment_id[:room]}~{sha256(hashed.encode()).hexdigest()[:_DIGITS]}"


def under_other_id(comment: Comment) -> Comment:
    """Return a comment under the id that it is kept under where its own has another text."""
    return msgspec.structs.replace(comment, id=other_id(comment.id, comment.text))
