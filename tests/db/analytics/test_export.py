"""Exports: the rows of the store, bit for bit, in each format."""

import io
import json
from collections.abc import Callable
from csv import DictReader
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars
import pyarrow as pa
import pytest
from msgspec.structs import replace
from pyarrow import csv, dataset, parquet

from moodmill.db.analytics import selection
from moodmill.db.analytics.export import export_csv, export_folder, export_ndjson, export_parquet
from moodmill.db.analytics.export_mark import MARK, is_export
from moodmill.db.analytics.selection import SCHEMA, Selection, why_no_rows
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.lake import columnar
from moodmill.db.lake.lake import lake_of
from moodmill.db.lake.rounding import Bits, Rounding
from moodmill.db.results.models import register_model
from tests.db.builders import NOON, classified, comments, matrix, rows, stored

ROWS = 25


def of_each_kind() -> list[Comment]:
    """Return comments with everything that an export may meet: of no time, no subreddit, with commas and line ends."""
    found = comments(range(ROWS))
    found[1] = replace(found[1], created_at=None, text='a "quoted", one\nof two lines')
    found[2] = replace(found[2], subreddit=None, author=None, created_at=NOON + timedelta(days=40))
    found[3] = replace(found[3], subreddit="Cats", text="\u2028 \U0001f63b")
    return found


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(selection, "BATCH", 10)  # several batches, the last not full
    stored(store, classified(of_each_kind(), matrix(ROWS), keep_text=True))
    stored(store, classified(of_each_kind()[:5], matrix(5, seed=1), model="other"))
    return store


def exported(store: Store, form: str, selected: Selection | None = None) -> bytes:
    out = io.BytesIO()
    export: dict[str, Callable[..., object]] = {
        "parquet": export_parquet,
        "csv": export_csv,
        "ndjson": export_ndjson,
    }
    export[form](store, selected or Selection(), out, lambda _: None)
    return out.getvalue()


def expected(store: Store) -> list[dict[str, Any]]:
    """Return the store's rows by time."""
    # No time comes first in SQLite, and last in PostgreSQL and a lake.
    last = datetime.max.replace(tzinfo=UTC)
    first = datetime.min.replace(tzinfo=UTC)
    unknown = first if store.is_sqlite and lake_of(store) is None else last
    found = sorted(rows(store), key=lambda row: (row["created_at"] or unknown, row["comment_id"], row["model"]))
    # What is REAL in the store comes as the shortest decimals from PostgreSQL: the single that they stand for is meant.
    return [
        {name: float(np.float32(row[name])) if name in EMOTIONS else row[name] for name in SCHEMA.names}
        for row in found
    ]


def test_parquet_holds_every_row_bit_for_bit(filled: Store) -> None:
    table = parquet.read_table(pa.BufferReader(exported(filled, "parquet")))
    assert table.schema.equals(SCHEMA)
    key = itemgetter("comment_id", "model")
    assert sorted(table.to_pylist(), key=key) == sorted(expected(filled), key=key)


def test_parquet_is_by_month_model_subreddit_and_time_with_what_has_no_time_last(filled: Store) -> None:
    table = parquet.read_table(pa.BufferReader(exported(filled, "parquet")))
    found = [(row["created_at"], row["model"], row["subreddit"] or "", row["comment_id"]) for row in table.to_pylist()]
    months = [f"{moment:%Y-%m}" if moment else "none" for moment, *_ in found]
    assert months == sorted(months)
    assert months[-2:] == ["none", "none"]
    march = [(model, subreddit, moment) for moment, model, subreddit, _ in found[: months.count("2024-03")]]
    assert march == sorted(march)
    assert len({subreddit for _, subreddit, _ in march}) > 1


def groups_of(store: Store) -> list[Any]:
    metadata = parquet.ParquetFile(pa.BufferReader(exported(store, "parquet"))).metadata
    return [metadata.row_group(n) for n in range(metadata.num_row_groups)]


def test_small_months_share_a_row_group(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BATCH", 10)
    monkeypatch.setattr(columnar, "GROUP", 30)
    made = [replace(one, created_at=NOON + timedelta(days=31 * (n % 6))) for n, one in enumerate(comments(range(60)))]
    stored(store, classified(made, matrix(60)))
    assert [group.num_rows for group in groups_of(store)] == [30, 30]


def test_a_row_group_tells_which_subreddits_are_not_in_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "BATCH", 40)
    monkeypatch.setattr(columnar, "GROUP", 40)
    made = [replace(one, subreddit="bAc"[n % 3]) for n, one in enumerate(comments(range(120)))]
    stored(store, classified(made, matrix(120)))
    at = SCHEMA.names.index("subreddit")
    told = [group.column(at).statistics for group in groups_of(store)]
    assert [(one.min, one.max) for one in told] == [("A", "A"), ("b", "b"), ("c", "c")]


def test_probabilities_lie_byte_beside_byte_and_what_comes_again_in_dictionaries(filled: Store) -> None:
    group = parquet.ParquetFile(pa.BufferReader(exported(filled, "parquet"))).metadata.row_group(0)
    kept = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    assert {column.compression for column in kept.values()} == {"ZSTD"}
    assert all("BYTE_STREAM_SPLIT" in kept[name].encodings for name in EMOTIONS)
    assert all(kept[name].has_dictionary_page for name in ("model", "subreddit", "author", "source", "engine"))


@pytest.mark.parametrize(("bits", "most"), [(16, 2**-17), (8, 0.004)])
def test_fewer_bits_are_probabilities_still_and_the_file_says_how_many(
    filled: Store, tmp_path: Path, bits: Bits, most: float
) -> None:
    rounding = Rounding(bits)
    with (tmp_path / "x.parquet").open("wb") as out:
        export_parquet(filled, Selection(), out, lambda _: None, rounding)
    found, exact = (
        parquet.read_table(tmp_path / "x.parquet"),
        parquet.read_table(io.BytesIO(exported(filled, "parquet"))),
    )
    assert json.loads(found.schema.metadata[b"moodmill"])["bits"] == bits
    assert found.schema.equals(exact.schema)
    assert found.drop_columns(EMOTIONS).equals(exact.drop_columns(EMOTIONS))
    before, after = (
        np.stack([table[name].to_numpy() for name in EMOTIONS], 1).astype(float) for table in (exact, found)
    )
    assert 0 < rounding.largest <= most
    assert np.abs(after - before).max() == pytest.approx(rounding.largest, rel=1e-3)
    assert np.abs(after.sum(0) / before.sum(0) - 1).max() == pytest.approx(rounding.shift, abs=1e-6)
    values = np.unique(after)
    assert len(values) <= 2**bits + 1
    folder = Rounding(bits)
    export_folder(filled, Selection(), tmp_path / "out", lambda _: None, folder)
    assert dataset.dataset(tmp_path / "out").to_table().num_rows == ROWS + 5
    assert folder.largest == rounding.largest


@pytest.mark.parametrize("bits", [None, 16, 8])
def test_other_programs_read_it_as_it_is(filled: Store, tmp_path: Path, bits: Bits | None) -> None:
    export_folder(filled, Selection(), tmp_path / "out", lambda _: None, Rounding(bits) if bits else None)
    table = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()
    files = f"{tmp_path}/out/*/*.parquet"
    sums = ", ".join(f"sum({name}::double)" for name in EMOTIONS)
    with duckdb.connect() as connection:
        of_duckdb = connection.execute(
            f"select {sums} from read_parquet('{files}', hive_partitioning = true)"
        ).fetchone()
    of_polars = polars.scan_parquet(files).select(polars.col(EMOTIONS).cast(polars.Float64).sum()).collect().row(0)
    ours = [float(table[name].to_numpy().sum(dtype=np.float64)) for name in EMOTIONS]
    assert of_duckdb == pytest.approx(ours)
    assert of_polars == pytest.approx(ours)


def test_times_of_any_year_are_in_their_months(store: Store) -> None:
    years = (1, 1969, 2024, 2024, 9999)
    made = [
        replace(one, created_at=datetime(year, 12, 31, 23, 59, second, tzinfo=UTC))
        for second, (one, year) in enumerate(zip(comments(range(len(years))), years, strict=True))
    ]
    stored(store, classified(made))
    found = parquet.read_table(pa.BufferReader(exported(store, "parquet")))
    assert [moment.year for moment in found["created_at"].to_pylist()] == [*years]
    assert json.loads(exported(store, "ndjson").split(b"\n")[0])["comment_id"] == "c0"
    some = Selection(since=made[2].created_at, until=made[3].created_at)
    assert parquet.read_table(pa.BufferReader(exported(store, "parquet", some)))["comment_id"].to_pylist() == ["c2"]


def test_parquet_tells_that_it_is_an_export_and_when_an_emotion_counts_as_found(filled: Store, tmp_path: Path) -> None:
    register_model(filled, "m", dict.fromkeys(EMOTIONS, 0.25))
    (tmp_path / "x.parquet").write_bytes(exported(filled, "parquet"))
    export_folder(filled, Selection(), tmp_path / "out", lambda _: None)
    files = [tmp_path / "x.parquet", *tmp_path.glob("out/*/*.parquet")]
    assert len(files) > 3
    for path in files:
        schema = parquet.read_schema(path)
        said = json.loads(schema.metadata[b"moodmill"])
        assert (said["kind"], said["version"]) == ("export", 3)
        assert said["thresholds"] == {"m": dict.fromkeys(EMOTIONS, 0.25)}
        assert is_export(schema.names, schema.metadata)


@pytest.mark.parametrize(
    ("columns", "metadata", "expected"),
    [
        (SCHEMA.names, None, True),
        (SCHEMA.names[: SCHEMA.names.index("text") + 1], None, True),  # as exports of the first form had them
        (SCHEMA.names[:-1], None, True),  # of the second
        (SCHEMA.names, {b"pandas": b"{}"}, True),
        ([*SCHEMA.names, "mine"], MARK, True),
        ([*SCHEMA.names, "mine"], None, False),
        (["comment_id", "text"], MARK, False),
        (EMOTIONS, {}, False),
        ([], None, False),
    ],
)
def test_an_export_is_told_by_what_it_says_or_by_its_columns(
    columns: list[str], metadata: dict[bytes, bytes] | None, expected: bool
) -> None:
    assert is_export(columns, metadata) is expected


def test_csv_holds_every_row(filled: Store) -> None:
    kinds = csv.ConvertOptions(column_types=SCHEMA, strings_can_be_null=True, quoted_strings_can_be_null=False)
    lines = csv.ParseOptions(newlines_in_values=True)
    table = csv.read_csv(io.BytesIO(exported(filled, "csv")), parse_options=lines, convert_options=kinds)
    assert table.to_pylist() == expected(filled)


def test_ndjson_holds_every_row_on_a_line(filled: Store) -> None:
    found = [json.loads(line) for line in exported(filled, "ndjson").split(b"\n")[:-1]]
    for row in found:
        row["created_at"] = row["created_at"] and datetime.fromisoformat(row["created_at"])
    assert found == expected(filled)


FORMULAS = ("=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", "\n=1", "\uff1d1")


def test_formulas_are_left_and_counted_or_made_texts(store: Store) -> None:
    found = [
        replace(one, id=f"{formula}{one.id}", author=formula, subreddit=formula, text=f"{formula} of a text")
        for one, formula in zip(comments(range(len(FORMULAS))), FORMULAS, strict=True)
    ]
    stored(store, classified([*found, *comments([99])], keep_text=True))
    plain, safe = io.BytesIO(), io.BytesIO()
    texts = [name for name in SCHEMA.names if SCHEMA.field(name).type == pa.string()]

    assert export_csv(store, Selection(), plain, lambda _: None) == 4 * len(FORMULAS)
    assert export_csv(store, Selection(), safe, lambda _: None, without_formulas=True) == 0

    as_they_are, as_texts = (
        [[row[name] for name in texts] for row in DictReader(io.StringIO(out.getvalue().decode(), newline=""))]
        for out in (plain, safe)
    )
    assert as_texts == [[f"'{one}" if one.startswith(FORMULAS) else one for one in row] for row in as_they_are]
    assert {one[:1] for row in as_texts for one in row}.isdisjoint("=+-@\t\r\n\uff1d")


def test_a_folder_by_month_is_read_as_one_table(filled: Store, tmp_path: Path) -> None:
    export_folder(filled, Selection(), tmp_path / "out", lambda _: None)
    assert {one.name for one in (tmp_path / "out").iterdir()} == {
        "month=2024-03",
        "month=2024-04",
        "month=__HIVE_DEFAULT_PARTITION__",
    }
    table = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()
    assert table.num_rows == ROWS + 5
    april = table.filter(pa.compute.equal(table["month"], "2024-04")).to_pylist()
    assert {row["comment_id"] for row in april} == {"c2"}


def test_only_what_is_wanted_is_exported(filled: Store) -> None:
    def count(wanted: Selection) -> int:
        return exported(filled, "ndjson", wanted).count(b"\n")

    assert count(Selection(models=frozenset({"other"}))) == 5
    assert count(Selection(subreddits=frozenset({"cats"}))) == 2
    assert count(Selection(since=NOON + timedelta(seconds=20), until=NOON + timedelta(seconds=22))) == 2
    assert count(Selection(subreddits=frozenset({"r/Cats"}))) == 2
    assert count(Selection(since=NOON + timedelta(days=100))) == 0
    assert "near it is Cats (2)" in why_no_rows(filled, Selection(subreddits=frozenset({"catz"})))
    assert "2024-03 to 2024-04" in why_no_rows(filled, Selection(since=NOON + timedelta(days=100)))


def test_an_export_of_nothing_is_a_file_with_columns(store: Store) -> None:
    assert parquet.read_table(pa.BufferReader(exported(store, "parquet"))).schema.equals(SCHEMA)
    assert exported(store, "csv").decode().startswith('"comment_id","model"')
    assert exported(store, "ndjson") == b""


def test_the_rows_so_far_are_told(filled: Store) -> None:
    told: list[int] = []
    export_csv(filled, Selection(), io.BytesIO(), told.append)
    assert told == [10, 20, 30]


def test_probabilities_are_singles(filled: Store) -> None:
    table = parquet.read_table(pa.BufferReader(exported(filled, "parquet", Selection(models=frozenset({"m"})))))
    by_id = dict(zip(table["comment_id"].to_pylist(), range(ROWS), strict=True))
    found = np.stack([table[name].to_numpy() for name in EMOTIONS], axis=1)
    assert np.array_equal(found[[by_id[f"c{n}"] for n in range(ROWS)]], matrix(ROWS))
