"""Comments found by the words of their texts: by a full-text index where somebody had one made, else text by text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import punctuation
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Select,
    Text,
    and_,
    cast,
    column,
    false,
    func,
    literal_column,
    not_,
    select,
    table,
    text,
)

from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.core.lowered import lowered
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.database.wordindex import (
    POSTGRES,
    POSTGRES_INDEX,
    SQLITE,
    SQLITE_INDEX,
    SQLITE_IS_WHOLE,
    SQLITE_SOURCE,
)

#: Words and phrases looked for at once; databases refuse conditions of a thousand and more.
MOST: Final = 100
#: A phrase in quotes, of which the last may be missing, or what stands between blanks and quotes.
_PHRASE: Final = re.compile(r'(-?)(?:"([^"]*)"?|([^\s"]+))')
#: What no database takes.
_UNWRITABLE: Final = re.compile("[\0\ud800-\udfff]")
_BLANKS: Final = str.maketrans(dict.fromkeys(punctuation, " "))
#: Of PostgreSQL: words as they stand, of any language.
_CONFIGURATION: Final[ColumnElement[Any]] = literal_column("'simple'::regconfig")
_text: Final = comment_emotion.c.text


@dataclass(frozen=True)
class Phrase:
    """What a text is to hold, or not to hold."""

    said: str
    excluded: bool = False

    @property
    def has_words(self) -> bool:
        """Whether there is a letter or digit in it: else no index knows it, as an emoji or `:)`."""
        return any(character.isalpha() or character.isdecimal() for character in self.said)


@dataclass(frozen=True)
class TextIndex:
    """An index that was made."""

    name: str
    texts: int
    #: Bytes that it takes in the store.
    size: int


def parse(words: str) -> list[Phrase]:
    """Split what somebody typed into words and "phrases in quotes"; a minus before one excludes it.

    All else is looked for as it stands. Raises SettingError where nothing is left to look for, and of more than MOST.
    """
    found = [
        Phrase(" ".join((quoted or word).split()), excluded=bool(minus))
        for minus, quoted, word in _PHRASE.findall(_UNWRITABLE.sub(" ", words))
    ]
    phrases = list(dict.fromkeys(phrase for phrase in found if phrase.said))
    if all(phrase.excluded for phrase in phrases):
        raise SettingError(f"expected words to look for, got {words[:100]!r}: name one without a minus before it")
    if len(phrases) > MOST:
        raise SettingError(f"expected at most {MOST} words and phrases, got {len(phrases)}: look for fewer")
    return phrases


def has_index(connection: Connection | None) -> bool:
    """Tell whether the store has a full-text index that is kept up to date; a lake, of no connection, has none."""
    if connection is None:
        return False
    if connection.dialect.name == "sqlite":
        return bool(connection.scalar(text(SQLITE_IS_WHOLE)))
    return connection.scalar(select(func.to_regclass(POSTGRES_INDEX))) is not None


def index_texts(store: Store, on_begin: Callable[[int, int], None] = lambda _texts, _size: None) -> TextIndex | None:
    """Make the full-text index over kept texts; return None where it is there. Whoever writes waits meanwhile.

    `on_begin` gets the number of texts and about how many bytes their index will take. Raises StoreError where SQLite
    has no FTS5.
    """
    texts = select(func.count(_text), func.coalesce(func.sum(func.octet_length(_text)), 0))
    if store.is_sqlite:  # whose older versions count characters only
        texts = select(func.count(_text), func.coalesce(func.sum(func.length(cast(_text, LargeBinary))), 0))
    with store.reading() as connection:
        if has_index(connection):
            return None
        number, size = connection.execute(texts).one()
        on_begin(number, _expected_size(store, number, size))
    with store.writing() as connection:
        if not store.is_sqlite:
            connection.execute(text(f"lock table {comment_emotion.name} in share row exclusive mode"))
        if has_index(connection):  # by another process, meanwhile
            return None
        if store.is_sqlite and not connection.scalar(text("select 1 from pragma_module_list where name = 'fts5'")):
            raise StoreError("the SQLite of this Python has no FTS5, its full-text index: use another Python")
        before = _size(connection)
        for statement in SQLITE if store.is_sqlite else POSTGRES:
            connection.execute(text(statement))
        number = connection.scalar(texts.with_only_columns(func.count(_text))) or 0
        return TextIndex(SQLITE_INDEX if store.is_sqlite else POSTGRES_INDEX, number, _size(connection) - before)


def _expected_size(store: Store, texts: int, size: int) -> int:
    """Return about how many bytes an index will take, by what it took for 50,000 comments of Reddit."""
    return int(0.7 * size + 100 * texts) if store.is_sqlite else int(1.2 * size)


def _size(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages = "select (page_count - freelist_count) * page_size from {}, {}, {}"
        names = ("pragma_page_count", "pragma_freelist_count", "pragma_page_size")
        return int(connection.scalar(text(pages.format(*names))) or 0)
    parts = "select sum(pg_relation_size(relid)) from pg_partition_tree(to_regclass(:name))"
    return int(connection.scalar(text(parts), {"name": POSTGRES_INDEX}) or 0)


def matches(connection: Connection | None, phrases: Sequence[Phrase], *, frequent: bool = False) -> ColumnElement[bool]:
    """Return the condition on rows of `comment_emotion` that their text is kept and holds these phrases.

    `frequent`: so many texts hold them that PostgreSQL is to look at texts one by one until it has enough: it takes
    them for rare, whatever they are, and would collect all from the index.

    `connection` is whose own table has the rows; None of a lake.

    Where the store has the full-text index, phrases are of whole words, and signs between them are passed over: `art`
    does not find `party`, and `"well done"` finds `well-done`. Without it, a phrase is found wherever it stands in a
    text as it was typed. So is at all times one without any letter or digit, like `:)`. Small and capital letters are
    one. In PostgreSQL the index holds the first 200,000 characters of a text, and no word of more than 2,046 bytes;
    what are letters, and which are the small ones, is up to the locale of its database.
    """
    of_words = [phrase for phrase in phrases if phrase.has_words] if has_index(connection) else []
    is_sqlite = connection is not None and connection.dialect.name == "sqlite"
    holds = _by_sqlite if is_sqlite else _by_postgres
    place = func.instr if is_sqlite else func.strpos
    conditions = [_negated(_stands_in(place, phrase), phrase) for phrase in phrases if phrase not in of_words]
    by_index = and_(*holds(of_words)) if of_words else None
    if by_index is not None:
        conditions.append(func.coalesce(by_index, false()) if frequent else by_index)
    return and_(_text.is_not(None), *conditions)


def _negated(condition: ColumnElement[bool], phrase: Phrase) -> ColumnElement[bool]:
    return not_(condition) if phrase.excluded else condition


def _stands_in(place: Callable[..., ColumnElement[int]], phrase: Phrase) -> ColumnElement[bool]:
    # Not `like`, whose patterns SQLite limits.
    return place(lowered(_text), lowered(phrase.said)) > 0


def _by_postgres(phrases: Sequence[Phrase]) -> list[ColumnElement[bool]]:
    words = func.comment_words(_text)
    return [
        _negated(
            words.bool_op("@@")(func.phraseto_tsquery(_CONFIGURATION, phrase.said.translate(_BLANKS))),
            phrase,
        )
        for phrase in phrases
    ]


def _by_sqlite(phrases: Sequence[Phrase]) -> list[ColumnElement[bool]]:
    """Return the conditions by one search for what is to be there, and one for what is not."""
    wanted, unwanted = ([_quoted(one) for one in phrases if one.excluded is excluded] for excluded in (False, True))
    conditions: list[ColumnElement[bool]] = []
    if wanted:
        conditions.append(_row().in_(_found(" AND ".join(wanted))))
    if unwanted:
        conditions.append(_row().not_in(_found(" OR ".join(unwanted))))
    return conditions


def _quoted(phrase: Phrase) -> str:
    return '"{}"'.format(phrase.said.replace('"', '""'))


def _row() -> ColumnElement[int]:
    return literal_column(f"{comment_emotion.name}.rowid", Integer)


def _found(query: str) -> Select[int]:
    """Return the rows that a query of FTS5 finds, by the rowids that they have at this moment."""
    words = table(SQLITE_INDEX, column("rowid", Integer))
    texts = table(SQLITE_SOURCE, column("id", Integer), column("row_id", Integer))
    ids = select(words.c.rowid).where(column(SQLITE_INDEX, Text).bool_op("match")(query))
    return select(texts.c.row_id).where(texts.c.id.in_(ids))
