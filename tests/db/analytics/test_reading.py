"""Comments to read: which of them, in which order, and what of them may be seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from sqlalchemy import text

from moodmill.db.analytics import reading
from moodmill.db.analytics.comparison import compare, sides_asked
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.indexes import index_emotions
from moodmill.db.analytics.pairs import pairs
from moodmill.db.analytics.reading import NO_TEXT, NOT_ALLOWED, Order, read_comments
from moodmill.db.analytics.results import heatmap, overview, rank, subreddits, trend
from moodmill.db.analytics.retention import prune
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.words import index_texts
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError
from moodmill.db.database.reader import grant_reader
from moodmill.db.database.store import Store
from tests.db.analytics.recounting import MODEL, THRESHOLDS, add, ask, rows_of, run_as_written
from tests.db.builders import NOON, comments

ALL = Scope(model=MODEL)
JOY = EMOTIONS.index("joy")


def showing(joy: Sequence[float]) -> NDArray[np.float32]:
    """Return probabilities of so much joy in comments, and nothing else."""
    found = np.zeros((len(joy), len(EMOTIONS)), dtype=np.float32)
    found[:, JOY] = joy
    return found


def hourly(count: int) -> list[Comment]:
    """Return comments c0, c1, … of one hour after the other."""
    return [replace(one, created_at=NOON + timedelta(hours=n)) for n, one in enumerate(comments(range(count)))]


def ids(finding: Finding) -> list[str]:
    return finding.column("comment_id")


@pytest.mark.parametrize("order", ["clearest", "newest"])
def test_comments_with_the_emotion_are_shown_in_order(settled: Store, order: Order) -> None:
    shown = ask(settled, read_comments, ALL, "love", order=order, most=30)
    found = [row for row in rows_of(settled) if np.float32(row["love"]) > np.float32(THRESHOLDS["love"])]
    if order == "newest":
        found = [row for row in found if row["created_at"]]
        found.sort(key=lambda row: (-row["created_at"].timestamp(), row["comment_id"]))
    else:
        found.sort(key=lambda row: (-row["love"], row["comment_id"]))
    assert len(found) > 30
    assert ids(shown) == [row["comment_id"] for row in found[:30]]
    for one, row in zip(shown.records(), found, strict=False):
        assert one["probability"] == pytest.approx(row["love"], rel=1e-6)
        assert (one["subreddit"], one["created_at"]) == (row["subreddit"], row["created_at"])
        there = sorted((name for name in EMOTIONS if row[name] > np.float32(THRESHOLDS[name])), key=lambda n: -row[n])
        assert [part.split()[0] for part in one["emotions"].split(", ")] == there
        assert f"love {row['love']:.2f}" in one["emotions"]
    assert ids(ask(settled, read_comments, ALL, "love", order=order, most=7, skip=4)) == ids(shown)[4:11]


def test_only_comments_of_the_scope_are_shown(settled: Store) -> None:
    scope = Scope(model=MODEL, subreddits=frozenset({"askreddit"}), since=NOON.date() - timedelta(days=40))
    shown = ask(settled, read_comments, scope, "love", most=500)
    assert set(shown.column("subreddit")) == {"AskReddit"}
    assert min(moment.date() for moment in shown.column("created_at")) >= scope.since


def test_of_equal_texts_the_first_is_shown(sqlite_store: Store) -> None:
    texts = ["thanks", "hello", "thanks", "", "", "hello", "bye"]
    of = [replace(one, text=said) for one, said in zip(hourly(7), texts, strict=True)]
    add(sqlite_store, of, showing([0.8, 0.9, 0.95, 0.85, 0.84, 0.83, 0.99]), keep_text=True)
    clearest = ask(sqlite_store, read_comments, ALL, "joy")
    assert ids(clearest) == ["c6", "c2", "c1", "c3", "c4"]
    assert clearest.column("text") == ["bye", "thanks", "hello", "", ""]
    assert ids(ask(sqlite_store, read_comments, ALL, "joy", order="newest")) == ["c6", "c5", "c4", "c3", "c2"]
    assert ids(ask(sqlite_store, read_comments, ALL, "joy", most=2, skip=1)) == ["c2", "c1"]
    assert clearest.remarks == ()


def test_where_no_text_is_kept_all_are_shown_and_that_is_remarked(sqlite_store: Store) -> None:
    of = [replace(one, text="the same") for one in hourly(3)]
    add(sqlite_store, of, showing([0.9, 0.8, 0.7]))
    finding = ask(sqlite_store, read_comments, ALL, "joy")
    assert (ids(finding), finding.column("text")) == (["c0", "c1", "c2"], [None] * 3)
    assert finding.remarks == (NO_TEXT,)


@pytest.mark.parametrize("sought", [100, 2])
def test_comments_that_the_model_was_not_made_for_are_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch, sought: int
) -> None:
    monkeypatch.setattr(reading, "SOUGHT", sought)
    add(store, hourly(4), showing([0.7, 0.8, 0.9, 0.95]), unsupported=[None, None, None, "language"])
    orders: tuple[Order, ...] = ("clearest", "newest")
    for order in orders:
        assert "c3" not in ids(ask(store, read_comments, ALL, "joy", order=order))


@pytest.mark.parametrize("sought", [100, 2])
def test_a_probability_that_is_the_threshold_is_not_found(
    store: Store, monkeypatch: pytest.MonkeyPatch, sought: int
) -> None:
    monkeypatch.setattr(reading, "SOUGHT", sought)
    first = EMOTIONS[0]
    limit = np.float32(THRESHOLDS[first])
    assert f"{limit:.1f}" == "0.3"
    assert float(limit) > 0.3  # as which PostgreSQL gives it: compared with that, it would be above
    found = np.zeros((3, len(EMOTIONS)), dtype=np.float32)
    found[:, 0] = [0.1, limit, np.nextafter(limit, np.float32(1))]
    add(store, hourly(3), found)
    finding = ask(store, read_comments, ALL, first)
    assert ids(finding) == ["c2"]
    assert finding.column("emotions") == [f"{first} 0.30"]


def test_of_many_comments_the_newest_are_looked_at_unless_an_index_knows_them(
    table_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table_store, hourly(6), showing([0.99, 0.98, 0.7, 0.9, 0.8, 0.1]))
    monkeypatch.setattr(reading, "SOUGHT", 4)
    finding = ask(table_store, read_comments, ALL, "joy")
    assert ids(finding) == ["c3", "c4", "c2"]
    [remark, no_text] = finding.remarks
    after = NOON + timedelta(hours=1)
    assert (
        remark == f"of the newest 4 comments, after {after:%Y-%m-%d %H:%M}: `moodmill db index joy` finds those of all"
    )
    assert no_text == NO_TEXT
    assert [row[0] for row in run_as_written(table_store, finding.queries[0])] == ids(finding)
    few = Scope(model=MODEL, until=NOON.date() + timedelta(days=1))
    assert ids(ask(table_store, read_comments, few, "joy")) == ["c3", "c4", "c2"]
    assert ids(ask(table_store, read_comments, ALL, "joy", order="newest", most=2)) == ["c4", "c3"]
    monkeypatch.setattr(reading, "SOUGHT", 6)
    whole = ask(table_store, read_comments, ALL, "joy")
    assert (ids(whole), whole.remarks) == (["c0", "c1", "c3", "c4", "c2"], (NO_TEXT,))
    monkeypatch.setattr(reading, "SOUGHT", 4)
    index_emotions(table_store, ["joy"])
    indexed = ask(table_store, read_comments, ALL, "joy")
    assert (ids(indexed), indexed.remarks) == (["c0", "c1", "c3", "c4", "c2"], (NO_TEXT,))


def test_comments_of_an_unknown_time_are_no_newest_where_others_have_one(
    table_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = [replace(one, created_at=None, subreddit="quotes") for one in hourly(2)] + hourly(4)[2:]
    add(table_store, of, showing([0.99, 0.98, 0.8, 0.9]))
    assert ids(ask(table_store, read_comments, ALL, "joy")) == ["c0", "c1", "c3", "c2"]
    assert ids(ask(table_store, read_comments, ALL, "joy", order="newest")) == ["c3", "c2"]
    undated = Scope(model=MODEL, subreddits=frozenset({"quotes"}))
    assert ids(ask(table_store, read_comments, undated, "joy", order="newest")) == ["c0", "c1"]
    monkeypatch.setattr(reading, "SOUGHT", 1)
    assert ids(ask(table_store, read_comments, ALL, "joy")) == ["c3"]
    assert ids(ask(table_store, read_comments, undated, "joy")) == ["c0", "c1"]


def test_of_many_comments_with_a_word_the_clearest_are_sought_among_the_newest(
    table_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(table_store, hourly(6), showing([0.99, 0.98, 0.7, 0.9, 0.8, 0.1]), keep_text=True)
    monkeypatch.setattr(reading, "MATCHED", 3)
    assert ids(ask(table_store, read_comments, ALL, "joy", words="text")) == ["c0", "c1", "c3", "c4", "c2"]
    index_texts(table_store)
    finding = ask(table_store, read_comments, ALL, "joy", words="text")
    assert (ids(finding), finding.remarks) == (["c3", "c4", "c2"], ("the clearest of the newest 3 with these words",))
    rare = ask(table_store, read_comments, ALL, "joy", words="text 1")
    assert (ids(rare), rare.remarks) == (["c1"], ())


def test_ids_of_reddit_have_a_link(sqlite_store: Store) -> None:
    names = ["kt1x2y3", "c02yrnm", "UgzQx4AaABAg", "a b'\"<>", "0123456789abcdef", "kt1x2y3-1f"]
    of = [replace(one, id=name) for one, name in zip(hourly(len(names)), names, strict=True)]
    add(sqlite_store, of, showing(np.linspace(0.99, 0.9, len(names)).tolist()))
    finding = ask(sqlite_store, read_comments, ALL, "joy")
    assert ids(finding) == names
    linked = [f"https://www.reddit.com/api/info?id=t1_{name}" for name in names[:2]]
    assert finding.column("link") == [*linked, *[None] * 4]


def test_hostile_texts_come_through_as_they_are(sqlite_store: Store) -> None:
    texts = ["<script>alert(1)</script>", "'; drop table run; --", "%s %% {} \\", "\x1b[2J\u202e", "=1+1", "\n\t ok"]
    of = [replace(one, text=said, id=said, subreddit=said) for one, said in zip(hourly(6), texts, strict=True)]
    add(sqlite_store, of, showing([0.99, 0.98, 0.97, 0.96, 0.95, 0.94]), keep_text=True)
    finding = ask(sqlite_store, read_comments, ALL, "joy")
    assert finding.column("text") == finding.column("comment_id") == finding.column("subreddit") == texts


def test_an_emotion_that_no_comment_of_the_scope_has_is_no_error(sqlite_store: Store) -> None:
    add(sqlite_store, hourly(2), showing([0.9, 0.9]))
    finding = ask(sqlite_store, read_comments, ALL, "grief")
    assert (finding.rows, finding.remarks) == ([], ())
    with pytest.raises(SettingError, match="near it is test"):
        ask(sqlite_store, read_comments, Scope(model=MODEL, subreddits=frozenset({"tets"})), "grief")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A store twice: as its owner opens it, and as one who may read results alone."""

    owner: Store
    reader: Store


@pytest.fixture
def logged_in(postgres_store: Store) -> Iterator[Reader]:
    of = [replace(one, subreddit=name) for one, name in zip(hourly(6), ("cats", "dogs") * 3, strict=True)]
    add(postgres_store, of, showing([0.99, 0.98, 0.97, 0.96, 0.95, 0.1]), keep_text=True)
    role = f"reader of {uuid4().hex[:12]}"
    grant_reader(postgres_store, role, "secret")
    url = postgres_store.url.set(username=role, password="secret")
    reader = Store(url.render_as_string(hide_password=False))
    yield Reader(owner=postgres_store, reader=reader)
    reader.close()
    with postgres_store.writing() as connection:  # a role is the server's
        connection.execute(text(f'drop owned by "{role}"'))
        connection.execute(text(f'drop role "{role}"'))


def test_who_may_not_read_texts_is_answered_all_the_same(logged_in: Reader) -> None:
    owner, reader = logged_in.owner, logged_in.reader
    cats = Scope(model=MODEL, subreddits=frozenset({"cats"}))
    for scope in (ALL, cats):
        assert ask(reader, overview, scope).rows == ask(owner, overview, scope).rows
        assert ask(reader, rank, scope, "joy", least=1).rows == ask(owner, rank, scope, "joy", least=1).rows
        assert ask(reader, trend, scope, ["joy"]).rows == ask(owner, trend, scope, ["joy"]).rows
        assert ask(reader, pairs, scope, least=1).rows == ask(owner, pairs, scope, least=1).rows
        assert ask(reader, heatmap, scope, least=1).rows == ask(owner, heatmap, scope, least=1).rows
    assert ask(reader, subreddits, ALL, named="cat").rows == [("cats", 3)]
    sides = sides_asked(ALL, "cats", "dogs")
    assert ask(reader, compare, sides).rows == ask(owner, compare, sides).rows
    with pytest.raises(SettingError, match="near it is cats"):
        ask(reader, overview, Scope(model=MODEL, subreddits=frozenset({"cast"})))


@pytest.mark.parametrize("sought", [100, 3])
def test_who_may_not_read_texts_reads_comments_without(
    logged_in: Reader, monkeypatch: pytest.MonkeyPatch, sought: int
) -> None:
    monkeypatch.setattr(reading, "SOUGHT", sought)
    owner, reader = logged_in.owner, logged_in.reader
    orders: tuple[Order, ...] = ("clearest", "newest")
    for order in orders:
        with_texts = ask(owner, read_comments, ALL, "joy", order=order)
        without = ask(reader, read_comments, ALL, "joy", order=order)
        assert all(with_texts.column("text"))
        assert set(without.column("text")) == {None}
        assert ids(without) == ids(with_texts)
        assert without.remarks[-1] == NOT_ALLOWED
        assert [row[0] for row in run_as_written(reader, without.queries[0])] == ids(without)


def test_a_text_that_comes_again_and_again_hides_no_other(store: Store) -> None:
    of = [replace(one, text="I am a bot") for one in hourly(200)] + hourly(203)[200:]
    add(store, of, showing([0.9] * 200 + [0.8, 0.82, 0.84]), keep_text=True)
    finding = ask(store, read_comments, ALL, "joy", most=4)
    assert ids(finding) == ["c0", "c202", "c201", "c200"]


def test_that_comments_were_deleted_is_said(store: Store) -> None:
    add(store, hourly(4), showing([0.9, 0.8, 0.7, 0.6]))
    prune(store, NOON.date().replace(day=1) + timedelta(days=40))
    finding = ask(store, read_comments, ALL, "joy")
    assert (finding.rows, finding.remarks) == ([], ("the comments of a day were deleted, by `moodmill db prune`",))
    together = ask(store, pairs, ALL, least=1)
    assert together.rows
    assert ask(store, pairs, Scope(model=MODEL, subreddits=frozenset({"test"})), least=1).rows == []
