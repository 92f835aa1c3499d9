"""Watched files: each new or grown one is met once, and a half-written one not yet."""

import os
import time
from pathlib import Path

from producers.jobs import Job
from producers.sources import fingerprint
from producers.watched import look_at_files
from tests.support import write_dump


def job(*files: Path | str, settled: float = 60) -> Job:
    return Job(cron="0 3 * * *", files=[str(one) for one in files], settled=settled)


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
    assert look_at_files(job(tmp_path / "folder", tmp_path / "RC_*"), ()).files == (older, newer)


def test_known_files_are_passed_over_until_they_grow(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a")
    known = {fingerprint(file)}
    assert look_at_files(job(tmp_path), known).files == ()
    dump(file, "a", "b")
    assert look_at_files(job(tmp_path), known).files == (file,)


def test_a_file_that_was_just_written_to_is_left_for_the_next_time(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a", age=30)
    assert look_at_files(job(tmp_path), ()).files == ()
    assert look_at_files(job(tmp_path, settled=20), ()).files == (file,)


def test_an_empty_folder_and_a_pattern_that_finds_nothing_are_no_errors(tmp_path: Path) -> None:
    assert look_at_files(job(tmp_path, tmp_path / "RC_*"), ()).files == ()


def test_a_file_that_two_patterns_find_comes_once(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a")
    assert look_at_files(job(tmp_path, tmp_path / "RC_*"), ()).files == (file,)


def test_what_cannot_be_looked_at_is_told_and_hinders_nothing(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-02.ndjson", "a")
    (tmp_path / "RC_2024-01.ndjson").symlink_to(tmp_path / "gone")
    found = look_at_files(job(tmp_path / "RC_*", tmp_path / "unmounted"), ())
    assert found.files == (file,)
    assert ["RC_2024-01" in found.errors[0], "unmounted" in found.errors[1]] == [True, True]
