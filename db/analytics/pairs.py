"""Which emotions go together: of the comments with one, how many have another one too."""

from typing import Any

import numpy as np
from sqlalchemy import Connection

from moodmill.db.analytics.cooccurrence import CoOccurrence, together_in
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.intervals import score_interval
from moodmill.db.analytics.results import comments_of, only_some, remarks, require_comments, require_emotion
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.sums import LEAST
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.results.models import thresholds_of

#: Emotions that are named one by one where they are left out.
_NAMED = 5
COLUMNS = ("emotion", "other", "comments", "both", "share", "share_low", "share_high", "lift")


def pairs(connection: Connection, scope: Scope, emotion: str | None = None, *, least: int = LEAST) -> Finding:
    """Return ordered pairs of emotions, those first whose second is most frequent among comments with the first.

    `comments` have the first emotion, `both` the other one too. `lift` is how many times as often the other one is
    there as in all comments. Emotions found in fewer than `least` comments have no row as a first. With `emotion`, only
    pairs of which it is the first. Raises SettingError where the scope holds no comment.
    """
    if emotion is not None:
        require_emotion(emotion)
    scope = scope.spelled(connection)
    together, query = together_in(connection, scope, thresholds_of(connection, scope.model))
    if not together.comments:
        require_comments(connection, scope)
    asked = EMOTIONS if emotion is None else (emotion,)
    few = [name for name in asked if together.pairs[EMOTIONS.index(name), EMOTIONS.index(name)] < least]
    names = ", ".join(few) if len(few) <= _NAMED else f"{len(few)} emotions"
    said = [f"without {names}: found in fewer than {comments_of(least)}"] if few else []
    return Finding(
        columns=COLUMNS,
        rows=rows_of(together, least, emotion),
        queries=(query,),
        remarks=(*said, *only_some(connection, scope, together.comments), *remarks(connection, scope)),
    )


def rows_of(together: CoOccurrence, least: int, emotion: str | None = None) -> list[tuple[Any, ...]]:
    """Return the rows of `pairs`."""
    counts = np.diag(together.pairs)
    rows: list[tuple[Any, ...]] = []
    for at, name in enumerate(EMOTIONS):
        if counts[at] < max(least, 1) or (emotion is not None and name != emotion):
            continue
        share = score_interval(together.pairs[at] / counts[at], np.array(float(counts[at])))
        for of, other in enumerate(EMOTIONS):
            if of == at:
                continue
            expected = counts[of] / together.comments
            lift = float(share.value[of] / expected) if expected else None
            ends = (float(one[of]) for one in share)
            rows.append((name, other, int(counts[at]), int(together.pairs[at, of]), *ends, lift))
    return sorted(rows, key=lambda row: (-row[4], row[0], row[1]))
