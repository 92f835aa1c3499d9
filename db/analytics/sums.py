"""Sums over groups of comments, as the roll-ups hold them, and the two measures that they give.

The share found is how many comments have the emotion above the model's threshold. The calibrated prevalence is the mean
probability: how many comments show the emotion, as far as the model's probabilities are calibrated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from moodmill.db.analytics.intervals import Array, Estimates, score_interval
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import rollup_day

Measure = Literal["share", "prevalence"]
MEASURES: Final[tuple[Measure, ...]] = ("share", "prevalence")
#: Comments below which a group's numbers are little but chance: what shows many groups leaves them blank.
LEAST: Final = 30
#: Comments expected to have an emotion that a group needs until its own spread counts as much as that of all.
_PRIOR: Final = 10.0
_KINDS: Final = ("above", "sum", "square")


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums of g groups of comments, for e emotions."""

    #: [g]
    comments: Array
    #: [g, e]: comments above the threshold; the sum of the probabilities; of their squares.
    above: Array
    total: Array
    square: Array

    @property
    def spread(self) -> Array:
        """How far probabilities lie apart: their variance, as a share of what it is where all are 0 or 1. [g, e]"""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / self.comments[:, None]
            spread = (self.square / self.comments[:, None] - mean**2) / (mean * (1 - mean))
        known: Array = np.nan_to_num(spread, nan=1.0, posinf=1.0, neginf=1.0)
        return np.maximum(known, 1e-3)

    def share(self) -> Estimates:
        """Return the share of comments in which each emotion is found. [g, e]"""
        n = self.comments[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            return score_interval(self.above / n, n)

    def prevalence(self, overall: Array) -> Estimates:
        """Return the mean probability of each emotion. [g, e]

        `overall` is the spread in all comments of the model, [e]. A mean of n probabilities is as sure as a share in
        n / spread draws. The spread of few comments with the emotion says little, so that of all counts beside it: how
        much is by simulation, tests/db/analytics/test_intervals.py.
        """
        n = self.comments[:, None]
        spread = (self.total * self.spread + _PRIOR * overall) / (self.total + _PRIOR)
        with np.errstate(divide="ignore", invalid="ignore"):
            return score_interval(np.clip(self.total / n, 0, 1), n / spread)

    def estimates(self, measure: Measure, overall: Array) -> Estimates:
        """Return one of the measures. [g, e]"""
        return self.share() if measure == "share" else self.prevalence(overall)


def summed(table: Table, emotions: Sequence[str] = EMOTIONS) -> list[ColumnElement[Any]]:
    """Return the columns of a query that adds up a roll-up's groups, as `as_sums` reads them."""
    names = ["comments", *(f"{kind}_{emotion}" for kind in _KINDS for emotion in emotions)]
    return [func.sum(table.c[name]).label(name) for name in names]


def as_sums(rows: Iterable[Sequence[Any]]) -> Sums:
    """Read rows of what `summed` asks for: one a group."""
    found: NDArray[np.float64] = np.array([[float(value or 0) for value in row] for row in rows], dtype=np.float64)
    found = found.reshape(len(found), -1 if len(found) else 1 + len(_KINDS))
    above, total, square = np.split(found[:, 1:], len(_KINDS), axis=1)
    return Sums(comments=found[:, 0], above=above, total=total, square=square)


def overall_spread(connection: Connection, model: str, emotions: Sequence[str] = EMOTIONS) -> Array:
    """Return the spread in all comments of a model. [e]"""
    query: Select[Any] = select(*summed(rollup_day, emotions)).where(rollup_day.c.model == model)
    spread: Array = as_sums([connection.execute(query).one()]).spread[0]
    return spread
