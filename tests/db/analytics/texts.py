"""Texts in a store, and what is found of them by words. No test stands here."""

from collections.abc import Sequence

from msgspec.structs import replace
from sqlalchemy import select

from moodmill.db.analytics.words import matches, parse
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.results.row_reader import row_reader
from tests.db.builders import add_rows, classified, comments


def add(store: Store, texts: Sequence[str], first: int = 0, keep_text: bool = True, model: str = "m") -> None:
    """Add comments c0, c1, … with these texts, from number `first` on."""
    of = [replace(one, text=said) for one, said in zip(comments(range(first, first + len(texts))), texts, strict=True)]
    assert add_rows(store, classified(of, keep_text=keep_text, model=model)) == len(of)


def found(store: Store, words: str) -> list[int]:
    """Return the numbers of the comments that are found, one for each model."""
    with store.reading() as connection, row_reader(connection) as reader:
        query = select(comment_emotion.c.comment_id).where(matches(reader.connection, parse(words)))
        return sorted(int(row[0][1:]) for row in reader.execute(query))
