"""moodmill labels comments with the 27 emotions of GoEmotions: a few in memory, millions into SQL.

    import moodmill

    classifier = moodmill.EmotionClassifier.from_pretrained("bundled")
    classifier("thanks!", top_k=3)  # [{"label": "gratitude", "score": 0.99}, …]
    classifier.predict_proba(["thanks!", "oh no"])  # float32 [2, 27], columns as moodmill.EMOTIONS

Importing it imports nothing else, and reads no setting: names are imported when they are asked for.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from moodmill.classifier import EmotionClassifier, Score
    from moodmill.db.core.emotions import EMOTIONS
    from moodmill.db.core.errors import ModelError, MoodmillError, SettingError

__all__ = ["EMOTIONS", "EmotionClassifier", "ModelError", "MoodmillError", "Score", "SettingError", "__version__"]

#: The module of each name.
_MODULES: Final = {
    "EMOTIONS": "moodmill.db.core.emotions",
    "EmotionClassifier": "moodmill.classifier",
    "ModelError": "moodmill.db.core.errors",
    "MoodmillError": "moodmill.db.core.errors",
    "Score": "moodmill.classifier",
    "SettingError": "moodmill.db.core.errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("moodmill")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
