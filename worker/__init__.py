"""Comments become probabilities. `celery -A moodmill.worker worker` finds the Celery application here."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moodmill.worker.queue.celery_app import app

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    """Return the Celery application, configured: only who asks for it imports Celery and reads settings."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from moodmill.worker.queue.celery_app import configured_app

    return configured_app()
