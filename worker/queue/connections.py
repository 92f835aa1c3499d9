"""Connections to a server that does not write for now: they count as broken, so that Celery waits and connects anew.

Any other answer than the one it expects would end the worker.
"""

from typing import Any, Final

from redis import Connection, SSLConnection, exceptions
from redis.sentinel import SentinelManagedConnection

#: What passes by itself: it is a replica since a moment ago, or waits for its master, or is full.
PASSING: Final = (exceptions.ReadOnlyError, exceptions.MasterDownError, exceptions.OutOfMemoryError)
#: The same of what the client has no class for, by its words: it became a replica while it was asked, has too few
#: replicas, cannot save; or it discards a transaction for one of these reasons.
PASSING_WORDS: Final = ("UNBLOCKED", "NOREPLICAS", "MISCONF", "READONLY", "MASTERDOWN", "OOM ")


class NotWritingError(OSError):
    """A server does not write for now.

    No ConnectionError of the client's: with that, it does a transaction that it watches over again at once, for ever.
    """


class _Waiting:
    def read_response(self, *arguments: Any, **named: Any) -> Any:
        try:
            return super().read_response(*arguments, **named)  # type: ignore[misc]
        except exceptions.ResponseError as error:
            if not isinstance(error, PASSING) and not any(word in str(error) for word in PASSING_WORDS):
                raise
            self.disconnect()  # type: ignore[attr-defined] # in case another server has its address by now
            raise NotWritingError(str(error)) from error


class WaitingConnection(_Waiting, Connection):
    """To a server."""


class WaitingTLSConnection(_Waiting, SSLConnection):
    """To one that speaks TLS."""


class WaitingMasterConnection(_Waiting, SentinelManagedConnection):
    """To the master that sentinels know."""


class WaitingTLSMasterConnection(_Waiting, SentinelManagedConnection, SSLConnection):
    """To one that speaks TLS."""
