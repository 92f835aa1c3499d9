"""Tables as programs write them: each row comes back as it was, or is a dead letter; none is missing or made up."""

import csv
import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from moodmill.producers.sources import ReadOptions, open_source
from tests.producers.sources.test_support import bads, comments, read_all
from tests.texts import several

#: Id, text and a number; the text may be null.
Row = tuple[str, str | None, int]
Write = Callable[[list[Row], str], str]

NAMES = ("id", "text", "n")
#: What breaks lines, fields and quotes, more often than chance brings it. No "&", which is decoded behind the reading.
NASTY = st.text(st.sampled_from('\r\n\t"",;|\'\\\\Nnt[]é\u2028\ufeff😀a1 '), max_size=12)
TEXTS = st.none() | NASTY | st.sampled_from(["\\N", "\\", '"', '""', 'a "b" c', "a\\", "x\r\ny", "a,b\n1,c,2", "-"])
TABLES = st.lists(TEXTS, min_size=1, max_size=6).map(
    lambda texts: [(f"k{number}", text, number * 3) for number, text in enumerate(texts)]
)


def python(rows: list[Row], delimiter: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([NAMES, *rows])
    return out.getvalue()


def python_escaping(rows: list[Row], delimiter: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, doublequote=False, escapechar="\\").writerows([NAMES, *rows])
    return out.getvalue()


def python_unquoted(rows: list[Row], delimiter: str) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_NONE, escapechar="\\", lineterminator="\n")
    writer.writerows([NAMES, *rows])
    return out.getvalue()


def pandas(rows: list[Row], delimiter: str) -> str:
    return str(pd.DataFrame(rows, columns=list(NAMES)).to_csv(sep=delimiter, index=False))


def polars(rows: list[Row], delimiter: str) -> str:
    schema = {"id": pl.String, "text": pl.String, "n": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").write_csv(separator=delimiter)


@cache
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


def duck(rows: list[Row], delimiter: str) -> str:
    connection().execute("CREATE OR REPLACE TABLE t (id VARCHAR, text VARCHAR, n INTEGER)")
    connection().executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    with NamedTemporaryFile() as file:
        connection().execute(f"COPY t TO '{file.name}' (FORMAT csv, HEADER, DELIM '{delimiter}')")
        return Path(file.name).read_bytes().decode()


def arrow(rows: list[Row], delimiter: str) -> str:
    table = pa.table({name: list(values) for name, values in zip(NAMES, zip(*rows, strict=True), strict=True)})
    out = io.BytesIO()
    pa_csv.write_csv(table, out, pa_csv.WriteOptions(delimiter=delimiter))
    return out.getvalue().decode()


def spark(rows: list[Row], delimiter: str) -> str:
    r"""Quote what needs it, write \" and \\ within quotes only, and nothing for null."""

    def field(text: str | None) -> str:
        if text is None:
            return ""
        if text and not set(text) & {delimiter, '"', "\n", "\r"}:
            return text
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return "".join(delimiter.join(map(field, (name, text, str(n)))) + "\n" for name, text, n in [NAMES, *rows])


def copy(rows: list[Row], delimiter: str) -> str:
    r"""As PostgreSQL's COPY does: no quotes, \N for null."""

    def field(text: str | None) -> str:
        if text is None:
            return "\\N"
        for sign, letter in (
            ("\\", "\\"),
            ("\n", "n"),
            ("\r", "r"),
            (delimiter, "t" if delimiter == "\t" else delimiter),
        ):
            text = text.replace(sign, f"\\{letter}")
        return text

    return "".join(delimiter.join(map(field, (name, text, str(n)))) + "\n" for name, text, n in [NAMES, *rows])


def mysql(rows: list[Row], delimiter: str) -> str:
    r"""As SELECT INTO OUTFILE with FIELDS ENCLOSED BY '"' does: escapes within quotes, \N without."""

    def field(text: object) -> str:
        if text is None:
            return "\\N"
        if not isinstance(text, str):
            return str(text)
        for sign in ("\\", '"', "\n"):
            text = text.replace(sign, f"\\{sign}")
        return f'"{text}"'

    lines = [delimiter.join(map(field, row)) for row in [NAMES, *rows]]
    return "".join(line + "\n" for line in lines)


#: What tells the two apart, with which quotes are escaped within quotes only, or everywhere.
TELLING: dict[Write, str] = {spark: "a\\_", python_escaping: 'a"b'}


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def check_rows(path: Path, rows: list[Row], options: ReadOptions) -> None:
    """Check that the rows come back in their order, except for those that are dead letters."""
    records = read_all(open_source(path, replace(options, null_words=True)))
    wanted = {name: (text or "") for name, text, _ in rows}
    found = {comment.id: comment.text for comment in comments(records)}
    for name, text in found.items():
        # A text that is the sign for null may come back as null: nobody can tell them apart.
        assert text == wanted.get(name) or (text, wanted.get(name)) == ("", "\\N")
    assert list(found) == [name for name in wanted if name in found]
    assert len(comments(records)) == len(found)
    assert len(rows) - len(found) <= len(bads(records))


DOUBLING: tuple[Write, ...] = (python, pandas, polars, duck, arrow)
#: Who writes, in which dialects, and what has to be said of them.
WRITERS: list[tuple[Write, str, ReadOptions]] = [
    *((write, ",", ReadOptions()) for write in DOUBLING),
    *((write, delimiter, ReadOptions(quote='"', escape="")) for write in DOUBLING for delimiter in ("\t", ";", "|")),
    *((spark, delimiter, ReadOptions(quote='"', escape="\\")) for delimiter in (",", "\t")),
    *((python_escaping, delimiter, ReadOptions(quote='"', escape="\\")) for delimiter in (",", "\t")),
    *((mysql, delimiter, ReadOptions(quote='"', escape="\\")) for delimiter in (",", "\t")),
    *((copy, delimiter, ReadOptions(quote="", escape="\\")) for delimiter in (",", "\t", "|", "\x01")),
    *((python_unquoted, delimiter, ReadOptions(quote="", escape="\\")) for delimiter in (",", "\t")),
]


@pytest.mark.parametrize(("write", "delimiter", "options"), WRITERS)
def test_rows_come_back_or_are_dead_letters(write: Write, delimiter: str, options: ReadOptions, folder: Path) -> None:
    @several(6)
    @given(TABLES)
    def check(rows: list[Row]) -> None:
        if write in TELLING:
            rows = [*rows, ("told", TELLING[write], 0)]
        path = folder / "x.csv"
        path.write_bytes(write(rows, delimiter).encode())
        check_rows(path, rows, options)

    check()


def python_texts(texts: list[str | None]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["text"], *([text] for text in texts)])
    return out.getvalue()


def pandas_texts(texts: list[str | None]) -> str:
    return str(pd.DataFrame({"text": texts}).to_csv(index=False))


def polars_texts(texts: list[str | None]) -> str:
    return pl.DataFrame({"text": texts}, schema={"text": pl.String}).write_csv()


@pytest.mark.parametrize("write", [python_texts, pandas_texts, polars_texts])
def test_a_table_of_one_column_loses_no_row(write: Callable[[list[str | None]], str], folder: Path) -> None:
    @several(6)
    @given(st.lists(TEXTS, min_size=1, max_size=6))
    def check(texts: list[str | None]) -> None:
        path = folder / "x.csv"
        path.write_bytes(write(texts).encode())
        records = read_all(open_source(path, ReadOptions(delimiter=",", quote='"', escape="", null_words=True)))
        found = [comment.text for comment in comments(records)]
        # A carriage return that pandas puts before a line's end, without quotes, is part of that.
        rest = iter((text or "").replace("\r", "") for text in texts)
        assert all(text.replace("\r", "") in rest for text in found)  # in their order
        assert len(texts) - len(found) <= len(bads(records))

    check()
