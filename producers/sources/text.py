"""What becomes of the texts and times of a record before they are a Comment's."""

import html
import re
from html.entities import html5
from typing import NamedTuple

from moodmill.db.core import note_kinds
from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.text import clean, is_visible, shows

#: An entity with its semicolon. No name is longer than 31 characters, no number of a character than 8 digits.
_ENTITY = re.compile("&(?:#[0-9]{1,20}|#[xX][0-9a-fA-F]{1,20}|[A-Za-z][A-Za-z0-9]{1,30});")
_SURROGATES = range(0xD800, 0xE000)

#: Nearly all markers, found without a closer look.
_USUAL_MARKERS = {"[deleted]": "deleted", "[removed]": "removed"}
#: What stands between the brackets of a marker, in small letters. Reddit's longer forms go on with a reason, in which
#: a link may stand: "[ Removed by Reddit on account of violating the [content policy](/help/contentpolicy). ]".
_MARKER = re.compile(
    r"(?:(?:comment|post|submission) )?(deleted|removed|unavailable)"
    r"(?: by (?:the )?(?:user|author|op|mods?|moderators?|automoderator|admins?|reddit))?"
    r"|(removed) by reddit (?:[^\[\]]|\[[^\[\]]*\])+"
)
#: Characters of the longest marker, and those that may stand around its brackets.
_MARKER_LIMIT = 300
_AROUND = 12
#: Markdown's emphasis and code around a marker.
_DRESS = "*_~` "

#: What programs write for a missing value: pandas' own list, PostgreSQL's COPY, and what printing a null gives. Not
#: among them: what people write for an answer in their own spelling ("none", "na", "nil").
_NULL_WORDS = frozenset(
    (
        *("NULL", "Null", "null", "(NULL)", "(null)", "<NULL>", "<null>", "[NULL]", "[null]", r"\N", "None"),
        *("NaN", "nan", "-NaN", "-nan", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN", "NaT"),
        *("NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA"),
    )
)

#: The note of a post whose text is gone and whose title could be labelled.
REMOVED_TITLE = (note_kinds.REMOVED_TITLE, None)


class JoinedPost(NamedTuple):
    """What of a post is one text to label; `gone` and `notes` are Parsed's."""

    text: str
    gone: str | None = None
    notes: tuple[tuple[str, str | None], ...] = ()


#: What Reddit writes before the id of a comment where it may be that of another thing.
_COMMENT = "t1_"


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
    """Return what a reader saw: HTML entities undone (4 % of comments hold some), then cleaned.

    They are undone twice, and no more often, for there are two layers. Reddit's API writes the &, < and > of what a
    person typed as entities; and in what a person typed, Markdown shows entities as their characters: who typed
    `&nbsp;` or `&lt;`, or had the editor put `&#x200B;` there, stands in a dump as `&amp;nbsp;`. Whoever wanted
    readers to see `&lt;` typed `&amp;lt;`, which stands there as `&amp;amp;lt;` and comes out as `&lt;`. Only in code
    does Markdown leave entities as they are. Without a semicolon nothing is an entity: `&copy=1` is part of a link.
    """
    if "&" in text:
        text = _ENTITY.sub(_character, _ENTITY.sub(_character, text))
    return clean(text)


def _character(entity: re.Match[str]) -> str:
    """Return what an entity stands for; a name that stands for nothing stays as it is."""
    written = entity[0]
    if written[1] != "#":
        return html5.get(written[1:], written)
    number = int(written[3:-1], 16) if written[2] in "xX" else int(written[2:-1])
    # Some exports write emoji as two surrogates. `clean` joins such a pair; html.unescape would lose both.
    return chr(number) if number in _SURROGATES else html.unescape(written)


def gone(text: str) -> str | None:
    """Return "deleted", "removed" or "unavailable" if `text` only marks the place of a text that is no more.

    Case, blanks and emphasis do not matter: people quote Reddit's markers in theirs, which means as little.
    """
    if "]" not in text:
        return None
    marker = text.strip()
    if len(marker) > _MARKER_LIMIT or "[" not in marker[:_AROUND] or "]" not in marker[-_AROUND:]:
        return None
    return _USUAL_MARKERS.get(marker) or _other_marker(marker)


def _other_marker(marker: str) -> str | None:
    seen = "".join(character if shows(character) else " " for character in marker.replace("\\", ""))
    bare = " ".join(seen.split()).strip(_DRESS)
    if not (bare.startswith("[") and bare.endswith("]")):
        return None
    match = _MARKER.fullmatch(bare[1:-1].strip().lower())
    return None if match is None else match[1] or match[2]


def join_post(title: str, text: str, *, removed_titles: bool = False) -> JoinedPost:
    """Return a post's title and text, both as `comment_text` returns them, as one text: what of them can be seen.

    Where the text is gone, the post is gone, with a note if its title stands; with `removed_titles` the title alone is
    its text. Where the title is gone (as in posts that were restored), the text alone is.
    """
    title_gone, text_gone = gone(title), gone(text)
    title_stands = title_gone is None and is_visible(title)
    if text_gone is not None:
        if not title_stands:
            return JoinedPost(text, text_gone)
        return JoinedPost(title) if removed_titles else JoinedPost(title, text_gone, (REMOVED_TITLE,))
    if is_visible(text):
        return JoinedPost(f"{title}\n\n{text}" if title_stands else text)
    return JoinedPost(title, title_gone)


def is_null_word(text: str) -> bool:
    """Tell whether a table's `text` is only a word that programs write for a missing value."""
    return text.strip() in _NULL_WORDS
