"""Pairs of emotions are what numpy counts of the rows, by roll-up or row by row."""

from collections import defaultdict
from datetime import date

import numpy as np
import pytest
from numpy.typing import NDArray

from moodmill.db.analytics.cooccurrence import together_in
from moodmill.db.analytics.intervals import score_interval
from moodmill.db.analytics.pairs import pairs
from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.results.models import thresholds_of
from tests.db.analytics.recounting import LIMITS, MODEL, THRESHOLDS, Row, add, ask, day, rows_of, values
from tests.db.builders import comments

ALL = Scope(model=MODEL)
SOME = Scope(model=MODEL, subreddits=frozenset({"cats", "100%"}))
SCOPES = {
    "all": ALL,
    "subreddits": SOME,
    "days": Scope(model=MODEL, since=date(2024, 1, 3), until=date(2024, 2, 3)),
    "both": Scope(model=MODEL, subreddits=frozenset({"askreddit"}), since=date(2024, 1, 3)),
}


def above(store: Store, scope: Scope) -> NDArray[np.int64]:
    """Return which emotions are found in each comment of a scope. [n, 27]"""

    def is_wanted(row: Row) -> bool:
        at = day(row)
        if scope.is_of_days and at is None:
            return False
        is_of_time = at is None or ((scope.since or at) <= at and (scope.until is None or at < scope.until))
        return is_of_time and (not scope.subreddits or (row["subreddit"] or "").lower() in scope.subreddits)

    return (values(rows_of(store, is_wanted)) > LIMITS).astype(np.int64)


@pytest.mark.parametrize("name", SCOPES)
def test_pairs_are_counted_and_the_most_frequent_come_first(settled: Store, name: str) -> None:
    found = above(settled, SCOPES[name])
    together, counts = found.T @ found, found.sum(axis=0)
    least = int(np.sort(counts)[13])  # of which one emotion has just as many
    finding = ask(settled, pairs, SCOPES[name], least=least)
    firsts = [at for at in range(27) if counts[at] >= least]
    assert 3 < len(firsts) < 27
    assert {row[:2] for row in finding.rows} == {
        (EMOTIONS[one], EMOTIONS[other]) for one in firsts for other in range(27) if one != other
    }
    for row in finding.records():
        one, other = EMOTIONS.index(row["emotion"]), EMOTIONS.index(row["other"])
        both = together[one, other]
        assert (row["comments"], row["both"]) == (counts[one], both)
        interval = score_interval(np.array(both / counts[one]), np.array(float(counts[one])))
        assert [row["share"], row["share_low"], row["share_high"]] == pytest.approx([float(one) for one in interval])
        if counts[other]:
            assert row["lift"] == pytest.approx(both / counts[one] / (counts[other] / len(found)))
        else:
            assert row["lift"] is None
    assert [(-row[4], *row[:2]) for row in finding.rows] == sorted((-row[4], *row[:2]) for row in finding.rows)
    few = [EMOTIONS[at] for at in range(27) if counts[at] < least]
    names = ", ".join(few) if len(few) <= 5 else f"{len(few)} emotions"
    assert finding.remarks == (f"without {names}: found in fewer than {least} comments",)


def test_the_roll_up_of_all_subreddits_is_the_sum_of_the_rows_of_each(settled: Store) -> None:
    def together(scope: Scope) -> tuple[int, int, NDArray[np.int64]]:
        with settled.reading() as connection:
            found, _ = together_in(connection, scope.spelled(connection), thresholds_of(connection, MODEL))
        return found.comments, found.none, found.pairs

    names = {row["subreddit"] for row in rows_of(settled)} - {None, ""}
    # No scope asks for those without a subreddit.
    nameless = (values(rows_of(settled, lambda row: not row["subreddit"])) > LIMITS).astype(np.int64)
    parts = [together(Scope(model=MODEL, subreddits=frozenset({name.lower()}))) for name in sorted(names)]
    comments_, none, found = together(ALL)
    assert comments_ == len(nameless) + sum(part[0] for part in parts)
    assert none == int((nameless.sum(axis=1) == 0).sum()) + sum(part[1] for part in parts)
    assert found.tolist() == sum((part[2] for part in parts), nameless.T @ nameless).tolist()


def test_one_emotion_has_the_pairs_of_which_it_is_the_first(settled: Store) -> None:
    whole = ask(settled, pairs, ALL)
    one = ask(settled, pairs, ALL, "joy")
    assert one.rows == [row for row in whole.rows if row[0] == "joy"]
    assert len(one.rows) == 26
    rare = ask(settled, pairs, ALL, "joy", least=10_000)
    assert (rare.rows, rare.remarks) == ([], ("without joy: found in fewer than 10,000 comments",))


def test_an_emotion_that_is_never_found_is_no_first_and_has_no_lift(sqlite_store: Store) -> None:
    probabilities = np.zeros((4, 27), dtype=np.float32)
    probabilities[:2, 0] = probabilities[1:, 1] = 1
    add(sqlite_store, comments(range(4)), probabilities)
    finding = ask(sqlite_store, pairs, ALL, least=0)
    assert {row[0] for row in finding.rows} == set(EMOTIONS[:2])
    found: dict[str, dict[str, tuple[object, ...]]] = defaultdict(dict)
    for row in finding.rows:
        found[row[0]][row[1]] = row
    first, second = EMOTIONS[:2]
    assert found[first][second][2:5] == (2, 1, 0.5)
    assert found[first][second][7] == pytest.approx(0.5 / 0.75)
    assert found[second][first][2:4] == (3, 1)
    assert (found[first]["joy"][4], found[first]["joy"][7]) == (0, None)


def test_a_probability_that_is_the_threshold_is_in_no_pair(store: Store) -> None:
    at_threshold = np.array([list(THRESHOLDS.values())] * 2, dtype=np.float32)
    at_threshold[:, :2] = 1
    add(store, comments(range(2)), at_threshold)
    for scope in (ALL, Scope(model=MODEL, subreddits=frozenset({"test"}))):
        finding = ask(store, pairs, scope, least=1)
        assert [row[:2] for row in finding.rows if row[3]] == [EMOTIONS[:2], EMOTIONS[1::-1]]
