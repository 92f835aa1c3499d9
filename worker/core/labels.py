"""Which output of a model is which emotion: by the names in its config, or in an order that is given."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError, SettingError

#: A word for the order of GoEmotions' own files: the emotions by alphabet, then neutral.
GOEMOTIONS: Final = "goemotions"
_NEUTRAL: Final = "neutral"
#: How transformers calls outputs that nobody named.
_UNNAMED: Final = re.compile(r"label_\d+")


def read_order(given: str) -> tuple[str, ...]:
    """Return the labels that MOODMILL_LABELS gives, one an output, in lower case.

    They come as names with commas between, as a file with a name a line, or as "goemotions". Raises SettingError when
    one of the 27 emotions is missing or a name comes twice.
    """
    if given.strip().lower() == GOEMOTIONS:
        return (*EMOTIONS, _NEUTRAL)
    path = Path(given).expanduser()
    try:
        names = path.read_text(encoding="utf-8").split("\n") if "," not in given else given.split(",")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"MOODMILL_LABELS is {given!r}: expected names with commas between, {GOEMOTIONS}, "
            "or a file with a name a line"
        ) from error
    order = tuple(name.strip().lower() for name in names if name.strip())
    missing = [name for name in EMOTIONS if name not in order]
    if missing or len(set(order)) < len(order):
        fault = f"lacks {', '.join(missing)}" if missing else "names a label twice"
        raise SettingError(f"MOODMILL_LABELS {fault}: expected the {len(EMOTIONS)} emotions, each once")
    return order


def label_columns(id2label: Mapping[int, str], order: Sequence[str] | None, shown: str) -> list[int]:
    """Return the output of each emotion, in the order of EMOTIONS.

    `id2label` is the model's own naming; `order`, if given, names outputs that have no names there. Raises ModelError
    when an emotion has no output or two, or when an order and the model's own names contradict each other.
    """
    own = [str(id2label[number]).strip().lower() for number in sorted(id2label)]
    unnamed = all(_UNNAMED.fullmatch(label) for label in own)
    if order is None and unnamed:
        raise ModelError(
            f"the model {shown} does not name its {len(own)} labels: give their order by MOODMILL_LABELS (--labels), "
            f"as `{GOEMOTIONS}` for the order of GoEmotions' own files"
        )
    labels = own if order is None else _fitting(order, len(own), shown)
    if not unnamed and labels != own:
        raise ModelError(
            f"the model {shown} names its labels in another order than MOODMILL_LABELS: unset that, its own names are "
            f"{', '.join(own[:30])}"
        )
    twice = sorted({name for name in labels if labels.count(name) > 1})
    if twice:
        raise ModelError(f"the model {shown} names labels twice: {', '.join(twice)}; which output is meant?")
    missing = [name for name in EMOTIONS if name not in labels]
    if missing:
        raise ModelError(
            f"the model {shown} lacks {len(missing)} of the 27 emotions among its labels: {', '.join(missing)}; "
            f"its labels are: {', '.join(own[:30])}"
        )
    return [labels.index(name) for name in EMOTIONS]


def _fitting(order: Sequence[str], outputs: int, shown: str) -> list[str]:
    """Return the order for so many outputs: a model may have been trained without neutral."""
    named = list(order)
    if len(named) == outputs + 1 and named[-1] == _NEUTRAL:
        named.pop()
    if len(named) != outputs:
        raise ModelError(f"the model {shown} has {outputs} outputs, MOODMILL_LABELS names {len(order)}")
    return named
