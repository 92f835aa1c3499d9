"""What a model's folder says of how it was made: its card, its recipe, and the record of its training.

Anybody may have written these files. What has not the form that it should have is left out.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.text import clean
from moodmill.worker.inference.repository import read_card

#: Bytes of a file that is read: a card of a model has some thousands.
LARGEST: Final = 2**20
#: Characters of a fact in words, and facts of a list.
LONGEST: Final = 200
MOST: Final = 10
#: The largest number: what JavaScript holds exactly.
MOST_OF_ALL: Final = 2**53


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what is known, by name: numbers, words, lists of words, and `comments_by_emotion`. None: nobody says."""
    card, recipe = _card(folder / "README.md"), _object(folder / "recipe.json")
    training = _object(folder / "training.json")
    dataset, evaluation = _part(training, "dataset"), _part(training, "evaluation")
    own_f1 = _number(evaluation, "macro_f1")
    counts = _part(dataset, "comments_by_emotion")
    facts = {
        "macro_f1": own_f1 if own_f1 is not None else _result(card),
        "judged_on": _words(evaluation, "data") if own_f1 is not None else None,
        "expected_calibration_error": _number(evaluation, "expected_calibration_error"),
        "steps": _number(training, "steps"),
        "epochs": _first(_number(training, "epochs"), _number(recipe, "epochs")),
        "batch": _number(recipe, "batch"),
        "segment_tokens": _number(recipe, "segment_tokens"),
        "joined": _number(recipe, "joined"),
        "token_masking": _number(recipe, "token_masking"),
        "label_share": _number(recipe, "label_share"),
        "soft_labels": _words(recipe, "soft_labels"),
        "base_model": _words(card, "base_model"),
        "license": _words(card, "license"),
        "language": _words(card, "language"),
        "dataset": _first(_words(dataset, "name"), _words(card, "datasets")),
        "comments_by_emotion": {name: n for name in EMOTIONS if (n := _number(counts, name)) is not None},
    }
    facts |= {name: _words(training, name) for name in ("loss", "optimizer", "schedule", "metric")}
    facts |= {name: _number(dataset, name) for name in ("train", "dev", "unlabelled", "emotions_per_comment")}
    return facts | {"kind": _words(dataset, "kind")}


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _part(of: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def _number(of: Mapping[str, Any], name: str) -> float | None:
    value = of.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if abs(value) <= MOST_OF_ALL else None  # which NaN is not


def _words(of: Mapping[str, Any], name: str) -> str | list[str] | None:
    value = of.get(name)
    if isinstance(value, list):
        return [clean(one)[:LONGEST] for one in value[:MOST] if isinstance(one, str)] or None
    return clean(value)[:LONGEST] if isinstance(value, str) and value else None


def _result(card: Mapping[str, Any]) -> float | None:
    """Return the macro-F1 among the results of a card, in the form that the Hub has for them."""
    for metric in _metrics(card):
        named = f"{metric.get('name')} {metric.get('type')}".lower()
        value = _number(metric, "value")
        if "macro" in named and "f1" in named and value is not None:
            return value
    return None


def _metrics(card: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for model in _list(card, "model-index"):
        for result in _list(model, "results"):
            yield from _list(result, "metrics")


def _list(of: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = of.get(name)
    return [one for one in value[:MOST] if isinstance(one, dict)] if isinstance(value, list) else []


def _card(path: Path) -> dict[str, Any]:
    return read_card(path) if path.exists() and path.stat().st_size < LARGEST else {}


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < LARGEST else None
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
