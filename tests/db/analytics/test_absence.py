"""Why a read finds nothing, and what it says that there is."""

from datetime import UTC, datetime

from msgspec.structs import replace

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.rollups import refresh
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.analytics.test_summary import THRESHOLDS
from tests.db.builders import classified, comments, stored


def fill(store: Store) -> None:
    """Put comments of two models into a store: of "m" nine of Python and one of cats, of "other" one of birds."""
    of = [replace(one, subreddit="cats" if n == 9 else "Python") for n, one in enumerate(comments(range(10)))]
    of[0] = replace(of[0], created_at=datetime(2024, 1, 2, tzinfo=UTC))
    for model, some in (("m", of), ("other", [replace(of[1], subreddit="birds", created_at=None)])):
        register_model(store, model, THRESHOLDS)
        stored(store, classified(some, model=model))


def why(store: Store, *, models: str = "", subreddits: str = "", of_days: bool = False) -> str:
    with store.reading() as connection:
        return why_nothing(connection, models=models.split(), subreddits=subreddits.split(), of_days=of_days)


def test_a_line_says_what_there_is_by_roll_ups_and_by_rows_that_are_in_none_yet(store: Store) -> None:
    assert why(store) == "the store holds no classified comments: `moodmill label` brings some"
    fill(store)
    for _ in range(2):
        near = "of subreddit 'pyhton': near it is Python (9)"
        assert why(store, models="m", subreddits="pyhton") == f"no comments of the model m are {near}"
        assert why(store, subreddits="pyhton") == f"no comments are {near}"
        assert why(store, models="other", subreddits="zebra").endswith("the most frequent is birds (1)")
        assert why(store, models="n") == "no comments of the model 'n' in the store: expected one of m, other"
        assert why(store, models="m", of_days=True) == (
            "no comments of the model m are of these days: there are some of 2024-01 to 2024-03"
        )
        assert why(store, subreddits="r/CATS", of_days=True) == (
            "no comments of subreddit 'r/CATS' are of these days: there are some of 2024-03"
        )
        assert why(store, models="other", subreddits="birds", of_days=True) == (
            "no comments of the model other and subreddit 'birds' are of these days: there are some of an unknown time"
        )
        refresh(store)
