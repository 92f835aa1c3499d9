"""The kinds of sources, and which kind a file is by its name. A new kind is one file beside this and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from db.errors import SettingError
from producers.record import Source
from producers.sources.columns import DEFAULT_COLUMNS, Columns
from producers.sources.compression import CODECS
from producers.sources.reddit import RedditDump
from producers.sources.table import TextTable


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source: how to open one, and the suffixes its files have before that of a compression."""

    open: Callable[[Path, Columns], Source]
    suffixes: tuple[str, ...]


def _parquet(path: Path, columns: Columns) -> Source:
    from producers.sources.parquet import ParquetFile  # pyarrow's import takes a while: only its users pay

    return ParquetFile(path, columns)


KINDS = {
    "reddit": Kind(lambda path, _: RedditDump(path), (".ndjson", ".jsonl", ".json")),
    "csv": Kind(TextTable, (".csv",)),
    "tsv": Kind(lambda path, columns: TextTable(path, columns, delimiter="\t"), (".tsv",)),
    "parquet": Kind(_parquet, (".parquet", ".pq")),
}

#: What a file is whose name tells nothing.
DEFAULT_KIND = "reddit"

COMPRESSIONS = frozenset(codec.suffix for codec in CODECS)


def plain_name(path: Path) -> Path:
    """Return the file's name in small letters without the suffix of a compression."""
    name = Path(path.name.lower())
    return name.with_suffix("") if name.suffix in COMPRESSIONS else name


def kind_of(path: Path) -> str | None:
    """Return the kind that the file's name tells, None if it tells none."""
    suffix = plain_name(path).suffix
    return next((name for name, kind in KINDS.items() if suffix in kind.suffixes), None)


def open_source(path: Path, *, kind: str | None = None, columns: Columns = DEFAULT_COLUMNS) -> Source:
    """Return the source of `kind`, or of the kind that the file's name tells; it is not read yet."""
    name = kind or kind_of(path) or DEFAULT_KIND
    if name not in KINDS:
        raise SettingError(f"expected a kind of source among {', '.join(KINDS)}, found {name!r}")
    return KINDS[name].open(path, columns)
