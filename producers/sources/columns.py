"""Which columns of a table hold a comment's fields, and how a row becomes a comment."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from db.comment import Comment
from db.errors import SourceError
from producers.record import Parsed
from producers.sources.layout import AS_FOUND, Columns, Fields, ReadOptions
from producers.sources.place import Place
from producers.sources.text import clean, comment_id, comment_text, gone
from producers.sources.times import parse_time

#: The names that tables commonly use, the likeliest first.
KNOWN: Final = {
    "text": ("text", "body", "comment", "content", "message", "selftext"),
    "id": ("id", "comment_id", "cid"),
    "subreddit": ("subreddit",),
    "author": ("author", "user", "username"),
    "created_at": (
        "created_utc",
        "created_at",
        "created",
        "timestamp",
        "time_stamp",
        "time",
        "time_parsed",
        "published_at",
        "date",
    ),
    "title": ("title",),
    "link": ("permalink", "link"),
}
#: Of these one at least stands in a table of posts, beside a title; `selftext` alone tells that it is one.
_OF_POSTS: Final = frozenset(("permalink", "link", "url", "num_comments", "is_self", "domain", "over_18"))
#: What holds the text of a post. A title beside another one is that of the thread that a comment stands in.
_POST_TEXTS: Final = frozenset(("selftext", "text"))
#: Rows looked at for what a single one does not tell, such as the order of day and month.
SAMPLE_ROWS: Final = 10_000
_LINK = re.compile(r"(?:^|/)r/([^/]+)/comments/([0-9a-z]+)(?:/[^/?#]*(?:/([0-9a-z]+))?)?")


def find_fields(
    options: ReadOptions,
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    place: Place,
) -> Fields:
    """Return where the fields of a comment are in rows whose columns have `names`.

    `rows` are the first ones, with a value for each name; no more than SAMPLE_ROWS are looked at. Raises SourceError,
    naming the place, where there is no text column, one that was asked for is missing, two have its name, or the times
    can be read in two ways.
    """
    plain = {name.strip().lower() for name in names}
    partitions = {key: value for key, value in place.partitions.items() if key.lower() not in plain}
    found = locate(options.columns, [*names, *partitions], place)
    columns = {field: number for field, number in found.items() if number < len(names)}
    constants = {field: [*partitions.values()][found[field] - len(names)] for field in found.keys() - columns.keys()}
    is_posts = (
        options.columns.text is None
        and "title" in columns
        and "text" in columns
        and ("selftext" in plain or (names[columns["text"]].strip().lower() in _POST_TEXTS and bool(plain & _OF_POSTS)))
    )
    if options.columns.title is None and not is_posts:
        columns.pop("title", None)
    return Fields(
        columns=columns,
        called={field: names[index] for field, index in columns.items()},
        constants=constants,
        is_posts=is_posts,
    )


def locate(columns: Columns, names: Sequence[str], source: object) -> dict[str, int]:
    """Return the number from 0 of each field's column among `names`; a field without one is left out.

    A column is asked for by its name, whatever its case, or else by its number from 1. Raises SourceError, naming
    `source`, if there is no text column, or one that was asked for is missing, or two have the same name.
    """
    found: dict[str, int] = {}
    plain = [name.strip().lower() for name in names]
    for field, asked in asdict(columns).items():
        wanted = KNOWN[field] if asked is None else (asked,)
        indices = (_index(name, names, plain, field, source) for name in wanted)
        index = next((one for one in indices if one is not None), None)
        if index is not None:
            found[field] = index
        elif asked is not None or field == "text":
            expected = " or ".join(repr(name) for name in ([asked] if asked else KNOWN[field]))
            shown = ", ".join(repr(clean(name[:60])) for name in names[:50])
            raise SourceError(
                f"{source} has no {field} column: expected {expected}, found {shown}; "
                f"name the right one by {_option(field)}"
            )
    return found


def _index(wanted: str, names: Sequence[str], plain: Sequence[str], field: str, source: object) -> int | None:
    for among, name in ((names, wanted), (plain, wanted.strip().lower())):
        there = [number for number, one in enumerate(among) if one == name]
        if len(there) > 1:
            raise SourceError(
                f"{source} has {len(there)} columns {wanted!r}, the {_numbers(there)}: "
                f"say which is meant, as in {_option(field)} {there[0] + 1}"
            )
        if there:
            return there[0]
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
    return number - 1 if 0 < number <= len(names) else None


def _numbers(there: Sequence[int]) -> str:
    return " and ".join(f"{number + 1}." for number in there[:3])


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}-column"


def to_parsed(
    values: Mapping[str, object],
    position: int,
    source: str,
    fields: Fields | None = None,
    options: ReadOptions = AS_FOUND,
) -> Parsed:
    """Return the comment of a row whose `values` stand under the names of Columns; one without a text is empty.

    Raises ValueError where its id is too long to be one, or its time contradicts those of the rows before.
    """
    text = _string(values.get("text")) or ""
    comment = Comment(
        id=comment_id(_string(values.get("id")) or made_id(source, position, text)),
        text=comment_text(text),
        position=position,
        subreddit=clean(_string(values.get("subreddit")) or "") or None,
        author=clean(_string(values.get("author")) or "") or None,
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
    """Return a value as text; None of a null, and of what stands for one among numbers."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value)
