"""Sources: files of comments of any kind, opened by `open_source` and read as records (see producers.record)."""

from producers.sources.folder import EmptyFolderError, expand
from producers.sources.identity import fingerprint
from producers.sources.layout import Columns, Layout, ReadOptions
from producers.sources.place import Place
from producers.sources.registry import KINDS, open_source

__all__ = [
    "KINDS",
    "Columns",
    "EmptyFolderError",
    "Layout",
    "Place",
    "ReadOptions",
    "expand",
    "fingerprint",
    "open_source",
]
