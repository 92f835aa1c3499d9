"""The kinds of sources, and which kind a file is by its name. A new kind is one file beside this and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from db.errors import SettingError
from producers.record import Source
from producers.sources.compression import CODECS
from producers.sources.jsonsource import JsonSource
from producers.sources.layout import AS_FOUND, COLUMN_OPTIONS, Layout, ReadOptions
from producers.sources.place import Place
from producers.sources.reddit import RedditDump
from producers.sources.table import TextTable

#: Opens a source: where it lies, how it is to be read, and how it was found to be read when its run began, if it was.
Open = Callable[[Place, ReadOptions, Layout | None], Source]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source: how to open one, and the suffixes its files have before that of a compression."""

    open: Open
    suffixes: tuple[str, ...]
    #: The options, as ReadOptions names them, that mean something to it.
    takes: frozenset[str] = COLUMN_OPTIONS


def _parquet(place: Place, options: ReadOptions, layout: Layout | None) -> Source:
    from producers.sources.parquet import ParquetFile  # pyarrow's import takes a while: only its users pay

    return ParquetFile(place, options, layout)


_OF_TEXT = COLUMN_OPTIONS | {"delimiter", "quote", "escape", "encoding", "header_row"}

KINDS = {
    # No file is one by its name: JsonSource tells it by its content.
    "reddit": Kind(RedditDump, (), frozenset({"removed_titles"})),
    "json": Kind(JsonSource, (".ndjson", ".jsonl", ".json"), COLUMN_OPTIONS | {"encoding", "removed_titles"}),
    "csv": Kind(TextTable, (".csv",), _OF_TEXT),
    "tsv": Kind(TextTable, (".tsv",), _OF_TEXT),
    "parquet": Kind(_parquet, (".parquet", ".pq")),
}

#: What a file is whose name tells nothing.
DEFAULT_KIND = "json"

COMPRESSIONS = frozenset(codec.suffix for codec in CODECS)


def plain_name(path: Path) -> Path:
    """Return the file's name in small letters without the suffix of a compression."""
    name = Path(path.name.lower())
    return name.with_suffix("") if name.suffix in COMPRESSIONS else name


def kind_of(path: Path) -> str | None:
    """Return the kind that the file's name tells, None if it tells none."""
    suffix = plain_name(path).suffix
    return next((name for name, kind in KINDS.items() if suffix in kind.suffixes), None)


def open_source(place: Place | Path, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> Source:
    """Return the source at a place, which is not read yet.

    `layout` is how a run found it to be read. Without one it is of the kind that the options say, or its name tells.
    """
    if isinstance(place, Path):
        place = Place.at(place)
    named = Path(place.member) if place.member else place.path
    name = layout.kind if layout else options.kind or kind_of(named) or DEFAULT_KIND
    if name not in KINDS:
        raise SettingError(f"expected a kind of source among {', '.join(KINDS)}, found {name!r}")
    return KINDS[name].open(place, options, layout)
