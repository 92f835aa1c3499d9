"""Files of names as people have them: from editors, spreadsheets, pandas and lists of subreddits."""

import codecs
from pathlib import Path

import pytest

from moodmill.db.core import namefile
from moodmill.db.core.errors import SettingError
from moodmill.db.core.namefile import read_names
from tests.db.builders import one_line


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "names.txt"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("cats\nr/Dogs\n", ["cats", "r/Dogs"]),
        ("cats\r\n\r\n  dogs \r\n", ["cats", "dogs"]),
        ("cats\rdogs", ["cats", "dogs"]),
        ("# my list\ncats # the best, by far\n#dogs\nuser#1234\n", ["cats", "user#1234"]),
        ("cats,120000\ndogs,9\n", ["cats", "dogs"]),
        ("cats\t120,000\ndogs\t9\t0.5\n", ["cats", "dogs"]),
        ("cats;1.2M\ndogs;3 400\nbirds;\n", ["cats", "dogs", "birds"]),
        ("subreddit,count\ncats,5\ndogs,6\n", ["cats", "dogs"]),
        ("name\tsubscribers\tshare\ncats\t5\t12.5 %\n", ["cats"]),
        ("\nsubreddit,count\ncats,3e6\n", ["cats"]),
        ("cats,5\nsubreddit,7\n", ["cats", "subreddit"]),
        ("subreddit\ncats\n", ["subreddit", "cats"]),  # there is such a subreddit
        ('"subreddit","count"\n"cats","5"\n', ["cats"]),
        ('"Smith, John"\n"say ""hi"" # loud",3\n', ["Smith, John", 'say "hi" # loud']),
        ('"Smith, John"\t5\n', ["Smith, John"]),
        ("John Smith\n日本\n", ["John Smith", "日本"]),
        (",120\ncats,5\n", ["cats"]),  # the number of those without any
        ("2024,5\n911\n", ["2024", "911"]),
    ],
)
def test_one_name_a_line_is_read_whatever_numbers_follow(file: Path, written: str, names: list[str]) -> None:
    file.write_bytes(written.encode())
    assert read_names(file) == names


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_mark_says_the_encoding(file: Path, mark: bytes, encoding: str) -> None:
    file.write_bytes(mark + "größe\r\n日本,5\r\n".encode(encoding))
    assert read_names(file) == ["größe", "日本"]


def test_marks_inside_are_of_files_that_were_put_together(file: Path) -> None:
    file.write_bytes(2 * (codecs.BOM_UTF8 + b"# list\ncats\n"))
    assert read_names(file) == ["cats", "cats"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"", "names nothing"),
        (b"\xef\xbb\xbf\r\n# cats\n , \n", "names nothing"),
        ("cats\ngröße\n".encode("latin-1"), "is no UTF-8: line 2 has the bytes b'\\xf6'; save it as UTF-8"),
        (codecs.BOM_UTF16_LE + b"c\0a", "is no UTF-16-LE"),
        ("cats\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (b"cats\ndogs, birds\n", "line 2: expected one name a line"),
        (b"subreddit,description\ncats,of cats\n", "line 1: expected one name a line"),
        (
            b"1,cats,500\n2,dogs,400\n",
            "line 1: expected one name a line, or a name and numbers, found a number in front",
        ),
        (b'cats\n"dogs\nbirds\n', "line 2: a name in broken quotes"),
    ],
)
def test_a_file_of_another_form_is_refused_in_a_line(file: Path, written: bytes, said: str) -> None:
    file.write_bytes(written)
    with pytest.raises(SettingError) as caught:
        read_names(file)
    assert said in one_line(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there_or_no_list_at_all_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match="No such file"):
        read_names(file)
    monkeypatch.setattr(namefile, "MAX_BYTES", 8)
    file.write_text("cats\ndogs\n")
    with pytest.raises(SettingError, match="more than 8 bytes"):
        read_names(file)
