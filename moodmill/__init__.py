"""moodmill labels comments with the 27 emotions of GoEmotions: a few in memory, millions into SQL.

    import moodmill

    classifier = moodmill.EmotionClassifier.from_pretrained("bundled")
    classifier("thanks!", top_k=3)  # [{"label": "gratitude", "score": 0.99}, …]
    classifier.predict_proba(["thanks!", "oh no"])  # float32 [2, 27], columns as moodmill.EMOTIONS
    classifier.explain("thanks!").segments[0].effects  # [tokens, 27]: what each token adds to each probability

    run = moodmill.label("RC_2005-12.zst", store="sqlite:///moodmill.db")  # blocks
    run.summary.classified
    store = moodmill.Store("sqlite:///moodmill.db")
    store.to_pandas(since="2005-12")  # a row a comment
    store.results.rank("gratitude")  # subreddits, with 95 % intervals

Importing it imports nothing else, and reads no setting: names are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from moodmill.classifier import EmotionClassifier, Score
    from moodmill.db.analytics.reads import RunStatus
    from moodmill.db.core.emotions import EMOTIONS
    from moodmill.db.core.errors import (
        BrokerError,
        ModelError,
        MoodmillError,
        RunError,
        SettingError,
        SourceError,
        StoreError,
        WorkerError,
    )
    from moodmill.labelling import label
    from moodmill.producers.runs.waiter import Progress
    from moodmill.producers.sources.kinds import register_source
    from moodmill.results import Results
    from moodmill.store import Run, Store
    from moodmill.worker.inference.explanation import ExplainedSegment, Explanation
    from moodmill.worker.inference.tokens import Token

__all__ = [
    "EMOTIONS",
    "BrokerError",
    "EmotionClassifier",
    "ExplainedSegment",
    "Explanation",
    "ModelError",
    "MoodmillError",
    "Progress",
    "Results",
    "Run",
    "RunError",
    "RunStatus",
    "Score",
    "SettingError",
    "SourceError",
    "Store",
    "StoreError",
    "Token",
    "WorkerError",
    "__version__",
    "label",
    "register_source",
]

#: The names of each module that this one gives.
_MODULES: Final = {
    "moodmill.classifier": ("EmotionClassifier", "Score"),
    "moodmill.db.analytics.reads": ("RunStatus",),
    "moodmill.db.core.emotions": ("EMOTIONS",),
    "moodmill.db.core.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "moodmill.labelling": ("label",),
    "moodmill.producers.runs.waiter": ("Progress",),
    "moodmill.producers.sources.kinds": ("register_source",),
    "moodmill.results": ("Results",),
    "moodmill.store": ("Run", "Store"),
    "moodmill.worker.inference.explanation": ("ExplainedSegment", "Explanation"),
    "moodmill.worker.inference.tokens": ("Token",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # which takes longer than all the rest here

        return version("moodmill")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
