"""Sources: files of comments of any kind, opened by `open_source` and read as records (see producers.record)."""

from producers.sources.discovery import Discovery, discover
from producers.sources.identity import fingerprint, of_archive
from producers.sources.layout import Columns, Layout, ReadOptions
from producers.sources.place import Place
from producers.sources.registry import KINDS, checked, open_source

__all__ = [
    "KINDS",
    "Columns",
    "Discovery",
    "Layout",
    "Place",
    "ReadOptions",
    "checked",
    "discover",
    "fingerprint",
    "of_archive",
    "open_source",
]
