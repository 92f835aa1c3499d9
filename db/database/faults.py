"""What a database's error means: whether it passes by itself, a person has to mend something, or a value is refused.

Classified by the error's code, in this one place: PostgreSQL's SQLSTATE, most of them by its class, which is its first
two characters (https://www.postgresql.org/docs/current/errcodes-appendix.html), and SQLite's result code
(https://sqlite.org/rescode.html).
"""

import sqlite3
from enum import Enum, auto
from typing import Final

from sqlalchemy.exc import DBAPIError


class Fault(Enum):
    """What to do about an error of a database."""

    #: It passes by itself: wait, and do the same again.
    AWAY = auto()
    #: A person has to mend the database, its roles, or the settings that name it.
    UNUSABLE = auto()
    #: The database does not take a value, and never will.
    REFUSED = auto()
    #: Whatever else: a statement of ours is wrong.
    DEFECT = auto()


#: Of PostgreSQL, by SQLSTATE or its class; the longer one is asked first.
_BY_SQLSTATE: Final = {
    "08": Fault.AWAY,  # connections, and what a pooler says where it has none
    "22": Fault.REFUSED,  # values
    "23": Fault.REFUSED,  # constraints
    "25006": Fault.AWAY,  # read only: a standby that a failover makes the primary
    "25P03": Fault.AWAY,  # idle in a transaction for too long
    "25P04": Fault.AWAY,  # a transaction that took too long
    "28": Fault.UNUSABLE,  # logging in
    "3D": Fault.UNUSABLE,  # no such database
    "3F": Fault.UNUSABLE,  # no such schema
    "40": Fault.AWAY,  # rolled back for the sake of others: serialization, deadlock
    "40002": Fault.REFUSED,  # a constraint
    "42501": Fault.UNUSABLE,  # the role may not
    "42P01": Fault.UNUSABLE,  # no such table
    "44": Fault.REFUSED,  # the check option of a view
    "53": Fault.AWAY,  # disk full, out of memory, too many connections
    "54": Fault.REFUSED,  # too large, for an index say
    "55": Fault.AWAY,  # locked, in use, in recovery
    "57": Fault.AWAY,  # cancelled, shut down, crashed, starting
    "58": Fault.AWAY,  # the system below: input and output
    "72": Fault.AWAY,  # a snapshot that is too old
    "P0": Fault.REFUSED,  # a trigger of somebody's own
    "XX001": Fault.UNUSABLE,  # damaged data
    "XX002": Fault.UNUSABLE,  # a damaged index
}
#: Of SQLite, by primary result code.
_BY_RESULT_CODE: Final = {
    sqlite3.SQLITE_BUSY: Fault.AWAY,
    sqlite3.SQLITE_LOCKED: Fault.AWAY,
    sqlite3.SQLITE_NOMEM: Fault.AWAY,
    sqlite3.SQLITE_INTERRUPT: Fault.AWAY,
    sqlite3.SQLITE_IOERR: Fault.AWAY,
    sqlite3.SQLITE_FULL: Fault.AWAY,
    sqlite3.SQLITE_CANTOPEN: Fault.AWAY,
    sqlite3.SQLITE_PROTOCOL: Fault.AWAY,  # others begin a transaction of the journal at the same moment
    sqlite3.SQLITE_SCHEMA: Fault.AWAY,  # another process changed it
    sqlite3.SQLITE_ERROR: Fault.UNUSABLE,  # no such table
    sqlite3.SQLITE_PERM: Fault.UNUSABLE,
    sqlite3.SQLITE_READONLY: Fault.UNUSABLE,
    sqlite3.SQLITE_CORRUPT: Fault.UNUSABLE,
    sqlite3.SQLITE_NOTADB: Fault.UNUSABLE,
    sqlite3.SQLITE_TOOBIG: Fault.REFUSED,
    sqlite3.SQLITE_CONSTRAINT: Fault.REFUSED,
    sqlite3.SQLITE_MISMATCH: Fault.REFUSED,
}
#: The primary result code is the last byte of an extended one.
_PRIMARY: Final = 0xFF


def fault_of(error: BaseException) -> Fault:
    """Return what an error means: one of SQLAlchemy's, or of the drivers below it."""
    if isinstance(error, DBAPIError):
        found = Fault.DEFECT if error.orig is None else fault_of(error.orig)
        # Without a statement it is the connection that failed: over an option in the URL, say.
        return Fault.UNUSABLE if found is Fault.DEFECT and error.statement is None else found
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # the driver's own errors have none
        return Fault.DEFECT if code is None else _BY_RESULT_CODE.get(code & _PRIMARY, Fault.DEFECT)
    import psycopg  # only now: who has an SQLite file does without

    if not isinstance(error, psycopg.Error):
        return Fault.DEFECT
    if error.sqlstate is None:  # no word of the server's: the connection is gone, or there never was one
        is_gone = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        return Fault.AWAY if is_gone else Fault.DEFECT
    return _BY_SQLSTATE.get(error.sqlstate) or _BY_SQLSTATE.get(error.sqlstate[:2], Fault.DEFECT)
