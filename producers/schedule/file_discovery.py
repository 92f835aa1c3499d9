"""Which of a job's files are to be labelled: those that are new or have grown, and whole."""

import glob
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moodmill.db.core.elsewhere import is_url, path_of
from moodmill.db.core.errors import SettingError, SourceError
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.sources import Discovery, Place, discover, fingerprint, of_archive
from moodmill.producers.sources.discovery import refuse_unreadable
from moodmill.producers.sources.remote import matches

#: Seconds that the clock of a file server, or that of whoever wrote a file, may be ahead. A later time is ignored.
MOST_AHEAD_S: Final = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What lies in a job's folders now."""

    #: To be labelled, the oldest first.
    files: tuple[Place, ...]
    #: Labelled under other options of the job, and not under those that it has now.
    outdated: tuple[Place, ...]
    #: What could not be looked at, a line each.
    errors: tuple[str, ...]
    #: Names of files that are no sources, by the reason.
    passed_over: dict[str, list[str]]


def look_at_files(job: Job, known: Collection[str], outdated: Collection[str] = ()) -> Watched:
    """Return the files whose fingerprint is none of the known ones, and apart from these those of the outdated ones.

    One that was written to lately is left for the next time: it may be half-written.
    """
    now = time.time()
    # An archive is known by what it holds.
    known, outdated = ({*marks, *map(of_archive, marks)} for marks in (known, outdated))
    errors: list[str] = []
    found: list[tuple[float, Place]] = []
    old: list[Place] = []
    discovery = _discover(job, errors)
    for place in discovery.places:
        try:
            changed = place.path.stat().st_mtime
            if now - job.settled < changed < now + MOST_AHEAD_S:
                continue
            mark = fingerprint(place)
            if mark in known:
                continue
            if mark in outdated:
                old.append(place)
            else:
                found.append((changed, place))
        except FileNotFoundError:
            continue  # it went since it was listed
        except (SourceError, OSError) as error:
            errors.append(str(error))
    found.sort(key=lambda one: (one[0], str(one[1].path)))
    return Watched(
        files=tuple(place for _, place in found),
        outdated=tuple(old),
        errors=tuple(errors),
        passed_over=discovery.passed_over,
    )


def _discover(job: Job, errors: list[str]) -> Discovery:
    """Return the files that the job's patterns find now; a pattern or a folder without any is no error."""
    paths: list[Path] = []
    for pattern in job.files or ():
        for path in _matches(pattern, errors):
            try:
                refuse_unreadable(path)
            except SourceError as error:
                errors.append(str(error))
            else:
                paths.append(path)
    discovery = discover(paths)
    errors += [error for _, error in discovery.errors]
    return discovery


def _matches(pattern: str, errors: list[str]) -> list[Path]:
    if is_url(pattern):
        try:
            return matches(path_of(pattern))
        except (SourceError, SettingError) as error:
            errors.append(str(error))
            return []
    # Path.glob takes no absolute patterns.
    found = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
    return [*map(Path, found)]
