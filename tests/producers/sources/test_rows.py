"""Rows are read strictly: what does not fit is a dead letter with its line, and costs no row but its own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.payload import PAYLOAD_LIMIT, is_cut
from moodmill.producers.sources import Columns, ReadOptions, open_source, rows
from moodmill.producers.sources.cutter import Cutter, Fields, cutter
from moodmill.producers.sources.dialect import Dialect
from moodmill.producers.sources.encoding import lines_of, read_text
from moodmill.producers.sources.record import Bad
from moodmill.producers.sources.rows import MAX_LINES, MAX_SIZE, BadRow, Rows
from tests.producers.sources.test_support import bads, comments, only, read_all, write
from tests.texts import NASTY, several

CSV = Dialect(delimiter=",", quote='"')
SPARK = Dialect(delimiter=",", quote='"', escape="\\")
PYTHON = Dialect(delimiter=",", quote='"', escape="\\", escapes_unquoted=True)
COPY = Dialect(delimiter="\t", escape="\\")
PLAIN = Dialect(delimiter="\t")


def read(*lines: str, dialect: Dialect = CSV, width: int | None = 2) -> list[Fields | BadRow]:
    return list(Rows([lines_of("".join(line + "\n" for line in lines))], dialect, width=width))


def errors(found: list[Fields | BadRow]) -> list[str]:
    return [f"{row.line}: {row.error}" for row in found if isinstance(row, BadRow)]


def good(found: list[Fields | BadRow]) -> list[str | None]:
    return [row[0] for row in found if not isinstance(row, BadRow)]


def test_a_row_that_does_not_fit_is_bad_with_its_line() -> None:
    found = read("1,a", '2,"b\nc",d', '3,"e"f', "4,g")
    assert good(found) == ["1", "4"]
    assert errors(found) == [
        "2: expected 2 fields as in the header, found 3 (lines 2 to 3)",
        "4: expected ',' or the end of the row behind a closing quote",
    ]


def test_a_quote_that_is_not_closed_costs_its_own_row_only() -> None:
    lines = [f"{n},fine" for n in range(2 * MAX_LINES)]
    lines[4] = '4," oops'
    found = read(*lines)
    assert len(found) == 2 * MAX_LINES
    assert errors(found) == [
        f"5: the quote that opens here is not closed within the limits, looked as far as line {4 + MAX_LINES} "
        "(at most 1,000 lines and 1 MiB)"
    ]


def test_how_far_was_looked_is_said_of_long_lines_and_of_the_end_as_well() -> None:
    long = "x" * (MAX_SIZE // 3)
    assert "looked as far as line 3 " in errors(read('1,"a', *[f"{n},{long}" for n in range(4)]))[0]
    assert "before the end of the file, looked as far as line 2 " in errors(read('1,"a', "2,b"))[0]


def test_a_quote_that_is_closed_within_a_field_costs_its_own_row_only() -> None:
    found = read("1,a", '2," oops', "3,b", '4,"c, d"', "5,e")
    assert good(found) == ["1", "3", "4", "5"]
    assert errors(found) == ["2: the quote that opens here is closed in line 4 within a field"]


def test_a_quote_that_swallows_rows_is_told_by_what_they_look_like() -> None:
    found = read("k1,a", 'k2," oops', "k3,b", 'k4,5"', "k5,e")
    assert good(found) == ["k1", "k3", "k4", "k5"]
    assert errors(found) == [
        "2: the quote that opens here is closed in line 4, but each line as far as that looks like a row"
    ]


def test_a_quote_that_swallows_rows_and_makes_other_fields_costs_its_own_row_only() -> None:
    found = read("k1,a", 'k2," oops', "k3,b", 'k4,x",y', "k5,e")
    assert good(found) == ["k1", "k3", "k5"]
    assert errors(found) == [
        "2: the quote that opens here is closed in line 4 and makes 3 fields, expected 2",
        "4: expected 2 fields as in the header, found 3",
    ]


def test_lines_of_a_list_are_no_rows() -> None:
    text = "Mine:\n1, eggs\n2nd, milk"
    assert read('k100,"Mine:', "1, eggs", '2nd, milk"', "k101,b") == [["k100", text], ["k101", "b"]]
    assert errors(read('k100,"Mine:', '1, eggs",x', "k101,b")) == [
        "1: expected 2 fields as in the header, found 3 (lines 1 to 2)"
    ]


def test_lines_of_a_text_with_bare_quotes_do_not_pass_for_rows() -> None:
    found = read("1,a", '2,"He said "ok", then', "I like cats, dogs", 'bye"', '3,"b"')
    assert good(found) == ["1", "3"]
    (bad,) = [row for row in found if isinstance(row, BadRow)]
    assert bad.error.endswith("(lines 2 to 4)")
    assert bad.text == '2,"He said "ok", then\nI like cats, dogs\nbye"'


def test_a_row_of_several_lines_behind_a_bad_one_is_not_taken_with_it() -> None:
    assert good(read('1,"a"b', '2,"c', 'd"', "3,e")) == ["2", "3"]


@pytest.mark.parametrize("dialect", [SPARK, PYTHON], ids=["spark", "python"])
def test_escaped_quotes_are_read_as_strictly(dialect: Dialect) -> None:
    found = read("1,a", '2,"b \\"c\\"\nd"', '3,"e" f', '4," oops', "5,g", '6,"h\\\\"', dialect=dialect)
    assert good(found) == ["1", "2", "5", "6"]
    assert [error[:1] for error in errors(found)] == ["4", "5"]
    assert found[1] == ["2", 'b "c"\nd']


def test_a_line_end_that_is_escaped_in_the_last_line_is_bad() -> None:
    found = read("1\ta\\", "b", "2\tc", "3\td\\", dialect=COPY)
    assert good(found) == ["1", "2"]
    assert errors(found)[0].startswith("4: the line's end that is escaped here is not closed before the end")


def test_a_blank_line_is_no_row_but_in_a_table_of_one_column() -> None:
    assert good(read("1,a", "", "   ", "2,b", "\x1a")) == ["1", "2"]
    assert read("a", "", '""', "b", width=1) == [["a"], [""], [""], ["b"]]
    assert read("1\ta", "", "2\tb", dialect=PLAIN) == [["1", "a"], ["2", "b"]]


class Counted:
    """A cutter that counts the lines it cuts."""

    def __init__(self, real: Cutter) -> None:
        self._real = real
        self.cuts = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def cut(self, text: str) -> Fields | None:
        self.cuts += 1
        return self._real.cut(text)


@pytest.mark.parametrize(
    ("dialect", "line"),
    [(CSV, 'x","y'), (CSV, 'x," oops'), (SPARK, 'x","y'), (COPY, "x\ty\\")],
)
def test_many_quotes_that_nobody_closes_are_looked_through_once(
    monkeypatch: pytest.MonkeyPatch, dialect: Dialect, line: str
) -> None:
    counted = Counted(cutter(dialect))
    monkeypatch.setattr(rows, "cutter", lambda _: counted)
    lines = MAX_LINES + 500
    found = read(*[line] * lines, dialect=dialect)
    assert len(errors(found)) == lines
    assert counted.cuts < 30 * lines


#: Lines of tables, some in quotes.
LINES = st.lists(
    NASTY | st.sampled_from(['1,"a', 'b"', '2,"c"d', "3,e", '4,"f""g"', '"', "5\th\\", 'i"\n', "\r", '","', ""]),
    max_size=12,
)


@pytest.mark.parametrize("dialect", [CSV, SPARK, PYTHON, COPY, PLAIN], ids=["csv", "spark", "python", "copy", "plain"])
@pytest.mark.parametrize("width", [1, 2])
def test_rows_are_the_same_however_the_file_comes(dialect: Dialect, width: int) -> None:
    @several(25)
    @given(LINES, st.integers(1, 9))
    def check(lines: list[str], size: int) -> None:
        data = "\n".join(lines).encode("utf-8", "surrogatepass")
        blocks = [data[at : at + size] for at in range(0, len(data), size)]
        whole, pieces = (
            [
                row if isinstance(row, BadRow) else (reading.line, reading.text, list(row))
                for reading in [Rows(read_text(several, "utf-8"), dialect, width=width)]
                for row in reading
            ]
            for several in ([data], blocks)
        )
        assert whole == pieces
        begins = [row.line if isinstance(row, BadRow) else row[0] for row in whole]
        assert begins == sorted(set(begins))

    check()


@pytest.fixture
def long_row(tmp_path: Path) -> Path:
    text = "".join(f"line {n} of it\n" for n in range(MAX_LINES + 5))
    return write(tmp_path / "x.csv.gz", f'id,text\n1,a\n2,"{text}"\n3,b\n')


def test_a_row_beyond_the_limits_is_read_whole_when_it_is_replayed(long_row: Path) -> None:
    source = open_source(long_row)
    found = read_all(source)
    assert [comment.id for comment in comments(found)] == ["1", "3"]
    letter = bads(found)[0]
    assert letter.payload == '2,"line 0 of it'
    again = only([source.parse(letter.payload, letter.position)]).comment
    assert (again.id, again.position, again.text.count("\n")) == ("2", 1, MAX_LINES + 5)


def test_a_quote_astray_is_no_long_row_when_it_is_replayed(tmp_path: Path) -> None:
    lines = [f"{n},fine" for n in range(1500)]
    path = write(tmp_path / "x.csv", "\n".join(["id,text", '0," oops', *lines, '9,5"', "10,z", ""]))
    source = open_source(path)
    (letter,) = bads(read_all(source))
    assert source.parse(letter.payload, letter.position) == letter


def test_a_letter_that_was_too_long_to_keep_is_read_from_the_source(tmp_path: Path) -> None:
    data = "".join(f"{n},{'x' * PAYLOAD_LIMIT} {n},z\n" if n % 2 else f"{n},a\n" for n in range(6))
    source = open_source(write(tmp_path / "x.csv", "id,text\n" + data))
    letters = bads(read_all(source))
    assert [len(letter.payload) < PAYLOAD_LIMIT and is_cut(letter.payload) for letter in letters] == [True] * 3
    for letter in [*letters, letters[0]]:
        assert source.parse(letter.payload, letter.position) == letter
    moved = source.parse(letters[0].payload, letters[1].position)
    assert isinstance(moved, Bad)
    assert "the source no longer has" in moved.error


def test_a_mended_letter_needs_no_source(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "id,text\n1,a,b\n2,c\n")
    kept = open_source(path).inspect()
    path.unlink()
    source = open_source(path, layout=kept)
    assert only([source.parse('1,"a,b"', 0)]).comment.text == "a,b"
    assert isinstance(source.parse("1,a,b", 0), Bad)


def test_rows_without_a_header_are_as_wide_as_most(tmp_path: Path) -> None:
    options = ReadOptions(header_row=0, columns=Columns(text="2"))
    source = open_source(write(tmp_path / "x.csv", "1,a\n2,b\n3,c,d\n4,e\n"), options)
    (letter,) = bads(read_all(source))
    assert letter.error == "line 3: expected 2 fields as in the first rows, found 3"
