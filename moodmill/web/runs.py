"""The runs of the store, as the first page lists them."""

from contextlib import closing
from typing import Any, Final

from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.core.settings import StoreSettings
from moodmill.db.database.store import Store

#: Runs that are shown.
SHOWN: Final = 10


def last_runs(settings: StoreSettings) -> list[dict[str, Any]]:
    """Return the newest runs, the newest first. Raises StoreError where there is no store, or none that can be read."""
    with closing(Store(settings.database_url)) as store:
        store.require()
        store.prepare()
        runs = [status(store, run_id) for run_id in run_ids(store)[:SHOWN]]
    return [
        {
            "run": run.id,
            "state": run.state,
            "began": run.created_at.isoformat(),
            "sources": list(run.sources),
            "read": run.read,
            "classified": run.classified,
            "skipped": sum(run.skipped.values()),
            "dead": run.dead,
            "waiting": run.waiting,
        }
        for run in runs
    ]
