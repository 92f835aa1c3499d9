"""Which comments pass, and the reason that is counted for those that do not; which rows are read."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from moodmill.db.core.comment import Comment
from moodmill.db.core.conditions import rows_within
from moodmill.db.core.errors import SettingError
from moodmill.db.core.filters import ALL, Filters, check_period, moment_asked, names_asked
from moodmill.db.core.names import author_key, subreddit_key
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from tests.db.builders import classified, comments, one_line, stored

NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Record:
    """What filters look at."""

    comment: Comment
    gone: str | None = None
    deleted_later: bool = False


def parsed(text: str = "a text", *, gone: str | None = None, deleted_later: bool = False, **fields: Any) -> Record:
    known: dict[str, Any] = {"subreddit": "News", "author": "Ann", "created_at": NOON} | fields
    return Record(comment=Comment(id="x", text=text, position=0, **known), gone=gone, deleted_later=deleted_later)


@pytest.mark.parametrize(
    ("filters", "record", "reason"),
    [
        (ALL, parsed(), None),
        (ALL, parsed("[deleted]", gone="deleted"), "deleted"),
        (ALL, parsed(" \n"), "empty"),
        (ALL, parsed(""), "empty"),
        (ALL, parsed("\u200b\n\u2060"), "empty"),
        (ALL, parsed("\ufffd"), "empty"),
        (ALL, parsed("![gif](giphy|x)"), None),
        (ALL, parsed("[unavailable]", gone="unavailable"), "unavailable"),
        (ALL, parsed(deleted_later=True), None),
        (Filters(honour_deletions=True), parsed(deleted_later=True), "deleted later"),
        (Filters(honour_deletions=True), parsed(), None),
        (Filters(min_length=7), parsed("six ch"), "too short"),
        (Filters(min_length=6), parsed("six ch"), None),
        (Filters(subreddits=frozenset({"news"})), parsed(), None),
        (Filters(subreddits=frozenset({"news"})), parsed(subreddit="olds"), "other subreddit"),
        (Filters(subreddits=frozenset({"news"})), parsed(subreddit=None), "other subreddit"),
        (Filters(subreddits=frozenset({"news"})), parsed(subreddit="@News"), None),
        (Filters(subreddits=frozenset({"größe"})), parsed(subreddit="GRÖßE"), None),
        (Filters(authors=frozenset({"ann"})), parsed(), None),
        (Filters(authors=frozenset({"ann"})), parsed(author="Bob"), "other author"),
        (Filters(authors=frozenset({"ann"})), parsed(author=None), "other author"),
        (Filters(authors=frozenset({"ann"})), parsed(author="@ann"), None),
        (Filters(not_authors=frozenset({"ann"})), parsed(), "other author"),
        (Filters(not_authors=frozenset({"ann"})), parsed(author="@ann"), "other author"),
        (Filters(not_authors=frozenset({"ann"})), parsed(author=None), None),
        (Filters(authors=frozenset({"ann"}), not_authors=frozenset({"ann"})), parsed(), "other author"),
        (Filters(since=NOON), parsed(), None),
        (Filters(until=NOON), parsed(), "other date"),
        (Filters(since=datetime(2024, 3, 2, tzinfo=UTC)), parsed(), "other date"),
        (Filters(until=datetime(2024, 3, 2, tzinfo=UTC)), parsed(created_at=None), "no date"),
    ],
)
def test_the_reason_to_skip(filters: Filters, record: Record, reason: str | None) -> None:
    assert filters.reason_to_skip(record) == reason


def test_filters_survive_the_ledger() -> None:
    filters = Filters(subreddits=frozenset({"a", "b"}), since=NOON, min_length=3)
    assert msgspec.json.decode(msgspec.json.encode(filters), type=Filters) == filters


def test_names_are_asked_for_in_lists_and_files(tmp_path: Path) -> None:
    (tmp_path / "names").write_text("r/Cats,5\nAskReddit,70\n")
    keys = names_asked(subreddit_key, ["r/News, /r/askreddit", " "], tmp_path / "names")
    assert keys == {"news", "askreddit", "cats"}
    assert names_asked(author_key, []) == frozenset()


@pytest.mark.parametrize("entries", [[""], [" , "], ["@", "\ufeff"]])
def test_to_ask_for_no_name_is_no_filter_but_a_mistake(entries: list[str]) -> None:
    with pytest.raises(SettingError) as caught:
        names_asked(author_key, entries)
    assert "expected a name" in one_line(caught.value)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2024-03-01", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        (" 2024-03-01T12:00", NOON),
        (date(2024, 3, 1), datetime(2024, 3, 1, tzinfo=UTC)),
        (datetime(2024, 3, 1, 12), NOON),
        ("2024-03-01T14:00+02:00", NOON),
        (datetime(2024, 3, 1, 14, tzinfo=timezone(timedelta(hours=2))), NOON),
    ],
)
def test_a_time_or_the_beginning_of_a_day_month_or_year_is_a_moment_in_utc_unless_it_says_another_zone(
    written: object, moment: datetime
) -> None:
    assert moment_asked(written) == moment
    assert moment_asked(written).tzinfo is not None


@pytest.mark.parametrize("written", ["yesterday", "2024-13-01", "2024-13", "0000", "", 20240301, True, None])
def test_what_is_no_moment_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a month, day or time"):
        moment_asked(written)


def test_a_period_that_holds_no_moment_is_refused() -> None:
    for since, until in ((None, None), (NOON, None), (None, NOON), (NOON, NOON + timedelta(seconds=1))):
        check_period(since, until)
    with pytest.raises(SettingError, match="since before until"):
        check_period(NOON, NOON)


def test_rows_are_found_however_they_and_what_is_asked_for_are_spelled(store: Store) -> None:
    kept = ["python", "Python", "r/Python", "/r/python/", "@python", "u_Ann", "u/ann", "GRÜN", "r/grün", "pythons"]
    of = [replace(one, subreddit=name) for one, name in zip(comments(range(len(kept))), kept, strict=True)]
    stored(store, classified(of))

    with store.reading() as connection:
        umlauts = store.is_sqlite or connection.scalar(select(func.lower("Ü"))) == "ü"  # by the database's locale

        def found(*asked: str) -> list[str]:
            held = rows_within(comment_emotion, None, asked, None, None)
            there = set(connection.scalars(select(comment_emotion.c.subreddit).where(*held)))
            return [name for name in kept if name in there]

        green = ["GRÜN", "r/grün"] if umlauts else ["r/grün"]
        assert found("r/PYTHON") == kept[:5]
        assert found("u/Ann") == ["u_Ann", "u/ann"]
        assert found("Grün") == green
        assert found("python", "grün") == [*kept[:5], *green]
        assert found("thon") == []
