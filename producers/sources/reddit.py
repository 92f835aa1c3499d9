"""Reddit's dumps: one JSON object a line, comments (RC_*) and submissions (RS_*), recognized record by record."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import structs

from moodmill.db.core import note_kinds
from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.core.payload import is_cut
from moodmill.producers.sources.bad import bad
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.files import size_of_file
from moodmill.producers.sources.layout import AS_FOUND, Fields, Layout, ReadOptions
from moodmill.producers.sources.lines import Overlong, read_lines
from moodmill.producers.sources.names import author_of, subreddit_of
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Bad, Parsed, Record
from moodmill.producers.sources.rereading import Rereader
from moodmill.producers.sources.text import comment_id, comment_text, gone, join_post
from moodmill.producers.sources.times import parse_time

#: Lines, without blank ones, of which `check` wants one that is a record.
_CHECKED = 20
#: Bytes of the first line that an error shows.
_SHOWN = 60
#: The note of a record with bytes that are no UTF-8: U+FFFD stands in their place.
NOT_UTF8 = (note_kinds.NOT_UTF8, None)
#: What a summary takes of a comment.
_NO_NOTES: tuple[tuple[str, str | None], ...] = ()


class _Fields(msgspec.Struct):
    """What of a record is used; the other fields are skipped without being built."""

    id: str | int | None = None
    body: str | None = None
    title: str | None = None
    selftext: str | None = None
    author: str | None = None
    subreddit: str | None = None
    created_utc: int | float | str | None = None
    meta: Any = msgspec.field(name="_meta", default=None)


_decode_fast = msgspec.json.Decoder(_Fields).decode


class RedditDump:
    """A file of comments, submissions or both, compressed or not; a record's position is its line's number.

    With `removed_titles`, a submission whose text is gone is its title.
    """

    def __init__(self, place: Place, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> None:
        self.place = place
        self.name = place.name
        self._removed_titles = options.removed_titles
        self._layout = layout
        partitions = {key.lower(): value for key, value in place.partitions.items()}
        #: What the folders above the file say of records that do not.
        try:
            self._subreddit = subreddit_of(partitions.get("subreddit"))
            self._author = author_of(partitions.get("author"))
        except ValueError as error:
            raise SourceError(f"the folders above {place}: {error}") from error
        self._stream = ByteStream(place)
        self._rereader = Rereader(self)

    def inspect(self) -> Layout:
        """Raise SourceError if the file is empty or its first lines hold no comment and no submission."""
        if self._layout is None:
            self._check()
            self._layout = Layout(kind="reddit", fields=Fields(ids="reddit"))
        return self._layout

    def _check(self) -> None:
        lines = (line for _, line in read_lines(ByteStream(self.place)))
        first: bytes | None = None
        for line in islice(filter(_is_filled, lines), _CHECKED):
            if not isinstance(line, Overlong) and _is_post(line):
                return
            if first is None:
                first = line.head if isinstance(line, Overlong) else line
        if first is None:
            found = "holds only blanks and NULs" if size_of_file(self.place.path) else "is empty"
            raise SourceError(f"{self.place} {found}: expected a Reddit dump, one JSON object a line")
        raise SourceError(
            f"{self.place} is no Reddit dump: expected one JSON object a line with 'body' (a comment) or 'title' "
            f"(a submission), found {first[:_SHOWN]!r}; name the kind that it is: json, csv, tsv or parquet"
        )

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from line `start` on; see Source."""
        self._stream = ByteStream(self.place)
        is_filled_in = self._subreddit is not None or self._author is not None
        for position, line in read_lines(self._stream, start):
            if isinstance(line, Overlong):
                yield bad(position, line.error, line.head, line.length)
            elif _is_filled(line):
                record = _record(line, position, self._removed_titles)
                yield self._filled_in(record) if is_filled_in else record

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""
        return self._stream.share_read

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more; of one that is cut, the record is read again."""
        if is_cut(payload):
            return self._rereader.read(payload, position)
        return self._filled_in(_record(payload.encode("utf-8", "replace"), position, self._removed_titles))

    def _filled_in(self, record: Record) -> Record:
        """Return a record with what the folders say of it where it does not say that itself."""
        if isinstance(record, Bad):
            return record
        comment = record.comment
        subreddit, author = comment.subreddit or self._subreddit, comment.author or self._author
        if (subreddit, author) == (comment.subreddit, comment.author):
            return record
        filled = structs.replace(comment, subreddit=subreddit, author=author)
        return structs.replace(record, comment=filled)


def _is_filled(line: bytes | Overlong) -> bool:
    return isinstance(line, Overlong) or bool(line and not line.isspace())


def _is_post(line: bytes) -> bool:
    try:
        fields = _decode(line)
    except (ValueError, RecursionError):
        return False
    return fields.body is not None or fields.title is not None


def _record(line: bytes, position: int, removed_titles: bool) -> Record:
    try:
        return _parsed(_decode_fast(line), position, removed_titles)
    except (ValueError, RecursionError):
        return _odd_record(line, position, removed_titles)


def _odd_record(line: bytes, position: int, removed_titles: bool) -> Record:
    """Return what a line holds that is not as all but a few are."""
    try:
        parsed = _parsed(_decode_lenient(line), position, removed_titles)
        return parsed if _is_utf8(line) else structs.replace(parsed, notes=(*parsed.notes, NOT_UTF8))
    except ValueError as error:
        return bad(position, str(error), line)
    except RecursionError:
        return bad(position, "expected a JSON object, found one nested too deep", line)


def _decode(line: bytes) -> _Fields:
    try:
        return _decode_fast(line)
    except ValueError:
        return _decode_lenient(line)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_lenient(line: bytes) -> _Fields:
    """Read what msgspec refuses and a dump may hold: lone surrogates, broken UTF-8, a field of an odd type."""
    try:
        fields = json.loads(line.decode("utf-8", "replace"), strict=False)
    except ValueError as error:
        raise ValueError(f"expected a JSON object, found broken JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"expected a JSON object, found {type(fields).__name__}")  # noqa: TRY004 (becomes a Bad)
    return _fields_of(fields)


def read_record(raw: bytes, position: int, options: ReadOptions) -> Record:
    """Return what the bytes of a record hold, wherever they stand."""
    return _record(raw, position, options.removed_titles)


def parsed_record(record: dict[str, Any], position: int, options: ReadOptions) -> Parsed:
    """Return the comment or submission of a record that was decoded elsewhere. Raises ValueError where it is none."""
    return _parsed(_fields_of(record), position, options.removed_titles)


def _fields_of(fields: dict[str, Any]) -> _Fields:
    """Take what can be used of a record whose fields may be of odd types. Raises ValueError where its text is none."""
    number, body = fields.get("id"), fields.get("body")
    if body is not None and not isinstance(body, str) and not isinstance(fields.get("title"), str):
        raise ValueError(f"expected the field 'body' to hold a string, found {type(body).__name__}")
    return _Fields(
        id=number if isinstance(number, int) and not isinstance(number, bool) else _string(number),
        body=_string(body),
        title=_string(fields.get("title")),
        selftext=_string(fields.get("selftext")),
        author=_string(fields.get("author")),
        subreddit=_string(fields.get("subreddit")),
        created_utc=fields.get("created_utc"),
        meta=fields.get("_meta"),
    )


def _string(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _parsed(fields: _Fields, position: int, removed_titles: bool) -> Parsed:
    if fields.id is None or fields.id == "":
        raise ValueError("expected the field 'id' to hold a string, found none")
    if fields.body is not None:
        key, text = str(fields.id), comment_text(fields.body)
        loss, notes = gone(text), _NO_NOTES
    elif fields.title is not None:
        # Submissions are numbered apart from comments: only with Reddit's own prefix is their id theirs alone.
        key = f"t3_{fields.id}"
        title, selftext = comment_text(fields.title), comment_text(fields.selftext or "")
        text, loss, notes = join_post(title, selftext, removed_titles=removed_titles)
    else:
        raise ValueError("expected the field 'body' (a comment) or 'title' (a submission), found neither")
    created_at = parse_time(fields.created_utc)
    if created_at is None and fields.created_utc not in (None, ""):
        notes = (*notes, (note_kinds.UNREAD_TIME, f"{str(fields.created_utc)[:60]!r} in created_utc"))
    comment = Comment(
        id=comment_id(key),
        text=text,
        position=position,
        subreddit=subreddit_of(fields.subreddit),
        author=author_of(fields.author),
        created_at=created_at,
    )
    return Parsed(comment=comment, gone=loss, deleted_later=was_deleted_later(fields.meta), notes=notes)


def was_deleted_later(meta: object) -> bool:
    """Tell what `_meta` (since 2023-11) says of the time after the archiving.

    `removal_type` is set as well for what was gone when it was archived and restored 36 hours later.
    """
    if not isinstance(meta, dict):
        return False
    if meta.get("was_deleted_later") is True:
        return True
    return meta.get("removal_type") is not None and meta.get("was_initially_deleted") is not True
