"""Builders of what tests of runs take."""

from typing import Any

from moodmill.producers.runs.waiter import Progress


def progress(**given: Any) -> Progress:
    """Return a progress that is half done, but for what is given."""
    half: dict[str, Any] = {
        "phase": "labelling",
        "labelling_s": 1.0,
        "comments_per_s": None,
        "left_s": None,
        "tokens_per_s": None,
        "model_share": None,
        "waits_for": None,
        "records": 2,
        "classified": 1,
        "waiting": 1,
        "pending_chunks": 1,
        "share": 0.5,
        "idle_s": 0.0,
    }
    return Progress(**half | given)
