"""Which columns of a table hold a comment's fields, and how a row becomes a comment."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from db.comment import Comment
from db.errors import SourceError
from producers.record import Parsed
from producers.sources.names import author_of, subreddit_of
from producers.sources.text import clean, comment_id, comment_text, gone, parse_time


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The names of a table's columns; None stands for the first of KNOWN that the table has."""

    text: str | None = None
    id: str | None = None
    subreddit: str | None = None
    author: str | None = None
    created_at: str | None = None


DEFAULT_COLUMNS = Columns()

#: The names that tables commonly use, the likeliest first.
KNOWN = {
    "text": ("text", "body", "comment", "content", "message"),
    "id": ("id", "comment_id"),
    "subreddit": ("subreddit",),
    "author": ("author", "user", "username"),
    "created_at": ("created_utc", "created_at", "timestamp", "date"),
}


def locate(columns: Columns, names: Sequence[str], source: object) -> dict[str, int]:
    """Return the index of each field's column among `names`; a field without one is left out.

    Raises SourceError, naming `source`, if there is no text column or a column that was asked for is missing.
    """
    indices: dict[str, int] = {}
    plain = [name.strip().lower() for name in names]
    for field, asked in asdict(columns).items():
        if asked in names:
            indices[field] = names.index(asked)
            continue
        wanted = KNOWN[field] if asked is None else (asked.strip().lower(),)
        index = next((plain.index(name) for name in wanted if name in plain), None)
        if index is not None:
            indices[field] = index
        elif asked is not None or field == "text":
            option = f"--{field.replace('_', '-')}-column"
            expected = " or ".join(repr(name) for name in ([asked] if asked else KNOWN[field]))
            found = ", ".join(repr(clean(name[:60])) for name in names[:50])
            raise SourceError(
                f"{source} has no {field} column: expected {expected}, found {found}; name the right one by {option}"
            )
    return indices


def to_parsed(values: Mapping[str, object], position: int, source: str) -> Parsed:
    """Return the comment of a row whose `values` stand under the names of Columns.

    Raises ValueError if it has no text, or an id too long to be one.
    """
    text = _string(values.get("text"))
    if text is None:
        raise ValueError("expected a text in the text column, found null")
    comment = Comment(
        id=comment_id(_string(values.get("id")) or made_id(source, position, text)),
        text=comment_text(text),
        position=position,
        subreddit=subreddit_of(_string(values.get("subreddit"))),
        author=author_of(_string(values.get("author"))),
        created_at=parse_time(values.get("created_at")),
    )
    return Parsed(comment=comment, gone=gone(text))


def made_id(source: str, position: int, text: str) -> str:
    """Return the id of a row that has none: the same whenever the row is read again, in a file that grew as well.

    The text is in it because different files may have the same name.
    """
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{source}:{position}:{digest[:12]}"


def _string(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
