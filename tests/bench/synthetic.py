"""Synthetic result rows for measuring stores: as many as asked for, in the order of a dump, the same each time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS

#: The name of the model that is said to have made them.
MODEL: Final = "synthetic@1"
#: From when on each emotion counts as present.
THRESHOLDS: Final = dict.fromkeys(EMOTIONS, 0.3)
START: Final = datetime(2024, 1, 1, tzinfo=UTC)
#: Subreddits, whose shares follow Zipf's law with this exponent: as on Reddit, few have most comments.
SUBREDDITS: Final = 5_000
ZIPF: Final = 1.1
AUTHORS: Final = 400_000
#: Parameters of the beta distribution that probabilities are drawn from: most are near 0, and some one of a comment's
#: 27 are above the threshold.
BETA: Final = (0.15, 3.0)


def synthetic_rows(rows: int, days: int, chunk: int) -> Iterator[Classified]:
    """Yield chunks of comments that are evenly spread over so many days from START on."""
    dice = np.random.default_rng(0)
    weights = np.arange(1, SUBREDDITS + 1) ** -ZIPF
    weights /= weights.sum()
    step = timedelta(days=days) / rows
    for first in range(0, rows, chunk):
        n = min(chunk, rows - first)
        subreddits = dice.choice(SUBREDDITS, n, p=weights)
        authors = dice.integers(AUTHORS, size=n)
        yield Classified(
            comments=[
                Comment(
                    id=f"k{first + row:09x}",
                    text="",
                    position=first + row,
                    subreddit=f"subreddit_{subreddits[row]}",
                    author=f"author_{authors[row]}",
                    created_at=START + (first + row) * step,
                )
                for row in range(n)
            ],
            probabilities=dice.beta(*BETA, (n, len(EMOTIONS))).astype(np.float32),
            tokens=dice.integers(3, 200, n, dtype=np.int32),
            truncated=np.zeros(n, dtype=np.bool_),
            segments=np.ones(n, dtype=np.int32),
            unsupported=[None] * n,
            model=MODEL,
            source="RC_made_up.zst",
        )
