"""Which models have labelled into a store, and from which probability on each calls an emotion present."""

from collections.abc import Mapping

import numpy as np
from sqlalchemy.dialects import postgresql, sqlite

from db.emotions import EMOTIONS, GROUP_OF
from db.schema import model_threshold
from db.store import Store


def register_model(store: Store, model: str, thresholds: Mapping[str, float]) -> None:
    """Write a model's thresholds, one per emotion, so that views can tell which emotions are present.

    A model that is there already keeps the thresholds it has: its name holds its revision. Thresholds are as exact
    as probabilities: one that equals its threshold must not pass it in the digits that only one of them has.
    """
    with store.writing() as connection:
        rows = [
            {"model": model, "emotion": name, "emotion_group": GROUP_OF[name], "threshold": float(np.float32(limit))}
            for name, limit in ((name, thresholds[name]) for name in EMOTIONS)
        ]
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(model_threshold).on_conflict_do_nothing(), rows)
