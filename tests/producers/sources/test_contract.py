"""What every kind of source keeps: any reading from any record on is the tail of the whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, open_source
from moodmill.producers.sources.members import members
from moodmill.producers.sources.record import Source
from tests.producers.archives import tar_of, zipped
from tests.producers.sources.test_support import bads, comment_line, comments, dump, position_of, read_all, write
from tests.producers.sources.test_zst_blocks import block

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


def arrow(folder: Path) -> Path:
    ids = [str(n) if n % 5 else "x" * (MAX_ID + 1) for n in range(ROWS)]
    texts = pa.array([b"\xff" if n % 6 == 5 else b"comment" for n in range(ROWS)])
    table = pa.table({"id": ids, "text": texts})
    with pa.ipc.new_file(folder / "x.feather", table.schema) as file:
        file.write_table(table, max_chunksize=7)
    return folder / "x.feather"


def arrow_stream(folder: Path) -> Path:
    table = pa.table({"text": [f"comment {n}" for n in range(ROWS)]})
    with pa.ipc.new_stream(folder / "x.arrow", table.schema) as stream:
        stream.write_table(table, max_chunksize=7)
    return folder / "x.arrow"


def json_lines(folder: Path) -> Path:
    rows = ["" if n % 7 == 3 else "[1]" if n % 7 == 5 else f'{{"text": "comment {n}"}}' for n in range(ROWS)]
    return write(folder / "x.jsonl.gz", "\n".join(rows))


def json_document(folder: Path) -> Path:
    rows = ["7" if n % 7 == 5 else f'{{"text": "comment {n}"}}' for n in range(ROWS)]
    return write(folder / "x.json", f'{{"data": [{", ".join(rows)}]}}')


def reddit_answer(folder: Path) -> Path:
    children: list[object] = []
    for n in range(9):
        replies = {"kind": "Listing", "data": {"children": [*children[-1:], 5]}}
        data = {"id": f"c{n}", "body": "a" if n % 7 else 5, "replies": replies}
        children.append({"kind": "t1" if n % 5 else "more", "data": data})
    return write(folder / "x.json.zst", json.dumps({"kind": "Listing", "data": {"children": children}}))


@pytest.fixture(
    params=[
        reddit,
        csv,
        odd_csv,
        tsv,
        escaped_tsv,
        json_lines,
        json_document,
        reddit_answer,
        parquet,
        arrow,
        arrow_stream,
        zip_member,
        tar_member,
        tar_member_with_columns,
        zst_blocks,
    ]
)
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
