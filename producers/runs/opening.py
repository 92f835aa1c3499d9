"""A run opened: its files found, looked into, and written into the ledger with how each is read."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from moodmill.db.core.errors import NoSourceError, SettingError, SourceError
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Owner, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sources import (
    Discovery,
    Layout,
    Place,
    ReadOptions,
    discover,
    find_kind,
    fingerprint,
    of_archive,
    open_source,
)
from moodmill.producers.sources.archive import size_of
from moodmill.producers.sources.members import HIDDEN, is_archive, members
from moodmill.producers.sources.record import Source
from moodmill.producers.sources.remote import real_path

#: Why a folder passes over a file that could be opened.
NO_COMMENTS: Final = "without comments"
#: Errors that one message names.
_NAMED: Final = 10
NOTHING_KNOWN: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A source that was looked into: how it is read, or why it cannot be."""

    place: Place
    source: Source | None = None
    layout: Layout | None = None
    error: str | None = None


def look_into(
    sources: Iterable[Path | Place], options: ReadOptions, found: Discovery, known: Mapping[str, str] = NOTHING_KNOWN
) -> Iterator[Opened]:
    """Yield each source of `sources`, where a path may be a folder and any file an archive; add to `found` what is not.

    Files whose fingerprint is known are passed over for the reason that is given for it.
    What holds no comments by its nature is an error only where somebody named it. Raises SourceError for a path that is
    neither a file nor a folder, SettingError for options that mean nothing to any of them.
    """
    given = list(sources)
    named = {real_path(path) for path in given if not isinstance(path, Place)}
    # An archive is known by what it holds.
    known = {**{of_archive(mark): reason for mark, reason in known.items()}, **known}
    of_paths = discover(path for path in given if not isinstance(path, Place))
    found.passed_over |= of_paths.passed_over
    found.places = [*of_paths.places, *(place for place in given if isinstance(place, Place))]
    yield from (Opened(place=Place.at(folder), error=error) for folder, error in of_paths.errors)
    for place in found.places:
        reason = _known(place, known)
        if reason is not None:
            found.pass_over(reason, place.name)
            continue
        for one in _parts(place, found):
            if isinstance(one, Opened):
                yield one
                continue
            try:
                source = open_source(one, options)
                yield Opened(place=one, source=source, layout=source.inspect())
            except NoSourceError as error:
                if real_path(one.path) in named and one.member is None:
                    yield Opened(place=one, error=str(error))
                else:
                    found.pass_over(NO_COMMENTS, one.name)
            except SourceError as error:
                yield Opened(place=one, error=str(error))


def _known(place: Place, known: Mapping[str, str]) -> str | None:
    if not known:
        return None
    try:
        mark = fingerprint(place)
    except SourceError:
        return None  # reported where it is opened
    return known.get(mark)


def _parts(place: Place, found: Discovery) -> Iterator[Place | Opened]:
    """Yield a file, or what an archive holds."""
    if place.member is not None:
        yield place
        return
    try:
        if not is_archive(place.path):
            yield place
            return
        inside = members(place.path)
    except SourceError as error:
        yield Opened(place=place, error=str(error))
        return
    for reason, names in inside.passed_over.items():
        if reason != HIDDEN:  # as in folders
            found.pass_over(reason, *(f"{place.name}/{name}" for name in names))
    for one in inside.places:
        yield Place.at(one.path, one.member, f"{place.name}/{one.member}")
    if inside.error is not None or not inside.places:
        yield Opened(place=place, error=str(inside.error or f"{place} holds no dump and no table"))


def open_run(
    store: Store,
    sources: Iterable[Path | Place],
    options: RunOptions,
    owner: Owner | None = None,
    known: Mapping[str, str] = NOTHING_KNOWN,
) -> str:
    """Look into the sources, write the run into the ledger and return its id.

    What cannot be read is a source with its error, and the others are read. Files whose fingerprint is `known` are
    passed over for the reason that stands there; where that is all, the run is one of no source. Raises SourceError
    before anything is written where nothing can be read, NoSourceError where that is so by the files' nature, and
    SettingError where an option means nothing to any source.
    """
    found = Discovery()
    opened = list(look_into(sources, options.reading, found, known))
    files = [_file(number, one) for number, one in enumerate(opened)]
    if owner is None:  # a job's files come one by one, and some of them take what others do not
        refuse_idle_options(options, opened)
    errors = [file.error for file in files if file.error is not None]
    is_done = not files and any(reason in found.passed_over for reason in known.values())
    if len(errors) == len(files) and not is_done:
        if errors:
            raise SourceError(_all_of(errors))
        raise (NoSourceError if NO_COMMENTS in found.passed_over else SourceError)(_nothing(found))
    return Ledger(store).create_run(options.to_json(), files, owner, found.passed_over)


def refuse_idle_options(options: RunOptions, opened: Iterable[Opened]) -> None:
    """Raise SettingError where an option means nothing to any of the sources."""
    layouts = [one.layout for one in opened if one.layout is not None]
    kinds = {layout.kind for layout in layouts}
    taken = frozenset[str]().union(*map(_taken, layouts))
    asked = options.reading.asked | ({"honour_deletions"} if options.filters.honour_deletions else frozenset())
    idle = sorted(f"--{name.replace('_', '-')}" for name in asked - taken)
    if kinds and idle:
        raise SettingError(
            f"{', '.join(idle)} would do nothing: the sources are of the kind {', '.join(sorted(kinds))}, "
            "and `label --inspect` shows how they are read"
        )


def _taken(layout: Layout) -> frozenset[str]:
    """Return the options that mean something to a source that is read so."""
    # Reddit's own records have their fields, wherever in a document they stand.
    if layout.kind == "reddit":
        return find_kind("reddit").takes
    fields = layout.fields
    if layout.kind == "json" and not fields.columns:
        return find_kind("reddit").takes | {"encoding"}
    idle = set()
    if "created_at" not in fields.columns and "created_at" not in fields.constants:
        idle.add("time_format")
    if "title" not in fields.columns:
        idle.add("removed_titles")
    return find_kind(layout.kind).takes - idle


def _file(number: int, opened: Opened) -> SourceFile:
    place, error, mark, length = opened.place, opened.error, "", 0
    try:
        length = size_of(place)
        mark = fingerprint(place if place.member is not None else replace(place, size=length))
    except SourceError as unreadable:
        error = error or str(unreadable)
    return SourceFile(
        number=number,
        path=place.kept(),
        name=place.name,
        size=length,
        fingerprint=mark,
        layout=None if opened.layout is None else opened.layout.to_json(),
        error=error,
    )


def _all_of(errors: list[str]) -> str:
    more = len(errors) - _NAMED
    return "; ".join([*errors[:_NAMED], *([f"and {more} more"] if more > 0 else [])])


def _nothing(found: Discovery) -> str:
    passed = "; ".join(f"{len(names)} {reason} ({_some(names)})" for reason, names in found.passed_over.items())
    beside = f"; passed over: {passed}" if passed else ""
    return f"no dump and no table found: expected files like RC_2005-12.zst, .ndjson or .csv{beside}"


def _some(names: list[str]) -> str:
    return ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])
