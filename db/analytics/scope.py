"""Which comments numbers are about: those of one model, by subreddit and whole days."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, and_, select

from moodmill.db.core.conditions import rows_within
from moodmill.db.core.days import day_of, midnight
from moodmill.db.core.errors import SettingError
from moodmill.db.core.filters import check_period, moment_asked, names_asked
from moodmill.db.core.names import subreddit_key
from moodmill.db.database.schema import comment_emotion, rollup_day, rollup_subreddit_day, rollup_subreddit_month
from moodmill.db.database.store import Store
from moodmill.db.results.models import choose_model
from moodmill.db.results.row_reader import RowReader, row_reader

#: Subreddits that may be asked for at once: databases take so many values, and some thousands more.
_NAMES: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The comments of a model; None and empty ask for all. Those of an unknown time are of no day."""

    model: str
    #: However they are spelled.
    subreddits: frozenset[str] = frozenset()
    #: The first day wanted, in UTC, and the first no more wanted.
    since: date | None = None
    until: date | None = None
    #: Of the subreddits, as the store spells them, once `spelled` has looked: so that indexes find them.
    names: tuple[str, ...] | None = None

    @property
    def days(self) -> Table:
        """The smallest roll-up by day that separates these comments from others."""
        return rollup_subreddit_day if self.subreddits else rollup_day

    @property
    def subreddit_sums(self) -> Table:
        """The smallest roll-up by subreddit that separates these comments from others."""
        return rollup_subreddit_month if self.is_of_months else rollup_subreddit_day

    @property
    def is_of_months(self) -> bool:
        """Whether it begins and ends with months, if it does."""
        return all(day is None or day.day == 1 for day in (self.since, self.until))

    @property
    def is_of_days(self) -> bool:
        """Whether it asks for days, so that comments of an unknown time are not among it."""
        return self.since is not None or self.until is not None

    def spelled(self, connection: Connection) -> "Scope":
        """Return the scope with its subreddits as the roll-ups spell them."""
        if not self.subreddits or self.names is not None:
            return self
        name = rollup_subreddit_month.c.subreddit
        of_model = rollup_subreddit_month.c.model == self.model
        held = rows_within(rollup_subreddit_month, None, self.subreddits, None, None)
        found = connection.scalars(select(name).where(of_model, *held).distinct().order_by(name))
        return replace(self, names=tuple(found))

    def rows(self) -> ColumnElement[bool]:
        """Return what holds for the rows of these comments."""
        column = comment_emotion.c.created_at
        since, until = (day and midnight(day) for day in (self.since, self.until))
        return self._within(comment_emotion, column, since, until)

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[RowReader]:
        """Yield what reads the rows of these comments, as a transaction sees them."""
        since = None if self.since is None else midnight(self.since)
        until = None if self.until is None else midnight(self.until)
        with row_reader(connection, models={self.model}, since=since, until=until) as reader:
            yield reader

    def sums(self, table: Table) -> ColumnElement[bool]:
        """Return what holds for the sums of these comments, in `days` or `subreddit_sums`."""
        column = table.c.month if "month" in table.c else table.c.day
        return self._within(table, column, self.since, self.until)

    def _within(self, table: Table, column: ColumnElement[Any] | None, since: Any, until: Any) -> ColumnElement[bool]:
        of_model = table.c.model == self.model
        of_names = [] if self.names is None else [table.c.subreddit.in_(self.names)]
        subreddits = self.subreddits if self.names is None else ()
        return and_(of_model, *of_names, *rows_within(table, column, subreddits, since, until))


def scope_asked(
    store: Store,
    *,
    model: str | None = None,
    subreddits: Sequence[str] = (),
    names: Sequence[str] = (),
    since: str | date | None = None,
    until: str | date | None = None,
) -> Scope:
    """Return what is asked for as people write it; without a model, of the one that views show.

    In `subreddits` commas stand between names, in `names` each is one, whatever it holds.
    `since` is a day, or a month or year, which stands for its first day; likewise `until`, the first no more wanted.
    Raises SettingError for what is no name and no day, and StoreError where there are no comments.
    """
    try:
        first, end = (None if one is None else day_of(moment_asked(one)) for one in (since, until))
    except ValueError as error:
        raise SettingError(str(error)) from error
    check_period(first, end)
    keys = names_asked(subreddit_key, subreddits) | frozenset(map(subreddit_key, names))
    if len(keys) > _NAMES:
        raise SettingError(f"expected at most {_NAMES:,} subreddits, got {len(keys):,}")
    return Scope(model=choose_model(store, model), subreddits=keys, since=first, until=end)
