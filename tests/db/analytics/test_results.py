"""Results: every number is what numpy counts of the rows, and every query can be asked again."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, insert

from moodmill.db.analytics import results
from moodmill.db.analytics.comparison import compare, sides_asked
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.pairs import pairs
from moodmill.db.analytics.reading import read_comments
from moodmill.db.analytics.results import By, heatmap, overview, rank, subreddits, trend
from moodmill.db.analytics.retention import prune
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.scope import Scope, scope_asked
from moodmill.db.analytics.sums import LEAST, Measure
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.dirty_periods import invalidate_days
from moodmill.db.database.schema import dirty_period
from moodmill.db.database.store import Store
from moodmill.db.results.models import choose_model, register_model
from tests.db.analytics.recounting import (
    MODEL,
    THRESHOLDS,
    Row,
    add,
    ask,
    begin,
    day,
    numbers,
    recounted,
    rows_of,
    run_as_written,
    spread,
)
from tests.db.builders import NOON, classified, comments, matrix, one_line, stored

ALL = Scope(model=MODEL)
#: Times: whole months, which the smaller roll-up answers, and others.
TIMES: tuple[tuple[date | None, date | None], ...] = (
    (None, None),
    (date(2024, 1, 1), date(2024, 2, 1)),
    (date(2024, 1, 1), None),
    (None, date(2024, 1, 9)),
    (date(2023, 12, 25), date(2024, 1, 31)),
)


def within(since: date | None, until: date | None, *names: str | None) -> Callable[[Row], bool]:
    """Return what holds for rows of a time, and of subreddits if any are named."""

    def is_wanted(row: Row) -> bool:
        at = day(row)
        if (since or until) and at is None:
            return False
        is_of_time = at is None or ((since is None or at >= since) and (until is None or at < until))
        return is_of_time and (not names or row["subreddit"] in names)

    return is_wanted


def dated(days: list[int], **named: Any) -> list[Comment]:
    """Return comments so many days after NOON, one each."""
    found = zip(comments(range(len(days))), days, strict=True)
    return [replace(one, created_at=NOON + timedelta(days=after), **named) for one, after in found]


def assert_equal(finding: Finding, wanted: list[tuple[float, ...]]) -> None:
    assert np.array(numbers(finding)) == pytest.approx(np.array(wanted), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("since", "until"), TIMES)
def test_an_overview_counts_each_emotion_the_most_frequent_first(
    settled: Store, since: date | None, until: date | None
) -> None:
    finding = ask(settled, overview, Scope(model=MODEL, since=since, until=until))
    found, overall = rows_of(settled, within(since, until)), spread(settled)
    assert len(found) > 50
    names = finding.column("emotion")
    assert_equal(finding, [recounted(found, overall, name) for name in names])
    assert sorted(names) == list(EMOTIONS)
    assert finding.column("found") == sorted(finding.column("found"), reverse=True)
    assert finding.column("group") == [GROUP_OF[name] for name in names]
    assert finding.column("threshold") == pytest.approx([THRESHOLDS[name] for name in names])
    assert finding.remarks == (f"of {len(found)} comments",)


def test_emotions_that_are_found_equally_often_stand_by_name(sqlite_store: Store) -> None:
    add(sqlite_store, comments(range(3)), np.zeros((3, 27), dtype=np.float32))
    assert tuple(ask(sqlite_store, overview, ALL).column("emotion")) == EMOTIONS


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (["askREDDIT"], ["AskReddit"]),
        (["/r/Cats", "DOGS"], ["cats", "dogs"]),
        (["cats,100%"], ["cats", "100%"]),
        (["https://www.reddit.com/r/a_b/"], ["a_b"]),
        (["O'Brien\\"], ["o'brien\\"]),
    ],
)
def test_subreddits_are_asked_for_in_any_spelling(settled: Store, asked: list[str], names: list[str]) -> None:
    scope = scope_asked(settled, model=MODEL, subreddits=asked)
    finding = ask(settled, overview, scope)
    found, overall = rows_of(settled, within(None, None, *names)), spread(settled)
    assert_equal(finding, [recounted(found, overall, name) for name in finding.column("emotion")])


@pytest.mark.parametrize(("since", "until"), TIMES)
@pytest.mark.parametrize("measure", ["share", "prevalence"])
def test_a_rank_orders_the_subreddits_of_enough_comments_by_a_measure(
    settled: Store, measure: Measure, since: date | None, until: date | None
) -> None:
    least = 10
    scope = Scope(model=MODEL, since=since, until=until)
    finding = ask(settled, rank, scope, "joy", measure=measure, least=least)
    found, overall = rows_of(settled, within(since, until)), spread(settled)
    groups = {name: [row for row in found if row["subreddit"] == name] for name in {row["subreddit"] for row in found}}
    large = {name for name, of in groups.items() if len(of) >= least and name is not None}
    names = finding.column("subreddit")
    assert set(names) == large
    assert 2 < len(large) == len(names)
    assert_equal(finding, [recounted(groups[name], overall, "joy") for name in names])
    assert finding.column(measure) == sorted(finding.column(measure), reverse=True)
    assert finding.column("rank") == list(range(1, len(names) + 1))
    assert finding.remarks == (f"{len(large)} subreddits have 10 comments or more",)


def test_the_roll_up_by_month_says_what_that_by_day_says(settled: Store) -> None:
    months = Scope(model=MODEL, since=date(2024, 1, 1))
    days = Scope(model=MODEL, since=date(2024, 1, 1), until=date(2024, 3, 2))
    assert (months.is_of_months, days.is_of_months) == (True, False)
    one, other = (ask(settled, rank, scope, "joy", least=1) for scope in (months, days))
    assert one.column("subreddit") == other.column("subreddit")
    assert np.array(numbers(one)) == pytest.approx(np.array(numbers(other)), rel=1e-12)


def test_ranks_stay_where_few_of_them_are_shown(settled: Store) -> None:
    whole = ask(settled, rank, ALL, "anger", least=1).rows
    named = ask(settled, rank, ALL, "anger", least=1, named="A").rows
    assert named == [row for row in whole if "a" in row[1].lower()]
    assert len(named) > 2
    assert ask(settled, rank, ALL, "anger", least=1, named="A", most=2).rows == named[:2]
    assert ask(settled, rank, ALL, "anger", least=1, named="_").rows == [row for row in whole if "_" in row[1]]
    assert ask(settled, rank, ALL, "anger", least=1, named="birds").rows == []


def test_subreddits_of_equal_shares_stand_by_their_comments_then_by_their_names(store: Store) -> None:
    sizes = {"tall": 2, "small": 2, "wide": 4, "best": 1}
    names = [name for name, n in sizes.items() for _ in range(n)]
    of = [replace(one, subreddit=name) for one, name in zip(comments(range(9)), names, strict=True)]
    shows = np.zeros((9, 27), dtype=np.float32)
    shows[[0, 2, 4, 5, 8]] = 1
    add(store, of, shows)
    finding = ask(store, rank, ALL, "joy", least=1)
    assert finding.column("subreddit") == ["best", "wide", "small", "tall"]
    assert finding.column("share") == [1, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("by", ["day", "week", "month"])
@pytest.mark.parametrize("names", [(), ("cats", "AskReddit")])
def test_a_trend_counts_each_period_and_each_subreddit_by_itself(
    settled: Store, by: By, names: tuple[str, ...]
) -> None:
    scope = Scope(model=MODEL, subreddits=frozenset(name.lower() for name in names))
    finding = ask(settled, trend, scope, ["joy", "anger"], by=by)
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows_of(settled, within(None, None, *names)):
        at = day(row)
        if at is not None:
            groups.setdefault((row["subreddit"] if names else "", begin(at, by)), []).append(row)
    wanted = [(emotion, *key) for emotion in ("joy", "anger") for key in sorted(groups)]
    assert [(row[0], row[1] or "", row[2]) for row in finding.rows] == wanted
    assert (None in finding.column("subreddit")) == (not names)
    overall = spread(settled)
    assert_equal(finding, [recounted(groups[key], overall, emotion) for emotion, *rest in wanted for key in [(*rest,)]])


def test_a_trend_within_some_days_holds_these_days(settled: Store) -> None:
    since, until = date(2024, 1, 10), date(2024, 1, 20)
    finding = ask(settled, trend, Scope(model=MODEL, since=since, until=until), ["joy"])
    assert finding.columns[:3] == ("emotion", "subreddit", "day")
    assert finding.column("day") == sorted({at for row in rows_of(settled, within(since, until)) if (at := day(row))})


@pytest.mark.parametrize(
    ("days", "each", "grain"),
    [
        (30, LEAST, "day"),
        (31, LEAST, "week"),
        (20, 1, "day"),
        (21, LEAST - 1, "week"),
        (40, 1, "week"),
        (41, 5, "month"),
    ],
)
def test_periods_are_the_longer_the_longer_the_time_and_the_fewer_the_comments(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, days: int, each: int, grain: str
) -> None:
    monkeypatch.setattr(results, "BY_DAY", 30)
    monkeypatch.setattr(results, "BY_WEEK", 40)
    undated = [replace(one, created_at=None) for one in comments([9_999_999])]
    add(sqlite_store, [*dated([day for day in range(days) for _ in range(each)]), *undated])
    finding = ask(sqlite_store, trend, ALL, ["joy"])
    assert finding.columns[2] == grain
    wanted = {begin((NOON + timedelta(days=n)).date(), grain) for n in range(days)}
    assert finding.column(grain) == sorted(wanted)
    assert sum(finding.column("comments")) == days * each


def test_comments_of_an_unknown_time_have_no_trend(sqlite_store: Store) -> None:
    add(sqlite_store, [replace(one, created_at=None) for one in comments(range(2))])
    assert ask(sqlite_store, overview, ALL).column("comments")[0] == 2
    with pytest.raises(SettingError, match="of a known time"):
        ask(sqlite_store, trend, ALL, ["joy"])


def test_an_emotion_that_is_asked_for_twice_is_shown_once_and_none_is_refused(settled: Store) -> None:
    once, twice = (ask(settled, trend, ALL, emotions, by="month") for emotions in (["joy"], ["joy", "joy"]))
    assert once.rows == twice.rows
    with pytest.raises(SettingError, match="expected one or more emotions"):
        ask(settled, trend, ALL, [])


def test_a_heatmap_has_all_emotions_of_the_largest_subreddits(settled: Store) -> None:
    overall, found = spread(settled), rows_of(settled)
    finding = ask(settled, heatmap, ALL, least=20, most=4)
    groups = {name: [row for row in found if row["subreddit"] == name] for name in {row["subreddit"] for row in found}}
    sizes = {name: len(of) for name, of in groups.items() if name is not None and len(of) >= 20}
    names = list(dict.fromkeys(finding.column("subreddit")))
    assert len(names) == 4 < len(sizes)
    assert [sizes[name] for name in names] == sorted(sizes.values(), reverse=True)[:4]
    assert [row[:2] for row in finding.rows] == [(name, emotion) for name in names for emotion in EMOTIONS]
    assert_equal(finding, [recounted(groups[row[0]], overall, row[1]) for row in finding.rows])
    assert len(ask(settled, heatmap, ALL, least=20).rows) == len(sizes) * len(EMOTIONS)


@pytest.mark.parametrize(
    ("named", "wanted"),
    [("CAT", {"cats"}), ("%", {"100%"}), ("_", {"a_b"}), ("a_b", {"a_b"}), ("\\", {"o'brien\\"}), ("birds", set())],
)
def test_subreddits_are_found_by_a_part_of_their_name(settled: Store, named: str, wanted: set[str]) -> None:
    assert set(ask(settled, subreddits, ALL, named=named).column("subreddit")) == wanted


def test_the_largest_subreddits_come_first(settled: Store) -> None:
    finding = ask(settled, subreddits, ALL)
    counted = [row["subreddit"] for row in rows_of(settled)]
    assert dict(finding.rows) == {name: counted.count(name) for name in set(counted) if name is not None}
    assert finding.column("comments") == sorted(finding.column("comments"), reverse=True)
    assert ask(settled, subreddits, ALL, most=2).rows == finding.rows[:2]


def test_names_are_found_in_the_letters_of_any_alphabet(sqlite_store: Store) -> None:
    add(sqlite_store, [replace(one, subreddit="Košice") for one in comments(range(2))])
    assert ask(sqlite_store, subreddits, ALL, named="KOŠ").rows == [("Košice", 2)]
    assert ask(sqlite_store, rank, ALL, "joy", least=1, named="KOŠ").column("subreddit") == ["Košice"]


HOSTILE = Scope(model=MODEL, subreddits=frozenset({"100%", "o'brien\\", "a_b"}))
DAYS = Scope(model=MODEL, since=date(2023, 12, 25), until=date(2024, 2, 3))
#: Each finding with where in the rows of its query the comments stand, and those that are above for joy.
COUNTED: dict[str, Callable[[Connection, Scope], Finding]] = {
    "overview": overview,
    "rank": lambda connection, scope: rank(connection, scope, "joy", least=1),
    "trend": lambda connection, scope: trend(connection, scope, ["joy"], by="day"),
    "heatmap": lambda connection, scope: heatmap(connection, scope, least=1),
}


@pytest.mark.parametrize("scope", [ALL, HOSTILE, DAYS], ids=["all", "hostile", "days"])
@pytest.mark.parametrize("name", COUNTED)
def test_a_query_that_is_copied_gives_the_same_counts(settled: Store, name: str, scope: Scope) -> None:
    finding = ask(settled, COUNTED[name], scope)
    [query] = finding.queries
    found = run_as_written(settled, query)
    emotions = EMOTIONS if name in ("overview", "heatmap") else ("joy",)
    keys = len(found[0]) - 1 - 3 * len(emotions)
    above = keys + 1 + emotions.index("joy")
    wanted = sorted((int(row[keys]), int(row[above])) for row in found)
    at = [finding.columns.index(column) for column in ("comments", "found")]
    shown = [row for row in finding.rows if "emotion" not in finding.columns or "joy" in row]
    assert sorted((row[at[0]], row[at[1]]) for row in shown) == wanted
    assert sum(n for n, _ in wanted) > 20


def test_other_queries_that_are_copied_give_the_same_too(settled: Store) -> None:
    for named in ("", "%", "A_B", "\\"):
        finding = ask(settled, subreddits, ALL, named=named)
        found = run_as_written(settled, finding.queries[0])
        assert [(row[0], int(row[1])) for row in found] == finding.rows
    for scope in (ALL, HOSTILE, DAYS):
        finding = ask(settled, pairs, scope, least=1)
        rows = run_as_written(settled, finding.queries[0])
        if scope.subreddits:  # by sets of emotions
            joy = sum(int(n) for found, n in rows if int(found) & 1 << EMOTIONS.index("joy"))
        else:
            joy = sum(int(n) for *both, n in rows if both == ["joy", "joy"])
        assert {row[2] for row in finding.rows if row[0] == "joy"} == {joy}
    for one, other in (("100%", "o'brien\\"), ("2023", "2024")):
        finding = ask(settled, compare, sides_asked(ALL, one, other))
        counted = [int(run_as_written(settled, query)[0][0]) for query in finding.queries]
        assert counted == [finding.column("comments_a")[0], finding.column("comments_b")[0]]
    for scope in (ALL, HOSTILE, DAYS):
        finding = ask(settled, read_comments, scope, "joy", most=500)
        found = run_as_written(settled, finding.queries[0])
        assert [row[0] for row in found] == finding.column("comment_id")
        assert len(found) > 5


def test_what_came_in_since_the_roll_ups_is_remarked(store: Store) -> None:
    add(store, dated([0, 1]))
    register_model(store, "other", THRESHOLDS)
    assert ask(store, rank, ALL, "joy", least=1).remarks == ("1 subreddit has 1 comment or more",)
    stored(store, classified([replace(one, created_at=NOON) for one in comments([10])], model=MODEL))
    stored(store, classified(dated([5, 6, 7]), model="other"))
    [remark] = ask(store, trend, ALL, ["joy"]).remarks
    assert remark.startswith("comments of a day came in since")
    assert "`moodmill db rollup`" in remark
    stored(
        store, classified([replace(one, created_at=NOON + timedelta(days=3)) for one in comments([11])], model=MODEL)
    )
    assert ask(store, overview, ALL).remarks[1].startswith("comments of 2 days came in")
    assert ask(store, overview, ALL).column("comments")[0] == 2
    refresh(store)
    assert ask(store, overview, ALL).remarks == ("of 4 comments",)


def test_a_month_that_is_behind_its_days_is_remarked(sqlite_store: Store) -> None:
    """As where a refresh is killed between the two: ranks go by the months."""
    add(sqlite_store, comments(range(3)))
    with sqlite_store.writing() as connection:
        connection.execute(insert(dirty_period).values(grain="month", model=MODEL, start=date(2024, 3, 1)))
    assert ask(sqlite_store, rank, ALL, "joy", least=1).remarks[1].startswith("comments of a month came in since")


def test_a_store_that_no_roll_up_counts_yet_says_what_does_it(sqlite_store: Store) -> None:
    register_model(sqlite_store, MODEL, THRESHOLDS)
    stored(sqlite_store, classified(comments(range(3)), model=MODEL))
    with pytest.raises(StoreError) as caught:
        choose_model(sqlite_store, None)
    assert "`moodmill db rollup`" in one_line(caught.value)


def test_a_subreddit_that_no_roll_up_counts_yet_is_said_to_be_behind(sqlite_store: Store) -> None:
    add(sqlite_store, comments(range(3)))
    stored(sqlite_store, classified([replace(one, subreddit="birds") for one in comments([5])], model=MODEL))
    with pytest.raises(SettingError) as caught:
        ask(sqlite_store, overview, Scope(model=MODEL, subreddits=frozenset({"birds"})))
    assert "`moodmill db rollup`" in one_line(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [("joyy", "got 'joyy': there is joy"), ("Fear", "there is fear"), ("", "there is admiration, amusement")],
)
def test_what_is_no_emotion_is_told_with_those_that_are_near(settled: Store, name: str, said: str) -> None:
    questions: list[Callable[[Connection], Finding]] = [
        lambda connection: rank(connection, ALL, name),
        lambda connection: trend(connection, ALL, ["joy", name]),
        lambda connection: pairs(connection, ALL, name),
        lambda connection: read_comments(connection, ALL, name),
    ]
    for question in questions:
        with pytest.raises(SettingError) as caught:
            ask(settled, question)
        assert said in one_line(caught.value)


QUESTIONS: dict[str, Callable[[Connection, Scope], Finding]] = COUNTED | {
    "pairs": pairs,
    "examples": lambda connection, scope: read_comments(connection, scope, "joy"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_scope_without_comments_is_told_in_a_line(settled: Store, name: str) -> None:
    for scope, said in {
        Scope(model=MODEL, subreddits=frozenset({"cat"})): "of subreddit 'cat': near it is cats",
        Scope(model=MODEL, since=date(2030, 1, 1)): "there are some of 2023-12 to 2024-02",
        Scope(
            model=MODEL, subreddits=frozenset({"cats"}), until=date(2000, 1, 2)
        ): "and subreddit 'cats' are of these days",
    }.items():
        with pytest.raises(SettingError) as caught:
            ask(settled, QUESTIONS[name], scope)
        assert said in one_line(caught.value)


def test_the_sums_of_months_whose_comments_were_let_go_still_count(store: Store) -> None:
    add(store, dated([0, 31, 32]), matrix(3))
    before = [ask(store, overview, ALL), ask(store, rank, ALL, "joy", least=1), ask(store, trend, ALL, ["joy"])]
    assert prune(store, date(2024, 4, 1)) == 1
    assert len(rows_of(store)) == 2
    after = [ask(store, overview, ALL), ask(store, rank, ALL, "joy", least=1), ask(store, trend, ALL, ["joy"])]
    assert after == before


def test_a_subreddit_of_several_spellings_is_one(store: Store) -> None:
    names = ("Cats", "cats", "CATS")
    add(store, [replace(one, subreddit=names[at % 3]) for at, one in enumerate(dated([0, 0, 1, 1, 2, 2]))])
    ranked = ask(store, rank, ALL, "joy", least=6)
    assert [(row[0], row[1].lower(), row[2]) for row in ranked.rows] == [(1, "cats", 6)]
    assert set(ask(store, heatmap, ALL, least=6).column("comments")) == {6}
    scope = Scope(model=MODEL, subreddits=frozenset({"cats"}))
    over_time = ask(store, trend, scope, ["joy"], by="month")
    assert over_time.column("comments") == [6]
    assert ask(store, subreddits, ALL).column("comments") == [6]


def test_roll_ups_that_are_behind_elsewhere_are_not_remarked(store: Store) -> None:
    add(store, dated([0, 40]))
    with store.writing() as connection:
        invalidate_days(connection, MODEL, [NOON + timedelta(days=40)])
    early = Scope(model=MODEL, until=(NOON + timedelta(days=10)).date())
    assert not any("db rollup" in remark for remark in ask(store, overview, early).remarks)
    assert any("db rollup" in remark for remark in ask(store, overview, ALL).remarks)


def test_comments_of_an_unknown_time_are_told_beside_a_trend(store: Store) -> None:
    add(store, [*dated([0, 1]), replace(comments([7])[0], created_at=None)])
    assert ask(store, trend, ALL, ["joy"]).remarks == ("without 1 comment of an unknown time",)
