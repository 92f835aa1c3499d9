"""Watched files: each new or grown one is met once, and a half-written one not yet."""

import os
import time
from collections.abc import Collection
from pathlib import Path

from moodmill.producers.schedule.file_discovery import look_at_files
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.sources import Place, fingerprint
from tests.support import write_dump


def job(*files: Path | str, settled: float = 60) -> Job:
    return Job(cron="0 3 * * *", files=[str(one) for one in files], settled=settled)


def met(job: Job, known: Collection[str] = ()) -> tuple[Path, ...]:
    return tuple(place.path for place in look_at_files(job, known).files)


def dump(path: Path, *texts: str, age: float = 3600) -> Path:
    """Write a dump that was last written to so many seconds ago."""
    write_dump(path, texts)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_new_files_of_folders_and_patterns_come_oldest_first(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    newer = dump(tmp_path / "folder" / "RC_2024-02.ndjson", "b", age=100)
    older = dump(tmp_path / "RC_2024-01.ndjson", "a", age=200)
    dump(tmp_path / "notes.txt", "c")
    assert met(job(tmp_path / "folder", tmp_path / "RC_*")) == (older, newer)


def test_a_file_whose_time_is_far_ahead_is_met_and_one_that_is_a_little_ahead_not_yet(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a", age=-3600)
    assert met(job(tmp_path)) == ()
    dump(file, "a", age=-2 * 86_400)
    assert met(job(tmp_path)) == (file,)


def test_known_files_are_passed_over_until_they_grow(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a")
    known = {fingerprint(Place.at(file))}
    assert met(job(tmp_path), known) == ()
    dump(file, "a", "b")
    assert met(job(tmp_path), known) == (file,)


def test_a_file_that_was_just_written_to_is_left_for_the_next_time(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a", age=30)
    assert met(job(tmp_path)) == ()
    assert met(job(tmp_path, settled=20)) == (file,)


def test_an_empty_folder_and_a_pattern_that_finds_nothing_are_no_errors(tmp_path: Path) -> None:
    assert met(job(tmp_path, tmp_path / "RC_*")) == ()


def test_a_file_that_two_patterns_find_comes_once(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a")
    assert met(job(tmp_path, tmp_path / "RC_*")) == (file,)


def test_what_cannot_be_looked_at_is_told_and_hinders_nothing(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-02.ndjson", "a")
    (tmp_path / "RC_2024-01.ndjson").symlink_to(tmp_path / "gone")
    found = look_at_files(job(tmp_path / "RC_*", tmp_path / "unmounted"), ())
    assert [place.path for place in found.files] == [file]
    assert ["RC_2024-01" in found.errors[0], "unmounted" in found.errors[1]] == [True, True]


def test_files_labelled_under_other_options_are_told_apart(tmp_path: Path) -> None:
    file, other = dump(tmp_path / "RC_2024-01.ndjson", "a"), dump(tmp_path / "RC_2024-02.ndjson", "b")
    found = look_at_files(job(tmp_path), (), {fingerprint(Place.at(file))})
    assert [place.path for place in found.files] == [other]
    assert [place.path for place in found.outdated] == [file]


def test_what_is_no_source_is_named_with_its_reason(tmp_path: Path) -> None:
    dump(tmp_path / "README.md", "a")
    assert look_at_files(job(tmp_path), ()).passed_over == {"of no known kind": ["README.md"]}


def test_an_archive_is_known_by_what_it_holds(tmp_path: Path) -> None:
    file = dump(tmp_path / "x.zip", "a")
    known = {f"{fingerprint(Place.at(file))}:of a member"}
    assert met(job(file), known) == ()
