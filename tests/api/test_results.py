"""`Store.results`: data frames of what the comments say."""

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from msgspec.structs import replace

import moodmill
from moodmill.db.analytics.rollups import refresh
from moodmill.db.database.store import Store as Database
from moodmill.db.results.models import register_model
from tests.db.builders import classified, comments, matrix, stored

if TYPE_CHECKING:
    import pandas as pd

ESTIMATES = ["share", "share_low", "share_high", "prevalence", "prevalence_low", "prevalence_high"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two models: of one, forty comments of two subreddits and four days."""
    file = tmp_path_factory.mktemp("results") / "m.db"
    store = Database(f"sqlite:///{file}")
    store.prepare()
    for model, count in {"m": 40, "other": 3}.items():
        register_model(store, model, dict.fromkeys(moodmill.EMOTIONS, 0.6))
        of = [
            replace(
                one,
                subreddit=("Cats", "dogs")[number % 2],
                created_at=one.created_at and one.created_at + timedelta(days=number % 4),
            )
            for number, one in enumerate(comments(range(count)))
        ]
        stored(store, classified(of, matrix(count, seed=1), model=model, keep_text=True))
    refresh(store)
    store.close()
    return file


@pytest.fixture
def results(file: Path) -> moodmill.Results:
    return moodmill.Store(file).results


def assert_estimated(frame: "pd.DataFrame") -> None:
    """Each share has its interval about it, and all numbers are numbers."""
    for measure in ("share", "prevalence"):
        assert (frame[f"{measure}_low"] <= frame[measure]).all()
        assert (frame[measure] <= frame[f"{measure}_high"]).all()
    assert {str(frame[name].dtype) for name in ESTIMATES} == {"float64"}
    assert {str(frame[name].dtype) for name in ("comments", "found")} == {"int64"}
    assert frame["share"].to_list() == pytest.approx((frame["found"] / frame["comments"]).to_list())


def test_an_overview_has_a_row_an_emotion(results: moodmill.Results, file: Path) -> None:
    frame = results.overview()
    assert list(frame.columns) == ["emotion", "group", "threshold", "comments", "found", *ESTIMATES]
    assert set(frame["emotion"]) == set(moodmill.EMOTIONS)
    assert set(frame["comments"]) == {40}
    assert_estimated(frame)
    rows = moodmill.Store(file).to_pandas(models="m")
    joy = frame.set_index("emotion").loc["joy"]
    assert joy["found"] == (rows["joy"] > np.float32(0.6)).sum()
    assert joy["prevalence"] == pytest.approx(rows["joy"].mean())


def test_frames_carry_their_remarks_and_queries(results: moodmill.Results) -> None:
    frames = [
        results.overview(),
        results.rank("joy"),
        results.trend("joy"),
        results.compare("cats", "dogs"),
        results.pairs(),
        results.examples("joy"),
    ]
    assert [len(frame.attrs["queries"]) for frame in frames] == [1, 1, 1, 2, 1, 1]
    assert all(query.lower().startswith("select") for frame in frames for query in frame.attrs["queries"])
    assert frames[0].attrs["remarks"] == ["of 40 comments"]
    assert frames[1].attrs["remarks"] == ["0 subreddits have 100 comments or more"]


def test_a_rank_has_a_row_a_subreddit(results: moodmill.Results) -> None:
    frame = results.rank("joy", measure="prevalence", min_comments=20)
    assert list(frame.columns) == ["rank", "subreddit", "comments", "found", *ESTIMATES]
    assert sorted(frame["subreddit"]) == ["Cats", "dogs"]
    assert frame["prevalence"].is_monotonic_decreasing
    assert_estimated(frame)
    assert results.rank("joy", min_comments=1, named="CAT")["subreddit"].to_list() == ["Cats"]
    assert len(results.rank("joy", min_comments=1, limit=1)) == 1


def test_a_rank_in_which_nobody_is_has_its_columns(results: moodmill.Results) -> None:
    frame = results.rank("joy", min_comments=1_000)
    assert (len(frame), frame.columns[1]) == (0, "subreddit")


def test_a_trend_has_a_row_a_period(results: moodmill.Results) -> None:
    frame = results.trend(["joy", "anger"])
    assert list(frame.columns) == ["emotion", "subreddit", "day", "comments", "found", *ESTIMATES]
    assert frame["day"].to_list() == [date(2024, 3, day) for day in range(1, 5)] * 2
    assert_estimated(frame)
    one = results.trend("joy", by="month", subreddits=["r/cats", "DOGS"])
    assert one["month"].to_list() == [date(2024, 3, 1)] * 2
    assert one["subreddit"].to_list() == ["Cats", "dogs"]


def test_a_comparison_has_both_sides_and_the_difference(results: moodmill.Results) -> None:
    frame = results.compare("cats", "dogs")
    assert len(frame) == 27
    assert (frame["comments_a"] == 20).all()
    assert (frame["share_difference"] - (frame["share_a"] - frame["share_b"])).abs().max() < 1e-12
    assert (frame["share_difference_low"] < frame["share_difference_high"]).all()
    assert len(results.compare("2024-03-01", "2024-03-02..2024-04", subreddits="cats")) == 27


def test_pairs_have_a_share_and_a_lift(results: moodmill.Results) -> None:
    frame = results.pairs("joy", min_comments=1)
    columns = ["emotion", "other", "comments", "both", "share", "share_low", "share_high", "lift"]
    assert list(frame.columns) == columns
    assert (set(frame["emotion"]), len(frame)) == ({"joy"}, 26)
    assert frame["share"].is_monotonic_decreasing
    assert str(frame["lift"].dtype) == "float64"


def test_examples_are_comments(results: moodmill.Results) -> None:
    frame = results.examples("joy", limit=3)
    assert list(frame.columns) == ["comment_id", "subreddit", "created_at", "probability", "emotions", "text", "link"]
    assert frame["probability"].is_monotonic_decreasing
    assert all(said.startswith("text ") for said in frame["text"])
    newest = results.examples("joy", order="newest")
    assert newest["created_at"].is_monotonic_decreasing
    assert str(newest["created_at"].dtype).endswith("UTC]")
    assert newest["created_at"].min() >= datetime(2024, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "n"),
    [
        ({}, 40),
        ({"subreddits": "r/CATS"}, 20),
        ({"subreddits": iter(["cats", "dogs"])}, 40),
        ({"since": "2024-03-03"}, 20),
        ({"since": "2024", "until": date(2024, 3, 2)}, 10),
        ({"until": "2024-04"}, 40),
        ({"model": "other"}, 3),
    ],
)
def test_the_comments_are_those_that_are_asked_for(results: moodmill.Results, asked: dict[str, Any], n: int) -> None:
    assert results.overview(**asked)["comments"][0] == n


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda of: of.rank("joyy"), "there is joy"),
        (lambda of: of.rank("joy", measure="mean"), "measure is 'mean': expected one of share, prevalence"),
        (lambda of: of.rank("joy", limit=0), "limit is 0: expected a number from 1"),
        (lambda of: of.trend("joy", by="year"), "by is 'year': expected one of day, week, month"),
        (lambda of: of.trend([]), "expected one or more emotions"),
        (lambda of: of.examples("joy", order="oldest"), "order is 'oldest': expected one of clearest, newest"),
        (lambda of: of.examples("joy", limit=-1), "limit is -1: expected a number from 1"),
        (lambda of: of.overview(since="yesterday"), "got 'yesterday'"),
        (lambda of: of.overview(since="2024-03-01T12:00"), "expected a day"),
        (lambda of: of.overview(since="2024-02", until="2024-01"), "expected since before until"),
        (lambda of: of.overview(subreddits=[""]), "expected a name to filter by"),
        (lambda of: of.overview(subreddits="cat"), "near it is Cats"),
        (lambda of: of.rank("joy", since="2025"), "there are some of 2024-03"),
        (lambda of: of.examples("joy", subreddits="cat"), "near it is Cats"),
        (lambda of: of.overview(model="nobody"), "expected one of m, other"),
        (lambda of: of.compare("cats", "2024"), "expected two subreddits, or two times"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    results: moodmill.Results, ask: Callable[[moodmill.Results], object], said: str
) -> None:
    with pytest.raises(moodmill.SettingError) as refused:
        ask(results)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_store_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    results = moodmill.Store(tmp_path / "m.db").results
    with pytest.raises(moodmill.StoreError, match="no store at"):
        results.overview()
    assert not (tmp_path / "m.db").exists()


def test_without_pandas_the_command_line_is_named(results: moodmill.Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(moodmill.SettingError, match="pip install pandas"):
        results.overview()


@pytest.mark.parametrize(
    "ask",
    [
        lambda results: results.compare(2024, 2023),
        lambda results: results.rank(None),
        lambda results: results.rank("joy", named=3),
        lambda results: results.rank("joy", limit=1.5),
        lambda results: results.rank("joy", min_comments=-5),
        lambda results: results.rank("joy", min_comments=10**30),
        lambda results: results.overview(subreddits=[None]),
        lambda results: results.overview(subreddits=5),
        lambda results: results.overview(subreddits="\ud800"),
        lambda results: results.overview(subreddits=[str(number) for number in range(50_000)]),
        lambda results: results.overview(since="0001-01-01T00:00+05:00"),
        lambda results: results.overview(model=""),
    ],
)
def test_arguments_that_are_none_are_told_in_a_line(file: Path, ask: Callable[[Any], Any]) -> None:
    with pytest.raises(moodmill.SettingError) as refused:
        ask(moodmill.Store(file).results)
    assert "\n" not in str(refused.value)


def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(moodmill.StoreError, match=r"is empty: `moodmill label` fills one"):
        moodmill.Store(tmp_path / "empty.db").results.overview()
    assert (tmp_path / "empty.db").stat().st_size == 0
