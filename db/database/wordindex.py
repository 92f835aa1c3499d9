"""What the full-text index over kept texts is made of, which a store has where somebody asked for it.

Both databases take letters and digits for words, and all else for what stands between them; small and capital letters
are one, and with an accent a letter is another: in many alphabets it is.
"""

from string import punctuation
from typing import Final

from moodmill.db.database.schema import comment_emotion

_ROWS: Final = comment_emotion.name

#: The index of PostgreSQL, over `comment_words(text)`. Rows without a text are not in it, and cost nothing.
POSTGRES_INDEX: Final = f"{_ROWS}_words"
#: Characters of a text that are indexed in PostgreSQL. A row whose words take 1 MB or more would be refused, and a
#: character takes at most 4 bytes, that of a word's end included.
_INDEXED_CHARACTERS: Final = 200_000
_BETWEEN: Final = punctuation.replace("'", "''")
#: Signs become blanks, or the parser would take `and/or` for the name of a file, and `fun.But` for that of a host.
POSTGRES: Final = (
    "create or replace function comment_words(text text) returns tsvector language sql immutable strict parallel safe "
    f"return to_tsvector('pg_catalog.simple'::regconfig, translate(left(text, {_INDEXED_CHARACTERS}), '{_BETWEEN}', "
    f"'{' ' * len(punctuation)}'))",
    f"create index {POSTGRES_INDEX} on {_ROWS} using gin (comment_words(text)) where text is not null",
)

#: The index of SQLite, an FTS5 table that holds words and no texts.
SQLITE_INDEX: Final = "comment_text"
#: The number of each text in it. Rows of `comment_emotion` have no number that stays: a VACUUM may change their rowid.
_NUMBERS: Final = f"{SQLITE_INDEX}_row"
#: The rows with their numbers, as `id`, and the rowids that they have at this moment.
SQLITE_SOURCE: Final = f"{SQLITE_INDEX}_source"
_KEY: Final = "comment_id, model, created_at"
_TRIGGERS: Final = tuple(f"{SQLITE_INDEX}_{what}" for what in ("added", "deleted", "changed"))
_ADD: Final = f"""
    insert into {_NUMBERS} ({_KEY})
        select new.comment_id, new.model, new.created_at where new.text is not null;
    insert into {SQLITE_INDEX} (rowid, text) select last_insert_rowid(), new.text where new.text is not null;"""
_OLD: Final = "comment_id = old.comment_id and model = old.model and created_at is old.created_at"
_TAKE: Final = f"""
    insert into {SQLITE_INDEX} ({SQLITE_INDEX}, rowid, text)
        select 'delete', id, old.text from {_NUMBERS} where {_OLD};
    delete from {_NUMBERS} where {_OLD};"""  # noqa: S608 - constant names
SQLITE: Final = (
    # Also what is left of an index whose triggers are gone, as they are with a table that is made anew.
    *(f"drop trigger if exists {name}" for name in _TRIGGERS),
    f"drop table if exists {SQLITE_INDEX}",
    f"drop view if exists {SQLITE_SOURCE}",
    f"drop table if exists {_NUMBERS}",
    f"create table {_NUMBERS} (id integer primary key, comment_id text not null, model text not null, created_at)",
    f"insert into {_NUMBERS} ({_KEY}) select {_KEY} from {_ROWS} where text is not null",  # noqa: S608 - constant names
    f"create index {_NUMBERS}_by_comment on {_NUMBERS} (comment_id)",
    f"create view {SQLITE_SOURCE} as select numbered.id, kept.rowid as row_id, kept.* from {_NUMBERS} numbered "  # noqa: S608 - constant names
    f"join {_ROWS} kept on kept.comment_id = numbered.comment_id and kept.model = numbered.model "
    "and kept.created_at is numbered.created_at",
    f"create virtual table {SQLITE_INDEX} using fts5 (text, content='{SQLITE_SOURCE}', content_rowid='id', "
    "columnsize=0, tokenize='unicode61 remove_diacritics 0')",
    f"insert into {SQLITE_INDEX} ({SQLITE_INDEX}) values ('rebuild')",  # noqa: S608 - constant names
    f"create trigger {_TRIGGERS[0]} after insert on {_ROWS} when new.text is not null begin{_ADD} end",
    f"create trigger {_TRIGGERS[1]} after delete on {_ROWS} when old.text is not null begin{_TAKE} end",
    f"create trigger {_TRIGGERS[2]} after update of {_KEY}, text on {_ROWS} begin{_TAKE}{_ADD} end",
)
#: Whether all of it is there: a table that is made anew has lost its triggers.
SQLITE_IS_WHOLE: Final = (
    f"select count(*) = {3 + len(_TRIGGERS)} from sqlite_master "  # noqa: S608 - constant names
    f"where name in ('{SQLITE_INDEX}', '{_NUMBERS}', '{SQLITE_SOURCE}') "
    f"or type = 'trigger' and tbl_name = '{_ROWS}' and name in {_TRIGGERS}"
)
