"""Subreddits and authors as sources give them: stored under their bare names."""

import zipfile
from pathlib import Path

import pytest

from moodmill.db.core.comment import MAX_NAME
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import ReadOptions, open_source
from moodmill.producers.sources.members import members
from moodmill.producers.sources.names import author_of, subreddit_of
from moodmill.producers.sources.record import Bad, Parsed
from moodmill.producers.sources.table_row import to_parsed
from tests.support import write_dump


@pytest.mark.parametrize(
    ("written", "subreddit", "author"),
    [
        ("Some_Name-1", "Some_Name-1", "Some_Name-1"),
        ("u/Ann", "u_Ann", "Ann"),
        ("/r/Cats/", "Cats", "Cats"),
        (" Cats\ufeff", "Cats", "Cats"),
        ("@ann", "@ann", "@ann"),
        ("a\0b", "a\ufffdb", "a\ufffdb"),
        ("\ud83d\ude3b", "\U0001f63b", "\U0001f63b"),
        (" ", None, None),
        ("\ufeff", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_name_is_stored_bare(written: str | None, subreddit: str | None, author: str | None) -> None:
    assert (subreddit_of(written), author_of(written)) == (subreddit, author)


@pytest.mark.parametrize("field", ["subreddit", "author"])
def test_a_name_that_no_index_takes_makes_a_bad_record(tmp_path: Path, field: str) -> None:
    longest, too_long = "é" * MAX_NAME, "é" * (MAX_NAME + 1)
    for name in (longest, f"r/{longest}", f" {longest} "):
        assert len((subreddit_of if field == "subreddit" else author_of)(name) or "") == MAX_NAME
    (of_dump,) = open_source(write_dump(tmp_path / "RC_x", ["a text"], **{field: too_long})).records()
    assert isinstance(of_dump, Bad)
    assert of_dump.error.startswith(f"expected a{'n author' if field == 'author' else ' subreddit'} of at most 300")
    for length in (MAX_NAME + 1, 9_000):
        with pytest.raises(ValueError, match=f"at most {MAX_NAME} characters, found one of {length}"):
            to_parsed({"text": "a text", "id": "c0", field: "x" * length}, 0, "x")


def test_a_folder_whose_name_is_too_long_is_refused_with_its_file(tmp_path: Path) -> None:
    archive = tmp_path / "dumps.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(f"subreddit={'x' * 400}/RC_x.jsonl", write_dump(tmp_path / "RC_x", ["a text"]).read_text())
    (place,) = members(archive).places
    with pytest.raises(SourceError, match="subreddit of at most 300 characters, found one of 400"):
        open_source(place, ReadOptions(kind="reddit"))


def test_dumps_and_tables_give_the_same_names(tmp_path: Path) -> None:
    named = {"subreddit": "r/Cats", "author": "u/Ann"}
    of_table = to_parsed({"text": "a text", "id": "c0", **named}, 0, "x")
    (of_dump,) = open_source(write_dump(tmp_path / "RC_x", ["a text"], **named)).records()
    for record in (of_table, of_dump):
        assert isinstance(record, Parsed)
        assert (record.comment.subreddit, record.comment.author) == ("Cats", "Ann")
