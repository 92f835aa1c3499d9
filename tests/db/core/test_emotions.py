"""The 27 emotions: names, order and groups."""

from moodmill.db.core.emotions import EMOTIONS, GROUP_OF, GROUPS

POSITIVE = "admiration amusement approval caring desire excitement gratitude joy love optimism pride relief"
NEGATIVE = "anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness remorse sadness"
AMBIGUOUS = "confusion curiosity realization surprise"


def test_there_are_27_emotions_in_alphabetical_order() -> None:
    assert len(EMOTIONS) == 27
    assert list(EMOTIONS) == sorted(set(EMOTIONS))


def test_each_group_has_its_emotions() -> None:
    groups = {group: " ".join(names) for group, names in GROUPS.items()}
    assert groups == {"positive": POSITIVE, "negative": NEGATIVE, "ambiguous": AMBIGUOUS}
    assert [len(names) for names in GROUPS.values()] == [12, 11, 4]


def test_every_emotion_is_of_one_group() -> None:
    assert sorted(GROUP_OF) == list(EMOTIONS)
    assert all(name in GROUPS[group] for name, group in GROUP_OF.items())


def test_neutral_is_none_of_them() -> None:
    assert "neutral" not in EMOTIONS
