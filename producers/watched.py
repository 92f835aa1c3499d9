"""Which of a job's files are to be labelled: those that are new or have grown, and whole."""

import glob
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from db.errors import SourceError
from producers.jobs import Job
from producers.sources import expand, fingerprint


def files_to_label(job: Job, known: Collection[str]) -> Iterator[Path]:
    """Yield the files whose fingerprint is none of the known ones, the oldest first.

    One that was written to lately is left for the next time: it may be half-written.
    """
    before = time.time() - job.settled
    found = [(file.stat().st_mtime, file) for file in _files(job)]
    for changed, file in sorted(found):
        if changed <= before and fingerprint(file) not in known:
            yield file


def _files(job: Job) -> list[Path]:
    """Return the files that the job's patterns find now; none is no error."""
    # Path.glob takes no absolute patterns.
    paths = [Path(name) for pattern in job.files for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    files: list[Path] = []
    for path in paths:
        try:
            files += expand([path])
        except SourceError:
            if not path.is_dir():  # an empty folder is one that waits for its first dump
                raise
    return list(dict.fromkeys(files))
