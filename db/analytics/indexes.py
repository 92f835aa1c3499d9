"""Indexes for those who look for comments that show an emotion: one an emotion, for each costs room and time."""

from collections.abc import Sequence

from sqlalchemy import func, inspect, select, text

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.schema import comment_emotion, model_threshold
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import address_of


def refuse_lake(store: Store) -> None:
    """Raise StoreError of a store whose rows are in a lake: there are no indexes."""
    with store.reading() as connection:
        address = address_of(connection)
    if address is not None:
        raise StoreError(f"the rows of {store.shown} are in the lake {address}, which needs no indexes")


def index_emotions(store: Store, emotions: Sequence[str]) -> list[str]:
    """Index comments by the probability of each of these emotions; return the names of the new indexes.

    In PostgreSQL an index is of those alone that are above the lowest threshold which a model had when it was made.
    Whoever writes waits meanwhile. Raises SettingError for what is no emotion, and where no model has labelled yet.
    """
    unknown = [name for name in emotions if name not in EMOTIONS]
    if unknown:
        raise SettingError(f"expected emotions, got {unknown[0]!r}: there are {', '.join(EMOTIONS)}")
    lowest = select(model_threshold.c.emotion, func.min(model_threshold.c.threshold)).group_by(
        model_threshold.c.emotion
    )
    made = []
    with store.writing() as connection:
        limits = {row[0]: row[1] for row in connection.execute(lowest)}
        if not limits:
            raise SettingError(f"no model has labelled into {store.shown} yet: its thresholds are part of an index")
        there = {index["name"] for index in inspect(connection).get_indexes(comment_emotion.name)}
        for name in emotions:
            index = f"{comment_emotion.name}_above_{name}"
            if index not in there:
                # SQLite uses such a one only for a query with the same condition. An index takes no parameters.
                present = "" if store.is_sqlite else f" where {name} > {limits[name]:.9f}"
                connection.execute(text(f"create index {index} on {comment_emotion.name} ({name}){present}"))
                made.append(index)
    return made
