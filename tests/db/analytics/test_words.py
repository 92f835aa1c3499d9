"""Comments are found by the words of their texts, with an index and without one."""

import re

import pytest
from sqlalchemy import func, select, text

from moodmill.db.analytics.words import MOST, Phrase, has_index, index_texts, matches, parse
from moodmill.db.core.errors import SettingError
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from tests.db.analytics.texts import add, found
from tests.db.builders import at_once

TEXTS = [
    "I love my cat, and my cat loves me",
    "My dog loves the cat. And/or the neighbour's",
    "Well-done! So proud of you 😀",
    "ÜBER die Straße, ganz schön",
    "Это очень ХОРОШО, спасибо",
    "100% of it_is snake_case; a*b :)",
    "",
]


@pytest.fixture(params=[True, False], ids=["indexed", "not indexed"])
def filled(table_store: Store, request: pytest.FixtureRequest) -> Store:
    """A store with the texts, and a comment whose text was not kept."""
    store = table_store
    add(store, TEXTS[:2])
    if request.param:
        assert index_texts(store) is not None
    add(store, TEXTS[2:], first=2)
    add(store, ["a cat that nobody kept"], first=len(TEXTS), keep_text=False)
    with store.reading() as connection:
        assert has_index(connection) is request.param
    return store


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cat", [0, 1]),
        ("CAT dog", [1]),
        ("cat -dog", [0]),
        ('"my cat"', [0]),
        ('my "cat', [0, 1]),
        ('cat -"my dog"', [0]),
        ("neighbour's", [1]),
        ("or", [1]),
        ("Well-done", [2]),
        ("😀", [2]),
        ("proud 😀 -😡", [2]),
        ("proud -😀", []),
        ("über STRASSE", []),
        ("über straße", [3]),
        ("schon", []),
        ("хорошо Спасибо", [4]),
        ("это -спасибо", []),
        ("100%", [5]),
        ("snake_case", [5]),
        (":)", [5]),
        (":) -cat", [5]),
        ("a*b", [5]),
        ("*", [5]),
        ("%", [5]),
        ("nobody", []),
    ],
)
def test_texts_are_found_by_words_and_phrases_in_many_alphabets(filled: Store, words: str, expected: list[int]) -> None:
    assert found(filled, words) == expected


@pytest.mark.parametrize(
    "words",
    ['" OR 1=1 --', "NEAR(cat dog)", "cat*x", "'", "cat' OR '1'='1", "text:cat", "^cat", "cat AND dog", "cat NOT dog",
     "cat OR dog", "(cat", "{text}:cat", '"" """', '- "', "\\", "\\%_", ":words", "%s %(a)s", "cat & !dog | mouse:*",
     "cat <-> dog", "\0", "\udc00cat", "x" * 60_000, "word " * 5_000, "ⅷ ² 𞤀", "\u0301", "--", "cat\n;drop table run"],
)  # fmt: skip
def test_nothing_that_somebody_types_is_taken_for_a_query(filled: Store, words: str) -> None:
    try:
        phrases = parse(words)
    except SettingError:
        assert not words.strip('- "\0')
        return
    with filled.reading() as connection:
        shown = set(connection.scalars(select(comment_emotion.c.text).where(matches(connection, phrases))))
    for one in shown:
        assert all(word in one.lower() for phrase in phrases for word in re.findall(r"\w+", phrase.said.lower()))


def test_a_quote_in_a_phrase_ends_nothing(filled: Store) -> None:
    with filled.reading() as connection:
        condition = matches(connection, [Phrase('dog" OR "cat')])
        assert connection.scalars(select(comment_emotion.c.comment_id).where(condition)).all() == []


def test_words_and_phrases_are_split_as_they_are_typed() -> None:
    assert parse('love  -"Bad  day" -hate  "so so"yes  NOT  love "unbalanced quote') == [
        Phrase("love"),
        Phrase("Bad day", excluded=True),
        Phrase("hate", excluded=True),
        Phrase("so so"),
        Phrase("yes"),
        Phrase("NOT"),
        Phrase("unbalanced quote"),
    ]


@pytest.mark.parametrize("words", ["", "  ", '""', '"', "-cat", '-"my cat" -dog', "\0"])
def test_where_nothing_is_left_to_look_for_it_says_so(words: str) -> None:
    with pytest.raises(SettingError, match="expected words to look for"):
        parse(words)


def test_more_words_than_a_database_takes_are_refused() -> None:
    assert len(parse(" ".join(f"w{n}" for n in range(MOST)))) == MOST
    with pytest.raises(SettingError, match="at most 100 words and phrases, got 101"):
        parse(" ".join(f"w{n}" for n in range(MOST + 1)))


def test_as_many_words_as_may_be_are_looked_for_at_once(filled: Store) -> None:
    words = " ".join(f"cat{n} -dog{n}" for n in range(MOST // 2))
    assert found(filled, words) == []


def test_with_an_index_words_are_whole_and_without_one_they_may_be_parts(table_store: Store) -> None:
    add(table_store, ["a party"])
    assert found(table_store, "art") == [0]
    index_texts(table_store)
    assert found(table_store, "art") == []


def test_an_index_is_made_once_and_its_size_is_told(table_store: Store) -> None:
    add(table_store, [f"{one} {n}" for n, one in enumerate(TEXTS * 100)])
    told: list[tuple[int, int]] = []
    made = index_texts(table_store, lambda *cost: told.append(cost))
    assert made is not None
    assert (made.texts, told[0][0]) == (700, 700)
    assert made.size / 8 < told[0][1] < made.size * 8
    assert index_texts(table_store, lambda *cost: told.append(cost)) is None
    assert len(told) == 1


def test_processes_that_index_at_once_make_one_index(table_store: Store) -> None:
    add(table_store, TEXTS)
    made = at_once(lambda: index_texts(table_store), lambda: index_texts(table_store))
    assert [one for one in made if one is None] == [None]
    assert found(table_store, "cat") == [0, 1]


def test_postgresql_finds_words_by_the_index(postgres_store: Store) -> None:
    add(postgres_store, TEXTS)
    index_texts(postgres_store)
    query = select(func.count()).select_from(comment_emotion)
    with postgres_store.reading() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        condition = matches(connection, parse('cat "my dog" -mouse'))
        compiled = query.where(condition).compile(connection)
        plan = connection.exec_driver_sql(f"explain {compiled}", compiled.params).scalars().all()
    assert any("Bitmap Index Scan on comment_emotion_2024_03_comment_words_idx" in line for line in plan), plan


def test_sqlite_finds_words_by_the_index(sqlite_store: Store) -> None:
    add(sqlite_store, TEXTS)
    index_texts(sqlite_store)
    with sqlite_store.reading() as connection:
        compiled = select(comment_emotion.c.comment_id).where(matches(connection, parse("cat"))).compile(connection)
        values = tuple(compiled.params[name] for name in compiled.positiontup or ())
        plan = [row[-1] for row in connection.exec_driver_sql(f"explain query plan {compiled}", values)]
    assert plan[0].startswith("SEARCH comment_emotion USING INTEGER PRIMARY KEY"), plan
    assert any("comment_text VIRTUAL TABLE INDEX" in line for line in plan), plan
    assert any("comment_emotion_key (comment_id=? AND model=? AND created_at=?)" in line for line in plan), plan
