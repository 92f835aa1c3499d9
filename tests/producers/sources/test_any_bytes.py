"""Whatever bytes a source is made of: every record is accounted for, and a second reading says the same."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import ALL
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.sources import open_source
from moodmill.producers.sources.record import Bad, Record
from tests.producers.sources.test_support import COMPRESS, position_of, read
from tests.texts import NASTY, is_storable, several

FIELDS = ("id", "body", "title", "selftext", "author", "subreddit", "created_utc", "_meta")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
#: Records with fields of any kind, and what is none.
LINE = (
    st.dictionaries(st.sampled_from(FIELDS), VALUES).map(lambda fields: json.dumps(fields).encode())
    | st.binary(max_size=40)
    | NASTY.map(str.encode)
)
DUMP = st.lists(LINE, max_size=8).map(b"\n".join) | st.binary()
TABLE = st.tuples(st.sampled_from([b"text\n", b"id,text\n", b"id\ttext\n", b""]), DUMP).map(b"".join)
#: Lines as parts of a document.
DOCUMENT = st.tuples(
    st.sampled_from([b"[%b]", b'{"data": [%b]}', b"[%b", b'{"a": 1}%b']), st.lists(LINE, max_size=5)
).map(lambda drawn: drawn[0] % b",".join(drawn[1]))
SOURCES = {
    "RC_any": DUMP,
    "any.jsonl": DUMP,
    "any.json": DOCUMENT,
    "any.csv": TABLE,
    "any.tsv": TABLE,
    "any.parquet": st.binary(),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def check_accounts(path: Path) -> None:
    """Check what a run relies on: see Source."""
    if refusal := _refusal(path):
        assert "\n" not in refusal
        return
    source = open_source(path)
    records, error = read(source)
    again, error_again = read(source)
    assert (again, str(error_again)) == (records, str(error))
    positions = [position_of(record) for record in records]
    assert all(one < other for one, other in pairwise(positions))
    for record in records:
        check_record(record)
    for start in positions[:3]:
        assert read(source, start)[0] == [record for record in records if position_of(record) >= start]
    ranges = list(cut_records(records, ALL, 0, 3))
    assert sum(one.records for one in ranges) == len(records)
    for one in ranges:
        assert one.records == len(one.comments) + sum(one.skipped.values()) + len(one.dead)
    assert all(one.stop == other.first for one, other in pairwise(ranges))


def _refusal(path: Path) -> str | None:
    """Return why a file is no source, if it is none."""
    try:
        open_source(path).inspect()
    except SourceError as error:
        return str(error)
    return None


def check_record(record: Record) -> None:
    if isinstance(record, Bad):
        assert record.error
        assert "\n" not in record.error
        assert is_storable(record.error)
        assert is_storable(record.payload)
        return
    comment = record.comment
    assert comment.id
    for text in (comment.id, comment.text, comment.author or "", comment.subreddit or ""):
        assert is_storable(text)


@pytest.mark.parametrize("name", SOURCES)
def test_any_bytes_are_accounted_for(name: str, folder: Path) -> None:
    @several(50 if name == "any.json" else 150)
    @given(SOURCES[name])
    def check(data: bytes) -> None:
        (folder / name).write_bytes(data)
        check_accounts(folder / name)

    check()


@pytest.mark.parametrize("suffix", COMPRESS)
def test_any_damage_to_a_compressed_dump_is_told_and_costs_only_what_follows_it(suffix: str, folder: Path) -> None:
    @several(100)
    @given(DUMP, st.data())
    def check(data: bytes, drawn: st.DataObject) -> None:
        packed = COMPRESS[suffix](data)
        at = drawn.draw(st.integers(0, len(packed)))
        damaged = drawn.draw(st.sampled_from([packed[:at], packed + b"\xff" * 9, _flipped(packed, at)]))
        path = folder / f"RC_any{suffix}"
        path.write_bytes(damaged)
        check_accounts(path)

    check()


def _flipped(data: bytes, at: int) -> bytes:
    return bytes(byte ^ (0x10 if place == at else 0) for place, byte in enumerate(data))
