"""Sources: files of comments of any kind, opened by `open_source` and read as records (see record.py)."""

from moodmill.producers.sources.discovery import Discovery, discover
from moodmill.producers.sources.identity import fingerprint, of_archive
from moodmill.producers.sources.kinds import find_kind, register_source
from moodmill.producers.sources.layout import Columns, Layout, ReadOptions
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.registry import checked, open_source

__all__ = [
    "Columns",
    "Discovery",
    "Layout",
    "Place",
    "ReadOptions",
    "checked",
    "discover",
    "find_kind",
    "fingerprint",
    "of_archive",
    "open_source",
    "register_source",
]
