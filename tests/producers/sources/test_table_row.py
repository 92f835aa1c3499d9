"""How a row of a table becomes a comment: posts, Reddit's addresses, nulls, times that cannot be read."""

from decimal import Decimal
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Columns, Place, ReadOptions
from moodmill.producers.sources.columns import find_fields, locate
from moodmill.producers.sources.layout import Fields
from moodmill.producers.sources.permalink import read_permalink
from moodmill.producers.sources.table_row import to_parsed

PLACE = Place.at(Path("/x.csv"))


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://www.reddit.com/r/example/comments/abc/_/k0/", ("k0", "example")),
        ("/r/example/comments/abc/a_title/k0", ("k0", "example")),
        ("https://old.reddit.com/r/example/comments/abc/a_title/k0/?context=3", ("k0", "example")),
        ("https://www.reddit.com/r/example/comments/abc/", ("t3_abc", "example")),
        ("r/example/comments/abc", ("t3_abc", "example")),
        ("https://www.reddit.com/user/bob/comments/abc/title/", ("t3_abc", "u_bob")),
        ("https://i.example/x.jpg", None),
        ("https://example.org/r/example/comments/abc/", None),
        ("", None),
    ],
)
def test_an_address_of_reddit_tells_id_and_subreddit(link: str, found: tuple[str, str] | None) -> None:
    read = read_permalink(link)
    assert (read and read[:2]) == found


def test_a_row_without_id_and_subreddit_has_those_of_its_address() -> None:
    link = "https://www.reddit.com/r/example/comments/abc/_/k0/"
    comment = to_parsed({"text": "a", "link": link}, 0, "x.csv").comment
    assert (comment.id, comment.subreddit) == ("k0", "example")
    comment = to_parsed({"text": "a", "link": link, "id": "own", "subreddit": "r/News"}, 0, "x.csv").comment
    assert (comment.id, comment.subreddit) == ("own", "News")


@pytest.mark.parametrize("null", [None, float("nan"), Decimal("NaN"), "NaN", "NULL", r"\N", "null", "N/A", "", "  "])
def test_a_text_that_stands_for_null_is_empty(null: object) -> None:
    assert to_parsed({"text": null, "id": "1"}, 0, "x.csv").comment.text.strip() == ""


def test_words_that_stand_for_null_are_texts_on_request() -> None:
    assert (
        to_parsed({"text": "NULL", "id": "1"}, 0, "x.csv", options=ReadOptions(null_words=True)).comment.text == "NULL"
    )


def test_a_time_that_cannot_be_read_is_noted_and_a_missing_one_is_not() -> None:
    fields = Fields(called={"created_at": "when"})
    assert to_parsed({"text": "a", "created_at": "1 year ago"}, 0, "x", fields).notes == (
        ("unread time", "'1 year ago' in when"),
    )
    for missing in (None, "", "NaN", float("nan")):
        assert to_parsed({"text": "a", "created_at": missing}, 0, "x", fields).notes == ()


@pytest.mark.parametrize(
    ("names", "is_posts"),
    [
        (["author", "title", "score", "created", "link", "text", "url"], True),
        (["id", "title", "selftext"], True),
        (["id", "title", "text"], False),
        (["id", "title", "body", "permalink"], False),
    ],
)
def test_a_table_of_posts_is_told_by_its_columns(names: list[str], is_posts: bool) -> None:
    fields = find_fields(ReadOptions(), names, [], PLACE)
    assert fields.is_posts == is_posts
    assert ("title" in fields.columns) == is_posts


def test_title_and_text_of_a_post_are_joined_as_in_dumps() -> None:
    fields = Fields(is_posts=True, ids="reddit")
    parsed = to_parsed({"title": "Sad &amp; true", "text": "It is.", "id": "abc12"}, 0, "x", fields)
    assert (parsed.comment.id, parsed.comment.text) == ("t3_abc12", "Sad & true\n\nIt is.")
    assert to_parsed({"title": "Happy", "text": "", "id": "abc12"}, 0, "x", fields).comment.text == "Happy"
    gone = to_parsed({"title": "Happy", "text": "[removed]", "id": "abc12"}, 0, "x", fields)
    assert (gone.gone, gone.notes) == ("removed", (("removed title", None),))


def test_a_text_column_that_is_named_stands_alone_unless_a_title_is_named_too() -> None:
    names = ["id", "title", "text", "url"]
    alone = find_fields(ReadOptions(columns=Columns(text="text")), names, [], PLACE)
    assert "title" not in alone.columns
    both = find_fields(ReadOptions(columns=Columns(text="text", title="title")), names, [], PLACE)
    assert to_parsed({"title": "A", "text": "b"}, 0, "x", both).comment.text == "A\n\nb"


@pytest.mark.parametrize(
    ("times", "column"),
    [
        ([("1 year ago", 1_700_000_000.5)], "time_parsed"),
        ([("2022-10-05", "2022-10-05 07:11:13")], "time_parsed"),
        ([("2022-10-05 07:11:13", "2022-10-05")], "time"),
        ([(None, "2022-10-05")], "time_parsed"),
    ],
)
def test_the_finest_of_several_time_columns_wins(times: list[tuple[object, ...]], column: str) -> None:
    fields = find_fields(ReadOptions(), ["text", "time", "time_parsed"], [("a", *one) for one in times], PLACE)
    assert fields.called["created_at"] == column


def test_an_order_of_day_and_month_that_no_row_tells_is_refused() -> None:
    rows = [("a", "10/5/2022 7:11"), ("b", "11/6/2022 7:11")]
    with pytest.raises(SourceError, match=r"'10/5/2022 7:11' in column 'date' may be read in two ways.*--time-format"):
        find_fields(ReadOptions(), ["text", "date"], rows, PLACE)
    assert find_fields(ReadOptions(time_format="day first"), ["text", "date"], rows, PLACE).time_form == "day first"
    assert find_fields(ReadOptions(), ["text", "date"], [*rows, ("c", "10/25/2022")], PLACE).time_form == "month first"


def test_a_time_that_contradicts_the_order_is_an_error_of_its_row() -> None:
    with pytest.raises(ValueError, match="25/10/2022"):
        to_parsed({"text": "a", "created_at": "25/10/2022"}, 0, "x", Fields(time_form="month first"))


def test_columns_are_named_by_number_where_no_column_has_that_name() -> None:
    assert locate(Columns(text="2"), ["id", "b"], "x")["text"] == 1
    assert locate(Columns(text="2"), ["2", "b"], "x")["text"] == 0
    with pytest.raises(SourceError, match="expected '3'"):
        locate(Columns(text="3"), ["id", "b"], "x")


def test_two_columns_of_one_name_are_refused_where_they_are_needed() -> None:
    names = ["text", "id", "score", "ID", "id", "score"]
    with pytest.raises(SourceError, match=r"x has 2 columns 'id', numbers 2 and 5: .* --id-column 2"):
        locate(Columns(), names, "x")
    assert locate(Columns(id="5"), names, "x")["id"] == 4


def test_folders_are_columns_unless_the_file_has_them(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "subreddit=python" / "x.csv")
    assert find_fields(ReadOptions(), ["text"], [], place).constants == {"subreddit": "python"}
    assert find_fields(ReadOptions(), ["text", "subreddit"], [], place).constants == {}


def test_ids_are_reddits_where_the_links_are() -> None:
    names = ["id", "body", "permalink"]
    assert find_fields(ReadOptions(), names, [("k0", "a", "/r/x/comments/abc/_/k0/")], PLACE).ids == "reddit"
    assert find_fields(ReadOptions(), names, [("k0", "a", "https://example.org")], PLACE).ids == "table"
    assert find_fields(ReadOptions(), ["id", "body"], [("k0", "a")], PLACE).ids == "table"


@pytest.mark.parametrize(
    ("folder", "names", "columns"),
    [
        ("content=posts", ["id", "title", "selftext"], Columns()),
        ("id=7", ["text"], Columns()),
        ("created=2024-01-05", ["text", "timestamp"], Columns()),
    ],
)
def test_a_folder_gives_no_text_no_id_and_no_time_that_the_file_has(
    tmp_path: Path, folder: str, names: list[str], columns: Columns
) -> None:
    place = Place.at(tmp_path / folder / "x.csv")
    fields = find_fields(ReadOptions(columns=columns), names, [("a",) * len(names)], place)
    assert fields.constants == {}


def test_a_number_names_a_column_of_the_file_alone(tmp_path: Path) -> None:
    place = Place.at(tmp_path / "subreddit=python" / "x.csv")
    with pytest.raises(SourceError, match="expected '3'"):
        find_fields(ReadOptions(columns=Columns(text="3")), ["id", "words"], [], place)


def test_ids_of_a_table_with_links_are_its_own_unless_they_are_those_of_the_links() -> None:
    rows = [("0", "a", "/r/x/comments/abc/_/k0/"), ("1", "b", "/r/x/comments/abc/_/k1/")]
    assert find_fields(ReadOptions(), ["id", "body", "permalink"], rows, PLACE).ids == "table"


def test_the_address_of_a_thread_is_no_id_of_its_comments() -> None:
    comment = to_parsed({"text": "a", "link": "/r/x/comments/abc/title/"}, 0, "x.csv").comment
    assert comment.id.startswith("x.csv:0:")
    assert comment.subreddit == "x"


def test_comments_beside_the_title_of_their_thread_are_no_posts() -> None:
    assert not find_fields(ReadOptions(), ["title", "text", "url", "comment_id"], [], PLACE).is_posts
    assert find_fields(ReadOptions(), ["title", "score", "id", "url", "comms_num", "body"], [], PLACE).is_posts


def test_two_time_columns_of_one_name_are_refused() -> None:
    with pytest.raises(SourceError, match="2 columns 'timestamp'"):
        find_fields(ReadOptions(), ["text", "created_utc", "timestamp", "timestamp"], [], PLACE)


def test_the_time_of_day_may_stand_in_a_column_of_its_own() -> None:
    rows = [("a", "2022-10-05", "7:11:13 PM"), ("b", "2022-10-06", "07:11 +02:00"), ("c", "2022-10-07", None)]
    fields = find_fields(ReadOptions(), ["text", "date", "time"], rows, PLACE)
    assert fields.called == {"text": "text", "created_at": "date", "time_of_day": "time"}
    read = [to_parsed({"text": "a", "created_at": day, "time_of_day": clock}, 0, "x", fields) for _, day, clock in rows]
    moments = [parsed.comment.created_at for parsed in read]
    assert [str(moment)[:19] for moment in moments] == [
        "2022-10-05 19:11:13",
        "2022-10-06 05:11:00",
        "2022-10-07 00:00:00",
    ]
    unread = to_parsed({"text": "a", "created_at": "2022-10-05", "time_of_day": "noon"}, 0, "x", fields)
    assert (str(unread.comment.created_at)[:10], unread.notes) == (
        "2022-10-05",
        (("unread time", "'noon' in time"),),
    )


@pytest.mark.parametrize(
    ("times", "names"),
    [
        ([("2022-10-05 00:00:01", "07:11")], ["created_utc", "time"]),  # the moment is known
        ([("2022-10-05", "lunch"), ("2022-10-05", "07:11")], ["date", "time"]),
        ([("2022-10-05", "07:11")], ["date", "score"]),
        ([("2022-10-05", None)], ["date", "time"]),
    ],
)
def test_no_other_column_is_one_of_times_of_day(times: list[tuple[object, ...]], names: list[str]) -> None:
    fields = find_fields(ReadOptions(), ["text", *names], [("a", *one) for one in times], PLACE)
    assert "time_of_day" not in fields.called
