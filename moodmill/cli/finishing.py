"""How a run is shown at its end, and the exit status that says how it went."""

import sys
from typing import TYPE_CHECKING

from moodmill.cli.printing import print_json, print_status, print_troubles, status_json

if TYPE_CHECKING:
    from moodmill.db.analytics.reads import RunStatus
    from moodmill.db.database.store import Store


def finish(store: "Store", status: "RunStatus", as_json: bool, *, wait: bool = True) -> None:
    """Show a run; exit with 1 unless all that was read is accounted for and nothing is dead."""
    if as_json:
        print_json(status_json(status))
    else:
        print_status(status, store)
    print_troubles(status)
    good = status.succeeded if wait else status.adds_up and status.dead == 0 and not status.source_errors
    if not good:
        sys.exit(1)
