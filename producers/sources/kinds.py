"""The kinds of sources: moodmill's own, those that a program registers, and those that installed packages bring."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Final

from moodmill.db.core.errors import SettingError
from moodmill.producers.sources.layout import COLUMN_OPTIONS, Layout, ReadOptions
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Source

logger = logging.getLogger(__name__)

#: Opens a source: where it lies, how it is to be read, and how it was found to be read when its run began, if it was.
Open = Callable[[Place, ReadOptions, Layout | None], Source]

#: The group of entry points by which packages bring kinds of their own: the kind's name = what opens it.
GROUP: Final = "moodmill.sources"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of source: how to open one, and the suffixes its files have before that of a compression."""

    open: Open
    suffixes: tuple[str, ...]
    #: The options, as ReadOptions names them, that mean something to it.
    takes: frozenset[str] = COLUMN_OPTIONS


def _ours(module: str, name: str) -> Open:
    """Return what opens a kind of ours, whose module is imported when one is opened: pyarrow takes a while."""

    def opened(place: Place, options: ReadOptions, layout: Layout | None) -> Source:
        source: Source = getattr(import_module(f"{__package__}.{module}"), name)(place, options, layout)
        return source

    return opened


_OF_TEXT: Final = COLUMN_OPTIONS | {"delimiter", "quote", "escape", "encoding", "header_row"}

_KINDS: Final = {
    # No file is one by its name: JsonSource recognizes it by its content.
    "reddit": Kind(_ours("reddit", "RedditDump"), (), frozenset({"removed_titles", "honour_deletions"})),
    "json": Kind(
        _ours("jsonsource", "JsonSource"),
        (".ndjson", ".jsonl", ".json"),
        COLUMN_OPTIONS | {"encoding", "honour_deletions"},
    ),
    "csv": Kind(_ours("table", "TextTable"), (".csv",), _OF_TEXT),
    "tsv": Kind(_ours("table", "TextTable"), (".tsv",), _OF_TEXT),
    "parquet": Kind(_ours("parquet", "ParquetFile"), (".parquet", ".parq", ".pq")),
    "arrow": Kind(_ours("arrow", "ArrowFile"), (".feather", ".arrow", ".arrows", ".ipc")),
}


def kinds() -> Mapping[str, Kind]:
    """Return all kinds by name."""
    _load_installed()
    return _KINDS


def find_kind(name: str) -> Kind:
    """Return a kind. Raises SettingError where there is none of that name."""
    known = kinds()
    if name not in known:
        raise SettingError(f"expected a kind of source among {', '.join(known)}, found {name!r}")
    return known[name]


def register_source(
    kind: str, source: Open, *, suffixes: Collection[str] | None = None, options: Collection[str] = ()
) -> None:
    """Let this process read a kind of source of your own, by `--format KIND`, `kind=` or the suffix of its files.

    Args:
        kind: Its name.
        source: Opens one: a class, say, that is called with a Place, ReadOptions and a Layout or None; see
            `moodmill.sources.Source` for what it owes.
        suffixes: Of its files, as ".chat", before that of a compression; `source.suffixes` without it, or none.
        options: Names in ReadOptions that mean something to it, as "encoding" or "text_column".

    Registering the same again changes nothing.

    Raises:
        SettingError: Another kind has the name or a suffix, a suffix begins with no dot, or an option is none.
    """
    given = getattr(source, "suffixes", ()) if suffixes is None else suffixes
    added = Kind(source, tuple(suffix.lower() for suffix in given), frozenset(options))
    if wrong := sorted(added.takes - _OF_TEXT - {"honour_deletions"}):
        raise SettingError(f"the source {kind!r} takes {wrong[0]!r}, which is no option of reading")
    if _KINDS.get(kind, added) != added:
        raise SettingError(f"the kind of source {kind!r} is there already")
    for suffix in added.suffixes:
        owner = next((name for name, known in _KINDS.items() if name != kind and suffix in known.suffixes), None)
        if owner is not None:
            raise SettingError(f"files that end in {suffix} are of the kind {owner!r} already")
        if not suffix.startswith("."):
            raise SettingError(f"expected a suffix like .chat for the source {kind!r}, got {suffix!r}")
    _KINDS[kind] = added


@cache
def _load_installed() -> None:
    """Register what installed packages bring; one that fails is a line in the log, and the others work."""
    for found in entry_points(group=GROUP):
        try:
            register_source(found.name, found.load())
        except Exception as error:  # noqa: BLE001 - it is somebody else's module, and raises what it likes
            owner = found.dist.name if found.dist else found.value
            logger.warning("the source %r of the package %s cannot be used: %s", found.name, owner, error)
