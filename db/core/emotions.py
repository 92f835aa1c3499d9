"""The 27 emotions of GoEmotions: their names, order and groups.

Source: Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020, table 1 and figure 2.
Every part of the project that names, orders or groups emotions takes them from here.
"""

from typing import Final, Literal

Group = Literal["positive", "negative", "ambiguous"]

GROUPS: Final[dict[Group, tuple[str, ...]]] = {
    "positive": (
        "admiration",
        "amusement",
        "approval",
        "caring",
        "desire",
        "excitement",
        "gratitude",
        "joy",
        "love",
        "optimism",
        "pride",
        "relief",
    ),
    "negative": (
        "anger",
        "annoyance",
        "disappointment",
        "disapproval",
        "disgust",
        "embarrassment",
        "fear",
        "grief",
        "nervousness",
        "remorse",
        "sadness",
    ),
    "ambiguous": ("confusion", "curiosity", "realization", "surprise"),
}

#: Alphabetical. Column i of every probability matrix, and of every result row, is EMOTIONS[i].
EMOTIONS: Final[tuple[str, ...]] = tuple(sorted(name for names in GROUPS.values() for name in names))

GROUP_OF: Final[dict[str, Group]] = {name: group for group, names in GROUPS.items() for name in names}
