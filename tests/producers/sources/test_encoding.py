"""Bytes become the texts they stand for, or the file is refused, or their row is a dead letter: never replaced."""

# ruff: noqa: RUF001 (the characters that look alike are what is tested)

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import ReadOptions, open_source
from moodmill.producers.sources.encoding import UNDECODED, read_text
from moodmill.producers.sources.lines import LINE_LIMIT, Overlong
from tests.producers.sources.test_support import bads, comments, read_all, texts, write
from tests.texts import several

WORDS = "id,text\n1,I don’t love this café at all – it’s “awful”\n2,plain\n"


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_byte_order_marks_are_obeyed_and_are_no_part_of_the_table(tmp_path: Path, mark: str, end: str) -> None:
    data = WORDS.replace("\n", end)
    marked = ("\ufeff" + data).encode(mark) if mark in ("utf-16-le", "utf-16-be") else data.encode(mark)
    source = open_source(write(tmp_path / "x.csv.gz", marked))
    assert [comment.id for comment in comments(read_all(source))] == ["1", "2"]
    assert texts(source)[0] == "I don’t love this café at all – it’s “awful”"


def test_utf_32_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is UTF-32"):
        open_source(write(tmp_path / "x.csv", WORDS.encode("utf-32"))).inspect()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("I don’t love this café at all – it’s “awful” n’est-ce pas", "cp1252"),
        ("Привет и это очень хороший день и я рад тебя видеть", "cp1251"),
        ("これは日本語の文章です。とても楽しいです。", "shift-jis"),
        ("这是一个很好的日子，我非常高兴见到你。", "gb18030"),
        ("오늘은 정말 좋은 날입니다. 만나서 반갑습니다.", "euc-kr"),
    ],
)
def test_a_file_in_another_encoding_is_refused_with_what_it_looks_like(
    tmp_path: Path, text: str, encoding: str
) -> None:
    rows = "".join(f"{n},{text}\n" for n in range(5))
    path = write(tmp_path / "x.csv", f"id,text\n{rows}".encode(encoding))
    with pytest.raises(SourceError, match=rf"no UTF-8: line 2 holds .* --encoding {encoding}"):
        open_source(path).inspect()
    assert texts(open_source(path, ReadOptions(encoding=encoding))) == [text] * 5


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_refused_and_read_when_it_is_said(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "x.csv", WORDS.encode(encoding))
    with pytest.raises(SourceError, match=f"without a byte order mark; .* --encoding {encoding}"):
        open_source(path).inspect()
    assert texts(open_source(path, ReadOptions(encoding=encoding)))[1] == "plain"


def test_bad_bytes_behind_the_beginning_cost_their_row(tmp_path: Path) -> None:
    rows = [f"{n},{'x' * 1000}".encode() for n in range(1200)]
    rows[1100] = b'1100,"caf\xe9\nand more"'
    source = open_source(write(tmp_path / "x.csv", b"id,text\n" + b"\n".join(rows) + b"\n"))
    found = read_all(source)
    (letter,) = bads(found)
    assert len(found) == 1200
    assert letter.error.startswith("line 1102: expected utf-8, found byte 0xe9; ")
    assert "--encoding" in letter.error
    assert letter.payload == '1100,"caf\ufffd\nand more"'
    assert source.parse(letter.payload, letter.position) == letter
    assert comments([source.parse('1100,"caf\u00e9"', letter.position)])[0].text == "café"


@pytest.mark.parametrize(
    ("encoding", "bad", "shown"),
    [("cp1252", b"\x81", "byte 0x81"), ("utf-8", b"\xff", "byte 0xff"), ("shift_jis", b"\x82\n", "byte 0x82")],
)
def test_with_an_encoding_given_each_row_that_does_not_decode_is_bad(
    tmp_path: Path, encoding: str, bad: bytes, shown: str
) -> None:
    path = write(tmp_path / "x.csv", b"id,text\n1,a\n2,b" + bad.removesuffix(b"\n") + b"\n3,c\n")
    source = open_source(path, ReadOptions(encoding=encoding))
    assert texts(source) == ["a", "c"]
    (letter,) = bads(read_all(source))
    assert letter.error.startswith(f"line 3: expected {encoding}, found {shown}")


def test_half_a_character_of_utf_16_costs_its_row(tmp_path: Path) -> None:
    data = "\ufeffid,text\n1,a\n2,\ud800b\n3,c\n4,d".encode("utf-16-le", "surrogatepass") + b"\0"
    source = open_source(write(tmp_path / "x.csv", data))
    assert texts(source) == ["a", "c"]
    assert [letter.error[:6] for letter in bads(read_all(source))] == ["line 3", "line 5"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "shift_jis", "gb18030", "utf-16-le", "iso2022_jp"])
def test_lines_are_the_same_in_blocks_of_any_size(encoding: str) -> None:
    @several(25)
    @given(st.binary(max_size=40) | st.text(max_size=12).map(lambda text: text.encode(encoding, "replace")), st.data())
    def check(data: bytes, drawn: st.DataObject) -> None:
        size = drawn.draw(st.integers(1, 7))
        end = drawn.draw(st.sampled_from(["\n", "\r"]))
        blocks = [data[at : at + size] for at in range(0, len(data), size)]
        pieces, whole = (
            [line for lines in read_text(several, encoding, end) if isinstance(lines, list) for line in lines]
            for several in (blocks, [data])
        )
        assert pieces == whole
        assert all(end not in line[:-1] for line in whole)

    check()


def test_every_byte_is_a_text_or_seen_to_be_none() -> None:
    for byte in range(0x80, 0x100):
        ((line,),) = [lines for lines in read_text([b"a" + bytes([byte])], "utf-8") if isinstance(lines, list)]
        assert UNDECODED.search(line)


def test_a_line_beyond_the_limit_stands_alone() -> None:
    blocks = [b"a\n", b"b" * (1 << 20), *[b"x" * (1 << 20)] * 17, b"end\nc\n"]
    first, overlong, last = read_text(blocks, "utf-8")
    assert isinstance(overlong, Overlong)
    assert (first, overlong.length, last) == (["a\n"], (18 << 20) + 3, ["c\n"])
    assert overlong.length > LINE_LIMIT
    (at_the_end,) = read_text(blocks[1:-1], "utf-8")
    assert isinstance(at_the_end, Overlong)
    assert at_the_end.length == 18 << 20
