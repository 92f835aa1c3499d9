"""Which of a job's files are to be labelled: those that are new or have grown, and whole."""

import glob
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from db.errors import SourceError
from producers.jobs import Job
from producers.sources import EmptyFolderError, expand, fingerprint


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What lies in a job's folders now."""

    #: To be labelled, the oldest first.
    files: tuple[Path, ...]
    #: What could not be looked at, a line each.
    errors: tuple[str, ...]


def look_at_files(job: Job, known: Collection[str]) -> Watched:
    """Return the files whose fingerprint is none of the known ones.

    One that was written to lately is left for the next time: it may be half-written.
    """
    before = time.time() - job.settled
    errors: list[str] = []
    found: list[tuple[float, Path]] = []
    for file in _files(job, errors):
        try:
            changed = file.stat().st_mtime
            if changed <= before and fingerprint(file) not in known:
                found.append((changed, file))
        except FileNotFoundError:
            continue  # it went since it was listed
        except (SourceError, OSError) as error:
            errors.append(str(error))
    return Watched(files=tuple(file for _, file in sorted(found)), errors=tuple(errors))


def _files(job: Job, errors: list[str]) -> list[Path]:
    """Return the files that the job's patterns find now; a pattern or a folder without any is no error."""
    files: list[Path] = []
    for pattern in job.files or ():
        # Path.glob takes no absolute patterns.
        paths = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
        for path in paths:
            try:
                files += expand([Path(path)], lambda error: errors.append(f"{error.filename}: {error.strerror}"))
            except EmptyFolderError:
                continue  # it waits for its first dump
            except SourceError as error:
                errors.append(str(error))
    return list(dict.fromkeys(files))
