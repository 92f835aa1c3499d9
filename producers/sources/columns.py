"""Which columns of a table hold a comment's fields."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import islice
from typing import Final

from moodmill.db.core.errors import SourceError
from moodmill.db.core.text import clean
from moodmill.producers.sources.layout import Columns, Fields, Ids, ReadOptions
from moodmill.producers.sources.permalink import is_same, read_permalink
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.time_columns import are_clocks, are_days, find_form, fineness

#: The names that tables commonly use, the likeliest first.
KNOWN: Final = {
    "text": ("text", "body", "comment", "content", "message", "selftext"),
    "id": ("id", "comment_id", "cid"),
    "subreddit": ("subreddit",),
    "author": ("author", "user", "username"),
    "created_at": (
        *("created_utc", "created_at", "created", "timestamp", "time_stamp", "time", "time_parsed", "published_at"),
        *("publishedat", "date_utc", "datetime", "date"),
    ),
    "title": ("title",),
    "link": ("permalink", "link"),
}
#: Of these one at least stands in a table of posts, beside a title; `selftext` alone shows that it is one.
_OF_POSTS: Final = frozenset(("permalink", "link", "url", "num_comments", "is_self", "domain", "over_18"))
#: What holds the text of a post. A title beside another one is that of the thread that a comment stands in.
_POST_TEXTS: Final = frozenset(("selftext", "text"))
#: No comment that is a row of its own thread has these beside it.
_OF_COMMENTS: Final = frozenset(("comment_id", "parent_id", "link_id", "cid"))
#: Columns of posts alone, which distinguish their `body` from that of comments.
_COUNTED: Final = frozenset(("num_comments", "comms_num"))
#: Names of columns of times of day, besides those that have "time" in them.
_CLOCKS: Final = frozenset(("hour", "clock"))
#: Fields that folders may say by themselves.
_OF_FOLDERS: Final = ("subreddit", "author", "created_at")
#: Rows looked at for what a single one does not tell, such as the order of day and month.
SAMPLE_ROWS: Final = 10_000


def find_fields(options: ReadOptions, names: Sequence[str], rows: Iterable[Sequence[object]], place: Place) -> Fields:
    """Return where the fields of a comment are in rows whose columns have `names`.

    `rows` are the first ones, with a value for each name; no more than SAMPLE_ROWS are looked at. Raises SourceError,
    naming the place, where there is no text column, one that was asked for is missing, two have its name, or the times
    can be read in two ways.
    """
    plain = [name.strip().lower() for name in names]
    partitions = {key.lower(): value for key, value in place.partitions.items() if key.lower() not in plain}
    asked = _asked_of(options.columns, partitions)
    columns = locate(replace(options.columns, **dict.fromkeys(asked)), names, place)
    columns = {field: number for field, number in columns.items() if field not in asked}
    known = {field: next((name for name in KNOWN[field] if name in partitions), None) for field in _OF_FOLDERS}
    by_themselves = {field: name for field, name in known.items() if name is not None and field not in columns}
    constants = {field: partitions[name] for field, name in (by_themselves | asked).items()}
    is_posts = options.columns.text is None and "title" in columns and "text" in columns and _are_posts(plain, columns)
    if options.columns.title is None and not is_posts:
        columns.pop("title", None)
    sample = list(islice(rows, SAMPLE_ROWS))
    time_form = options.time_format
    if "created_at" in columns:
        columns["created_at"], time_form = _find_times(options, names, columns["created_at"], sample, place)
        if are_days(_values(sample, columns["created_at"]), time_form):
            columns |= _find_clock(plain, set(columns.values()), sample)
    return Fields(
        columns=columns,
        called={field: names[number] for field, number in columns.items()},
        constants=constants,
        time_form=time_form,
        is_posts=is_posts,
        ids=_whose(plain, columns, sample),
    )


def _asked_of(columns: Columns, partitions: Mapping[str, str | None]) -> dict[str, str]:
    """Return the fields that are asked for by the name of a folder's column. A text is in the file."""
    asked = {field: name.strip().lower() for field, name in asdict(columns).items() if name is not None}
    return {field: name for field, name in asked.items() if name in partitions and field != "text"}


def locate(columns: Columns, names: Sequence[str], source: object) -> dict[str, int]:
    """Return the number from 0 of each field's column among `names`; a field without one is left out.

    A column is asked for by its name, whatever its case, or else by its number from 1. Raises SourceError, naming
    `source`, if there is no text column, or one that was asked for is missing, or two have the same name.
    """
    found: dict[str, int] = {}
    for field, asked in asdict(columns).items():
        wanted = KNOWN[field] if asked is None else (asked,)
        numbers = (_number(name, names, field, source) for name in wanted)
        number = next((one for one in numbers if one is not None), None)
        if number is not None:
            found[field] = number
        elif asked is not None or field == "text":
            expected = " or ".join(repr(name) for name in wanted)
            shown = ", ".join(repr(clean(name[:60])) for name in names[:50])
            raise SourceError(
                f"{source} has no {field} column: expected {expected}, found {shown}; "
                f"name the right one by {_option(field)}"
            )
    return found


def _number(wanted: str, names: Sequence[str], field: str, source: object) -> int | None:
    plain = [name.strip().lower() for name in names]
    for among, name in ((names, wanted), (plain, wanted.strip().lower())):
        there = [number for number, one in enumerate(among) if one == name]
        if len(there) > 1:
            numbers = " and ".join(str(number + 1) for number in there[:3])
            raise SourceError(
                f"{source} has {len(there)} columns {wanted!r}, numbers {numbers}: "
                f"say which is meant, as in {_option(field)} {there[0] + 1}"
            )
        if there:
            return there[0]
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 0
    return number - 1 if 0 < number <= len(names) else None


def are_comments(names: Iterable[str]) -> bool:
    """Tell whether an object with these keys is a comment of its own: it has a text, and an id, an author or a time."""
    plain = {name.strip().lower() for name in names}
    beside = ("id", "author", "created_at")
    return not plain.isdisjoint(KNOWN["text"]) and any(not plain.isdisjoint(KNOWN[field]) for field in beside)


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}-column"


def _are_posts(names: Sequence[str], columns: dict[str, int]) -> bool:
    if not _OF_COMMENTS.isdisjoint(names):
        return False
    text = names[columns["text"]]
    if "selftext" in names or (text in _POST_TEXTS and not _OF_POSTS.isdisjoint(names)):
        return True
    return text == "body" and not _COUNTED.isdisjoint(names)


def _find_times(
    options: ReadOptions, names: Sequence[str], first: int, rows: Sequence[Sequence[object]], place: Place
) -> tuple[int, str | None]:
    """Return which column has the finest times, and the order of day and month in them where that matters."""
    numbers = [first]
    if options.columns.created_at is None:
        found = (_number(name, names, "created_at", place) for name in KNOWN["created_at"])
        numbers = [number for number in found if number is not None]
    columns = {number: _values(rows, number) for number in numbers}
    if options.time_format is not None:
        return max(numbers, key=lambda number: fineness(columns[number], options.time_format)), options.time_format
    forms = {number: find_form(values) for number, values in columns.items()}
    best = max(numbers, key=lambda number: fineness(columns[number], forms[number].order))
    if fineness(columns[best], forms[best].order) == 0:
        best = next((number for number in numbers if forms[number].ambiguous), best)
    ambiguous = forms[best].ambiguous
    if ambiguous is not None:
        raise SourceError(
            f"{place}: {ambiguous!r} in column {names[best]!r} may be read in two ways, and no row decides which: "
            "say by --time-format day-first or month-first"
        )
    return best, forms[best].order


def _find_clock(names: Sequence[str], taken: Collection[int], rows: Sequence[Sequence[object]]) -> dict[str, int]:
    """Return the column of times of day that stands beside one of days, if there is one."""
    for number, name in enumerate(names):
        if number not in taken and may_be_clock(name) and are_clocks(_values(rows, number)):
            return {"time_of_day": number}
    return {}


def may_be_clock(name: str) -> bool:
    """Tell whether a column of this name, in small letters, may hold the time of day that belongs to a day."""
    return "time" in name or name in _CLOCKS


def _values(rows: Sequence[Sequence[object]], number: int) -> list[object]:
    return [row[number] for row in rows if number < len(row)]


def _whose(names: Sequence[str], columns: dict[str, int], rows: Sequence[Sequence[object]]) -> Ids:
    """Tell whether a table's ids are Reddit's: it has Reddit's own columns, or links to Reddit."""
    if "selftext" in names:
        return "reddit"
    if "link" not in columns:
        return "table"
    links = [(row, read_permalink(str(row[columns["link"]]))) for row in rows if _has(row, columns["link"])]
    if not links or any(link is None for _, link in links):
        return "table"
    if "id" not in columns:
        return "reddit"
    ids = [(str(row[columns["id"]]), link) for row, link in links if _has(row, columns["id"])]
    return "reddit" if ids and all(link and is_same(key, link.id) for key, link in ids) else "table"


def _has(row: Sequence[object], number: int) -> bool:
    return number < len(row) and bool(row[number])
