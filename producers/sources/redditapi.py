"""What Reddit's API answers with, and tools that read it keep: things with a kind, listings of them, replies in them.

Dumps hold the same comments and submissions without what stands around them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from moodmill.producers.sources.columns import KNOWN
from moodmill.producers.sources.jsonvalue import Object, called

_COMMENT, _SUBMISSION, _MORE, _LISTING = "t1", "t3", "more", "Listing"
_KINDS: Final = frozenset((_COMMENT, _SUBMISSION, _MORE, _LISTING, "t2", "t4", "t5", "t6"))
#: Under these keys comments stand in the record that they answer.
_NESTING: Final = ("comments", "replies")
#: All that is more than a record has one of these keys, or is no object.
_WRAPPING: Final = (b'"kind"', *(b'"%b"' % key.encode() for key in _NESTING))
#: Names that nobody else has: one of them makes an object with `body` or `title` Reddit's. Not among them, for others
#: have them beside a title: author, score, url, permalink, num_comments.
_MARKS: Final = frozenset(
    [
        *("subreddit", "subreddit_id", "created_utc", "retrieved_on", "author_fullname", "link_flair_text"),
        *("link_id", "controversiality", "is_submitter"),  # of comments
        *("selftext", "is_self", "over_18"),  # of submissions
    ]
)
#: Where others have the text of what has a title, and the time and the author of what has a body.
_OTHER_TEXTS: Final = frozenset(KNOWN["text"]) - {"body", "selftext"}
_OTHER_FIELDS: Final = frozenset((*KNOWN["created_at"], *KNOWN["author"])) - {"created_utc", "author"}


class Entry(NamedTuple):
    """One of the records that an answer holds: a comment or submission, or what stands in its place."""

    #: Without the records in it.
    value: object
    #: Why there is no text, as a summary has it: `more` names comments that the answer leaves out.
    missing: str | None = None
    #: What is wrong with it.
    error: str | None = None


class _Essence(msgspec.Struct):
    """The fields of a record that say whose it is."""

    id: str | int | None = None
    body: str | None = None
    title: str | None = None
    selftext: str | None = None
    subreddit: str | None = None
    created_utc: int | float | str | None = None
    text: object = None


_decode_essence = msgspec.json.Decoder(_Essence).decode


def essence(raw: bytes) -> Object:
    """Return the fields of an object that show whether it is Reddit's, however long it is; none of a broken one."""
    try:
        members = msgspec.structs.asdict(_decode_essence(raw))
    except (ValueError, RecursionError):
        return {}
    return {key: value for key, value in members.items() if value is not None}


def entries(value: object) -> Iterator[Entry]:
    """Yield the records in an answer, or in a part of one, as they stand in it: each before its replies."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        kind, data = _thing(current)
        children = data.get("children") if kind == _LISTING and isinstance(data, dict) else None
        if isinstance(children, list):
            waiting += reversed(children)
        elif kind == _MORE:
            yield Entry(current, missing="not loaded")
        elif kind not in (None, _COMMENT, _SUBMISSION):
            yield Entry(current, error=f"expected a comment (t1) or a submission (t3), found {kind}")
        elif not isinstance(data, dict):
            yield Entry(current, error=f"expected a JSON object, found {called(current)}")
        else:
            inner = list(_nested(data))
            yield Entry({key: one for key, one in data.items() if key not in _NESTING} if inner else data)
            waiting += reversed(inner)


def may_hold_others(raw: bytes) -> bool:
    """Tell whether bytes may be more than a single record as dumps have it."""
    return any(key in raw for key in _WRAPPING)


def holds_more_than_itself(record: Object) -> bool:
    """Tell whether a record has others in it, or is wrapped as the API does."""
    return _thing(record)[0] is not None or any(True for _ in _nested(record))


def is_thing(value: object) -> bool:
    """Tell whether this is a comment or submission, or a mark of missing ones, as the API wraps them."""
    return _thing(value)[0] in (_COMMENT, _SUBMISSION, _MORE)


def is_other_thing(value: object) -> bool:
    """Tell whether this is a user, subreddit or the like."""
    return _thing(value)[0] in _KINDS - {_COMMENT, _SUBMISSION, _MORE, _LISTING}


def is_marked(record: Mapping[str, object]) -> bool:
    """Tell whether an object cannot but be a comment or submission of Reddit."""
    if not record.get("id") or not record.keys() & _MARKS:
        return False
    if isinstance(record.get("body"), str):
        return True
    return isinstance(record.get("title"), str) and not any(isinstance(record.get(name), str) for name in _OTHER_TEXTS)


def are_reddits(records: Iterable[Mapping[str, object]]) -> bool:
    """Return whether objects are comments or submissions of Reddit, by the first that shows it.

    `id` and `body` alone will do, unless another has time or author under names that are not Reddit's.
    """
    found = list(records)
    if any(is_thing(record) or is_marked(record) for record in found):
        return True
    bare = [record for record in found if isinstance(record.get("body"), str)]
    others = any(name.lower() in _OTHER_FIELDS for record in bare for name in record)
    return not others and any(record.get("id") for record in bare)


def _thing(value: object) -> tuple[str | None, object]:
    """Return kind and data of what the API wraps, else None and the value itself."""
    if isinstance(value, dict):
        kind, data = value.get("kind"), value.get("data")
        if isinstance(kind, str) and kind in _KINDS and isinstance(data, dict):
            return kind, data
    return None, value


def _nested(record: Object) -> Iterator[object]:
    """Yield what holds the comments that a record nests; ids alone are none."""
    for key in _NESTING:
        inner = record.get(key)
        if isinstance(inner, list):
            yield from (one for one in inner if isinstance(one, dict))
        elif _thing(inner)[0] is not None:
            yield inner
