"""Rows that unfold to far more than the file has: no more of them at once than fit, and each of them is read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import member, open_source
from moodmill.producers.sources.arrow_sizes import BYTES, row_bytes, slices
from moodmill.producers.sources.lines import LINE_LIMIT
from moodmill.producers.sources.record import Bad
from tests.producers.sources.test_support import comments, read_all

#: Of a text that stands in each of the ROWS rows.
LENGTH = 1 << 20
ROWS = 200
TEXT = "x" * LENGTH


@pytest.fixture
def pool() -> Iterator[Any]:
    """What Arrow allocates in a test, and how much that was at most."""
    usual = pa.default_memory_pool()
    own = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(own)
    yield own
    pa.set_memory_pool(usual)


def dictionary() -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([TEXT]))


def runs() -> Any:
    return pa.RunEndEncodedArray.from_arrays(pa.array([ROWS], pa.int32()), pa.array([TEXT]))


def ipc(path: Path, column: Any) -> None:
    table = pa.table({"text": column, "id": list(map(str, range(ROWS)))})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def parquet(path: Path, column: Any) -> None:
    pq.write_table(pa.table({"text": column, "id": list(map(str, range(ROWS)))}), path, compression="zstd")


@pytest.mark.parametrize(
    ("name", "write", "column"),
    [("x.parquet", parquet, dictionary), ("x.arrow", ipc, dictionary), ("x.arrow", ipc, runs)],
)
def test_a_value_that_stands_in_many_rows_does_not_fill_the_memory(
    pool: Any, tmp_path: Path, name: str, write: Callable[[Path, Any], None], column: Callable[[], Any]
) -> None:
    write(tmp_path / name, column())
    assert (tmp_path / name).stat().st_size < 2 * LENGTH
    ids = []
    for record in open_source(tmp_path / name).records():
        assert not isinstance(record, Bad)
        assert len(record.comment.text) == LENGTH
        ids.append(record.comment.id)
    assert ids == list(map(str, range(ROWS)))
    assert pool.max_memory() < ROWS * LENGTH / 3


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.string_view()])
def test_the_bytes_of_rows_are_those_of_their_texts(kind: Any) -> None:
    texts = ["a", None, "", "längere", "b" * 40]
    plain = pa.array(texts, pa.string()).cast(pa.binary()).cast(kind) if kind != pa.string_view() else None
    column = pa.array(texts, kind) if plain is None else plain
    expected = [1, 0, 0, 8, 40]
    assert row_bytes([column], 5).tolist() == expected
    assert row_bytes([column.slice(2), pa.array([1, 2, 3])], 3).tolist() == expected[2:]


def test_dictionaries_and_runs_count_what_they_stand_for() -> None:
    encoded = pa.array(["aa", None, "aa", "b"]).dictionary_encode()
    assert row_bytes([encoded.slice(1)], 3).tolist() == [0, 2, 1]
    ends = pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array(["aaa", "b"]))
    assert row_bytes([ends.slice(1, 3)], 3).tolist() == [3, 1, 1]


def test_slices_follow_each_other_and_hold_no_more_than_fits() -> None:
    sizes = np.array([1, BYTES, 1, BYTES - 1, BYTES + 1, 0, 5], dtype=np.int64)
    assert list(slices(sizes)) == [(0, 1), (1, 2), (2, 4), (4, 5), (5, 7)]
    assert list(slices(np.zeros(3, dtype=np.int64))) == [(0, 3)]
    assert list(slices(np.zeros(0, dtype=np.int64))) == []


def test_a_row_that_is_longer_than_any_line_may_be_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a", "y" * (LINE_LIMIT + 1), "b"], "id": ["1", "2", "3"]}), path)
    records = read_all(open_source(path))
    assert [comment.id for comment in comments(records)] == ["1", "3"]
    assert isinstance(records[1], Bad)
    assert records[1].error == f"row of {LINE_LIMIT + 2} bytes; at most 16 MiB are read"


def test_columns_that_unpack_as_no_table_does_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "_LARGEST", 1 << 20)
    monkeypatch.setattr(member, "_RATIO", 100)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["z" * 50_000] * 100}), path, compression="zstd", use_dictionary=False)
    with pytest.raises(SourceError, match="is refused"):
        open_source(path).inspect()
