"""A row that the database refuses becomes a dead letter with the database's reason, and its chunk lives."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest
from psycopg.errors import ProgramLimitExceeded, RaiseException
from sqlalchemy import text

from moodmill.db.analytics.reads import status
from moodmill.db.core.comment import Comment
from moodmill.db.core.payload import is_cut
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from tests.db.builders import Made, classified, comments, matrix, one_line, probabilities, rows

#: Too large for an index of PostgreSQL's, and nothing in it to compress.
HUGE = "".join(map(chr, range(0x10000, 0x10000 + 9_000)))


def refuse(store: Store, condition: str) -> None:
    """Have a trigger of somebody's own refuse rows."""
    if store.is_sqlite:
        statements = [
            "create trigger picky before insert on comment_emotion begin "
            f"select raise(abort, 'not in my table') where new.{condition}; end"
        ]
    else:
        statements = [
            "create function refuse() returns trigger language plpgsql as "
            f"$$ begin if new.{condition} then raise 'not in my table'; end if; return new; end $$",
            "create trigger picky before insert on comment_emotion for each row execute function refuse()",
        ]
    with store.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))


def spoiled(of: Sequence[Comment], at: Sequence[int], **fields: str) -> list[Comment]:
    return [msgspec.structs.replace(one, **fields) if row in at else one for row, one in enumerate(of)]


def is_whole(made: Made, classified_: int, dead: int) -> bool:
    now = status(made.store, made.id)
    return now.adds_up and (now.classified, now.dead, now.failed_chunks) == (classified_, dead, 0)


def test_rows_that_are_refused_cost_themselves_alone(store: Store) -> None:
    refuse(store, "subreddit = 'bad'")
    made = Made(store)
    made.add(50)
    given = matrix(50)
    assert made.store_chunk(0, classified(spoiled(comments(range(50)), (0, 17, 18, 49), subreddit="bad"), given))
    assert is_whole(made, 46, 4)
    letters = dead_letters(store)
    assert [letter.position for letter in letters] == [0, 17, 18, 49]
    assert {letter.error for letter in letters} == {"the store refuses it: not in my table"}
    assert msgspec.json.decode(letters[1].payload, type=Comment).id == "c17"
    kept = sorted(set(range(50)) - {0, 17, 18, 49}, key=lambda n: f"c{n}")
    assert [row["comment_id"] for row in rows(store)] == [f"c{n}" for n in kept]
    np.testing.assert_array_equal(probabilities(rows(store)).astype(np.float32), given[kept])


def test_a_field_too_large_for_an_index_is_a_dead_letter(postgres_store: Store) -> None:
    made = Made(postgres_store)
    made.add(3)
    later = [msgspec.structs.replace(one, created_at=datetime(2031, 1, 1, tzinfo=UTC)) for one in comments(range(3))]
    assert made.store_chunk(0, classified(spoiled(later, (1,), subreddit=HUGE)))  # in a month that has no part yet
    assert is_whole(made, 2, 1)
    [letter] = dead_letters(postgres_store)
    assert "index row" in letter.error
    assert HUGE not in one_line(ValueError(letter.error))


def test_a_chunk_of_refused_rows_alone_is_done_with_its_letters(store: Store) -> None:
    refuse(store, "author = 'a0'")
    made = Made(store)
    made.add(1)
    assert made.store_chunk(0, classified(comments([0])))
    assert is_whole(made, 0, 1)
    made.replay([dead_letters(store)[0].id])
    assert made.store_chunk(1, classified(comments([0])))  # and is refused once more
    assert is_whole(made, 0, 1)
    with store.writing() as connection:
        connection.execute(text(f"drop trigger picky{'' if store.is_sqlite else ' on comment_emotion'}"))
    made.replay([dead_letters(store)[0].id])
    assert made.store_chunk(2, classified(comments([0])))
    assert is_whole(made, 1, 0)


def test_a_store_that_refuses_any_row_fails_the_chunk(store: Store) -> None:
    refuse(store, "tokens > 0")
    made = Made(store)
    made.add(3)
    with pytest.raises(Exception, match="not in my table"):
        made.store_chunk(0, classified(comments(range(3))))
    assert dead_letters(store) == []
    assert rows(store) == []


def test_a_model_whose_name_is_too_large_fails_the_chunk(postgres_store: Store) -> None:
    made = Made(postgres_store)
    made.add(1)
    with pytest.raises((ProgramLimitExceeded, RaiseException)):
        made.store_chunk(0, classified(comments([0]), model=HUGE))
    assert dead_letters(postgres_store) == []


def test_of_a_long_comment_that_is_refused_the_head_is_kept(sqlite_store: Store) -> None:
    refuse(sqlite_store, "subreddit = 'bad'")
    made = Made(sqlite_store)
    made.add(2)
    assert made.store_chunk(0, classified(spoiled(comments(range(2)), (1,), subreddit="bad", text="word " * 20_000)))
    (letter,) = dead_letters(sqlite_store, made.id)
    assert (letter.position, is_cut(letter.payload), len(letter.payload) < 2_000) == (1, True, True)
