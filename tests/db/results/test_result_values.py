"""Result rows: what was written comes back the same from each database."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

from moodmill.db.core.comment import Comment
from moodmill.db.database.store import Store
from tests.db.builders import add_rows, classified, comments, matrix, probabilities, rows

ODD_TEXTS = [
    "",
    " leading and trailing \t\n",
    "emoji 🙂👩‍👩‍👧‍👦 and 🇺🇳",
    "עברית العربية 日本語 Ελληνικά",
    "quote ' double \" backslash \\ \\N \\. comma , tab\t",
    "percent %s %(x)s colon :x question ?",
    "\x01\x1f\x7f\u2028\ufeff\U0010ffff",
    "long " * 200_000,
]

MOMENTS = [
    datetime(987, 6, 5, 4, 3, 2, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2005, 12, 12, 5, 26, 28, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, 15, 123_456, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


def kept(store: Store, of: list[Comment], keep_text: bool = True) -> list[dict[str, Any]]:
    """Write these comments and return their rows in the same order."""
    assert add_rows(store, classified(of, keep_text=keep_text)) == len(of)
    by_id = {row["comment_id"]: row for row in rows(store)}
    return [by_id[comment.id] for comment in of]


def test_probabilities_come_back_to_the_bit(store: Store) -> None:
    values = matrix(5)
    values[0, :6] = [0, 1, 1e-30, 1e-7, 0.1, np.nextafter(np.float32(1), np.float32(0))]
    add_rows(store, classified(comments(range(5)), values))
    found = probabilities(rows(store))
    np.testing.assert_allclose(found, values, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(found.astype(np.float32), values)


def test_any_text_comes_back_the_same(store: Store) -> None:
    [comment] = comments([0])
    odd = [
        msgspec.structs.replace(comment, text=text, subreddit=text[:500], author=text[:500], id=f"id {text[:500]}")
        for text in ODD_TEXTS
    ]
    for row, sent in zip(kept(store, odd), odd, strict=True):
        assert row["text"] == sent.text
        assert (row["comment_id"], row["subreddit"], row["author"]) == (sent.id, sent.subreddit, sent.author)


def test_what_a_comment_lacks_comes_back_as_null(store: Store) -> None:
    [row] = kept(store, [Comment(id="bare", text="", position=0)])
    assert [row[name] for name in ("subreddit", "author", "created_at")] == [None, None, None]
    assert row["text"] == ""


def test_a_moment_comes_back_to_the_microsecond_in_utc(store: Store) -> None:
    of = [
        msgspec.structs.replace(comment, created_at=moment)
        for comment, moment in zip(comments(range(len(MOMENTS))), MOMENTS, strict=True)
    ]
    found = [row["created_at"] for row in kept(store, of)]
    assert found == MOMENTS
    assert {moment.tzinfo for moment in found} == {UTC}


@pytest.mark.parametrize("keep_text", [True, False])
def test_text_is_kept_only_when_asked_for(store: Store, keep_text: bool) -> None:
    of = comments(range(3))
    found = [row["text"] for row in kept(store, of, keep_text=keep_text)]
    assert found == ([comment.text for comment in of] if keep_text else [None] * 3)


def test_each_row_has_the_values_of_its_own_comment(store: Store) -> None:
    of = comments([3, 10, 2, 1])
    for index, row in enumerate(kept(store, of)):
        assert row["comment_id"] == of[index].id
        assert (row["author"], row["created_at"]) == (of[index].author, of[index].created_at)
        assert (row["model"], row["source"], row["subreddit"]) == ("m", "dump", "test")
        assert row["tokens"] == 3 + index
        assert row["truncated"] is (index % 2 == 1)
        assert row["segments"] == 1 + index
        np.testing.assert_array_equal(probabilities([row])[0].astype(np.float32), matrix(4)[index])
