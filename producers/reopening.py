"""The sources of a run, opened again as the run found them to be read."""

from db.errors import SourceError
from db.ledger import Run, SourceFile
from producers.options import RunOptions
from producers.record import Source
from producers.sources import Layout, Place, fingerprint, open_source


def open_again(run: Run, file: SourceFile) -> Source:
    """Open a source of a run. Raises SourceError when the file is gone or has changed since the run began."""
    place = Place.from_kept(file.path, file.name)
    # One that could not be read when the run began has nothing in it yet that could have changed.
    if file.fingerprint and fingerprint(place) != file.fingerprint:
        raise SourceError(
            f"{place} has changed since run {run.id} began: put the old file back to resume, "
            "or label the new one in a run of its own"
        )
    return open_source_of(run, file)


def open_source_of(run: Run, file: SourceFile) -> Source:
    """Open a source of a run as the run found it to be read, whatever has become of the file."""
    layout = None if file.layout is None else Layout.from_json(file.layout)
    return open_source(Place.from_kept(file.path, file.name), RunOptions.from_json(run.options).reading, layout)
