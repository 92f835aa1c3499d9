"""Watched files: each new or grown one is met once, and a half-written one not yet."""

import os
import time
from pathlib import Path

from producers.jobs import Job
from producers.sources import fingerprint
from producers.watched import files_to_label
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
    assert list(files_to_label(job(tmp_path / "folder", tmp_path / "RC_*"), ())) == [older, newer]


def test_known_files_are_passed_over_until_they_grow(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a")
    known = {fingerprint(file)}
    assert list(files_to_label(job(tmp_path), known)) == []
    dump(file, "a", "b")
    assert list(files_to_label(job(tmp_path), known)) == [file]


def test_a_file_that_was_just_written_to_is_left_for_the_next_time(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a", age=30)
    assert list(files_to_label(job(tmp_path), ())) == []
    assert list(files_to_label(job(tmp_path, settled=20), ())) == [file]


def test_an_empty_folder_and_a_pattern_that_finds_nothing_are_no_errors(tmp_path: Path) -> None:
    assert list(files_to_label(job(tmp_path, tmp_path / "RC_*"), ())) == []


def test_a_file_that_two_patterns_find_comes_once(tmp_path: Path) -> None:
    file = dump(tmp_path / "RC_2024-01.ndjson", "a")
    assert list(files_to_label(job(tmp_path, tmp_path / "RC_*"), ())) == [file]
