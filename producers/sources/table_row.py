"""How a row of a table, or a record of JSON, becomes a comment."""

import hashlib
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from moodmill.db.core.comment import Comment
from moodmill.db.core.note_kinds import UNREAD_TIME
from moodmill.producers.sources.layout import AS_FOUND, Fields, ReadOptions
from moodmill.producers.sources.names import author_of, subreddit_of
from moodmill.producers.sources.permalink import read_permalink
from moodmill.producers.sources.record import Parsed
from moodmill.producers.sources.text import comment_id, comment_text, gone, is_null_word, join_post
from moodmill.producers.sources.times import is_given, parse_time
from moodmill.producers.sources.written_times import at_clock

#: Where nothing was looked for: values stand under the names of Columns, and ids are the table's own.
PLAIN: Final = Fields()
#: Reddit's own ids of submissions have no prefix in most tables.
_BARE_ID: Final = re.compile("[0-9a-z]{2,13}")


def to_parsed(
    values: Mapping[str, object],
    position: int,
    source: str,
    fields: Fields = PLAIN,
    options: ReadOptions = AS_FOUND,
) -> Parsed:
    """Return the comment of a row whose `values` stand under the names of Columns; one without a text is empty.

    Raises ValueError where its id or a name is too long to be one, or its time contradicts the order of day and month.
    """
    given = {field: _string(value, options) for field, value in values.items() if field != "created_at"}
    raw = given.get("text") or ""
    notes: tuple[tuple[str, str | None], ...] = ()
    text = comment_text(raw)
    if fields.is_posts or "title" in values:
        title = comment_text(given.get("title") or "")
        text, loss, notes = join_post(title, text, removed_titles=options.removed_titles)
    else:
        loss = gone(text)
    key, subreddit = given.get("id"), given.get("subreddit")
    link = read_permalink(given.get("link") or "") if not key or not subreddit else None
    if link is not None:
        subreddit = subreddit or link.subreddit
        # The address of a thread is that of each comment in it.
        if not link.is_post or fields.is_posts:
            key = key or link.id
    if key and fields.is_posts and fields.ids == "reddit" and _BARE_ID.fullmatch(key):
        key = f"t3_{key}"
    time = values.get("created_at")
    created_at = parse_time(time, fields.time_form)
    if created_at is None and is_given(time):
        notes = (*notes, _unread(time, "created_at", fields))
    elif created_at is not None and (clock := given.get("time_of_day")):
        moment = at_clock(created_at, clock)
        if moment is None:
            notes = (*notes, _unread(clock, "time_of_day", fields))
        created_at = moment or created_at
    comment = Comment(
        id=comment_id(key or made_id(source, position, raw)),
        text=text,
        position=position,
        subreddit=subreddit_of(subreddit),
        author=author_of(given.get("author")),
        created_at=created_at,
    )
    return Parsed(comment=comment, gone=loss, notes=notes)


def _unread(value: object, field: str, fields: Fields) -> tuple[str, str]:
    """Return the note of a time that cannot be read."""
    return UNREAD_TIME, f"{str(value)[:60]!r} in {fields.called.get(field, field)}"


def made_id(source: str, position: int, text: str) -> str:
    """Return the id of a row that has none: the same whenever the row is read again, in a file that grew as well.

    The text is in it because different files may have the same name.
    """
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{source}:{position}:{digest[:12]}"


def _string(value: object, options: ReadOptions) -> str | None:
    """Return a value as text; None of a null, and of what stands for one."""
    if isinstance(value, str):
        # Few texts are as short as a word that stands for null.
        return None if len(value) < 12 and not options.null_words and is_null_word(value) else value
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return None
    return str(value)
