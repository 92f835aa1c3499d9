"""A lake on a real S3 server, over HTTP: whatever a network or a busy storage does, rows are there once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from moodmill.db.core.errors import StoreError
from moodmill.db.core.retry import with_retries
from moodmill.db.lake.garbage import collect
from moodmill.db.lake.lake import MARKER
from moodmill.db.lake.merging import merge
from tests.db.builders import Made, classified, comments, one_line, rows
from tests.db.lake.builders import files_of, lake_store
from tests.storage import BUCKET, SECRET, forget_filesystems, s3_server
from tests.unruly import Fault, Unruly, unruly_proxy

pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.process]

Answer = TypeVar("Answer")

FAULTS: list[tuple[str, Fault, int]] = [
    ("PUT", "500", 1),
    ("PUT", "503", 3),
    ("PUT", "break", 1),
    ("PUT", "lose", 1),
    ("GET", "503", 2),
    ("GET", "break", 1),
    ("GET", "lose", 2),
    ("POST", "500", 1),
    ("POST", "lose", 1),
    ("HEAD", "503", 1),
]


@pytest.fixture(scope="module")
def unruly() -> Iterator[Unruly]:
    with (
        s3_server() as server,
        unruly_proxy(server["AWS_ENDPOINT_URL"]) as proxy,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**server, "AWS_ENDPOINT_URL": proxy.url}.items():
            patch.setenv(name, value)
        forget_filesystems()
        yield proxy
        forget_filesystems()


def again(attempt: Callable[[], Answer]) -> Answer:
    """Try until it goes well, as workers and commands are tried again."""
    return with_retries(attempt, StoreError, lambda _: None, "it")


def new_lake() -> str:
    return f"s3://{BUCKET}/{uuid4().hex}"


def test_rows_go_in_and_are_merged_and_collected(unruly: Unruly, tmp_path: Path) -> None:
    with lake_store(tmp_path, new_lake()) as (store, lake):
        made = Made(store)
        for first in (0, 2, 4):
            made.add(4)
            assert made.store_chunk(first // 2, classified(comments(range(first, first + 4))))
        assert len(rows(store)) == 8
        merge(lake)
        assert [file.rows for file in files_of(lake)] == [8]
        assert len(rows(store)) == 8
        done = collect(lake, timedelta())
        assert (done.removed, done.unnamed) == (3, 0)
        assert {file.name for file in lake.folder.files("")} == {MARKER, *(file.name for file in files_of(lake))}
        assert len(rows(store)) == 8


@pytest.mark.parametrize(("method", "fault", "times"), FAULTS)
def test_what_goes_wrong_on_the_way_costs_nothing(
    unruly: Unruly, tmp_path: Path, method: str, fault: Fault, times: int
) -> None:
    with lake_store(tmp_path, new_lake()) as (store, lake):
        made = Made(store)
        for number in range(2):
            made.add(4)
            unruly.do(method, fault, times)
            of = classified(comments(range(2 * number, 2 * number + 4)))
            again(partial(made.store_chunk, number, of))
        unruly.do(method, fault, times)
        again(partial(merge, lake))
        unruly.do(method, fault, times)
        found = again(partial(rows, store))
        assert sorted(row["comment_id"] for row in found) == [f"c{n}" for n in range(6)]
        unruly.do(method, fault, times)
        again(partial(collect, lake, timedelta()))
        unruly.do("", fault, 0)
        assert sum(file.rows for file in files_of(lake)) == len(rows(store)) == 6


def test_who_may_not_is_told_in_a_line_without_a_secret(
    unruly: Unruly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    forget_filesystems()
    with pytest.raises(StoreError, match="cannot use the lake") as refused, lake_store(tmp_path, new_lake()):
        pass
    said = one_line(refused.value)
    assert SECRET not in said
    assert "another" not in said
    forget_filesystems()
