"""The runs of a store, what is left, dead letters and jobs: as `moodmill run watch` and `run list` show them."""

from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from moodmill.db.analytics.backlog import backlog, runs_under_way
from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import list_dead_letters
from moodmill.db.ledger.jobs import JobLedger

#: Runs and dead letters that are shown.
SHOWN: Final = 20
DEAD: Final = 50


def look(store: Store) -> dict[str, Any]:
    """Return how everything stands. Raises StoreError where it cannot be read: of a role that sees results alone."""
    now = datetime.now(UTC)
    left, paces = backlog(store), runs_under_way(store, now)
    letters = [asdict(letter) for letter in islice(list_dead_letters(store), DEAD)]
    ids = run_ids(store)
    return {
        "at": now,
        "left": asdict(left),
        "under_way": [{**asdict(one), "seconds_left": one.seconds_left} for one in paces],
        "count": len(ids),
        "runs": [_run(store, run_id) for run_id in ids[:SHOWN]],
        "dead": letters,
        "jobs": [asdict(one) for one in JobLedger(store).last()],
    }


def _run(store: Store, run_id: str) -> dict[str, Any]:
    run = status(store, run_id)
    return {
        "run": run.id,
        "state": run.state,
        "began": run.created_at,
        "sources": list(run.sources),
        "read": run.read,
        "classified": run.classified,
        "skipped": sum(run.skipped.values()),
        "reasons": dict(run.skipped),
        "dead": run.dead,
        "waiting": run.waiting,
        "failure": run.failure,
        "errors": dict(run.source_errors),
    }
