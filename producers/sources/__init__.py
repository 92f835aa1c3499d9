"""Sources: files of comments of any kind, opened by `open_source` and read as records (see producers.record)."""

from producers.sources.columns import Columns
from producers.sources.folder import EmptyFolderError, expand
from producers.sources.identity import fingerprint
from producers.sources.registry import KINDS, open_source

__all__ = ["KINDS", "Columns", "EmptyFolderError", "expand", "fingerprint", "open_source"]
