"""What a store's comments say, as pandas data frames: how often, where, when, and how sure each number is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Final, get_args

from moodmill.arguments import texts
from moodmill.db.analytics.comparison import compare, sides_asked
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.pairs import pairs
from moodmill.db.analytics.reading import Order, read_comments
from moodmill.db.analytics.results import By, overview, rank, trend
from moodmill.db.analytics.scope import Scope, scope_asked
from moodmill.db.analytics.sums import Measure
from moodmill.db.core.errors import SettingError
from moodmill.db.core.text import is_utf8

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

    from moodmill.db.database.store import Store as Database

#: A day in UTC, or the month or year that begins with it: "2024-03-31", "2024-03", "2024".
Day = str | date
#: Comments and rows that may be asked for.
_MOST: Final = 1_000_000_000


class Results:
    """The results of a store, by its roll-ups, and by rows where these do not say: nothing is written. `Store.results`.

    Frames have for each measure its value and the ends of its 95 % interval: `share`, `share_low`, `share_high` of the
    comments in which an emotion is above the model's threshold, and likewise `prevalence`, the mean probability.
    `frame.attrs` holds `remarks`, what is to be known beside the numbers, and `queries`, the SQL that they come from.

    Methods take which comments are asked for: `subreddits`, however they are spelled; `since`, the first day wanted,
    and `until`, the first no more wanted; `model`, one of `store.models()`, by default the one that views show. They
    raise SettingError for an argument that is none, where nothing is of what is asked for, or where pandas is not
    installed, and StoreError where there is no such store, or it cannot be read.
    """

    def __init__(self, opened: "Callable[[], AbstractContextManager[Database]]") -> None:
        self._opened: Final = opened

    def overview(
        self,
        *,
        subreddits: str | Iterable[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """Return the 27 emotions, the most frequent first."""
        with self._asking(subreddits, since, until, model) as (connection, scope):
            return _framed(overview(connection, scope))

    def rank(
        self,
        emotion: str,
        *,
        measure: Measure = "share",
        min_comments: int = 100,
        named: str = "",
        limit: int | None = None,
        since: Day | None = None,
        until: Day | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """Return the subreddits of `min_comments` or more, those with most of an emotion first, by a measure.

        `named` leaves those whose names hold it, with their ranks among all; `limit` the first of these.
        """
        _check_texts(optional=False, emotion=emotion, named=named)
        _check_count("min_comments", min_comments)
        _check_choice("measure", measure, Measure)
        _check_count("limit", limit)
        with self._asking(None, since, until, model) as (connection, scope):
            finding = rank(connection, scope, emotion, measure=measure, least=min_comments, named=named, most=limit)
            return _framed(finding)

    def trend(
        self,
        emotions: str | Iterable[str],
        *,
        by: By | None = None,
        subreddits: str | Iterable[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """Return emotions over time, a row a period; of several subreddits, each by itself.

        The column of the periods is named as `by`, which without it goes by the length of the time.
        """
        if by is not None:
            _check_choice("by", by, By)
        with self._asking(subreddits, since, until, model) as (connection, scope):
            return _framed(trend(connection, scope, texts(emotions), by=by))

    def compare(
        self,
        a: str,
        b: str,
        *,
        subreddits: str | Iterable[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """Return the 27 emotions in `a`, in `b`, and how much more they are in `a`, the clearest differences first.

        Both are subreddits, or times as "2024", "2024-03", "2024-03-31" or "2024-03..2024-06", which ends before June.
        """
        _check_texts(optional=False, a=a, b=b)
        with self._asking(subreddits, since, until, model) as (connection, scope):
            return _framed(compare(connection, sides_asked(scope, a, b)))

    def pairs(
        self,
        emotion: str | None = None,
        *,
        min_comments: int = 30,
        subreddits: str | Iterable[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """Return pairs of emotions: of the comments with the first, the share that has the other one too.

        `lift` is how many times as often the other one is there as in all comments. Without emotions that are found in
        fewer than `min_comments`.
        """
        _check_texts(emotion=emotion)
        _check_count("min_comments", min_comments)
        with self._asking(subreddits, since, until, model) as (connection, scope):
            return _framed(pairs(connection, scope, emotion, least=min_comments))

    def examples(
        self,
        emotion: str,
        *,
        words: str = "",
        order: Order = "clearest",
        limit: int = 20,
        subreddits: str | Iterable[str] | None = None,
        since: Day | None = None,
        until: Day | None = None,
        model: str | None = None,
    ) -> "pd.DataFrame":
        """Return comments in which an emotion is found, of equal texts one. Texts are there if the store keeps them.

        `words` are looked for in these: several, "a phrase" in quotes, and -word for what is not to be there.
        """
        _check_texts(optional=False, emotion=emotion, words=words)
        _check_choice("order", order, Order)
        _check_count("limit", limit)
        with self._asking(subreddits, since, until, model) as (connection, scope):
            return _framed(read_comments(connection, scope, emotion, words=words, order=order, most=limit))

    @contextmanager
    def _asking(
        self, subreddits: str | Iterable[str] | None, since: Day | None, until: Day | None, model: str | None
    ) -> "Iterator[tuple[Connection, Scope]]":
        try:
            asked: Sequence[str] = texts(subreddits)
        except TypeError as error:
            raise SettingError(f"subreddits is {subreddits!r}: expected names") from error
        for name in asked:
            _check_texts(subreddits=name, optional=False)
        _check_texts(model=model)
        with self._opened() as database:
            scope = scope_asked(database, model=model, subreddits=asked, since=since, until=until)
            with database.reading() as connection:
                yield connection, scope


def _check_choice(name: str, given: str, choices: Any) -> None:
    if given not in get_args(choices):
        raise SettingError(f"{name} is {given!r}: expected one of {', '.join(get_args(choices))}")


def _check_count(name: str, given: int | None) -> None:
    if given is not None and (not isinstance(given, int) or not 1 <= given <= _MOST):
        raise SettingError(f"{name} is {given!r}: expected a number from 1 to {_MOST:,}")


def _check_texts(*, optional: bool = True, **given: str | None) -> None:
    for name, value in given.items():
        if not (optional and value is None) and not (isinstance(value, str) and is_utf8(value)):
            raise SettingError(f"{name} is {value!r}: expected a text")


def _framed(finding: Finding) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ImportError as error:
        raise SettingError("store.results needs pandas: pip install pandas, or take `moodmill results`") from error
    frame = pd.DataFrame(list(finding.rows), columns=list(finding.columns))
    attributes: dict[str, Any] = {"remarks": list(finding.remarks), "queries": list(finding.queries)}
    frame.attrs.update(attributes)
    return frame
