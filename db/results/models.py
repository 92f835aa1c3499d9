"""Which models have labelled into a store, which one the views show, and when each calls an emotion present."""

import struct
from collections.abc import Mapping

from sqlalchemy import REAL, ColumnElement, Connection, cast, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.schema import comment_emotion, dirty_period, model_threshold, rollup_day
from moodmill.db.database.schema import model as models
from moodmill.db.database.store import Store


def register_model(store: Store, model: str, thresholds: Mapping[str, float]) -> None:
    """Write a model and its thresholds, one per emotion, so that views can tell which emotions are present.

    The first model of a store is the one that views show. A model that is there already keeps the thresholds it has:
    its name holds its revision. Thresholds are as exact as probabilities: one that equals its threshold must not pass
    it in the digits that only one of them has.
    """
    with store.writing() as connection:
        dialect = sqlite if store.is_sqlite else postgresql
        if connection.scalar(select(models.c.name).where(models.c.name == model)) is None:
            _alone(store, connection)
            first = connection.scalar(select(func.count()).where(models.c.active)) == 0
            named = dialect.insert(models).on_conflict_do_nothing(index_elements=["name"])
            connection.execute(named.values(name=model, active=first))
        rows = [
            {"model": model, "emotion": name, "emotion_group": GROUP_OF[name], "threshold": _as_real(limit)}
            for name, limit in ((name, thresholds[name]) for name in EMOTIONS)
        ]
        connection.execute(dialect.insert(model_threshold).on_conflict_do_nothing(), rows)


def known_models(store: Store) -> dict[str, bool]:
    """Return the names of the models that have labelled into a store, each with whether views show it."""
    with store.reading() as connection:
        return {row.name: row.active for row in connection.execute(select(models).order_by(models.c.name))}


def active_model(store: Store) -> str | None:
    """Return the name of the model that views show; None in a store that no model has labelled into."""
    return next((name for name, is_active in known_models(store).items() if is_active), None)


def activate_model(store: Store, model: str) -> None:
    """Have the views show another model, from one moment to the next. Raises StoreError for one that is not known."""
    with store.writing() as connection:
        _alone(store, connection)
        connection.execute(update(models).where(models.c.active).values(active=False))
        if connection.execute(update(models).where(models.c.name == model).values(active=True)).rowcount == 0:
            known = ", ".join(connection.scalars(select(models.c.name).order_by(models.c.name))) or "none"
            raise StoreError(f"no model {model!r} has labelled into {store.shown}: it has {known}")


def _alone(store: Store, connection: Connection) -> None:
    """Have nobody else change which models there are, until this transaction ends."""
    if not store.is_sqlite:  # where whoever writes is alone
        connection.execute(text(f"lock table {models.name} in share row exclusive mode"))


def thresholds_of(connection: Connection, model: str) -> dict[str, float]:
    """Return a model's threshold of each emotion."""
    rows = connection.execute(select(model_threshold).where(model_threshold.c.model == model))
    return {row.emotion: row.threshold for row in rows}


def _as_real(value: float) -> float:
    """Return what a column of REALs keeps of a number."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def is_above(emotion: str, threshold: float) -> ColumnElement[bool]:
    """Tell in SQL whether a row's probability is above a threshold."""
    # PostgreSQL would compare with a double.
    return comment_emotion.c[emotion] > cast(threshold, REAL)


def choose_model(store: Store, named: str | None) -> str:
    """Return the model to show: the one that is named, or the one that views show. The roll-ups have to know it.

    Raises StoreError where there are no rows, and SettingError where that model has none.
    """
    wanted = active_model(store) if named is None else named
    with store.reading() as connection:
        there = list(connection.scalars(select(rollup_day.c.model).distinct().order_by(rollup_day.c.model)))
        is_behind = connection.scalar(select(dirty_period.c.id).limit(1)) is not None
    if not there and is_behind:
        raise StoreError(f"no comments of the store {store.shown} are counted yet: `moodmill db rollup` does it")
    if not there:
        raise StoreError(f"the store {store.shown} holds no classified comments: `moodmill label` brings some")
    if wanted is None or wanted not in there:
        raise SettingError(f"no comments of the model {wanted!r} in the store: expected one of {', '.join(there)}")
    return wanted
