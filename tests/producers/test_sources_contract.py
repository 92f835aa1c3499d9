"""What every kind of source keeps: any reading from any record on is the tail of the whole."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from db.comment import MAX_ID
from db.errors import SourceError
from producers.record import Source
from producers.sources import open_source
from tests.producers.test_sources_support import bads, comment_line, comments, dump, position_of, read_all, write

ROWS = 25


def reddit(folder: Path) -> Path:
    records = [b"" if n % 7 == 3 else b"{broken" if n % 7 == 5 else comment_line(n) for n in range(ROWS)]
    return write(folder / "RC_x.zst", dump(records))


def csv(folder: Path) -> Path:
    rows = [f'{n},"comment\n{n}"' if n % 3 else "" if n % 2 else f"{n}" for n in range(ROWS)]
    return write(folder / "x.csv.gz", "\n".join(["id,text", *rows]))


def odd_csv(folder: Path) -> Path:
    """UTF-16 with a title above, and rows that are too wide, badly closed, or never closed."""
    rows = [
        f'{n};"never'
        if n == 20
        else f'{n};"a"b'
        if n % 7 == 3
        else f"{n};a;b"
        if n % 7 == 5
        else f'{n};"comment;\n{n}"'
        for n in range(ROWS)
    ]
    return write(folder / "x.csv", "\r\n".join(["Comments", "id;text", *rows]).encode("utf-16"))


def escaped_tsv(folder: Path) -> Path:
    rows = [f"{n}\\t\tcomment {n}\\\nof\\tit" if n % 5 else f"{n}\t\\N\tx" for n in range(ROWS)]
    return write(folder / "x.tsv", "\n".join(["id\ttext", *rows]))


def tsv(folder: Path) -> Path:
    return write(
        folder / "x.tsv", "".join(f"{n}\tcomment {n}\n" for n in ["id", *range(ROWS)]).replace("comment id", "text")
    )


def parquet(folder: Path) -> Path:
    ids = [str(n) if n % 5 else "x" * (MAX_ID + 1) for n in range(ROWS)]
    table = pa.table({"id": ids, "text": [f"comment {n}" for n in range(ROWS)]})
    pq.write_table(table, folder / "x.parquet", row_group_size=7)
    return folder / "x.parquet"


@pytest.fixture(params=[reddit, csv, odd_csv, tsv, escaped_tsv, parquet])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    make: Callable[[Path], Path] = request.param
    return open_source(make(tmp_path))


def test_a_good_source_passes_check(source: Source) -> None:
    source.inspect()
    assert comments(read_all(source))


def test_two_readings_are_the_same(source: Source) -> None:
    assert read_all(source) == read_all(source)


def test_every_start_gives_the_tail(source: Source) -> None:
    whole = read_all(source)
    for start in range(ROWS + 3):
        assert read_all(source, start) == [record for record in whole if position_of(record) >= start]


def test_positions_grow(source: Source) -> None:
    positions = [position_of(record) for record in read_all(source)]
    assert positions == sorted(set(positions))


def test_the_share_read_goes_from_zero_to_one(source: Source) -> None:
    assert source.share_read() == 0
    shares = [source.share_read() for _ in source.records()]
    assert shares == sorted(shares)
    assert source.share_read() == 1


def test_a_reading_can_be_left_early(source: Source) -> None:
    first = next(iter(source.records()))
    assert first == read_all(source)[0]


def test_a_bad_record_is_as_bad_when_parsed_again(source: Source) -> None:
    for bad in bads(read_all(source)):
        assert source.parse(bad.payload, bad.position) == bad


def test_the_name_is_the_files(source: Source, tmp_path: Path) -> None:
    assert (tmp_path / source.name).is_file()


def test_a_file_that_went_away_is_an_error(source: Source, tmp_path: Path) -> None:
    (tmp_path / source.name).unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        source.inspect()
    with pytest.raises(SourceError, match="cannot be read"):
        list(source.records())
