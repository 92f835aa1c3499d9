"""What becomes of the texts and times of a record before they are a Comment's."""

import html
import re
from datetime import UTC, date, datetime

from db.comment import MAX_ID

_UNWANTED = re.compile("[\0\ud800-\udfff]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

#: What Reddit puts in the place of a text that is no more.
_MARKERS = {"[deleted]": "deleted", "[deleted by user]": "deleted", "[removed]": "removed"}
#: Its longer forms go on with a reason: "[ Removed by Reddit in response to a copyright notice. ]".
_REMOVED_BY_REDDIT = "[ removed by reddit"
#: What Reddit writes before the id of a comment where it may be that of another thing.
_COMMENT = "t1_"


def clean(text: str) -> str:
    """Return `text` without NUL (PostgreSQL refuses it) and lone surrogates (no UTF-8 holds them).

    Each becomes U+FFFD; two surrogates that make a pair become the character they stand for.
    """
    # Most texts are ASCII, where only NUL can be unwanted: told twenty times as fast as by the search.
    unwanted = "\0" in text if text.isascii() else _UNWANTED.search(text)
    if not unwanted:
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", "\ufffd")


def comment_id(text: str) -> str:
    """Return an id as stores take it. Raises ValueError where it is too long to be one.

    Reddit names a comment "abc" in dumps and "t1_abc" where other things have ids as well: it is one comment.
    """
    if text.startswith(_COMMENT) and text[len(_COMMENT) : len(_COMMENT) + 1].isalnum():
        text = text[len(_COMMENT) :]
    if len(text) > MAX_ID:
        raise ValueError(f"expected an id of at most {MAX_ID} characters, found one of {len(text)}")
    return clean(text)


def comment_text(text: str) -> str:
    """Return what a person wrote: HTML entities undone (4 % of comments hold some), then cleaned."""
    return clean(html.unescape(text))


def gone(text: str) -> str | None:
    """Return "deleted" or "removed" if `text` only marks the place of a text that is no more."""
    marker = text.strip()
    if not marker.startswith("["):
        return None
    if marker[: len(_REMOVED_BY_REDDIT)].lower() == _REMOVED_BY_REDDIT:
        return "removed"
    return _MARKERS.get(marker)


def parse_time(value: object) -> datetime | None:
    """Return the moment in UTC that `value` names, None if it names none.

    Dumps hold seconds since 1970 as int, float or string; other exports ISO 8601, which is UTC where it does not say.
    """
    try:
        match value:
            case bool():
                return None
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
            case str():
                return _parse_written_time(value.strip())
            case datetime():
                return _in_utc(value)
            case date():
                return datetime(value.year, value.month, value.day, tzinfo=UTC)
            case _:
                return None
    except (ValueError, OverflowError, OSError):
        # NaN, a year datetime cannot hold, or no time at all.
        return None


def _parse_written_time(value: str) -> datetime:
    if _NUMBER.fullmatch(value):
        return datetime.fromtimestamp(float(value), UTC)
    # BigQuery and pandas write the zone as a word, which fromisoformat does not know.
    return _in_utc(datetime.fromisoformat(value.removesuffix(" UTC")))


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
