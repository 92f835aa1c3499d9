"""Stores whose results the pages show: comments of some subreddits and months, with texts, of strangers too."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.builders import classified, comments, stored

#: What would run, or break a page, were it taken for anything but text.
HOSTILE = (
    "<script>document.title = 'run'</script>",
    '"><img src=x onerror="document.title = \'run\'">',
    "</script></p></blockquote><svg onload=\"document.title = 'run'\">",
    "=HYPERLINK(1) {{ 7 * 7 }} ${7 * 7} &lt;b&gt; \u202ereversed",
)
HOSTILE_NAME = '"><img src=x onerror="document.title = 1">/../?a=b#c'
THRESHOLD = 0.4
START = datetime(2024, 1, 1, tzinfo=UTC)


def probabilities(of: Sequence[Comment]) -> NDArray[np.float32]:
    """Return probabilities of which some are high; `cats` are joyful, `dogs` angry, and anger brings annoyance."""
    dice = np.random.default_rng(0)
    found = dice.beta(0.15, 3.0, (len(of), len(EMOTIONS)))
    for at, comment in enumerate(of):
        for subreddit, emotion in (("cats", "joy"), ("dogs", "anger")):
            if comment.subreddit == subreddit and dice.random() < 0.4:
                found[at, EMOTIONS.index(emotion)] = dice.uniform(0.5, 1)
        if found[at, EMOTIONS.index("anger")] > THRESHOLD and dice.random() < 0.7:
            found[at, EMOTIONS.index("annoyance")] = dice.uniform(0.5, 1)
    return found.astype(np.float32)


def fill(url: str, of: Sequence[Comment], *, keep_text: bool = True) -> str:
    """Put comments into a new store, roll-ups included; return its URL."""
    with closing(Store(url)) as store:
        store.prepare()
        register_model(store, "m", dict.fromkeys(EMOTIONS, THRESHOLD))
        stored(store, classified(of, probabilities(of), keep_text=keep_text))
        refresh(store)
    return url


def talk(count: int, days: int = 150, subreddits: Sequence[str] = ("cats", "dogs", "birds")) -> list[Comment]:
    """Return comments of some subreddits, spread over some days; some texts and one subreddit are hostile.

    Of many days, there are comments on thirty: a store adds up each by itself.
    """
    names = [*subreddits, HOSTILE_NAME]
    apart = timedelta(days=max(1, days // 30))
    step = timedelta(days=days) / count
    return [
        replace(
            one,
            id=f"k{number:06}",
            text=f"{HOSTILE[number % 4]} the bus number {number}" if number % 5 == 0 else f"the bus number {number}",
            subreddit=names[number % len(names)],
            author="<i>somebody</i>",
            created_at=START + number * step // apart * apart + timedelta(seconds=number),
        )
        for number, one in enumerate(comments(range(count)))
    ]


def in_file(folder: Path, of: Sequence[Comment], *, keep_text: bool = True) -> str:
    return fill(f"sqlite:///{folder}/moodmill.db", of, keep_text=keep_text)
