"""Comparisons: both sides and their difference are what numpy counts of the rows."""

from datetime import date, timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from moodmill.db.analytics.comparison import Sides, compare, sides_asked
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.intervals import difference_interval
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError
from moodmill.db.database.store import Store
from tests.db.analytics.recounting import LIMITS, MODEL, Row, add, ask, day, estimated, rows_of, spread, values
from tests.db.builders import NOON, classified, comments, matrix, one_line, stored

ALL = Scope(model=MODEL)
MEASURES = ("share", "prevalence")
ENDS = ("", "_low", "_high")


def assert_compared(store: Store, finding: Finding, a: list[Row], b: list[Row]) -> None:
    """Compare every number with the rows of both sides."""
    overall = spread(store)
    sides = {"a": (a, estimated(a, overall)), "b": (b, estimated(b, overall))}
    assert sorted(finding.column("emotion")) == list(EMOTIONS)
    for found in finding.records():
        at = EMOTIONS.index(found["emotion"])
        assert found["group"] == GROUP_OF[found["emotion"]]
        for side, (of, estimates) in sides.items():
            assert found[f"comments_{side}"] == len(of) > 0
            assert found[f"found_{side}"] == (values(of)[:, at] > LIMITS[at]).sum()
            for measure, three in zip(MEASURES, estimates, strict=True):
                shown = [found[f"{measure}_{side}{end}"] for end in ENDS]
                assert shown == pytest.approx([one[0, at] for one in three], rel=1e-9, abs=1e-12)
        for number, measure in enumerate(MEASURES):
            difference = difference_interval(sides["a"][1][number], sides["b"][1][number])
            shown = [found[f"{measure}_difference{end}"] for end in ENDS]
            assert shown == pytest.approx([one[0, at] for one in difference], rel=1e-9, abs=1e-12)
            assert shown[1] < shown[0] < shown[2]


def of_subreddits(store: Store, *names: str) -> list[Row]:
    return [row for row in rows_of(store) if row["subreddit"] in names]


def of_days(store: Store, since: date, until: date, *names: str) -> list[Row]:
    """Return the rows from a day to before another."""
    found = of_subreddits(store, *names) if names else rows_of(store)
    return [row for row in found if (at := day(row)) is not None and since <= at < until]


def test_two_subreddits_are_compared_however_they_are_spelled(settled: Store) -> None:
    finding = ask(settled, compare, sides_asked(ALL, "r/CATS", " askreddit "))
    assert_compared(settled, finding, *(of_subreddits(settled, name) for name in ("cats", "AskReddit")))


def test_several_subreddits_may_be_one_side(settled: Store) -> None:
    finding = ask(settled, compare, sides_asked(ALL, "cats,dogs", "100%"))
    assert_compared(settled, finding, of_subreddits(settled, "cats", "dogs"), of_subreddits(settled, "100%"))


def test_subreddits_are_compared_within_a_time(settled: Store) -> None:
    since, until = date(2024, 1, 3), date(2024, 2, 20)
    scope = Scope(model=MODEL, since=since, until=until)
    finding = ask(settled, compare, sides_asked(scope, "cats", "dogs"))
    assert_compared(settled, finding, of_days(settled, since, until, "cats"), of_days(settled, since, until, "dogs"))


@pytest.mark.parametrize(
    ("one", "other", "of_one", "of_other"),
    [
        ("2023", "2024", ((2023, 1, 1), (2024, 1, 1)), ((2024, 1, 1), (2025, 1, 1))),
        ("2024", "2023", ((2024, 1, 1), (2025, 1, 1)), ((2023, 1, 1), (2024, 1, 1))),
        ("2023-12", "2024-02", ((2023, 12, 1), (2024, 1, 1)), ((2024, 2, 1), (2024, 3, 1))),
        ("2024-01-07", "2024-01-08", ((2024, 1, 7), (2024, 1, 8)), ((2024, 1, 8), (2024, 1, 9))),
        ("2023-12-31", "2024-01", ((2023, 12, 31), (2024, 1, 1)), ((2024, 1, 1), (2024, 2, 1))),
        ("2023..2024-01-15", "2024-01-15..2025", ((2023, 1, 1), (2024, 1, 15)), ((2024, 1, 15), (2025, 1, 1))),
    ],
)
def test_two_times_are_compared(
    settled: Store, one: str, other: str, of_one: tuple[tuple[int, ...], ...], of_other: tuple[tuple[int, ...], ...]
) -> None:
    finding = ask(settled, compare, sides_asked(ALL, one, other))
    sides = [of_days(settled, date(*since), date(*until)) for since, until in (of_one, of_other)]
    assert_compared(settled, finding, *sides)


def test_times_are_compared_within_a_subreddit(settled: Store) -> None:
    scope = Scope(model=MODEL, subreddits=frozenset({"askreddit"}))
    finding = ask(settled, compare, sides_asked(scope, "2024-01", "2024-02"))
    january, february = date(2024, 1, 1), date(2024, 2, 1)
    one = of_days(settled, january, february, "AskReddit")
    assert_compared(settled, finding, one, of_days(settled, february, date(2024, 3, 1), "AskReddit"))


def test_the_clearest_difference_of_shares_comes_first(settled: Store) -> None:
    finding = ask(settled, compare, sides_asked(ALL, "cats", "dogs"))
    clear = []
    for row in finding.records():
        value, low, high = (row[f"share_difference{end}"] for end in ("", "_low", "_high"))
        clear.append(abs(value) / (value - low if value > 0 else high - value))
        assert (clear[-1] > 1) == (low > 0 or high < 0)
    assert clear == sorted(clear, reverse=True)
    assert clear[0] > clear[-1]


def test_sides_in_which_nothing_or_all_is_found_are_compared(sqlite_store: Store) -> None:
    of = [replace(one, subreddit=name) for one, name in zip(comments(range(4)), "aabb", strict=True)]
    probabilities = np.zeros((4, 27), dtype=np.float32)
    probabilities[:2, 0] = 1
    probabilities[:, 1] = 1
    add(sqlite_store, of, probabilities)
    finding = ask(sqlite_store, compare, sides_asked(ALL, "a", "b"))
    assert finding.column("emotion") == list(EMOTIONS)
    assert finding.column("share_difference") == [1] + [0] * 26
    assert np.isfinite(np.array([row[2:] for row in finding.rows], dtype=np.float64)).all()


def test_a_subreddit_whose_name_looks_like_a_time_is_written_as_reddit_does(sqlite_store: Store) -> None:
    of = [
        replace(one, subreddit=name) for one, name in zip(comments(range(4)), ("2024", "2024", "a", "a"), strict=True)
    ]
    add(sqlite_store, of, matrix(4))
    assert ask(sqlite_store, compare, sides_asked(ALL, "r/2024", "a")).column("comments_a")[0] == 2
    with pytest.raises(SettingError, match="expected two subreddits, or two times"):
        sides_asked(ALL, "2024", "a")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cats", "CATS"),
        ("cats", "r/cats"),
        ("cats,dogs", "dogs"),
        ("2024", "2024"),
        ("2024", "2024-03"),
        ("2024-03-31", "2024-03"),
        ("2024-01..2024-04", "2024-03..2024-05"),
        ("cats", "2024"),
    ],
)
def test_sides_that_share_comments_are_refused(one: str, other: str) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(SettingError, match="expected two subreddits, or two times of which one ends before"):
            sides_asked(ALL, *pair)


def test_sides_without_an_end_or_a_name_are_refused() -> None:
    since = Scope(model=MODEL, since=date(2024, 1, 1))
    with pytest.raises(SettingError, match="expected two subreddits"):
        Sides(one=ALL, other=since)
    with pytest.raises(SettingError, match="expected two subreddits"):
        Sides(one=Scope(model=MODEL, subreddits=frozenset({"cats"})), other=ALL)
    before = Scope(model=MODEL, until=date(2024, 1, 1))
    assert Sides(one=before, other=since).other is since


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("2024-13", "got '2024-13'"),
        ("2024-02-30", "got '2024-02-30'"),
        ("0000", "got '0000'"),
        ("2024..2023", "since before until"),
        ("2024-03..2024-03", "since before until"),
        ("", "expected a name"),
        ("r/", "expected a name"),
        (" , ", "expected a name"),
    ],
)
def test_what_is_neither_a_name_nor_a_time_is_told_in_a_line(asked: str, said: str) -> None:
    for pair in ((asked, "2022"), ("2022", asked)):
        with pytest.raises(SettingError) as caught:
            sides_asked(ALL, *pair)
        assert said in one_line(caught.value)


def test_what_is_given_for_both_sides_is_not_given_again_for_one() -> None:
    with pytest.raises(SettingError, match="expected a time on each side"):
        sides_asked(Scope(model=MODEL, subreddits=frozenset({"cats"})), "dogs", "2024")
    with pytest.raises(SettingError, match="expected a subreddit on each side"):
        sides_asked(Scope(model=MODEL, until=date(2024, 1, 1)), "2022", "2023")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [("cats", "dog", "near it is dogs"), ("2023", "1999", "there are some of 2023-12 to 2024-02")],
)
def test_a_side_without_comments_is_told_in_a_line(settled: Store, one: str, other: str, said: str) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(SettingError) as caught:
            ask(settled, compare, sides_asked(ALL, *pair))
        assert said in one_line(caught.value)


def test_what_came_in_since_the_roll_ups_is_remarked(sqlite_store: Store) -> None:
    of = [replace(one, created_at=NOON + timedelta(days=n)) for n, one in enumerate(comments(range(2)))]
    add(sqlite_store, of)
    sides = sides_asked(ALL, "2024-03-01", "2024-03-02")
    assert ask(sqlite_store, compare, sides).remarks == ()
    stored(sqlite_store, classified(comments([5]), model=MODEL))
    [remark] = ask(sqlite_store, compare, sides).remarks
    assert "`moodmill db rollup`" in remark
    refresh(sqlite_store)
    assert ask(sqlite_store, compare, sides).column("comments_a")[0] == 2
