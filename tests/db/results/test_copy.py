"""The binary COPY stream, read by the real server."""

import msgspec
import psycopg
import pytest
from sqlalchemy import text

from moodmill.db.core.comment import Comment
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.results.copy import encode
from moodmill.db.results.partitions import make_months
from moodmill.db.results.writer import COLUMNS
from tests.db.builders import add_rows, classified, comments, probabilities, rows


@pytest.fixture
def of_every_kind() -> list[Comment]:
    first, second = comments([0, 1])
    return [
        first,
        msgspec.structs.replace(second, text="🙂 日本語", subreddit=None, author="", created_at=None),
        Comment(id="bare", text="", position=2),
    ]


@pytest.mark.parametrize("keep_text", [True, False])
def test_the_server_reads_the_stream_and_writes_it_back_byte_for_byte(
    postgres_url: str, of_every_kind: list[Comment], keep_text: bool
) -> None:
    store = Store(postgres_url)
    store.prepare()
    names = ", ".join(COLUMNS)
    of = classified(of_every_kind, keep_text=keep_text)
    stream = encode(of, len(COLUMNS))
    with store.writing() as connection:
        make_months(connection, [comment.created_at for comment in of_every_kind])
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor:
            with cursor.copy(f"copy comment_emotion ({names}) from stdin (format binary)") as copy:
                copy.write(stream)
            with cursor.copy(f"copy (select {names} from comment_emotion) to stdout (format binary)") as copy:
                assert b"".join(bytes(block) for block in copy) == stream
    by_id = {row["comment_id"]: row for row in rows(store)}
    found = [by_id[comment.id] for comment in of_every_kind]
    store.close()
    assert [row["text"] for row in found] == [comment.text if keep_text else None for comment in of_every_kind]
    for name in ("subreddit", "author", "created_at"):
        assert [row[name] for row in found] == [getattr(comment, name) for comment in of_every_kind]
    assert probabilities(found).astype("float32").tobytes() == of.probabilities.tobytes()


def test_the_stream_names_every_column_of_the_table() -> None:
    assert sorted(COLUMNS) == sorted(comment_emotion.columns.keys())


def test_rows_are_gone_from_the_temporary_table_when_the_next_chunk_comes(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.prepare()
    for start in (0, 5):
        assert add_rows(store, classified(comments(range(start, start + 5)))) == 5
    with store.reading() as connection:
        assert connection.scalar(text("select to_regclass('incoming')")) is None
    store.close()
