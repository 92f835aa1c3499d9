"""What every kind of source keeps: any reading from any record on is the tail of the whole."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from db.comment import MAX_ID
from db.errors import SourceError
from producers.record import Source
from producers.sources import Place, open_source
from producers.sources.archive import members
from tests.producers.archives import tar_of, zipped
from tests.producers.test_sources_support import bads, comment_line, comments, dump, position_of, read_all, write
from tests.producers.test_zst_blocks import block

ROWS = 25


def reddit(folder: Path) -> Path:
    records = [b"" if n % 7 == 3 else b"{broken" if n % 7 == 5 else comment_line(n) for n in range(ROWS)]
    return write(folder / "RC_x.zst", dump(records))


def csv(folder: Path) -> Path:
    rows = [f'{n},"comment\n{n}"' if n % 3 else "" if n % 2 else f"{n}" for n in range(ROWS)]
    return write(folder / "x.csv.gz", "\n".join(["id,text", *rows]))


def tsv(folder: Path) -> Path:
    return write(
        folder / "x.tsv", "".join(f"{n}\tcomment {n}\n" for n in ["id", *range(ROWS)]).replace("comment id", "text")
    )


def parquet(folder: Path) -> Path:
    ids = [str(n) if n % 5 else "x" * (MAX_ID + 1) for n in range(ROWS)]
    table = pa.table({"id": ids, "text": [f"comment {n}" for n in range(ROWS)]})
    pq.write_table(table, folder / "x.parquet", row_group_size=7)
    return folder / "x.parquet"


def zip_member(folder: Path) -> Place:
    return only_member(zipped(folder / "x.zip", ("x.csv.gz", csv(folder).read_bytes())))


def tar_member(folder: Path) -> Place:
    dump = reddit(folder)
    return only_member(write(folder / "x.tar.gz", tar_of(("2005/RC_x.zst", dump.read_bytes()))))


def tar_member_with_columns(folder: Path) -> Place:
    return only_member(write(folder / "y.tar.zst", tar_of(("x.parquet", parquet(folder).read_bytes()))))


def zst_blocks(folder: Path) -> Path:
    rows = [comment_line(n) if n % 7 else b"{broken" for n in range(ROWS)]
    path = folder / "RC_x.zst_blocks"
    path.write_bytes(block(rows[:11]) + block(rows[11:]))
    return path


def only_member(archive: Path) -> Place:
    (place,) = members(archive).places
    return place


@pytest.fixture(params=[reddit, csv, tsv, parquet, zip_member, tar_member, tar_member_with_columns, zst_blocks])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    make: Callable[[Path], Path | Place] = request.param
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


def file_of(source: Source, folder: Path) -> Path:
    """Return the file, or the archive, that the source is called by."""
    return folder / source.name.split("/")[0]


def test_the_name_is_the_files(source: Source, tmp_path: Path) -> None:
    assert file_of(source, tmp_path).is_file()


def test_a_file_that_went_away_is_an_error(source: Source, tmp_path: Path) -> None:
    file_of(source, tmp_path).unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        source.inspect()
    with pytest.raises(SourceError, match="cannot be read"):
        list(source.records())
