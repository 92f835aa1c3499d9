"""Names that filters passed over, and those among them that were meant by names that nothing is of."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from heapq import nlargest
from typing import Final, Literal

from moodmill.db.core.names import author_key

Kind = Literal["subreddit", "author"]

#: Distinct names remembered at most: 1 MB.
LIMIT: Final = 10_000
#: Characters of a name that are remembered.
MAX_LENGTH: Final = 100
#: Names that are asked for of which near ones are looked for, the first in order: each takes some 40 ms.
_COMPARED: Final = 10


class NearNames:
    """Counts names in bounded memory: of more than LIMIT, the most frequent half stays, and the others begin anew.

    So counts of frequent names are exact or nearly so, and never too high. A name costs half a microsecond: it need be
    reported only as long as nothing has passed.
    """

    def __init__(self, seen: Mapping[str, int] | None = None) -> None:
        """Begin with what was counted before: by another chunk, or before a run was interrupted."""
        self._counts: dict[str, int] = {}
        self.merge(seen or {})

    def add(self, name: str | None, n: int = 1) -> None:
        """Count a name that was passed over, as it stands in the data; None where there was none."""
        name = name or ""
        counts = self._counts
        if name in counts:
            counts[name] += n
        else:
            self._add_new(name[:MAX_LENGTH], n)

    def merge(self, seen: Mapping[str, int]) -> None:
        """Count what others have counted."""
        for name, n in seen.items():
            self.add(name, n)

    @property
    def seen(self) -> Mapping[str, int]:
        """How often each name came; the empty name stands for none."""
        return self._counts

    def kept(self, asked: Collection[str], most: int = 20) -> dict[str, int]:
        """Return what of it is worth keeping in the store: of `most` names, half are near, half the most frequent."""
        names = [*near(asked, self._counts, most // 2), *_frequent(self._counts, most - most // 2)]
        return {name: self._counts[name] for name in dict.fromkeys(names)}

    def _add_new(self, name: str, n: int) -> None:
        self._counts[name] = self._counts.get(name, 0) + n
        if len(self._counts) > LIMIT:
            self._counts = {name: self._counts[name] for name in _frequent(self._counts, LIMIT // 2)}


def near(asked: Collection[str], seen: Mapping[str, int], most: int = 3) -> list[str]:
    """Return the names among `seen` that are spelled most like those asked for, the nearest first; empty without any.

    Of several spellings that are compared as one, the most frequent stands for all.
    """
    spelled: dict[str, str] = {}
    for name in _frequent(seen, LIMIT):
        spelled.setdefault(author_key(name), name)
    spelled.pop("", None)
    found = [get_close_matches(author_key(name), spelled, most) for name in sorted(asked)[:_COMPARED]]
    ranked = [matches[at] for at in range(most) for matches in found if at < len(matches)]
    return [spelled[key] for key in dict.fromkeys(ranked)][:most]


def nothing_of(kind: Kind, asked: Collection[str], seen: Mapping[str, int], beginning: str = "no record is") -> str:
    """Return a line that says that nothing is of the names asked for, and what there is, as `seen` counts it.

    "no record is of subreddit 'pyhton': near it are python (1,234), Python3 (3)"
    """
    said = f"{beginning} of {listed(kind, asked)}"
    if names := near(asked, seen):
        where = f"near {'it' if len(asked) == 1 else 'them'}"
    elif names := [name for name in _frequent(seen, 4) if name][:3]:
        where = "the most frequent"
    else:
        return f"{said}: none has any {kind}" if seen else said
    return f"{said}: {where} {'is' if len(names) == 1 else 'are'} {_counted(names, seen)}"


def listed(kind: Kind, names: Collection[str]) -> str:
    """Return names as a message has them, the first few of many."""
    ordered = sorted(names)
    if len(ordered) == 1:
        return f"{kind} {ordered[0]!r}"
    more = len(ordered) - 3
    return f"the {kind}s {', '.join(map(repr, ordered[:3]))}" + (f" and {more:,} more" if more > 0 else "")


def _counted(names: Iterable[str], seen: Mapping[str, int]) -> str:
    """Return names, each with how often all of its spellings came."""
    totals = Counter[str]()
    for name, n in seen.items():
        totals[author_key(name)] += n
    return ", ".join(f"{name} ({totals[author_key(name)]:,})" for name in names)


def _frequent(seen: Mapping[str, int], most: int) -> list[str]:
    """Return the most frequent names; of those that are equally so, the first that came."""
    return nlargest(most, seen, key=lambda name: seen[name])
