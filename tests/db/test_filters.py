"""Which comments pass, and the reason that is counted for those that do not."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from db.comment import Comment
from producers.filters import ALL, Filters
from producers.record import Parsed

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def parsed(text: str = "a text", *, gone: str | None = None, deleted_later: bool = False, **fields: Any) -> Parsed:
    known: dict[str, Any] = {"subreddit": "News", "author": "Ann", "created_at": NOON} | fields
    return Parsed(comment=Comment(id="x", text=text, position=0, **known), gone=gone, deleted_later=deleted_later)


@pytest.mark.parametrize(
    ("filters", "record", "reason"),
    [
        (ALL, parsed(), None),
        (ALL, parsed("[deleted]", gone="deleted"), "deleted"),
        (ALL, parsed(" \n"), "empty"),
        (ALL, parsed(deleted_later=True), None),
        (Filters(honour_deletions=True), parsed(deleted_later=True), "deleted later"),
        (Filters(min_length=7), parsed("six ch"), "too short"),
        (Filters(min_length=6), parsed("six ch"), None),
        (Filters(subreddits=frozenset({"news"})), parsed(), None),
        (Filters(subreddits=frozenset({"news"})), parsed(subreddit="olds"), "other subreddit"),
        (Filters(subreddits=frozenset({"news"})), parsed(subreddit=None), "other subreddit"),
        (Filters(authors=frozenset({"ann"})), parsed(), None),
        (Filters(authors=frozenset({"ann"})), parsed(author="Bob"), "other author"),
        (Filters(not_authors=frozenset({"ann"})), parsed(), "other author"),
        (Filters(since=NOON), parsed(), None),
        (Filters(until=NOON), parsed(), "other date"),
        (Filters(since=datetime(2024, 3, 2, tzinfo=UTC)), parsed(), "other date"),
        (Filters(until=datetime(2024, 3, 2, tzinfo=UTC)), parsed(created_at=None), "no date"),
    ],
)
def test_the_reason_to_skip(filters: Filters, record: Parsed, reason: str | None) -> None:
    assert filters.reason_to_skip(record) == reason


def test_filters_survive_the_ledger() -> None:
    filters = Filters(subreddits=frozenset({"a", "b"}), since=NOON, min_length=3)
    assert msgspec.json.decode(msgspec.json.encode(filters), type=Filters) == filters
