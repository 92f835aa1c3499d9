"""Comments become probabilities. `celery -A worker worker` finds the Celery application here."""

from worker.celery_app import app

__all__ = ["app"]
