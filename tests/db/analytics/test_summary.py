"""Portraits: every number is what numpy counts of the rows."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from moodmill.db.analytics import scope as scopes
from moodmill.db.analytics import top_examples
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.summary import BY_DAY, Summary, Tally, summarize
from moodmill.db.core.emotions import EMOTIONS, GROUPS
from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.store import Store
from moodmill.db.results.models import activate_model, choose_model, register_model
from tests.db.builders import NOON, classified, comments, matrix, one_line, rows, scattered, stored

LIMITS = np.linspace(0.3, 0.95, len(EMOTIONS), dtype=np.float32)
THRESHOLDS = dict(zip(EMOTIONS, LIMITS.tolist(), strict=True))
Row = dict[str, Any]


@pytest.fixture
def filled(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of two models, whose rows take several batches."""
    for module in (scopes, top_examples):
        monkeypatch.setattr(module, "BATCH", 64)
    for number, model in enumerate(("m", "other")):
        register_model(store, model, THRESHOLDS)
        of = scattered(300, seed=1, days=10)
        stored(store, classified(of, np.round(matrix(300, seed=number), 3), model=model))  # some are equal
    refresh(store)
    return store


def values(found: list[Row]) -> NDArray[np.float32]:
    """Return the probabilities of rows, [n, 27]."""
    return np.array([[row[name] for name in EMOTIONS] for row in found], dtype=np.float32).reshape(-1, len(EMOTIONS))


def assert_counted(tally: Tally, found: list[Row]) -> None:
    assert tally.comments == len(found)
    assert list(tally.above) == (values(found) > LIMITS).sum(axis=0).tolist()
    assert tally.means == pytest.approx(values(found).mean(axis=0, dtype=np.float64))


def assert_exact(summary: Summary, found: list[Row]) -> None:
    """Compare every number of a summary with the rows that it is of."""
    assert_counted(summary.total, found)
    days = [row["created_at"].date() for row in found if row["created_at"]]
    assert summary.untimed == len(found) - len(days)
    assert (summary.first, summary.last) == (min(days), max(days))
    of_period: Callable[[date], date] = lambda day: day if summary.grain == "day" else day.replace(day=1)  # noqa: E731
    assert list(summary.periods) == sorted({of_period(day) for day in days})
    for start, tally in summary.periods.items():
        timed = [row for row in found if row["created_at"]]
        assert_counted(tally, [row for row in timed if of_period(row["created_at"].date()) == start])
    known = Counter(row["subreddit"] for row in found)
    assert summary.subreddit_count == len(known.keys() - {None})
    for subreddit, tally in summary.subreddits.items():
        assert_counted(tally, [row for row in found if row["subreddit"] == subreddit])
    assert [one.comments for one in summary.subreddits.values()] == [n for _, n in known.most_common()]
    above = (values(found) > LIMITS).astype(int)
    together = summary.together
    assert (together.comments, together.none) == (len(found), int((above.sum(axis=1) == 0).sum()))
    assert together.pairs.tolist() == (above.T @ above).tolist()
    for group, names in GROUPS.items():
        members = above[:, [EMOTIONS.index(name) for name in names]]
        assert together.groups[group] == int(members.any(axis=1).sum())
    for name in EMOTIONS:
        ranked = sorted((-float(np.float32(row[name])), row["comment_id"]) for row in found)
        assert [(-one.probability, one.comment_id) for one in summary.examples[name]] == ranked[:3]


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
    assert (list(summary.subreddits), summary.together.comments) == (["AskReddit"], 5)


def test_a_long_time_is_shown_by_month(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    moments = [NOON, NOON + timedelta(days=BY_DAY - 1), NOON + timedelta(days=20)]
    of = [replace(one, created_at=moment) for one, moment in zip(comments(range(3)), moments, strict=True)]
    stored(store, classified(of))
    refresh(store)
    assert summarize(store, Scope(model="m")).grain == "day"
    stored(store, classified([replace(comments([3])[0], created_at=NOON + timedelta(days=BY_DAY))]))
    refresh(store)
    summary = summarize(store, Scope(model="m"))
    assert summary.grain == "month"
    assert [(start, one.comments) for start, one in summary.periods.items()] == [
        (date(2024, 3, 1), 2),
        (date(2024, 8, 1), 1),
        (date(2024, 9, 1), 1),
    ]


def test_only_the_largest_subreddits_are_shown_one_by_one(filled: Store) -> None:
    whole = summarize(filled, Scope(model="m"))
    summary = summarize(filled, Scope(model="m"), subreddits=2)
    assert list(summary.subreddits) == list(whole.subreddits)[:2]
    assert summary.subreddit_count == whole.subreddit_count == 3


def test_comments_of_no_known_time_have_no_days(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    stored(store, classified([replace(one, created_at=None, subreddit=None) for one in comments(range(5))]))
    refresh(store)
    summary = summarize(store, Scope(model="m"))
    assert (summary.first, summary.last, summary.untimed, dict(summary.periods)) == (None, None, 5, {})
    assert (summary.subreddit_count, list(summary.subreddits)) == (0, [None])


def test_a_probability_that_is_the_threshold_is_in_no_pair(store: Store) -> None:
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.3))
    at_threshold = np.full((1, 27), 0.3, dtype=np.float32)
    at_threshold[0, 1] = np.nextafter(at_threshold[0, 1], np.float32(1))
    stored(store, classified(comments([0]), at_threshold))
    refresh(store)
    pairs = summarize(store, Scope(model="m")).together.pairs
    assert np.argwhere(pairs).tolist() == [[1, 1]]


def test_of_equal_texts_one_is_an_example(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scopes, top_examples):
        monkeypatch.setattr(module, "BATCH", 4)
    register_model(store, "m", THRESHOLDS)
    of = [
        replace(one, text=("thanks", "thank you", "cheers")[min(n // 4, 2)])
        for n, one in enumerate(comments(range(10)))
    ]
    rising = np.repeat(np.array([0.5] * 4 + [0.9] * 4 + [0.2, 0.1], dtype=np.float32)[:, None], 27, axis=1)
    stored(store, classified(of, rising, keep_text=True))
    refresh(store)
    found = summarize(store, Scope(model="m")).examples["gratitude"]
    assert [(one.comment_id, one.text) for one in found] == [("c4", "thank you"), ("c0", "thanks"), ("c8", "cheers")]


def test_examples_are_sought_only_if_asked_for(filled: Store) -> None:
    assert summarize(filled, Scope(model="m"), examples=0).examples == {}


def test_the_numbers_go_into_json(filled: Store) -> None:
    summary = summarize(filled, Scope(model="m", since=date(2023, 12, 23)))
    found = json.loads(json.dumps(summary.as_json(), default=str))
    assert found["comments"] == found["together"]["comments"] == summary.total.comments
    assert found["filters"] == {"subreddits": [], "since": "2023-12-23", "until": None}
    joy = next(one for one in found["emotions"] if one["emotion"] == "joy")
    assert joy["above"] == found["together"]["pairs"]["joy"]["joy"]
    assert joy["above"] == sum(one["above"]["joy"] for one in found["over_time"])
    assert joy["share"] == joy["above"] / found["comments"]
    assert sum(one["comments"] for one in found["by_subreddit"]) == found["comments"]


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
        assert (summary.total.comments, summary.together.comments) == (1, 1)
        assert summary.examples["joy"][0].comment_id == wanted
