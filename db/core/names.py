"""How subreddits and authors are spelled: as stores keep them, and as they are compared.

Each passes through here wherever it comes from: the command line, a file of names, `jobs.toml`, or the data. What is
kept is the bare name in its own capital and small letters. What is compared is that in small letters, as SQL's `lower`
makes them, without the @ of handles: authors of YouTube and Mastodon are `@name` in some tables and `name` in others.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

#: Makes of a name what it is compared by.
Key = Callable[[str], str]

#: What may stand at the ends of a name and nobody sees: blanks, and characters of no width, among them the byte order
#: mark. Inside a name they may have a meaning, as in Persian and in emoji.
_UNSEEN: Final = (
    " \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\xad\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061"
    "\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u3000\ufeff"
)
#: The ends of a name that are not compared.
_AROUND: Final = _UNSEEN + "@/"
#: Reddit's forms: r/NAME and u/NAME; with a slash in front, or as a link, whatever comes behind as well.
_REDDIT: Final = re.compile(
    r"(?:(?:(?:https?:)?//)?(?:[\w-]+\.)*reddit\.com/+|/+)(?P<of>r|u|user)/+(?P<name>[^/?#\s]*)(?:[/?#].*)?"
    r"|(?P<of_short>[ru])/(?P<name_short>[^/?#\s]*)/*",
    re.IGNORECASE | re.DOTALL,
)


def subreddit_name(text: str) -> str:
    """Return the bare name of a subreddit: `r/AskReddit` and links to it are `AskReddit`; empty where there is none.

    Who posts to their own page, `u/NAME`, posts to the subreddit `u_NAME`, as dumps call it.
    """
    whose, name = _bare(text)
    return f"u_{name}" if name and whose.startswith("u") else name


def author_name(text: str) -> str:
    """Return the bare name of an author: `u/NAME` and links to them are `NAME`; empty where there is none."""
    return _bare(text)[1]


def subreddit_key(text: str) -> str:
    """Return what a subreddit is compared by; of a key, the key itself."""
    # Nearly all names are ASCII and bare already: a check ten times as fast as the search.
    if text.isascii() and "/" not in text and "@" not in text:
        return text.strip().lower()
    return _key(text, subreddit_name)


def author_key(text: str) -> str:
    """Return what an author is compared by; of a key, the key itself."""
    if text.isascii() and "/" not in text and "@" not in text:
        return text.strip().lower()
    return _key(text, author_name)


def split_names(entries: Iterable[str]) -> list[str]:
    """Return the names in what people write, with commas between them."""
    return [name for entry in entries for name in entry.split(",")]


def spellings(subreddits: Iterable[str]) -> frozenset[str]:
    """Return how rows may hold the subreddits of these keys, in small letters: older rows hold them as they came."""
    found: set[str] = set()
    for key in subreddits:
        found |= {key, f"@{key}"}
        for path in (f"r/{key}", *([f"u/{key[2:]}"] if key.startswith("u_") else [])):
            found |= {path, f"/{path}", f"{path}/", f"/{path}/"}
    return frozenset(found)


def _key(text: str, name: Key) -> str:
    before = None
    while text != before:  # "@r/NAME" is wrapped twice
        before, text = text, name(text).strip(_AROUND)
    return text.lower()


def _bare(text: str) -> tuple[str, str]:
    """Return whose name it is, where it says so ("r", "u" or "user"), and the name."""
    text = text.strip(_UNSEEN)
    match = _REDDIT.fullmatch(text) if "/" in text else None
    if match is None:
        return "", text
    return (match["of"] or match["of_short"]).lower(), match["name"] or match["name_short"] or ""
