"""The emotions of a store's comments: how often, where, when, and how sure that is, from the roll-ups alone."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any, Final, Literal

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, func, select

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.findings import Finding, as_sql
from moodmill.db.analytics.intervals import Array, Estimates
from moodmill.db.analytics.rollups import Period, stale_periods
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.sums import LEAST, MEASURES, Measure, Sums, as_sums, overall_spread, summed
from moodmill.db.core.days import next_month
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError
from moodmill.db.core.lowered import lowered
from moodmill.db.database.schema import rollup_subreddit_month
from moodmill.db.results.models import thresholds_of

By = Literal["day", "week", "month"]
#: Of each measure, in this order: its value, and the ends of its interval.
ESTIMATES: Final = tuple(f"{measure}{end}" for measure in MEASURES for end in ("", "_low", "_high"))
#: Days from the first to the last up to which time is shown by day, and by week: more are shown by month.
BY_DAY: Final = 100
BY_WEEK: Final = 700
#: Characters of what is none that a message repeats.
_SAID: Final = 50
#: Periods that are too few to show time by.
_SOME: Final = 3


def overview(connection: Connection, scope: Scope) -> Finding:
    """Return how often each emotion is in the comments of a scope, the most frequent first.

    Raises SettingError where the scope holds no comment.
    """
    scope = scope.spelled(connection)
    query = select(*summed(scope.days)).where(scope.sums(scope.days))
    sums = as_sums([connection.execute(query).one()])
    if not sums.comments[0]:
        raise SettingError(nothing_in(connection, scope))
    estimates = _estimates(sums, overall_spread(connection, scope.model))
    limits = thresholds_of(connection, scope.model)
    rows = [
        (name, GROUP_OF[name], limits[name], int(sums.comments[0]), int(sums.above[0, at]), *_at(estimates, 0, at))
        for at, name in enumerate(EMOTIONS)
    ]
    return Finding(
        columns=("emotion", "group", "threshold", "comments", "found", *ESTIMATES),
        rows=sorted(rows, key=lambda row: (-row[4], row[0])),
        queries=(as_sql(connection, query),),
        remarks=(f"of {comments_of(int(sums.comments[0]))}", *remarks(connection, scope)),
    )


def rank(
    connection: Connection,
    scope: Scope,
    emotion: str,
    *,
    measure: Measure = "share",
    least: int = 100,
    named: str = "",
    most: int | None = None,
) -> Finding:
    """Return the subreddits of a scope, those with most of an emotion first, by a measure.

    Only those of `least` comments; their rank is among these. `named` leaves those whose names hold it, `most` so many.
    Raises SettingError where the scope holds no comment.
    """
    require_emotion(emotion)
    scope = scope.spelled(connection)
    query = _by_subreddit(scope, least, [emotion])
    found = connection.execute(query).all()
    if not found:
        require_comments(connection, scope)
    sums = as_sums(row[1:] for row in found)
    estimates = _estimates(sums, overall_spread(connection, scope.model, [emotion]))
    values = estimates[MEASURES.index(measure)].value[:, 0] if found else np.zeros(0)
    order = enumerate(np.argsort(-values, kind="stable").tolist(), start=1)
    shown = [(rank, at) for rank, at in order if named.lower() in found[at][0].lower()][:most]
    rows = [
        (rank, found[at][0], int(sums.comments[at]), int(sums.above[at, 0]), *_at(estimates, at, 0))
        for rank, at in shown
    ]
    left = "1 subreddit has" if len(found) == 1 else f"{len(found):,} subreddits have"
    return Finding(
        columns=("rank", "subreddit", "comments", "found", *ESTIMATES),
        rows=rows,
        queries=(as_sql(connection, query),),
        remarks=(f"{left} {comments_of(least)} or more", *remarks(connection, scope)),
    )


def trend(
    connection: Connection, scope: Scope, emotions: Sequence[str], *, by: By | None = None, together: bool = False
) -> Finding:
    """Return some emotions over time, in order; of several subreddits each by itself, unless `together`.

    Periods without comments are left out. Without `by`, days, weeks (from Monday on) or months, by how long it is from
    the first comment to the last, and by how many there are. Raises SettingError where the scope holds no comment of a
    known time.
    """
    if not emotions:
        raise SettingError(f"expected one or more emotions: there is {', '.join(EMOTIONS)}")
    emotions = tuple(dict.fromkeys(emotions))
    for emotion in emotions:
        require_emotion(emotion)
    scope = scope.spelled(connection)
    table = scope.days
    apart = bool(scope.subreddits) and not together
    keys: list[ColumnElement[Any]] = [table.c.day, *([func.lower(table.c.subreddit)] if apart else [])]
    shown = [table.c.day, *([func.min(table.c.subreddit).label("subreddit")] if apart else [])]
    query: Select[Any] = select(*shown, *summed(table, emotions))
    query = query.where(scope.sums(table), table.c.day.is_not(None)).group_by(*keys).order_by(*keys)
    found = connection.execute(query).all()
    if not found:
        require_comments(connection, scope)
        raise SettingError(f"no comments of the model {scope.model!r} that are asked for are of a known time")
    sizes = Counter[str | None]()
    # Days may know a subreddit by several spellings: the first stands for all.
    named: dict[str, str] = {}
    names = [named.setdefault(row[1].lower(), row[1]) if apart else None for row in found]
    for name, row in zip(names, found, strict=True):
        sizes[name] += int(row[len(keys)])
    grain = by or _grain([row[0] for row in found], min(sizes.values()))
    groups: dict[tuple[str | None, date], list[int]] = {}
    for at, row in enumerate(found):
        groups.setdefault((names[at], _begin(row[0], grain)), []).append(at)
    values = np.array([[float(one) for one in row[len(keys) :]] for row in found])
    sums = as_sums(values[rows].sum(axis=0) for rows in groups.values())
    estimates = _estimates(sums, overall_spread(connection, scope.model, emotions))
    rows = [
        (emotion, subreddit, start, int(sums.comments[at]), int(sums.above[at, of]), *_at(estimates, at, of))
        for of, emotion in enumerate(emotions)
        for at, (subreddit, start) in enumerate(groups)
    ]
    return Finding(
        columns=("emotion", "subreddit", grain, "comments", "found", *ESTIMATES),
        rows=sorted(rows, key=lambda row: (emotions.index(row[0]), row[1] or "", row[2])),
        queries=(as_sql(connection, query),),
        remarks=(*_undated(connection, scope), *remarks(connection, scope)),
    )


def heatmap(connection: Connection, scope: Scope, *, least: int = LEAST, most: int = 20) -> Finding:
    """Return all emotions in each of the subreddits with most comments, the most first.

    Subreddits of fewer than `least` comments are left out. Raises SettingError where the scope holds no comment.
    """
    scope = scope.spelled(connection)
    query = _by_subreddit(scope, least, EMOTIONS).limit(most)
    found = connection.execute(query).all()
    if not found:
        require_comments(connection, scope)
    sums = as_sums(row[1:] for row in found)
    estimates = _estimates(sums, overall_spread(connection, scope.model))
    rows = [
        (row[0], emotion, int(sums.comments[at]), int(sums.above[at, of]), *_at(estimates, at, of))
        for at, row in enumerate(found)
        for of, emotion in enumerate(EMOTIONS)
    ]
    return Finding(
        columns=("subreddit", "emotion", "comments", "found", *ESTIMATES),
        rows=rows,
        queries=(as_sql(connection, query),),
        remarks=remarks(connection, scope),
    )


def _by_subreddit(scope: Scope, least: int, emotions: Sequence[str]) -> Select[Any]:
    """Ask for the sums of each subreddit of `least` comments; however it is spelled, it is one."""
    table = scope.subreddit_sums
    name = table.c.subreddit
    # First as they are spelled, which are few: small letters of each row would take longer than all the rest.
    spelled = select(name, *summed(table, emotions)).where(scope.sums(table), name.is_not(None)).group_by(name)
    sums = spelled.subquery("spelled").c
    comments = func.sum(sums.comments)
    added = [func.sum(column).label(column.name) for column in sums if column.name != name.name]
    query: Select[Any] = select(func.min(sums.subreddit).label("subreddit"), *added).group_by(
        func.lower(sums.subreddit)
    )
    return query.having(comments >= least).order_by(comments.desc(), func.min(sums.subreddit))


def subreddits(connection: Connection, scope: Scope, *, named: str = "", most: int = 50) -> Finding:
    """Return the subreddits whose names hold a text, those with most comments first."""
    table = rollup_subreddit_month
    name, comments = table.c.subreddit, func.sum(table.c.comments)
    query = select(func.min(name).label("subreddit"), comments.label("comments"))
    query = query.where(table.c.model == scope.model, name.is_not(None)).group_by(func.lower(name))
    if named:
        pattern = named.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        query = query.where(lowered(name).like(f"%{pattern}%", escape="\\"))
    query = query.order_by(comments.desc(), func.min(name)).limit(most)
    rows = [(row[0], int(row[1])) for row in connection.execute(query)]
    return Finding(columns=("subreddit", "comments"), rows=rows, queries=(as_sql(connection, query),))


def require_emotion(name: str) -> None:
    """Raise SettingError for what is no emotion."""
    if name not in EMOTIONS:
        said = str(name)[:_SAID]
        near = get_close_matches(said.lower(), EMOTIONS, 3) or EMOTIONS
        raise SettingError(f"expected one of the 27 emotions, got {said!r}: there is {', '.join(near)}")


def how_many(connection: Connection, scope: Scope) -> int:
    """Return how many comments a scope has."""
    table = scope.days
    return int(connection.scalar(select(func.sum(table.c.comments)).where(scope.sums(table))) or 0)


def require_comments(connection: Connection, scope: Scope) -> None:
    """Raise SettingError where a scope holds no comment."""
    if not how_many(connection, scope):
        raise SettingError(nothing_in(connection, scope))


def nothing_in(connection: Connection, scope: Scope) -> str:
    """Return what to say where a scope holds no comment."""
    said = why_nothing(connection, models={scope.model}, subreddits=scope.subreddits, of_days=scope.is_of_days)
    return "; ".join((said, *remarks(connection, scope)))  # that are behind, it may be


def remarks(connection: Connection, scope: Scope) -> tuple[str, ...]:
    """Return what is to be known beside what the roll-ups say of a scope."""
    behind = [one.grain for one in stale_periods(connection) if one.model == scope.model and _is_of(scope, one)]
    if not behind:
        return ()
    # Months are added up from days: those of days that are behind are not known yet.
    grain: By = "day" if "day" in behind else "month"
    n = sum(one == grain for one in behind)
    of_them = f"comments of {n:,} {grain}s" if n > 1 else f"comments of a {grain}"
    return (f"{of_them} came in since the roll-ups were brought up to date: `moodmill db rollup` does it",)


def _is_of(scope: Scope, period: Period) -> bool:
    """Tell whether comments of a period may be of a scope."""
    if period.start is None:
        return not scope.is_of_days
    after = next_month(period.start) if period.grain == "month" else period.start + timedelta(days=1)
    begins, ends = scope.since or date.min, scope.until or date.max
    return begins < after and period.start < ends


def _undated(connection: Connection, scope: Scope) -> tuple[str, ...]:
    """Return what to say of the comments of an unknown time in a scope."""
    table = scope.days
    query = select(func.sum(table.c.comments)).where(scope.sums(table), table.c.day.is_(None))
    n = 0 if scope.is_of_days else int(connection.scalar(query) or 0)
    return (f"without {comments_of(n)} of an unknown time",) if n else ()


def only_some(connection: Connection, scope: Scope, counted: int) -> tuple[str, ...]:
    """Return what to say where comments of a scope are counted by day alone: their rows or pairs are not there."""
    total = how_many(connection, scope)
    if counted >= total:
        return ()
    return (f"of {counted:,} of {comments_of(total)}: of the others only the sums by day are there",)


def comments_of(n: int) -> str:
    """Return a number of comments in words."""
    return "1 comment" if n == 1 else f"{n:,} comments"


def _grain(days: Sequence[date], comments: int) -> By:
    """Return periods of which there are not too many, nor with too few comments each, where that leaves some."""
    span = (max(days) - min(days)).days + 1
    if span <= BY_DAY and (comments >= LEAST * span or span < _SOME * 7):
        return "day"
    return "week" if span <= BY_WEEK and (comments >= LEAST * span / 7 or span < _SOME * 30) else "month"


def _begin(day: date, grain: By) -> date:
    """Return the first day of a period."""
    if grain == "week":
        return day - timedelta(days=min(day.weekday(), day.toordinal() - 1))
    return day if grain == "day" else day.replace(day=1)


def _estimates(sums: Sums, overall: Array) -> tuple[Estimates, ...]:
    return tuple(sums.estimates(measure, overall) for measure in MEASURES)


def _at(estimates: Sequence[Estimates], group: int, emotion: int) -> tuple[float, ...]:
    """Return what stands in the columns ESTIMATES."""
    return tuple(float(one[group, emotion]) for of in estimates for one in of)
