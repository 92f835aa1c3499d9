"""What RedditDump.check takes for a dump, by its first lines."""

from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import open_source
from tests.producers.sources.test_support import COMPRESS, comment_line, dump, write


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "is empty"),
        (b"\n \n\r\n", "holds only blanks and NULs"),
        (bytes(99), "holds only blanks and NULs"),
        (b"\n" + bytes(99) + b"\n", "holds only blanks and NULs"),
    ],
)
def test_check_refuses_a_file_with_nothing_in_it(tmp_path: Path, data: bytes, found: str) -> None:
    path = write(tmp_path / "RC_x", data)
    with pytest.raises(SourceError, match=f"RC_x {found}: "):
        open_source(path).inspect()


@pytest.mark.parametrize("data", [b"{broken", b"[1, 2]\n", b"id,body\n1,text\n" * 30, b'{"id": "x"}\n', b"x\0x"])
def test_check_says_what_a_dump_looks_like(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SourceError) as raised:
        open_source(write(tmp_path / "RC_x", data)).inspect()
    assert "one JSON object a line" in str(raised.value)
    assert repr(data.split(b"\n")[0][:60]) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("before", [b"", b"{broken\n", b"\n\n" + b"{\n" * 19, b"x" * (17 << 20) + b"\n", bytes(9999)])
def test_check_wants_one_good_line_of_the_first_twenty(tmp_path: Path, before: bytes) -> None:
    open_source(write(tmp_path / "RC_x", before + comment_line(1))).inspect()


def test_check_reads_no_further_than_twenty_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "RC_x", b"{\n" * 20 + comment_line(1))
    with pytest.raises(SourceError):
        open_source(path).inspect()


def test_a_truncated_dump_passes_check_by_its_beginning(tmp_path: Path) -> None:
    data = COMPRESS[".zst"](dump([comment_line(1)])) + COMPRESS[".zst"](dump([comment_line(2)]))[:-3]
    path = tmp_path / "RC_x.zst"
    path.write_bytes(data)
    open_source(path).inspect()
