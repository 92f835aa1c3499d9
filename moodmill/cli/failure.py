"""What is said of an exception that ends a command: one line, and an exit status."""

import errno
from typing import Final

from moodmill.cli.extra import missing_extra
from moodmill.db.core.errors import MoodmillError

#: Exit status of an internal error, as sysexits.h numbers it.
INTERNAL_STATUS: Final = 70
#: What to do about errors of the system, besides what it says itself.
_REMEDIES: Final = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room in the quota",
    errno.EROFS: "name a place on a disk that can be written",
    errno.EACCES: "give this user the right, or name another place",
    errno.EPERM: "give this user the right, or name another place",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files on this machine",
    errno.ENOMEM: "give it more memory",
    errno.EAGAIN: "allow more processes and threads (ulimit -u, pids_limit)",
    errno.EIO: "check its disk",
}


def explained(error: Exception) -> tuple[str, int]:
    """Return what to say of an error, and the exit status.

    What the machine refuses is the operator's to mend. The rest is ours, and to be reported.
    """
    if isinstance(error, MoodmillError):
        return str(error), error.status
    if isinstance(error, ImportError) and (missing := missing_extra(error)):
        return missing, 1
    if isinstance(error, MemoryError):
        return "the memory does not suffice: give it more, or leave it less to do at once", 1
    if isinstance(error, OSError):
        return _of_system(error), 1
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return f"no more threads: {_REMEDIES[errno.EAGAIN]}", 1
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error: {what}; please report it, with the command and what it says under --debug", INTERNAL_STATUS


def _of_system(error: OSError) -> str:
    names = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    said = error.strerror or str(error) or type(error).__name__
    return (f"{names}: " if names else "") + said + remedy(error)


def remedy(error: OSError) -> str:
    """Return what to do about an error of the system, to stand behind what it says; nothing where that is unknown."""
    found = _REMEDIES.get(error.errno or 0)
    return f": {found}" if found else ""
