"""Which kind of source a file is, by its name; and the source opened."""

from pathlib import Path, PurePath

from msgspec.structs import replace

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.codec import CODECS, COMPRESSIONS
from moodmill.producers.sources.dialect import normalised
from moodmill.producers.sources.foreign import foreign_name
from moodmill.producers.sources.kinds import find_kind, kinds
from moodmill.producers.sources.layout import AS_FOUND, Layout, ReadOptions
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Source
from moodmill.producers.sources.time_forms import check_form

#: How archives are named.
ARCHIVES = (
    ".zip",
    ".tar",
    *(f".tar{codec.suffix}" for codec in CODECS),
    *(".tgz", ".tbz", ".tbz2", ".tzst", ".txz"),
)

#: The kind of a file whose name says nothing.
DEFAULT_KIND = "json"


def checked(options: ReadOptions) -> ReadOptions:
    """Return the options as sources take them. Raises SettingError for what is none."""
    if options.kind is not None:
        find_kind(options.kind)
    if options.time_format is not None:
        options = replace(options, time_format=check_form(options.time_format))
    return normalised(options)


def plain_name(path: PurePath) -> PurePath:
    """Return the file's name in small letters without the suffix of a compression."""
    name = PurePath(path.name.lower())
    return name.with_suffix("") if name.suffix in COMPRESSIONS else name


def kind_of(path: PurePath) -> str | None:
    """Return the kind by the file's name, None if it says none."""
    suffix = plain_name(path).suffix
    return next((name for name, kind in kinds().items() if suffix in kind.suffixes), None)


def is_known(path: PurePath) -> bool:
    """Tell whether a folder or an archive takes a file of this name without being asked for it."""
    if kind_of(path) is not None or path.suffix.lower() in COMPRESSIONS:
        return True
    # Without a suffix, for beside RC_2005-12.zst may lie its .sha256 or .torrent.
    return path.name.startswith(("RC_", "RS_")) and not plain_name(path).suffix


def without_archive(path: PurePath) -> PurePath | None:
    """Return the file's name in small letters without the suffix of an archive, None if it has none."""
    name = path.name.lower()
    suffix = next((suffix for suffix in ARCHIVES if name.endswith(suffix)), None)
    return PurePath(name.removesuffix(suffix)) if suffix else None


def open_source(place: Place | Path, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> Source:
    """Return the source at a place, which is not read yet.

    `layout` is how a run found it to be read. Without one it is of the kind that the options say, or its name says.
    """
    if not isinstance(place, Place):
        place = Place.at(place)
    name = layout.kind if layout else options.kind or _kind_at(place)
    return find_kind(name).open(place, options, layout)


def _kind_at(place: Place) -> str:
    """Return the kind by the name of a place. Raises SourceError for a kind that is not read."""
    if foreign := foreign_name(place.named):
        raise SourceError(f"{place} is {foreign}")
    outer = without_archive(place.path) if place.member else None
    return kind_of(place.named) or (outer and kind_of(outer)) or _kind_of_content(place)


def _kind_of_content(place: Place) -> str:
    """Return the kind by the first bytes of a file whose name says none: Reddit's own names have JSON behind them."""
    if place.named.name.startswith(("RC_", "RS_")):
        return DEFAULT_KIND
    try:
        head = next(iter(ByteStream(place)), b"")
    except SourceError:
        return DEFAULT_KIND  # whoever reads it says why it cannot be
    begun = head.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").lstrip(b" \t\r\n\0")
    return DEFAULT_KIND if not begun or begun.startswith((b"{", b"[")) else "csv"
