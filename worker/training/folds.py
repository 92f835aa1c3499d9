"""Folds: a share of train that a model does not see, so that its soft labels of it are no memories."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moodmill.db.core.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One of several shares of train."""

    #: From 1.
    number: int
    of: int

    @classmethod
    def parse(cls, written: str) -> "Fold":
        """Read what is written as 1/4. Raises SettingError."""
        number, _, of = str(written).partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of) and int(of) > 1):
            raise SettingError(f"fold is {written}: expected a number of how many, from 1/2 on, as 1/4")
        return cls(number=int(number), of=int(of))

    def of_texts(self, texts: Sequence[str], seed: int) -> frozenset[str]:
        """Return the texts of this fold; the folds of one seed share out all. Equal texts are in one fold."""
        distinct = list(dict.fromkeys(texts))
        order = np.random.default_rng(seed).permutation(len(distinct))
        return frozenset(distinct[at] for at in order[self.number - 1 :: self.of])
