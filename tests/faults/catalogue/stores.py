"""What strikes at the store."""

import time

from tests.faults.catalogue.fault import fault
from tests.faults.scene import Scene
from tests.faults.servers import full_disk


@fault("SQLite locked for 5 s", remedy="end whoever holds the lock")
def _(found: Scene) -> None:
    with found.store.writing():
        time.sleep(5)


@fault("PostgreSQL killed", "postgresql", remedy="start it")
def _(found: Scene) -> None:
    assert found.postgres
    found.postgres.kill()
    found.postgres.start()


@fault("PostgreSQL away for 10 s", "postgresql", remedy="start it")
def _(found: Scene) -> None:
    assert found.postgres
    found.postgres.kill()
    time.sleep(10)
    found.postgres.start()


@fault("PostgreSQL stopped for 10 s", "postgresql", remedy="let it go on")
def _(found: Scene) -> None:
    assert found.postgres
    with found.postgres.standing_still():
        time.sleep(10)


@fault("connection to PostgreSQL cut in two commits before it hears of them, in two before it answers", "postgresql")
def _(found: Scene) -> None:
    postgres = found.postgres
    assert postgres
    postgres.cut_at_commits(before=2, after=2)
    found.wait_until(lambda: postgres.cuts_left == 0 or found.ended)


@fault("connections to PostgreSQL that stay open and never answer", "postgresql", remedy="look at what stands between")
def _(found: Scene) -> None:
    assert found.postgres
    found.store.engine.dispose()  # the scene looks on by new ones
    found.postgres.fall_silent()


@fault("disk of the store full for 10 s", "sqlite", "postgresql", remedy="make room", is_disk_small=True, storm=False)
def _(found: Scene) -> None:
    with full_disk(found.folder / "store"):
        time.sleep(10)
    if found.postgres:
        found.postgres.start()  # it may have ended itself
