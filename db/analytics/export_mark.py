"""What marks an export of result rows among tables. Imports nothing that takes a while."""

from collections.abc import Mapping, Sequence
from typing import Final

from moodmill.db.core.emotions import EMOTIONS

#: The columns of the first form of an export.
_FIRST: Final = (
    "comment_id",
    "model",
    "source",
    "subreddit",
    "author",
    "created_at",
    *EMOTIONS,
    "tokens",
    "truncated",
    "text",
)
_SECOND: Final = (*_FIRST, "segments", "unsupported")
#: The columns of an export, in their order. New ones come last: whoever reads by place goes on.
COLUMNS: Final = (*_SECOND, "engine")
#: What Parquet's metadata say of one, the version of its form included.
KEY: Final = b"moodmill"
MARK: Final = {KEY: b'{"kind":"export","version":3}'}


def is_export(columns: Sequence[str], metadata: Mapping[bytes, bytes] | None = None) -> bool:
    """Tell whether a table of these columns was exported, now or earlier: it says so, or has just an export's columns.

    What pyarrow makes of an export keeps its metadata; without the probabilities it is one no more.
    """
    is_marked = bool(metadata) and not MARK.keys().isdisjoint(metadata or ())
    return tuple(columns) in (COLUMNS, _SECOND, _FIRST) or (is_marked and set(EMOTIONS) <= set(columns))
