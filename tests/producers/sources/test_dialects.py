"""How a table is written is found by its beginning, said in its layout, and kept to; options say what is not found."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import NoSourceError, SettingError, SourceError
from moodmill.producers.sources import Columns, Layout, ReadOptions, open_source
from moodmill.producers.sources.dialect import normalised
from tests.producers.sources.test_support import bads, comments, read_all, texts, write

#: Texts of a table of ten rows that need quotes, or escapes.
TEXTS = ['he said "no", I think', "plain", "two\nlines", "a, b; c", "it's", 'the "end"', "x", "y", "C:\\_dir", "z"]


def layout(folder: Path, data: str | bytes, name: str = "x.csv", **options: object) -> Layout:
    return open_source(write(folder / name, data), msgspec.structs.replace(ReadOptions(), **options)).inspect()


def dialect(found: Layout) -> tuple[str | None, str | None, str | None]:
    return found.delimiter, found.quote, found.escape


def doubled(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def escaped(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def copied(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def bare(text: str) -> str:
    return text.replace("\n", " ")


@pytest.mark.parametrize(
    ("delimiter", "write_text", "quote", "escape"),
    [
        (",", doubled, '"', None),
        (";", doubled, '"', None),
        ("\t", doubled, '"', None),
        ("|", doubled, '"', None),
        (",", escaped, '"', "\\"),
        ("\t", escaped, '"', "\\"),
        ("\t", copied, None, "\\"),
        ("|", copied, None, "\\"),
        ("\x01", copied, None, "\\"),
        ("\t", bare, None, None),
        ("|", bare, None, None),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_dialect_is_found(
    tmp_path: Path, delimiter: str, write_text: Callable[[str], str], quote: str | None, escape: str | None, end: str
) -> None:
    rows = [f"{n}{delimiter}{write_text(text)}{delimiter}u{n}" for n, text in enumerate(TEXTS)]
    path = write(tmp_path / "x.csv", "".join(row + end for row in [f"id{delimiter}text{delimiter}author", *rows]))
    source = open_source(path)
    assert dialect(source.inspect()) == (delimiter, quote, escape)
    assert texts(source) == [bare(text) if write_text is bare else text for text in TEXTS]
    assert [comment.author for comment in comments(read_all(source))] == [f"u{n}" for n in range(len(TEXTS))]


def test_a_text_that_needs_no_quotes_does_not_hide_the_delimiter(tmp_path: Path) -> None:
    assert layout(tmp_path, "cid;text;time\n1;I love it, really;now\n2;a, b, c;then\n").delimiter == ";"


def test_the_suffix_decides_only_where_nothing_else_does(tmp_path: Path) -> None:
    assert layout(tmp_path, "text\na\n", "x.tsv").delimiter == "\t"
    assert layout(tmp_path, "text\na\n", "x.csv").delimiter == ","
    assert layout(tmp_path, "text\na\n", kind="tsv").delimiter == "\t"
    assert layout(tmp_path, "id,text\n1,a\n", "y.tsv").delimiter == ","
    assert layout(tmp_path, "id\ttext\n1\ta\n", "y.txt", kind="csv").delimiter == "\t"


def test_lines_of_one_column_are_not_cut_at_the_commas_of_their_texts(tmp_path: Path) -> None:
    assert texts(open_source(write(tmp_path / "x.csv", "text\nwell, yes\nno\nno, no, no\n"))) == [
        "well, yes",
        "no",
        "no, no, no",
    ]


def test_quotes_that_open_in_one_line_and_close_in_another_are_no_quotes_where_nothing_is_quoted(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "x.tsv", 'id\ttext\n1\t"I love this\n2\tsad day\n3\tshe left"\n4\t"never\n5\tfine\n')
    assert texts(open_source(path)) == ['"I love this', "sad day", 'she left"', '"never', "fine"]
    path.write_text('id\ttext\n1\t"I love this\n2\tsad day\n3\tshe left"\n4\tfine\n')
    assert texts(open_source(path)) == ['"I love this', "sad day", 'she left"', "fine"]


def test_a_column_of_quoted_texts_of_several_lines_is_quoted(tmp_path: Path) -> None:
    assert texts(open_source(write(tmp_path / "x.tsv", 'text\n"a\nb"\nc\n"d\n\ne"\n'))) == ["a\nb", "c", "d\n\ne"]


def test_spark_escapes_within_quotes_only(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'id,text\n1,at the end\\\n2,"a \\"b\\", c\\\\"\n3,in\\_side\n4,\n5,""\n')
    source = open_source(path)
    assert dialect(source.inspect()) == (",", '"', "\\")
    assert texts(source) == ["at the end\\", 'a "b", c\\', "in\\_side", "", ""]


def test_spark_is_known_by_backslashes_that_are_all_doubled_within_quotes(tmp_path: Path) -> None:
    rows = "".join(f'{n},"a\\\\_b, {n}"\n' for n in range(3))
    assert texts(open_source(write(tmp_path / "x.csv", f"id,text\n{rows}"))) == [f"a\\_b, {n}" for n in range(3)]
    assert layout(tmp_path, f'id,text\n{rows}9,"c\\_d, ""e"""\n').escape is None


def test_python_escapes_everywhere(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.csv", 'id,text\n1,a \\"b\\" c\n2,"d, \\"e\\""\n3,back\\\\slash\n4,f\n'))
    assert source.inspect().escapes_unquoted
    assert texts(source) == ['a "b" c', 'd, "e"', "back\\slash", "f"]


def test_copy_and_mysql_escape_without_quotes(tmp_path: Path) -> None:
    data = 'id\ttext\tauthor\n1\tone\\ntwo\\tthree\\\\\\N\tbob\n2\t\\N\teve\n3\tfour\\\nfive\\\tsix\t"al"\n\\.\n'
    source = open_source(write(tmp_path / "x.tsv", data))
    assert dialect(source.inspect()) == ("\t", None, "\\")
    assert texts(source) == ["one\ntwo\tthree\\N", "", "four\nfive\tsix"]
    assert comments(read_all(source))[2].author == '"al"'


def test_backslashes_of_texts_are_none_of_the_dialect(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.tsv", "id\ttext\n1\t¯\\_(ツ)_/¯\n2\ta\\nb\n3\tc\n"))
    assert source.inspect().escape is None
    assert texts(source) == ["¯\\_(ツ)_/¯", "a\\nb", "c"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n", "\r\r\n"])
def test_lines_end_in_any_way(tmp_path: Path, end: str) -> None:
    path = write(tmp_path / "x.csv", end.join(["id,text", '1,"a\rb"', '2,"c\nd"', "3,e", "4,f", "5,g", ""]))
    source = open_source(path)
    assert source.inspect().line_end == ("\r" if end == "\r" else "\n")
    assert texts(source) == ["a\rb", "c\nd", "e", "f", "g"]


@pytest.mark.parametrize(
    ("above", "row"),
    [
        ("", 1),
        (",0,1,2\n", 2),
        ("# made by a tool\n# on a day\n", 3),
        ("Comments of 2024\n\n", 3),
        ("sep=,\n", 2),
    ],
)
def test_the_header_is_found_below_what_stands_above_it(tmp_path: Path, above: str, row: int) -> None:
    data = f'{above},id,text,author\n0,c1,"I love it, really",bob\n1,c2,no,eve\n'
    source = open_source(write(tmp_path / "x.csv", data))
    assert source.inspect().header_row == row
    assert [(comment.position, comment.id) for comment in comments(read_all(source))] == [(0, "c1"), (1, "c2")]


def test_excel_says_the_delimiter_in_the_first_line(tmp_path: Path) -> None:
    found = layout(tmp_path, "sep=;\nid;text\n1;a\n")
    assert (found.delimiter, found.header_row) == (";", 2)


HEADERLESS = '0,2022-10-01,u/a,https://x.org/a,"I love this, thank you"\n1,2022-10-02,u/b,https://x.org/b,no\n'


def test_a_table_without_a_header_is_refused_with_what_reads_it(tmp_path: Path) -> None:
    for columns in (Columns(), Columns(text="5")):
        with pytest.raises(SourceError, match=r"1: '0', 2: '2022-10-01', .* --header-row 0 --text-column 5"):
            layout(tmp_path, HEADERLESS, columns=columns)
    with pytest.raises(SourceError, match=r"has no text column: .* --text-column 5"):
        layout(tmp_path, HEADERLESS, header_row=0)


def test_a_table_without_a_header_is_read_by_the_numbers_of_its_columns(tmp_path: Path) -> None:
    options = ReadOptions(header_row=0, columns=Columns(text="5", author="3", created_at="2"))
    source = open_source(write(tmp_path / "x.csv", HEADERLESS), options)
    first, second = comments(read_all(source))
    assert (first.position, first.text, first.author) == (0, "I love this, thank you", "a")
    assert (second.position, second.text) == (1, "no")


def test_texts_without_a_header_are_no_names(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no header"):
        layout(tmp_path, "bob,great\nann,nice\nzoe,bad\n", columns=Columns(text="2"))


def test_the_line_of_the_header_can_be_said(tmp_path: Path) -> None:
    data = 'words\n"a, b\nwho,what\nbob,hi\n'
    source = open_source(write(tmp_path / "x.csv", data), ReadOptions(header_row=3, columns=Columns(text="what")))
    assert texts(source) == ["hi"]


def test_rows_with_names_and_a_delimiter_at_their_end_have_a_column_more_than_the_header(tmp_path: Path) -> None:
    r_table = '"id"\t"text"\n"1"\t"c1"\t"a"\n"2"\t"c2"\t"b"\n"3"\t"c3"\t"c"\n'
    assert texts(open_source(write(tmp_path / "r.tsv", r_table))) == ["a", "b", "c"]
    assert texts(open_source(write(tmp_path / "x.csv", "id,text\n1,a,\n2,b,\n3,c,\n"))) == ["a", "b", "c"]


def test_a_comma_too_many_in_each_row_shifts_no_column(tmp_path: Path) -> None:
    assert not texts(open_source(write(tmp_path / "x.csv", "id,text\n1,a, b\n2,c, d\n3,e, f\n")))
    with pytest.raises(SourceError, match=r"its header has 2 fields, cut at ',', and the rows below it 3"):
        layout(tmp_path, "id,text\n" + "1,a, b\n" * 10)


@pytest.mark.parametrize(
    ("options", "data"),
    [
        ({"delimiter": "tab"}, "id\ttext\n1\ta, b\n"),
        ({"delimiter": r"\t"}, "id\ttext\n1\ta, b\n"),
        ({"delimiter": r"\x02"}, "id\x02text\n1\x02a, b\n"),
        ({"delimiter": "~", "quote": "'"}, "id~text\n1~'a, b'\n"),
        ({"delimiter": ",", "quote": "'", "escape": "backslash"}, "id,text\n1,'a, b'\n"),
        ({"delimiter": ",", "quote": "none", "escape": "^"}, "id,text\n1,a^, b\n"),
        ({"quote": "'", "escape": "'"}, "id,text\n1,'a, b'\n"),
    ],
)
def test_options_say_the_characters(tmp_path: Path, options: dict[str, str], data: str) -> None:
    source = open_source(write(tmp_path / "x.csv", data), msgspec.structs.replace(ReadOptions(), **options))
    assert texts(source) == ["a, b"]


def test_quotes_can_be_said_to_be_none(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'id,text\n1,"a\n2,b"\n')
    assert texts(open_source(path, ReadOptions(quote="none"))) == ['"a', 'b"']


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": "||"}, "expected one character for --delimiter"),
        ({"delimiter": ""}, "expected a character for --delimiter"),
        ({"delimiter": "\\n"}, "expected one character for --delimiter"),
        ({"quote": "''"}, "expected one character for --quote"),
        ({"escape": "ab"}, "expected one character for --escape"),
        ({"delimiter": ",", "quote": ","}, "expected --delimiter and --quote to differ"),
        ({"delimiter": "\\", "escape": "backslash"}, "expected --delimiter and --escape to differ"),
        ({"encoding": "klingon"}, "an encoding"),
        ({"encoding": "base64"}, "an encoding"),
        ({"encoding": "utf-32"}, "holds ASCII as it is"),
        ({"encoding": "cp500"}, "holds ASCII as it is"),
        ({"header_row": -1}, "expected the number of a line"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, str | int], message: str, tmp_path: Path) -> None:
    given = msgspec.structs.replace(ReadOptions(), **options)
    with pytest.raises(SettingError, match=message):
        normalised(given)
    with pytest.raises(SettingError, match=message):
        open_source(tmp_path / "x.csv", given)


def test_normalised_options_stay_as_they_are() -> None:
    given = ReadOptions(delimiter="tab", quote="none", escape="\\\\", encoding="Latin1")
    once = normalised(given)
    assert (once.delimiter, once.quote, once.escape, once.encoding) == ("\t", "", "\\", "iso8859-1")
    assert normalised(once) == once


def test_what_was_found_is_not_found_again(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "#\nid;text\n1;a\n2;b,c\n")
    kept = Layout.from_json(open_source(path).inspect().to_json())
    path.write_text('id,text\n"id";"text"\n3;"x;y"\n4;z,z\n')
    again = open_source(path, layout=kept)
    assert again.inspect() == kept
    assert [comment.text for comment in comments(read_all(again))] == ["x;y", "z,z"]


def test_an_export_of_labels_is_no_source(tmp_path: Path) -> None:
    header = [
        "comment_id",
        "model",
        "source",
        "subreddit",
        "author",
        "created_at",
        *EMOTIONS,
        "tokens",
        "truncated",
        "text",
    ]
    with pytest.raises(NoSourceError, match="is an export of labels"):
        layout(tmp_path, ",".join(f'"{name}"' for name in header) + "\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04\x14\0\x06\0", "a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an old file of Excel"),
        (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"<!DOCTYPE html>\n<html><body>404</body>", "a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>', "XML"),
        (b'{"id": 1, "text": "a"}\n', "JSON"),
        (b'[ {"id": 1, "text": "a"}]\n', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        (bytes(range(32)) * 8, "is no text"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        layout(tmp_path, data)


def test_the_row_with_most_names_is_the_header(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.csv", "comment\nid,text\nc1,a\nc2,b\n"))
    assert source.inspect().header_row == 2
    assert texts(source) == ["a", "b"]


def test_a_header_that_comes_once_more_is_no_comment(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.csv", "id,text\nc1,a\nid,text\nc2,text\n"))
    assert texts(source) == ["a", "text"]
    (letter,) = bads(read_all(source))
    assert letter.error == "line 3: expected a row, found the header once more"
    assert source.parse(letter.payload, letter.position) == letter


def test_a_quote_that_opens_behind_nothing_but_a_rare_delimiter_is_refused_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        layout(tmp_path, b'\x01"')
