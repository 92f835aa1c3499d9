"""Subreddits and authors as sources give them: stored under their bare names."""

from pathlib import Path

import pytest

from producers.record import Parsed
from producers.sources import open_source
from producers.sources.names import author_of, subreddit_of
from producers.sources.table_row import to_parsed
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


def test_dumps_and_tables_give_the_same_names(tmp_path: Path) -> None:
    named = {"subreddit": "r/Cats", "author": "u/Ann"}
    of_table = to_parsed({"text": "a text", "id": "c0", **named}, 0, "x")
    (of_dump,) = open_source(write_dump(tmp_path / "RC_x", ["a text"], **named)).records()
    for record in (of_table, of_dump):
        assert isinstance(record, Parsed)
        assert (record.comment.subreddit, record.comment.author) == ("Cats", "Ann")
