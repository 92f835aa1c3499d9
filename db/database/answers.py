"""Gives up a connection to PostgreSQL that stays open and never answers.

Behind a proxy or a pooler, or with a machine gone at the other end, TCP does not report it: what is sent is
acknowledged by whoever stands between, and the answer never comes. psycopg asks again and again whether something came
while it waits, in the waiting thread itself; that is where the time is counted, and neither a thread nor a signal is
needed. A statement that takes long is silent as well: the limit has to be longer than any.
"""

import logging
import time
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from sqlalchemy import Connection, Engine, event

logger = logging.getLogger(__name__)

#: Seconds without an answer after which that is said, once a wait.
SAID_AFTER_S: Final = 15.0
#: Ends transactions of the same role that have waited so many seconds for the rows of a COPY
#: (moodmill.db.results.copy).
_END_COPIES: Final = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and usename = current_user and state = 'active' and wait_event = 'ClientRead'
    and query like 'copy incoming %%' and query_start < now() - make_interval(secs => %s)
"""


class AwaitedConnection(psycopg.Connection[Any]):
    """A connection that counts as broken where an answer takes too long."""

    #: Seconds that an answer may take, and what the log calls the server; set by `limit_answers`.
    limit_s: float
    server: str
    _is_given_up = False

    def wait(self, gen: PQGen[RV], *arguments: Any, **named: Any) -> RV:
        """Wait as psycopg does. Raises OperationalError, with the connection closed, where no answer comes."""
        if self._is_given_up:  # COPY says goodbye even then
            raise self._silence()
        return super().wait(self._counted(gen), *arguments, **named)

    def _silence(self) -> psycopg.OperationalError:
        return psycopg.OperationalError(f"no answer for {self.limit_s:g} s (MOODMILL_STALL_SECONDS)")

    def _counted(self, gen: PQGen[RV]) -> PQGen[RV]:
        since, is_said = time.monotonic(), False
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    since = now
                elif now - since > self.limit_s:
                    self._is_given_up = True
                    self.pgconn.finish()
                    raise self._silence()
                elif now - since > SAID_AFTER_S and not is_said:
                    is_said = True
                    logger.warning(
                        "no answer from the store %s for %g s; after %g s its connection is given up",
                        self.server,
                        SAID_AFTER_S,
                        self.limit_s,
                    )
                wanted = gen.send(ready)
        except StopIteration as ended:
            result: RV = ended.value
            return result


def limit_answers(engine: Engine, limit_s: float, server: str) -> None:
    """Have an engine wait for no answer longer than `limit_s`; `server` is what the log calls whom it waits for.

    The server does not learn that a connection was given up, and would keep the locks of its transaction for hours, in
    the way of whoever tries again. So it ends one that is idle for as long, too; and whoever connects anew ends those
    that wait for as long for rows that nobody sends, which to the server are not idle.
    """

    def connect(_dialect: Any, _record: Any, arguments: Any, named: Any) -> AwaitedConnection:
        connection = AwaitedConnection.connect(*arguments, **named)
        connection.limit_s, connection.server = limit_s, server
        connection.execute(_END_COPIES, (limit_s,))
        connection.commit()
        return connection

    def begin(connection: Connection) -> None:
        # For this transaction alone: behind a pooler the next one may be somebody else's. By the driver, for SQLAlchemy
        # would declare a cursor for it where rows are to be streamed.
        driver: Any = connection.connection.driver_connection
        driver.execute(f"set local idle_in_transaction_session_timeout = {round(limit_s * 1000)}")

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "begin", begin)
