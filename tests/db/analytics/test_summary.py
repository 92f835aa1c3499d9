"""Portraits: every number is what numpy counts of the rows."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from moodmill.db.analytics import top_examples
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.summary import Summary, summarize
from moodmill.db.core.emotions import EMOTIONS, GROUPS
from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.store import Store
from moodmill.db.results.models import activate_model, choose_model, register_model
from tests.db.builders import classified, comments, matrix, one_line, rows, scattered, stored

LIMITS = np.linspace(0.3, 0.95, len(EMOTIONS), dtype=np.float32)
THRESHOLDS = dict(zip(EMOTIONS, LIMITS.tolist(), strict=True))
Row = dict[str, Any]


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of two models, whose rows take several batches."""
    monkeypatch.setattr(top_examples, "BATCH", 64)
    for number, model in enumerate(("m", "other")):
        register_model(store, model, THRESHOLDS)
        of = scattered(300, seed=1, days=10)
        stored(store, classified(of, np.round(matrix(300, seed=number), 3), model=model))  # some are equal
    refresh(store)
    return store


def values(found: list[Row]) -> NDArray[np.float32]:
    """Return the probabilities of rows, [n, 27]."""
    return np.array([[row[name] for name in EMOTIONS] for row in found], dtype=np.float32).reshape(-1, len(EMOTIONS))


def assert_counted(record: dict[str, Any], emotion: str, found: list[Row]) -> None:
    at = EMOTIONS.index(emotion)
    assert record["comments"] == len(found)
    assert record["found"] == int((values(found) > LIMITS)[:, at].sum())
    assert record["share"] == record["found"] / len(found)
    assert record["prevalence"] == pytest.approx(values(found).mean(axis=0, dtype=np.float64)[at])


def assert_exact(summary: Summary, found: list[Row]) -> None:
    """Compare the numbers of a summary with the rows that it is of."""
    facts = summary.facts
    days = [row["created_at"].date() for row in found if row["created_at"]]
    assert (facts.comments, facts.counted, facts.untimed) == (len(found), len(found), len(found) - len(days))
    assert (facts.first, facts.last) == (min(days), max(days))
    known = Counter(row["subreddit"] for row in found)
    assert facts.subreddits == len(known.keys() - {None})
    above = (values(found) > LIMITS).astype(int)
    assert facts.none == int((above.sum(axis=1) == 0).sum())
    for group, names in GROUPS.items():
        members = above[:, [EMOTIONS.index(name) for name in names]]
        assert facts.groups[group] == int(members.any(axis=1).sum())
    for record in summary.overview.records():
        assert_counted(record, record["emotion"], found)
    assert summary.trend
    grain = summary.trend.columns[2]
    for record in summary.trend.records():
        first = record[grain]
        timed = [row for row in found if row["created_at"]]
        assert_counted(record, record["emotion"], [row for row in timed if begin(row["created_at"], grain) == first])
    for record in summary.heatmap.records():
        mine = [row for row in found if row["subreddit"] == record["subreddit"]]
        assert_counted(record, record["emotion"], mine)
    counts = (above.T @ above).tolist()
    for record in summary.pairs.records():
        assert record["both"] == counts[EMOTIONS.index(record["emotion"])][EMOTIONS.index(record["other"])]
    for name in EMOTIONS:
        ranked = sorted((-float(np.float32(row[name])), row["comment_id"]) for row in found)
        shown = zip(
            summary.examples[name].column("probability"), summary.examples[name].column("comment_id"), strict=True
        )
        assert [(-probability, comment) for probability, comment in shown] == ranked[:3]


def begin(moment: datetime, grain: str) -> date:
    day = moment.date()
    return {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[grain]


def test_a_portrait_is_what_the_rows_of_its_model_come_to(filled: Store) -> None:
    for model in ("m", "other"):
        found = [row for row in rows(filled) if row["model"] == model]
        assert_exact(summarize(filled, Scope(model=model)), found)


def test_only_what_is_asked_for_is_counted(filled: Store) -> None:
    since, until = date(2023, 12, 22), date(2023, 12, 28)
    scope = Scope(model="m", subreddits=frozenset({"cats", ""}), since=since, until=until)
    wanted = [
        row
        for row in rows(filled)
        if row["model"] == "m"
        and row["subreddit"] in ("cats", "")
        and row["created_at"]
        and since <= row["created_at"].date() < until
    ]
    assert len(wanted) > 20
    assert_exact(summarize(filled, scope), wanted)


def test_subreddits_are_named_in_any_case(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    stored(store, classified([replace(one, subreddit="AskReddit") for one in comments(range(5))]))
    refresh(store)
    summary = summarize(store, Scope(model="m", subreddits=frozenset({"askreddit"})))
    assert (set(summary.heatmap.column("subreddit")), summary.facts.counted) == ({"AskReddit"}, 5)
    assert summary.subreddit_trend is None


def test_several_subreddits_that_are_asked_for_have_lines_of_their_own(filled: Store) -> None:
    summary = summarize(filled, Scope(model="m", subreddits=frozenset({"cats", "dogs"})))
    assert summary.trend
    assert summary.subreddit_trend
    assert set(summary.trend.column("subreddit")) == {None}
    assert set(summary.subreddit_trend.column("subreddit")) == {"cats", "dogs"}
    counted = [sum(finding.column("comments")) for finding in (summary.trend, summary.subreddit_trend)]
    assert counted[0] == counted[1]


def test_only_the_largest_subreddits_are_shown_one_by_one(filled: Store) -> None:
    whole = summarize(filled, Scope(model="m"))
    summary = summarize(filled, Scope(model="m"), subreddits=1)
    assert summary.heatmap.rows == whole.heatmap.rows[: len(EMOTIONS)]
    assert summary.facts.subreddits == whole.facts.subreddits == 3


def test_comments_of_no_known_time_have_no_days(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    stored(store, classified([replace(one, created_at=None, subreddit=None) for one in comments(range(5))]))
    refresh(store)
    summary = summarize(store, Scope(model="m"))
    assert (summary.facts.first, summary.facts.untimed, summary.trend) == (None, 5, None)
    assert (summary.facts.subreddits, summary.heatmap.rows) == (0, [])


def test_of_equal_texts_one_is_an_example(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_examples, "BATCH", 4)
    register_model(store, "m", THRESHOLDS)
    of = [
        replace(one, text=("thanks", "thank you", "cheers")[min(n // 4, 2)])
        for n, one in enumerate(comments(range(10)))
    ]
    rising = np.repeat(np.array([0.5] * 4 + [0.9] * 4 + [0.2, 0.1], dtype=np.float32)[:, None], 27, axis=1)
    stored(store, classified(of, rising, keep_text=True))
    refresh(store)
    found = summarize(store, Scope(model="m")).examples["gratitude"]
    assert found.column("comment_id") == ["c4", "c0", "c8"]
    assert found.column("text") == ["thank you", "thanks", "cheers"]


def test_examples_are_sought_only_if_asked_for(filled: Store) -> None:
    assert summarize(filled, Scope(model="m"), examples=0).examples == {}


def test_the_numbers_go_into_json(filled: Store) -> None:
    summary = summarize(filled, Scope(model="m", since=date(2023, 12, 23)))
    found = json.loads(json.dumps(summary.as_json(), default=str))
    assert found["comments"] == found["together"]["comments"] == summary.facts.comments
    assert found["filters"] == {"subreddits": [], "since": "2023-12-23", "until": None}
    joy = next(one for one in found["emotions"] if one["emotion"] == "joy")
    assert joy["found"] == sum(one["found"] for one in found["over_time"] if one["emotion"] == "joy")
    assert joy["share_low"] < joy["share"] == joy["found"] / found["comments"] < joy["share_high"]


def test_a_scope_without_comments_is_told_in_a_line(filled: Store) -> None:
    with pytest.raises(SettingError) as caught:
        summarize(filled, Scope(model="m", subreddits=frozenset({"cat"})))
    assert "no comments of the model m are of subreddit 'cat': near it is cats" in one_line(caught.value)
    with pytest.raises(SettingError, match="there are some of 2023-12"):
        summarize(filled, Scope(model="m", subreddits=frozenset({"cats"}), since=date(2024, 3, 1)))


def test_the_model_that_views_show_need_not_be_named(store: Store) -> None:
    with pytest.raises(StoreError) as empty:
        choose_model(store, None)
    assert "moodmill label" in one_line(empty.value)
    register_model(store, "m", THRESHOLDS)
    stored(store, classified(comments(range(3))))
    refresh(store)
    assert choose_model(store, None) == "m"
    register_model(store, "other", THRESHOLDS)
    activate_model(store, "other")
    with pytest.raises(SettingError) as caught:
        choose_model(store, None)
    assert "expected one of m" in one_line(caught.value)


def test_of_several_models_one_can_be_named(filled: Store) -> None:
    assert choose_model(filled, "other") == "other"
    with pytest.raises(SettingError) as caught:
        choose_model(filled, "nobody")
    assert "m, other" in one_line(caught.value)


def test_a_comment_at_midnight_is_of_the_day_that_begins(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    midnight = datetime(2024, 2, 1, tzinfo=UTC)
    moments = [midnight - timedelta(microseconds=1), midnight]
    stored(
        store, classified([replace(one, created_at=at) for one, at in zip(comments(range(2)), moments, strict=True)])
    )
    refresh(store)
    for scope, wanted in {
        Scope(model="m", since=midnight.date()): "c1",
        Scope(model="m", until=midnight.date()): "c0",
    }.items():
        summary = summarize(store, scope)
        assert (summary.facts.comments, summary.facts.counted) == (1, 1)
        assert summary.examples["joy"].column("comment_id") == [wanted]
