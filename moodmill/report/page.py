"""A summary as one HTML page that needs nothing else: no server, no network. It is made of the parts of the pages."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.summary import Summary
from moodmill.web.pages import saved_page
from moodmill.web.results import as_json, facts_json

_MADE_BY: Final = "moodmill report"
#: How each page begins: what does not is no page of ours.
MARK: Final = f'<!doctype html>\n<html lang="en" data-made-by="{_MADE_BY}">'
#: Digits of a number: a page of many stays small.
_DIGITS: Final = 4


def render(summary: Summary, made_at: datetime) -> str:
    """Return the page. Whatever comes from a dump is text to it, and its own policy lets no other script run."""
    comments = summary.facts.comments
    data = {
        "facts": facts_json(summary.facts),
        "made": f"{made_at.astimezone(UTC):%Y-%m-%d %H:%M}",
        "chosen": _chosen(summary.scope),
        "unsupported": summary.unsupported,
        "overview": _json(summary.overview),
        "trend": _json(summary.trend),
        "subreddit_trend": _json(summary.subreddit_trend),
        "heatmap": _json(summary.heatmap),
        "pairs": _json(summary.pairs),
        "examples": {emotion: _json(finding, digits=None) for emotion, finding in summary.examples.items()},
    }
    title = f"Emotions in {comments:,} comment{'' if comments == 1 else 's'}"
    return saved_page(title, data, module="report/page.js", made_by=_MADE_BY, rooms=["report", "results"])


def is_page(path: Path) -> bool:
    """Tell whether a file is a page that was made here."""
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _json(finding: Finding | None, digits: int | None = _DIGITS) -> dict[str, Any] | None:
    """Return a finding whose texts are written once: `words` has them by columns, and rows have their numbers."""
    if finding is None:
        return None
    packed = as_json(finding, most=None, **({} if digits is None else {"digits": digits}))
    columns = [list(column) for column in zip(*packed["rows"], strict=True)]
    words: dict[str, list[str]] = {}
    for at, column in enumerate(columns):
        known = dict.fromkeys(value for value in column if isinstance(value, str))
        if known and all(isinstance(value, str) for value in column) and len(known) < len(column) / 2:
            words[packed["columns"][at]] = list(known)
            numbers = {word: number for number, word in enumerate(known)}
            columns[at] = [numbers[word] for word in column]
    return packed | {"rows": list(zip(*columns, strict=True)), "words": words}


def _chosen(scope: Scope) -> str:
    """Return in words what was asked for."""
    parts = [", ".join(f"r/{name}" for name in sorted(scope.names or scope.subreddits))]
    parts += [f"{word} {day}" for word, day in (("since", scope.since), ("before", scope.until)) if day]
    return "; ".join(filter(None, parts))
