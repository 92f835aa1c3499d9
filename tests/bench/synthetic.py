"""Synthetic result rows for measuring stores: as many as asked for, in the order of a dump, the same each time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from tests.db.builders import ENGINE

#: The name of the model that is said to have made them.
MODEL: Final = "synthetic@1"
#: From when on each emotion counts as present.
THRESHOLDS: Final = dict.fromkeys(EMOTIONS, 0.3)
START: Final = datetime(2024, 1, 1, tzinfo=UTC)
#: Subreddits, whose shares follow Zipf's law with this exponent: as on Reddit, few have most comments.
SUBREDDITS: Final = 5_000
ZIPF: Final = 1.1
AUTHORS: Final = 400_000
#: Words of a text, of how many, and the exponent of Zipf's law by which they are drawn.
WORDS: Final = 15
VOCABULARY: Final = 20_000
ZIPF_WORDS: Final = 1.2
#: Parameters of the beta distribution that probabilities are drawn from: most are near 0, and some one of a comment's
#: 27 are above the threshold.
BETA: Final = (0.15, 3.0)


def synthetic_rows(rows: int, days: int, chunk: int, *, texts: bool = False) -> Iterator[Classified]:
    """Yield chunks of comments that are evenly spread over so many days from START on; with texts, if asked for."""
    dice = np.random.default_rng(0)
    weights = np.arange(1, SUBREDDITS + 1) ** -ZIPF
    weights /= weights.sum()
    step = timedelta(days=days) / rows
    for first in range(0, rows, chunk):
        n = min(chunk, rows - first)
        subreddits = dice.choice(SUBREDDITS, n, p=weights)
        authors = dice.integers(AUTHORS, size=n)
        words = dice.zipf(ZIPF_WORDS, (n, WORDS)) % VOCABULARY if texts else np.zeros((n, 0), dtype=np.int64)
        yield Classified(
            comments=[
                Comment(
                    id=f"k{first + row:09x}",
                    text=" ".join(f"word{word}" for word in words[row]),
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
            engine=ENGINE,
            source="RC_made_up.zst",
            keep_text=texts,
        )
