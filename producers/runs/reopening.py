"""The sources of a run, opened again as the run found them to be read."""

from moodmill.db.core.errors import SourceError
from moodmill.db.ledger.entries import Run, SourceFile
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sources import Layout, Place, fingerprint, open_source
from moodmill.producers.sources.layout import Fields
from moodmill.producers.sources.members import is_archive
from moodmill.producers.sources.record import Source
from moodmill.producers.sources.registry import kind_of


def open_again(run: Run, file: SourceFile) -> Source:
    """Open a source of a run. Raises SourceError when the file is gone or has changed since the run began."""
    check_unchanged(run, file)
    return open_source_of(run, file)


def check_unchanged(run: Run, file: SourceFile) -> None:
    """Raise SourceError when a source is gone or has other bytes at its ends; what was added behind is no change."""
    place = _place(file)
    # One that could not be read when the run began has nothing in it yet that could have changed.
    if file.fingerprint and fingerprint(place) != file.fingerprint:
        raise SourceError(
            f"{place} has changed since run {run.id} began: put the old file back to resume, "
            "or label the new one in a run of its own"
        )


def _place(file: SourceFile) -> Place:
    return Place.from_kept(file.path, file.name, file.size if file.fingerprint else None)


def open_source_of(run: Run, file: SourceFile) -> Source:
    """Open a source of a run as the run found it to be read, whatever has become of the file.

    Raises SourceError for an archive that could not be read when the run began.
    """
    place = _place(file)
    layout = None if file.layout is None else Layout.from_json(file.layout)
    if layout is None and file.error is not None and place.member is None and is_archive(place.path):
        raise SourceError(file.error)
    return open_source(place, RunOptions.from_json(run.options).reading, layout)


def open_for_payloads(run: Run, file: SourceFile) -> Source:
    """Open a source to parse payloads of its dead letters: of a run that kept no layout, by its kind alone.

    Such a file may be gone, and only tables as text have a header that has to be read for it.
    """
    if file.layout is not None:
        return open_source_of(run, file)
    place, options = Place.from_kept(file.path, file.name), RunOptions.from_json(run.options).reading
    kind = options.kind or kind_of(place.named) or "reddit"
    if kind in ("reddit", "json"):
        return open_source(place, options, Layout(kind="reddit", fields=Fields(ids="reddit")))
    return open_source(place, options, Layout(kind=kind) if kind == "parquet" else None)
